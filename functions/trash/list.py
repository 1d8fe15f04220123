"""GET /v1/trash: list what was deleted, newest deletion first, a page at a time."""

from fastapi import Response

from shared.answers import LISTED, READING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.paging import Listing, Order, instant, send_page
from shared.queries import Limit
from shared.schemas.trash import TrashedTask, TrashPage
from shared.statements import listing

ORDER = Order(("deleted_at",), "%(after)s::timestamptz", instant, descending=True)
LIST = listing(
    TrashedTask,
    """
    select {trash}, {sort_value} as sort_value from trash
    where (%(after_id)s::uuid is null or {beyond})
    order by {order} limit %(limit)s""",
    **ORDER.clauses(),
)

router = authenticated()


@router.get("/v1/trash", responses=LISTED | READING, response_model=TrashPage)
async def list_trash(
    tx: Listing,
    cursor: str | None = None,  # noqa: ARG001 - declared for the contract, read by Listing
    limit: Limit = 50,
) -> Response:
    """List the caller's tasks that are in the trash."""
    rows = await tx.rows(LIST, {"limit": limit + 1, **tx.after(ORDER)})
    tasks = (TrashedTask.from_row(row).model_dump_json().encode() for row in rows)
    return send_page(tx, rows, tasks, limit)


handler = on_lambda(router)
