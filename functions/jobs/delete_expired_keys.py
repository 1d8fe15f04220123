"""Scheduled: delete the answers that idempotency keys have kept for over 24 hours, a batch at a time."""

from typing import Any

from shared.purging import delete_due
from shared.tables import IdempotencyKey


def handler(_: Any, context: Any) -> dict[str, Any]:
    """Delete those keys; return how many, and whether none is left."""
    return delete_due("jobs_delete_expired_keys", IdempotencyKey, IdempotencyKey.created_at, "24 hours", context)
