"""GET /v1/lists: list lists, in their owner's order, a page at a time."""

from fastapi import Response

from shared.answers import LISTED, READING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.paging import Listing, Order, send_page, text
from shared.queries import Flag, Limit
from shared.schemas.list import List, ListItem, ListPage
from shared.statements import listing

ORDER = Order(("position",), "%(after)s::text", text)
LIST = listing(
    List,
    """
select {list}, open_tasks, {sort_value} as sort_value from list
where (%(archived)s::boolean is null or (archived_at is not null) = %(archived)s::boolean)
  and (%(after_id)s::uuid is null or {beyond})
order by {order} limit %(limit)s""",
    **ORDER.clauses(),
)

router = authenticated()


@router.get("/v1/lists", responses=LISTED | READING, response_model=ListPage)
async def list_lists(
    tx: Listing,
    cursor: str | None = None,  # noqa: ARG001 - declared for the contract, read by Listing
    archived: Flag | None = None,
    counts: Flag = False,
    limit: Limit = 50,
) -> Response:
    """List the caller's lists; with `counts`, how many open tasks each has."""
    rows = await tx.rows(LIST, {"archived": archived, "limit": limit + 1} | tx.after(ORDER))
    hidden = set() if counts else {"open_tasks"}
    lists = (ListItem.from_row(row).model_dump_json(exclude=hidden).encode() for row in rows)
    return send_page(tx, rows, lists, limit)


handler = on_lambda(router)
