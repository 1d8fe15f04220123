"""Batches in tests: making them, and what a user has before and after."""

import json
from typing import Any
from uuid import uuid4

import httpx
from psycopg import Connection
from psycopg.rows import DictRow

from tests.support.stack import User
from tests.support.tasks import TASKS, Json, path_of

BATCH = "/v1/batch"
EVERYTHING = """
    select to_jsonb(t) as row from task t where user_id = %(user)s
    union all select to_jsonb(l) from list l where user_id = %(user)s
    union all select to_jsonb(l) from label l where user_id = %(user)s
    union all select to_jsonb(k) from idempotency_key k where user_id = %(user)s
    order by 1"""


def put(task_id: str, title: str = "Buy milk", if_match: str = "", **members: Any) -> Json:
    """The operation that creates a task under this id, or replaces it."""
    found: Json = {"method": "PUT", "path": path_of(task_id), "body": {"title": title} | members}
    return found | ({"if_match": if_match} if if_match else {})


def post(**members: Any) -> Json:
    return {"method": "POST", "path": TASKS, "body": {"title": "Buy milk"} | members}


def complete(task_id: str, **more: Any) -> Json:
    return {"method": "POST", "path": f"{path_of(task_id)}/complete"} | more


def delete(task_id: str, **more: Any) -> Json:
    return {"method": "DELETE", "path": path_of(task_id)} | more


def patch(task_id: str, if_match: str = "", **members: Any) -> Json:
    found: Json = {"method": "PATCH", "path": path_of(task_id), "body": members}
    return found | ({"if_match": if_match} if if_match else {})


def send(api: httpx.Client, *operations: Any, key: str = "", **members: Any) -> httpx.Response:
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    # In ASCII, so that anything may be sent.
    return api.post(BATCH, content=json.dumps({"operations": operations} | members), headers=headers)


def results(answer: httpx.Response) -> list[Json]:
    """The results of a batch that was run."""
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["results"]
    return found


def statuses(answer: httpx.Response) -> list[int]:
    return [result["status"] for result in results(answer)]


def everything(admin: Connection[DictRow], user: User) -> list[DictRow]:
    return admin.execute(EVERYTHING, {"user": user.id}).fetchall()


def new_id() -> str:
    return str(uuid4())
