"""A TypeScript client, generated from the served contract, compiles and has a session with the server."""

from tests.client.conftest import Folder
from tests.support.api_server import Server

STEPS = [
    "created",
    "replayed",
    "got, then not modified",
    "updated, then refused as stale",
    "refused by its member",
    "listed by pages",
    "completed and reopened",
    "replaced under an id of its own",
    "deleted",
]


def test_a_generated_client_compiles_and_has_a_session(folder: Folder, server: Server) -> None:
    # Without the flag the generator takes a member with a default for one that every request must hold.
    options = ("--default-non-nullable", "false", "--output", "build/schema.d.ts")
    folder.run("node_modules/.bin/openapi-typescript", f"{server.url}/openapi.json", *options)
    folder.run("node_modules/.bin/tsc", "--project", ".")

    printed = folder.run("node", "build/session.js", server.url, server.token())

    assert printed.splitlines() == STEPS
