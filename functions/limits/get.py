"""GET /v1/limits: every limit, and how much of it the caller has used."""

from shared import bodies, idempotency, limits, paging, queries, tokens
from shared.answers import READING, SHOWN
from shared.auth import authenticated
from shared.http import on_lambda
from shared.schemas import base, batch, label, list, task  # noqa: A004 - the resource's name
from shared.schemas.limits import Limit, Limits
from shared.transactions import Transaction

USED = """
select app.user_id() as user_id,
    (select count(*) from list) as lists,
    (select count(*) from label) as labels"""
# Each from where it is enforced: name, most, unit.
LIMITS = (
    ("lists", limits.LISTS, "lists"),
    ("labels", limits.LABELS, "labels"),
    ("labels_of_a_task", label.MOST, "labels"),
    ("depth_of_subtasks", limits.DEPTH, "levels"),
    ("operations_of_a_batch", batch.MOST, "operations"),
    ("task_title", task.LONGEST_TITLE, "characters"),
    ("list_name", list.LONGEST_NAME, "characters"),
    ("label_name", label.LONGEST_NAME, "characters"),
    ("description", base.LONGEST_DESCRIPTION, "characters"),
    ("position", limits.POSITION, "characters"),
    ("search", queries.LONGEST_SEARCH, "characters"),
    ("page", queries.MOST, "items"),
    ("page_size", paging.LARGEST, "bytes"),
    ("body_size", bodies.LARGEST, "bytes"),
    ("token", tokens.MAX_LENGTH, "characters"),
    ("idempotency_key", idempotency.LONGEST, "characters"),
    ("idempotency_key_kept", limits.KEPT_HOURS, "hours"),
    ("trash_kept", limits.TRASH_DAYS, "days"),
)

router = authenticated()


@router.get("/v1/limits", responses=SHOWN | READING)
async def get_limits(tx: Transaction) -> Limits:
    """List all limits; for what adds up, also how much the caller has of it."""
    (used,) = await tx.rows(USED, {})
    return Limits(limits=[Limit(name=name, limit=most, unit=unit, used=used.get(name)) for name, most, unit in LIMITS])


handler = on_lambda(router)
