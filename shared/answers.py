"""What operations heed and answer, as OpenAPI says it: headers, statuses, problem documents; a constant for each kind.

Plain dictionaries: a response model here would be compiled at every cold start. The contract's schemas are named by
reference; tests hold the application's document and every response to them.
"""

from collections.abc import Iterable
from typing import Any

from shared.bodies import JSON, MERGE_PATCH
from shared.problems import JSON as PROBLEM_JSON
from shared.problems import (
    BadRequest,
    Conflict,
    ContentTooLarge,
    Invalid,
    KeyInUse,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Problem,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)

type Answers = dict[int | str, dict[str, Any]]

ALWAYS = ("X-Request-Id", "Cache-Control", "X-Content-Type-Options")


def answers(
    status: int, *headers: str, shows: str | None = None, problem: str | None = None, file: Iterable[str] = ()
) -> Answers:
    """One status with the headers it carries beside those of every response; `shows` or `problem` names its schema.

    FastAPI itself knows the schema of an operation's first status. `file` lists media types instead: a file's content
    is described by nothing else.
    """
    said: dict[str, Any] = {"headers": {name: {"schema": {}} for name in (*headers, *ALWAYS)}}
    for media_type, schema in ((JSON, shows), (PROBLEM_JSON, problem)):
        if schema:
            said["content"] = {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    for media_type in file:
        said.setdefault("content", {})[media_type] = {}
    return {status: said}


def _problem(kind: type[Problem], *headers: str, schema: str = "Problem") -> Answers:
    return answers(kind.status, *headers, problem=schema)


def _heeds(*headers: str) -> dict[str, Any]:
    """What an operation heeds of a request beside its parameters; read, and refused, by shared/transactions.py."""
    return {"parameters": [{"name": name, "in": "header", "schema": {"type": "string"}} for name in headers]}


def merge(schema: str) -> dict[str, Any]:
    """The media type of a merge patch beside that of JSON (RFC 7396)."""
    return {"requestBody": {"content": {MERGE_PATCH: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}}


def _created(schema: str) -> Answers:
    return answers(201, "ETag", "Location", REPLAY, shows=schema)


def _stale(schema: str) -> Answers:
    return _problem(PreconditionFailed, "ETag", REPLAY, schema=schema)


REPLAY = "Idempotency-Replayed"

CACHED = _heeds("If-None-Match")
CONDITIONAL = _heeds("If-Match", "If-None-Match", "Idempotency-Key")

FOUND = answers(200, "ETag") | answers(304, "ETag")
LISTED = answers(200, "Link")
SHOWN = answers(200)
CREATED = _created("Task")
CREATED_LIST = _created("List")
WRITTEN = answers(200, "ETag", REPLAY)
REPLACED = WRITTEN | CREATED
DELETED = answers(204, REPLAY)
BATCHED = answers(200, REPLAY)
HEALTHY = SHOWN

INVALID = _problem(Invalid, schema="InvalidProblem")
UNAVAILABLE = _problem(Unavailable, "Retry-After")
NOT_FOUND = _problem(NotFound)
NO_TARGET = _problem(NotFound, REPLAY)
READING = _problem(BadRequest) | _problem(Unauthorized, "WWW-Authenticate") | INVALID | UNAVAILABLE
_WRITING = READING | _problem(KeyInUse) | _problem(ContentTooLarge) | _problem(UnsupportedMediaType)
WRITING = _WRITING | _stale("StaleProblem")
WRITING_LIST = _WRITING | _stale("StaleListProblem")
WRITING_LABEL = _WRITING | _stale("StaleLabelProblem")
REFUSING = _problem(Conflict, REPLAY, schema="ConflictProblem")
FAILING = (
    _problem(NotFound, REPLAY, schema="BatchProblem")
    | _problem(Conflict, REPLAY, schema="BatchProblem")
    | _problem(PreconditionFailed, REPLAY, schema="BatchProblem")
    | _problem(PreconditionRequired, REPLAY, schema="BatchProblem")
)
REPLACING = _problem(PreconditionRequired, REPLAY)
