"""Scheduled: delete for good what has been in the trash for over 30 days, a batch at a time."""

from typing import Any

from shared.purging import delete_due
from shared.tables import Trash


def handler(_: Any, context: Any) -> dict[str, Any]:
    """Delete those tasks; return how many, and whether none is left."""
    return delete_due("jobs_purge_trash", Trash, Trash.deleted_at, "30 days", context)
