"""What the scheduled functions do alike: delete what is due, in batches. Never imported by an HTTP operation."""

from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, delete, func, select, text, tuple_
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel, col

from shared.connection import Secret, refused, verifying
from shared.logs import log_job
from shared.settings import jobs_database

BATCH = 1000
"""Rows of one transaction: short locks, and nothing lost when the time is up."""
RESERVE_MS = 5000
"""Milliseconds that one more batch may need."""
SECRET = Secret(*jobs_database(), "DATABASE_SECRET_ID_JOBS")


def delete_due(job: str, table: type[SQLModel], moment: Any, age: str, context: Any) -> dict[str, Any]:
    """Delete the rows of `table` whose `moment` is longer ago than `age`, batch after batch.

    Ends when none is left or the time that `context` tells is nearly up (without one it has all the time). Returns how
    many it deleted, and whether it is done. The policy shows the role no other rows; the condition is for the index.
    """
    deleted, done = 0, False
    key = tuple(table.__table__.primary_key)  # type: ignore[attr-defined]
    batch = select(*key).where(col(moment) < func.now() - text(f"interval '{age}'")).limit(BATCH)
    engine = _engine()
    with log_job(job) as line:
        while not done and (context is None or context.get_remaining_time_in_millis() > RESERVE_MS):
            with engine.begin() as connection:
                count = connection.execute(delete(table).where(tuple_(*key).in_(batch))).rowcount
            deleted += count
            done = count < BATCH
            line |= {"deleted": deleted, "done": done}
    return {"deleted": deleted, "done": done}


def _engine() -> Engine:
    # No pool: a job runs once in a while, and a connection kept would keep the database awake.
    return create_engine("postgresql+psycopg://", creator=_connect, poolclass=NullPool, use_native_hstore=False)


def _connect() -> psycopg.Connection:
    try:
        return psycopg.connect(verifying(SECRET.value_now()), prepare_threshold=None)
    except psycopg.OperationalError as failure:
        if not refused(failure):
            raise
        return psycopg.connect(verifying(SECRET.value_now(refresh=True)), prepare_threshold=None)
