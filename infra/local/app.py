"""All operations in one application, for the server of `make dev`: what the reloader's process imports."""

import importlib
import os
import signal
import threading
from multiprocessing import connection, parent_process

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from infra.operations import operations
from shared.database import DATABASE
from shared.http import build
from shared.settings import cors_origins

CONNECTIONS = 8
# What a browser may send and read: the gateway's list in serverless.yml and infra/template.yaml.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = ("authorization", "content-type", "idempotency-key", "if-match", "if-none-match")
EXPOSED_HEADERS = ("ETag", "Location", "Link", "Retry-After", "X-Request-Id", "Idempotency-Replayed")


def application() -> ASGIApp:
    """Build the application; what the gateway does when deployed, CORS, is its outermost layer."""
    if (parent := parent_process()) is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()
    DATABASE.size = CONNECTIONS
    app = build(*(importlib.import_module(operation.module).router for operation in operations()))
    origins = cors_origins(os.environ.get("CORS_ORIGINS", ""))
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=REQUEST_HEADERS,
        expose_headers=EXPOSED_HEADERS,
    )


def _end_after(reloader: int) -> None:
    """End this process after the reloader, which may be killed without a word."""
    connection.wait([reloader])
    os.kill(os.getpid(), signal.SIGKILL)
