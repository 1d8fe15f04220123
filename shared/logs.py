"""One JSON line per request: operation, status, duration, ids. Never a token, a claim, a body, a header or a URL."""

import hashlib
import json
import logging
import os
from collections.abc import MutableMapping
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

type Scope = MutableMapping[str, Any]
"""What ASGI knows of a request, and we beside it."""
SERVICE = "task-api"


class Formatter(LambdaPowertoolsFormatter):
    """Powertools' form of a line; a request's members come as one dict, which spares the search for them."""

    _encode = json.JSONEncoder(separators=(",", ":")).encode

    def format(self, record: logging.LogRecord) -> str:
        """Give the JSON text of a record."""
        members: dict[str, Any] | None = getattr(record, "request", None)
        if members is None:
            return super().format(record)
        head = {
            "level": record.levelname,
            "location": f"{record.funcName}:{record.lineno}",
            "message": record.msg,
            "timestamp": self.formatTime(record),
            "service": SERVICE,
        }
        return self._encode(head | members)


LOGGER = Logger(
    service=SERVICE, level=os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"), logger_formatter=Formatter(service=SERVICE)
)


_hash_key: bytes | None = None


def hash_users_by(secret: str) -> None:
    """Take the key of the users' hashes from a secret of the deployment, the URL of its database.

    Users must not be guessable from a log, yet be the same user in the logs of every function.
    """
    global _hash_key
    _hash_key = hashlib.sha256(secret.encode()).digest()


def log_request(scope: Scope, status: int, seconds: float) -> None:
    """Write the line of a request that was answered with `status` (0: not at all) after `seconds`."""
    line = {
        "operation": scope.get("operation", "service_default"),
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
        "request_id": scope["request_id"],
    }
    # Before the secret was read there is no key, and without one there is no hash.
    if _hash_key and (caller := scope.get("caller")):
        line["user"] = hashlib.blake2b(caller.encode(), digest_size=8, key=_hash_key).hexdigest()
    if refusal := scope.get("refusal"):
        line["refusal"] = refusal
    gateway = scope.get("aws.event", {}).get("requestContext", {}).get("requestId")
    if isinstance(gateway, str):
        line["gateway_request_id"] = gateway[:64]
    LOGGER.info("request", extra={"request": line})


def log_failure(failure: BaseException, scope: Scope) -> None:
    """Write what a bug left behind: where it happened, without the values that were at hand."""
    frames, trace = [], failure.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    line = {"failure": type(failure).__name__, "frames": frames[-12:], "request_id": scope["request_id"]}
    LOGGER.error("failure", extra=line)
