"""The peer *bare*: a handler without any framework. The same checks of the token, then one pipelined statement.

Nothing is validated and no error is answered: it is the floor, not a model.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from shared.ids import uuid7
from shared.keys import KeyCache
from shared.logs import log_request
from shared.tokens import subject

SCOPE = "select set_config('app.user_id', %s, true)"
COLUMNS = (
    "id, title, description, priority, due_date, due_time, due_timezone, list_id, parent_id, position, labels, "
    "completed_at, created_at, updated_at, version"
)
STATEMENTS = {
    "create": f"insert into task (id, title) values (%(new)s, %(title)s) returning {COLUMNS}",  # noqa: S608
    "get": f"select {COLUMNS} from task where id = %(id)s",  # noqa: S608
    "list": f"select {COLUMNS} from task order by created_at desc, id desc limit 51",  # noqa: S608
    "update": f"update task set title = %(title)s where id = %(id)s returning {COLUMNS}",  # noqa: S608
    "delete": f"delete from task where id = %(id)s returning {COLUMNS}",  # noqa: S608
}
STATUSES = {"create": 201, "delete": 204}

type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

_keys = KeyCache(os.environ["AUTH_JWKS_URL"], ("EdDSA",))
_loop = asyncio.new_event_loop()
_connections: list[AsyncConnection[DictRow]] = []


async def _answer(name: str, event: dict[str, Any]) -> dict[str, Any]:
    started, issuer = time.monotonic(), os.environ["AUTH_ISSUER"]
    token = event["headers"]["authorization"].removeprefix("Bearer ")
    user = await subject(token, _keys, issuer=issuer, audience=issuer, algorithms=("EdDSA",))
    values = {"new": uuid7(), "id": event["rawPath"].rpartition("/")[2], **json.loads(event.get("body") or "{}")}
    if not _connections:
        url = os.environ["DATABASE_URL"]
        opened = await AsyncConnection.connect(url, autocommit=True, prepare_threshold=None, row_factory=dict_row)
        _connections.append(opened)
    async with _connections[0].pipeline():
        await _connections[0].execute(SCOPE, (user,))
        cursor = await _connections[0].execute(STATEMENTS[name], values)
    rows = await cursor.fetchall()
    status = STATUSES.get(name, 200)
    scope = {"operation": f"tasks_{name}", "request_id": str(uuid4()), "caller": user, "aws.event": event}
    log_request(scope, status, time.monotonic() - started)
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps({"items": rows[:50]} if name == "list" else rows[0], default=str),
    }


def handler(name: str) -> Handler:
    return lambda event, _: _loop.run_until_complete(_answer(name, event))
