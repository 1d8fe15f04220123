"""One JSON line per request: operation, status, ids, and what it has cost. Never a token, a claim, a body or a URL.

The line is CloudWatch's metrics as well (EMF): its member `_aws` names those of its members that are numbers to draw,
and the members by which they are told apart. Powertools' own `Metrics` would write the same as lines more (ADR 11).
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from shared.spans import NOBODYS, current

type Scope = MutableMapping[str, Any]
"""What ASGI knows of a request, and we beside it."""
SERVICE = "task-api"
SERVER_ERROR, UNAVAILABLE = 500, 503
NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or SERVICE
"""Of the metrics: the name of the stack, which so tells stages apart."""
VERSION = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION") or "$LATEST"
SILENT = os.environ.get("POWERTOOLS_METRICS_DISABLED", "").lower() in ("1", "true")

type Metrics = tuple[tuple[tuple[tuple[str, ...], ...], dict[str, str]], ...]
"""Which members are metrics, by what they are told apart: sets of dimensions, and units by name.

Each name costs money for each combination of its dimensions, so there are few, and none is a person's.
"""
_ALL, _EACH, _VERSION = ("service",), ("service", "operation"), ("service", "operation", "version")
REQUEST: Metrics = (
    ((_ALL, _EACH), {"requests": "Count", "duration_ms": "Milliseconds"}),
    ((_ALL, _VERSION), {"faults": "Count", "unavailable": "Count"}),
    (
        (_ALL,),
        {
            "round_trips": "Count",
            "retries": "Count",
            "pool_wait_ms": "Milliseconds",
            "key_fetches": "Count",
            "key_fetch_failures": "Count",
            "cold_starts": "Count",
        },
    ),
)
JOB: Metrics = (((_EACH,), {"duration_ms": "Milliseconds", "deleted": "Count", "failures": "Count"}),)


def _directives(metrics: Metrics) -> str:
    """The text of the metric directives of EMF, which only its time tells from one line to the next."""
    return json.dumps(
        [
            {
                "Namespace": NAMESPACE,
                "Dimensions": dimensions,
                "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
            }
            for dimensions, units in metrics
        ],
        separators=(",", ":"),
    )


_OF_A_REQUEST, _OF_A_JOB = _directives(REQUEST), _directives(JOB)


class Formatter(LambdaPowertoolsFormatter):
    """Powertools' form of a line; one of ours comes as a dict, which spares the search for its members."""

    _encode = json.JSONEncoder(separators=(",", ":")).encode

    def format(self, record: logging.LogRecord) -> str:
        """Give the JSON text of a record."""
        members: dict[str, Any] | None = getattr(record, "members", None)
        if members is None:
            if (span := current()) is not NOBODYS:
                record.request_id = span.request_id
            return super().format(record)
        head = {
            "level": record.levelname,
            "location": f"{record.funcName}:{record.lineno}",
            "message": record.msg,
            "timestamp": self.formatTime(record),
            "service": SERVICE,
        }
        text = self._encode(head | members)
        if SILENT:
            return text
        metrics = _OF_A_JOB if record.msg == "job" else _OF_A_REQUEST
        return f'{text[:-1]},"_aws":{{"Timestamp":{int(record.created * 1000)},"CloudWatchMetrics":{metrics}}}}}'


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


_cold = True


def log_request(scope: Scope, status: int, seconds: float) -> None:
    """Write the line of a request that was answered with `status` (0: not at all) after `seconds`."""
    global _cold
    span = current()
    line = {
        "operation": scope.get("operation", "service_default"),
        "status": status,
        "version": VERSION,
        "request_id": scope["request_id"],
        "requests": 1,
        "duration_ms": round(seconds * 1000, 3),
        # A database or an issuer out of reach is no fault: no release mends it, so none is taken back for it.
        "faults": int(status != UNAVAILABLE and not 0 < status < SERVER_ERROR),
        "unavailable": int(status == UNAVAILABLE),
        "round_trips": span.round_trips,
        "retries": span.retries,
        "pool_wait_ms": round(span.pool_wait * 1000, 3),
        "key_fetches": span.key_fetches,
        "key_fetch_failures": span.key_fetch_failures,
        "cold_starts": int(_cold),
    }
    _cold = False
    # Before the secret was read there is no key, and without one there is no hash.
    if _hash_key and (caller := scope.get("caller")):
        line["user"] = hashlib.blake2b(caller.encode(), digest_size=8, key=_hash_key).hexdigest()
    if refusal := scope.get("refusal"):
        line["refusal"] = refusal
    if span.trace_id:
        line |= {"trace_id": span.trace_id, "span_id": span.span_id}
    LOGGER.info("request", extra={"members": line})


@contextmanager
def log_job(operation: str) -> Iterator[dict[str, Any]]:
    """Write the line of a job's run when it ends, however; give the dict of what it has to say of itself."""
    started, line = time.monotonic(), {"operation": operation, "deleted": 0, "failures": 1}
    try:
        yield line
        line["failures"] = 0
    finally:
        line["duration_ms"] = round((time.monotonic() - started) * 1000, 3)
        LOGGER.info("job", extra={"members": line})


def log_failure(failure: BaseException, scope: Scope) -> None:
    """Write what a bug left behind: where it happened, without the values that were at hand."""
    frames, trace = [], failure.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    line = {"failure": type(failure).__name__, "frames": frames[-12:], "request_id": scope["request_id"]}
    LOGGER.error("failure", extra=line)
