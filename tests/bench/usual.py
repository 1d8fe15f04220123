"""The peer *usual*: what tutorials show. Plain `def` endpoints, a SQLModel `Session` for each request, Mangum."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException, Request
from mangum import Mangum
from sqlalchemy import ARRAY, DateTime, Text, func, text
from sqlmodel import Field, Session, SQLModel, col, create_engine, select

type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

CALLER = text("app.user_id()")
ENGINE = create_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"),
    pool_size=1,
    # As with every subject: this machine's PgBouncer may be older than 1.22, which forgets prepared statements.
    connect_args={"prepare_threshold": None},
)
KEYS = jwt.PyJWKClient(os.environ["AUTH_JWKS_URL"])


class NewTask(SQLModel):
    """What a caller sends."""

    title: str = Field(min_length=1, max_length=500)


class Task(SQLModel, table=True):
    """The table, and what a caller gets."""

    user_id: str | None = Field(default=None, primary_key=True, sa_column_kwargs={"server_default": CALLER})
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    title: str
    description: str = ""
    priority: int = 0
    list_id: UUID | None = None
    parent_id: UUID | None = None
    position: str | None = Field(default=None, sa_column_kwargs={"server_default": text("app.new_position()")})
    labels: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    completed_at: datetime | None = Field(
        default=None, sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": text("null")}
    )
    created_at: datetime | None = Field(
        default=None, sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.now()}
    )
    version: int | None = Field(default=None, sa_column_kwargs={"server_default": text("1")})


def _user(request: Request) -> str:
    token = request.headers["authorization"].removeprefix("Bearer ")
    issuer = os.environ["AUTH_ISSUER"]
    key = KEYS.get_signing_key_from_jwt(token)
    claims: dict[str, str] = jwt.decode(token, key, algorithms=["EdDSA"], audience=issuer, issuer=issuer)
    return claims["sub"]


def _session(user: Annotated[str, Depends(_user)]) -> Iterator[Session]:
    with Session(ENGINE) as session:
        _scope(session, user)
        yield session


def _scope(session: Session, user: str) -> None:
    session.execute(text("select set_config('app.user_id', :user, true)"), {"user": user})


Database = Annotated[Session, Depends(_session)]
app = FastAPI()


def _again(session: Session, user: str, task: Task) -> Task:
    # The commit ended the scope with its transaction.
    _scope(session, user)
    session.refresh(task)
    return task


def _mine(session: Session, task_id: UUID) -> Task:
    task = session.exec(select(Task).where(col(Task.id) == task_id)).first()
    if task is None:
        raise HTTPException(404)
    return task


@app.post("/v1/tasks", status_code=201)
def create(body: NewTask, session: Database, user: Annotated[str, Depends(_user)]) -> Task:
    """Create a task."""
    task = Task(title=body.title)
    session.add(task)
    session.commit()
    return _again(session, user, task)


@app.get("/v1/tasks")
def list_all(session: Database) -> list[Task]:
    """List tasks."""
    order = (col(Task.created_at).desc(), col(Task.id).desc())
    return list(session.exec(select(Task).order_by(*order).limit(50)).all())


@app.get("/v1/tasks/{task_id}")
def get(task_id: UUID, session: Database) -> Task:
    """Read a task."""
    return _mine(session, task_id)


@app.patch("/v1/tasks/{task_id}")
def update(task_id: UUID, body: NewTask, session: Database, user: Annotated[str, Depends(_user)]) -> Task:
    """Change a task."""
    task = _mine(session, task_id)
    task.title = body.title
    session.add(task)
    session.commit()
    return _again(session, user, task)


@app.delete("/v1/tasks/{task_id}", status_code=204)
def delete(task_id: UUID, session: Database) -> None:
    """Delete a task."""
    session.delete(_mine(session, task_id))
    session.commit()


_adapter = Mangum(app)


def handler(_: str) -> Handler:
    """The one handler of all operations."""
    return _adapter
