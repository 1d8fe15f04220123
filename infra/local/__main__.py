"""python -m infra.local (behind `make dev`): the whole API on this machine, from the database up."""

import os
import signal
import socket
import sys
import threading
import time

import uvicorn
from uvicorn.supervisors import ChangeReload

from infra.local.keys import ISSUER, KEY_FILE, LOCAL, DevelopmentKey
from infra.local.postgres import OWNER, Cluster, PostgresError
from infra.migrate import MigrationError, migrate
from infra.roles import RoleError
from shared.settings import SettingsError, cors_origins

HOST = "127.0.0.1"
USER = "alice"
SOURCES = ["functions", "shared"]


class CannotServe(Exception):  # noqa: N818 - says what is the case
    """The server can't start; the text is one line."""


def serve() -> None:
    """Serve until a signal ends it; the database and every helper end with it."""
    port = _port(os.environ.get("PORT") or "8000")
    cors_origins(os.environ.get("CORS_ORIGINS", ""))
    key = DevelopmentKey(KEY_FILE)
    cluster = Cluster(LOCAL / "postgres").start()
    try:
        # Nothing of the caller's own environment reaches this database, nor this database theirs.
        for name in [name for name in os.environ if name.startswith(("DATABASE_", "AUTH_"))]:
            del os.environ[name]
        os.environ["DATABASE_URL"] = cluster.url("api")
        os.environ["DATABASE_URL_JOBS"] = cluster.url("jobs")
        migrate({**os.environ, "DATABASE_URL_UNPOOLED": cluster.url(OWNER)}, _tell)
        os.environ["AUTH_ISSUER"] = ISSUER
        os.environ["AUTH_JWKS_URL"] = key.serve()
        threading.Thread(target=_greet, args=(port, key.token(USER)), daemon=True).start()
        # uvicorn knows two ways to be ended; a closed terminal is a third.
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        config = uvicorn.Config(
            "infra.local.app:application",
            factory=True,
            host=HOST,
            port=port,
            reload=True,
            reload_dirs=SOURCES,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=2,
        )
        listening = config.bind_socket()
        # uvicorn writes head and body apart; without this, what it accepts would hold the body back for some 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ChangeReload(config, uvicorn.Server(config).run, [listening]).run()
    finally:
        cluster.stop()


def _tell(line: str) -> None:
    """Pass on what is news to a developer."""
    if not line.startswith("role "):
        print(line, flush=True)


def _port(value: str) -> int:
    """Give the port if it is free; raise `CannotServe`."""
    if not value.isascii() or not value.isdigit() or not 0 < int(value) < 2**16:
        raise CannotServe("PORT is malformed: a number from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(value)))
        except OSError as failure:
            raise CannotServe(f"port {value} can't be had ({failure.strerror}): make dev PORT=8001") from None
    return int(value)


def _greet(port: int, token: str) -> None:
    """Say where it is and how to call it, once it listens."""
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


def main() -> int:
    """Serve; give the exit status, after one line on what is in the way."""
    try:
        serve()
    except (CannotServe, SettingsError, PostgresError, MigrationError, RoleError, OSError) as failure:
        print(f"make dev: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
