"""python -m infra.local (behind `make dev`): the whole API on this machine, from the database up."""

import os
import signal
import socket
import sys

import uvicorn
from uvicorn.supervisors import ChangeReload

from infra.local.backing import HOST, CannotServe, backing, free, greet_once_it_listens, say
from infra.local.postgres import PostgresError
from infra.migrate import MigrationError
from infra.roles import RoleError
from shared.settings import SettingsError, cors_origins

SOURCES = ["functions", "shared"]


def serve() -> None:
    """Serve until a signal ends it; the database and every helper end with it."""
    port = free(os.environ.get("PORT") or "8000", "dev")
    cors_origins(os.environ.get("CORS_ORIGINS", ""))
    with backing(say) as env:
        os.environ.clear()
        os.environ.update(env | {"POWERTOOLS_METRICS_DISABLED": "true"})  # nobody draws them here
        greet_once_it_listens(port)
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
