"""GET /v1/labels: list labels by name, a page at a time."""

from fastapi import Response

from shared.answers import LISTED, READING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.paging import Listing, Order, send_page, text
from shared.queries import Limit
from shared.schemas.label import Label, LabelItem, LabelPage
from shared.statements import listing

ORDER = Order(("key",), "%(after)s::text", text)
LIST = listing(
    Label,
    """
select {label}, tasks, {sort_value} as sort_value from label
where %(after_id)s::uuid is null or {beyond}
order by {order} limit %(limit)s""",
    **ORDER.clauses(),
)

router = authenticated()


@router.get("/v1/labels", responses=LISTED | READING, response_model=LabelPage)
async def list_labels(
    tx: Listing,
    cursor: str | None = None,  # noqa: ARG001 - declared for the contract, read by Listing
    limit: Limit = 50,
) -> Response:
    """List the caller's labels, and how many tasks carry each."""
    rows = await tx.rows(LIST, {"limit": limit + 1} | tx.after(ORDER))
    labels = (LabelItem.from_row(row).model_dump_json().encode() for row in rows)
    return send_page(tx, rows, labels, limit)


handler = on_lambda(router)
