"""What makes more of Schemathesis's requests succeed: its made-up ids are nobody's, and tags and cursors never fit."""

import zlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
from schemathesis.generation.meta import TestPhase

from tests.support.openapi_validator import component
from tests.support.tasks import make, path_of

KEY = component({"$ref": "#/components/parameters/IdempotencyKey"})["schema"]["examples"][0]
FROM_THE_TRASH = {"POST /v1/tasks/{task_id}/restore", "DELETE /v1/trash/{task_id}"}
"""Operations whose task is in the trash."""
TRIMMED = {"title", "name", "labels", "label"}
IN_A_BATCH = {"method": "POST", "path": "/v1/tasks", "body": {"title": "Of a batch"}}


def ours(api: httpx.Client, name: str, label: str) -> str:
    """The id of an object of the caller's that the path parameter `name` of the operation `label` can mean."""
    if name == "task_id":
        task = make(api, labels=["of ours"])
        if label in FROM_THE_TRASH:
            assert api.delete(path_of(task)).status_code == 204
        return str(task["id"])
    if name == "label_id":
        make(api, labels=["of ours"])
        return str(api.get("/v1/labels", params={"limit": 1}).json()["items"][0]["id"])
    found = api.get("/v1/lists", params={"limit": 1}).json()["items"]  # there are 500 at most
    return str(found[0]["id"] if found else api.post("/v1/lists", json={"name": "of ours"}).json()["id"])


def fit(api: httpx.Client, case: Any) -> None:
    """Let the case ask for what is there, without tag and cursor. Where it walks along links, the ids stay."""
    for name in ("If-Match", "If-None-Match"):
        (case.headers or {}).pop(name, None)
    (case.query or {}).pop("cursor", None)
    if case.method == "PUT":
        case.path_parameters["task_id"] = str(uuid4())  # the example's is there by now
    elif case.meta.phase.name != TestPhase.STATEFUL:
        for name in case.path_parameters or {}:
            case.path_parameters[name] = ours(api, name, case.operation.label)
    if case.operation.label == "POST /v1/batch":
        case.body["operations"] = [IN_A_BATCH] * len(case.body["operations"])  # made-up paths are those of nothing
    elif isinstance(case.body, dict):
        for name in ("list_id", "parent_id", "before", "after"):  # of nobody's, when they are made up
            case.body.pop(name, None)
        if case.body.get("labels"):
            case.body["labels"] = case.body["labels"][:1]  # of many made alike, two are one but for case


def whole(value: Any) -> Any:
    """The text, or the texts, with another letter for each that would be cut off at the ends."""
    if isinstance(value, list):
        return [whole(each) for each in value]
    if not isinstance(value, str):
        return value
    core = value.strip()
    before = value.index(core)
    return "x" * before + core + "x" * (len(value) - before - len(core))


def unfit(case: Any) -> None:
    """Let what is too long stay so: no schema can say that the length counts after trimming."""
    for members in (case.body, case.query):
        if isinstance(members, dict):
            members.update((name, whole(members[name])) for name in TRIMMED & members.keys())


def fitting(api: httpx.Client) -> Callable[[Any, Any, Any], None]:
    """A hook of Schemathesis: two thirds of what fits the schemas is made to fit, and what does not, to stay so."""

    def before_call(_: Any, case: Any, __: Any) -> None:
        sent = repr((case.path_parameters, case.query, case.headers, case.body))
        if case.headers and case.headers.get("Idempotency-Key") == KEY:
            case.headers["Idempotency-Key"] = str(uuid4())
        if case.meta and not case.meta.generation.mode.is_positive:
            unfit(case)
        elif case.meta and zlib.crc32(sent.encode("utf-8", "replace")) % 3:
            fit(api, case)

    return before_call
