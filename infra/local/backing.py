"""What the local forms of the API stand on: the database of this checkout, its migrations, and the issuer's keys."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from infra.local.keys import ISSUER, KEY_FILE, LOCAL, DevelopmentKey
from infra.local.postgres import OWNER, Cluster
from infra.migrate import migrate

HOST = "127.0.0.1"
USER = "alice"
HOME = LOCAL / "postgres"


class CannotServe(Exception):  # noqa: N818 - says what is the case
    """The server can't start; the text is one line."""


@contextmanager
def backing(tell: Callable[[str], None], *, join: bool = False) -> Iterator[dict[str, str]]:
    """Start the database and bring it up to date, serve the keys; give the environment that names both.

    Nothing of the caller's own environment reaches this database, nor this database theirs. `tell` gets the news;
    `join` uses the database of a `make dev` that is running. Raises `PostgresError`, `MigrationError` or `RoleError`.
    """
    key = DevelopmentKey(KEY_FILE)
    cluster = Cluster(HOME)
    if not (join and cluster.join()):
        cluster.start()
    try:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "AUTH_"))}
        urls = {"DATABASE_URL": cluster.url("api"), "DATABASE_URL_JOBS": cluster.url("jobs")}
        migrate({**urls, "DATABASE_URL_UNPOOLED": cluster.url(OWNER)}, lambda line: _news(line, tell))
        yield {**ours, **urls, "AUTH_ISSUER": ISSUER, "AUTH_JWKS_URL": key.serve()}
    finally:
        cluster.stop()


def free(value: str, target: str) -> int:
    """Give the port if it is free; raise `CannotServe`, for `make target`."""
    if not value.isascii() or not value.isdigit() or not 0 < int(value) < 2**16:
        raise CannotServe("PORT is malformed: a number from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(value)))
        except OSError as failure:
            raise CannotServe(f"port {value} can't be had ({failure.strerror}): make {target} PORT=8001") from None
    return int(value)


def greet_once_it_listens(port: int) -> None:
    """Say from a thread, as soon as the server listens, where it is and how to call it."""
    threading.Thread(target=_greet, args=(port, DevelopmentKey(KEY_FILE).token(USER)), daemon=True).start()


def _greet(port: int, token: str) -> None:
    while True:
        try:
            socket.create_connection((HOST, port), timeout=5).close()
            break
        except OSError:
            time.sleep(0.05)
    base = f"http://{HOST}:{port}"
    print(
        f"""
docs   {base}/docs
try    curl -sS {base}/v1/tasks -H 'Content-Type: application/json' -d '{{"title": "Buy milk"}}' \\
         -H 'Authorization: Bearer {token}'

The token is {USER}'s, for a day. `make token USER_ID=…` makes others; Ctrl-C ends the server, `make clean` its data.
""",
        flush=True,
    )


def _news(line: str, tell: Callable[[str], None]) -> None:
    """Pass on what is news to a developer."""
    if not line.startswith("role "):
        tell(line)


def say(line: str) -> None:
    """Print a line at once, also into a file."""
    print(line, flush=True)
