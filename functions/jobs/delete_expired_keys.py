"""Scheduled: delete the answers that idempotency keys have kept for over 24 hours, a batch at a time."""

from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, delete, func, select, text, tuple_
from sqlalchemy.pool import NullPool
from sqlmodel import col

from shared.connection import Secret, refused, verifying
from shared.logs import log_job
from shared.settings import jobs_database
from shared.tables import IdempotencyKey

BATCH = 1000
"""Rows of one transaction: short locks, and nothing lost when the time is up."""
RESERVE_MS = 5000
"""Milliseconds that one more batch may need."""
SECRET = Secret(*jobs_database(), "DATABASE_SECRET_ID_JOBS")


def _connect() -> psycopg.Connection:
    try:
        return psycopg.connect(verifying(SECRET.value_now()), prepare_threshold=None)
    except psycopg.OperationalError as failure:
        if not refused(failure):
            raise
        return psycopg.connect(verifying(SECRET.value_now(refresh=True)), prepare_threshold=None)


def _engine() -> Engine:
    # No pool: the job runs once an hour, and a connection kept would keep the database awake.
    return create_engine(
        "postgresql+psycopg://",
        creator=_connect,
        poolclass=NullPool,
        use_native_hstore=False,
    )


def handler(_: Any, context: Any) -> dict[str, Any]:
    """Delete batch after batch until none is left or the time is nearly up; return how many, and whether it is done.

    Called by hand, without a context, it has all the time.

    The policy shows this role no other rows; the condition is there for the index.
    """
    deleted, done = 0, False
    expired = col(IdempotencyKey.created_at) < func.now() - text("interval '24 hours'")
    key = (col(IdempotencyKey.user_id), col(IdempotencyKey.key))
    batch = select(*key).where(expired).limit(BATCH)
    engine = _engine()
    with log_job("jobs_delete_expired_keys") as line:
        while not done and (context is None or context.get_remaining_time_in_millis() > RESERVE_MS):
            with engine.begin() as connection:
                count = connection.execute(delete(IdempotencyKey).where(tuple_(*key).in_(batch))).rowcount
            deleted += count
            done = count < BATCH
            line |= {"deleted": deleted, "done": done}
    return {"deleted": deleted, "done": done}
