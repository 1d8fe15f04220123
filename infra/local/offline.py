"""python -m infra.local.offline (behind `make offline`): serverless.yml itself, by osls and serverless-offline.

Every function is a process of its own that answers API Gateway's events, as deployed; only the database, the keys and
the gateway are local. The functions run from their sources, under the Python of .venv: the archives of `make package`
hold wheels and bytecode for Lambda's machine, which a laptop can't load. Not here: CORS, which the gateway answers
from a part of serverless.yml that serverless-offline doesn't read, and the strictness of routes about a last slash.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from zipfile import ZipFile

from infra.local.backing import HOST, CannotServe, backing, free, greet_once_it_listens, say
from infra.local.child import Child
from infra.local.keys import LOCAL
from infra.local.postgres import ROOT, PostgresError, free_port
from infra.migrate import MigrationError
from infra.roles import RoleError

ARCHIVES = ("http-arm64.zip", "jobs-arm64.zip")


def server(folder: Path, port: int, env: dict[str, str], log: Path | None = None, root: Path = ROOT) -> Child:
    """Start serverless.yml of `root` at `port`; `env` is what its variables are read from, `log` where it writes to.

    It runs in `folder`, which is made anew. Raises `CannotServe` where Node or its packages are missing.
    """
    _service(folder, root)
    command = [osls(root), "offline", "--noPrependStageInUrl", "--noSponsor", "--host", HOST]
    command += ["--httpPort", str(port), "--lambdaPort", str(free_port())]
    path = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
    ours = {name: value for name, value in env.items() if name != "VIRTUAL_ENV"}
    return Child(command, log=log, cwd=folder, env={**ours, "PATH": path})


def osls(root: Path = ROOT) -> str:
    """Give the path of osls; raise `CannotServe` where Node or its packages are missing."""
    if not shutil.which("node"):
        raise CannotServe("Node.js is missing: install 20.19 or newer, then run npm ci")
    program = root / "node_modules/.bin/osls"
    if not program.exists():
        raise CannotServe("node_modules is missing: run npm ci")
    return str(program)


def _service(folder: Path, root: Path) -> None:
    """Make a folder for it, since the plugin unpacks archives that must be there, though it imports from the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "build").mkdir(parents=True)
    shutil.copy(root / "serverless.yml", folder)
    for name in ("functions", "infra", "shared", "node_modules"):
        (folder / name).symlink_to(root / name)
    for name in ARCHIVES:
        with ZipFile(folder / "build" / name, "w") as archive:
            archive.writestr("empty", "")


def serve() -> None:
    """Serve until a signal ends it; the database and every process end with it."""
    port = free(os.environ.get("PORT") or "8000", "offline")
    osls()  # before the database is started
    with backing(say) as env, server(LOCAL / "offline", port, env) as running:
        greet_once_it_listens(port)
        while running.running:
            time.sleep(0.1)
    raise CannotServe("osls has ended by itself")


def main() -> int:
    """Serve; give the exit status, after one line on what is in the way."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        serve()
    except (CannotServe, PostgresError, MigrationError, RoleError, OSError) as failure:
        print(f"make offline: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
