"""The peer *powertools*: its resolver with validation, one function for all routes, synchronous psycopg, PyJWT.

What its users write: a connection that lives with the module, `with connection.transaction()` around the setting of
the user and the statement, a line of the log for each request, the token checked by PyJWT's own client in a middleware.
"""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import jwt
import psycopg
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from psycopg.rows import dict_row
from pydantic import BaseModel, Field

type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

COLUMNS = (
    "id, title, description, priority, list_id, parent_id, position, labels, "
    "completed_at, created_at, updated_at, version"
)
INSERT = f"insert into task (id, title) values (%(id)s, %(title)s) returning {COLUMNS}"  # noqa: S608
SELECT = f"select {COLUMNS} from task where id = %(id)s"  # noqa: S608
LIST = f"select {COLUMNS} from task order by created_at desc, id desc limit 50"  # noqa: S608
UPDATE = f"update task set title = %(title)s where id = %(id)s returning {COLUMNS}"  # noqa: S608
DELETE = "delete from task where id = %(id)s returning id"

logger = Logger(service="bench")
app = APIGatewayHttpResolver(enable_validation=True)
keys = jwt.PyJWKClient(os.environ["AUTH_JWKS_URL"])
# No prepared statements, as with every subject: this machine's PgBouncer may be older than 1.22.
connection = psycopg.connect(os.environ["DATABASE_URL"], row_factory=dict_row, prepare_threshold=None)


class NewTask(BaseModel):
    """What a caller sends."""

    title: Annotated[str, Field(min_length=1, max_length=500)]


class Task(BaseModel):
    """What a caller gets."""

    id: UUID
    title: str
    description: str
    priority: int
    list_id: UUID | None
    parent_id: UUID | None
    position: str
    labels: list[str]
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


def authenticate(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Let nobody in without a good token."""
    token = app.current_event.headers["authorization"].removeprefix("Bearer ")
    issuer = os.environ["AUTH_ISSUER"]
    key = keys.get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience=issuer, issuer=issuer)
    app.append_context(user=claims["sub"])  # type: ignore[no-untyped-call]
    return next_middleware(app)


app.use(middlewares=[authenticate])


def run(sql: str, **values: Any) -> list[dict[str, Any]]:
    """Run one statement as the caller."""
    with connection.transaction():
        connection.execute("select set_config('app.user_id', %s, true)", (app.context["user"],))
        return connection.execute(sql.encode(), values).fetchall()


def one(sql: str, **values: Any) -> Task:
    """The one task that a statement returns."""
    rows = run(sql, **values)
    if not rows:
        raise NotFoundError("no such task")
    return Task(**rows[0])


@app.post("/v1/tasks")
def create(body: NewTask) -> tuple[Task, Literal[201]]:
    """Create a task."""
    return one(INSERT, id=uuid4(), title=body.title), 201


@app.get("/v1/tasks")
def list_all() -> list[Task]:
    """List tasks."""
    return [Task(**row) for row in run(LIST)]


@app.get("/v1/tasks/<task_id>")
def get(task_id: UUID) -> Task:
    """Read a task."""
    return one(SELECT, id=task_id)


@app.patch("/v1/tasks/<task_id>")
def update(task_id: UUID, body: NewTask) -> Task:
    """Change a task."""
    return one(UPDATE, id=task_id, title=body.title)


@app.delete("/v1/tasks/<task_id>")
def delete(task_id: UUID) -> Response[None]:
    """Delete a task."""
    if not run(DELETE, id=task_id):
        raise NotFoundError("no such task")
    return Response(status_code=204)


@logger.inject_lambda_context
def serve(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The one handler of all operations."""
    answer = app.resolve(event, context)
    logger.info("request", operation=event["routeKey"], status=answer["statusCode"])
    return answer


def handler(_: str) -> Handler:
    """The one handler of all operations."""
    return serve
