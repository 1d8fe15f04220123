"""GET /v1/tasks: list tasks, filtered, sorted, a page at a time."""

from typing import Annotated, Literal

from fastapi import Query, Response

from shared.answers import LISTED, READING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.paging import (
    NEWEST,
    Listing,
    Order,
    both_ways,
    instant,
    place,
    rank,
    send_page,
    small_number,
    text,
    wall_clock,
)
from shared.problems import Invalid
from shared.queries import Flag, FullDate, InList, Limit, Search, UnderParent, hanging
from shared.schemas.label import LabelName
from shared.schemas.task import PRIORITIES, Priority, Task, TaskPage
from shared.walks import RELEVANCE, statements, way_to

# No due comes last both ways: downwards it must be the least, where upwards it is the greatest.
ORDERS = both_ways(
    created_at=Order(("created_at",), "%(after)s::timestamptz", instant),
    updated_at=Order(("updated_at",), "%(after)s::timestamptz", instant),
    due=Order(("due_first",), "%(after)s::timestamp", wall_clock),
    priority=Order(("priority",), "%(after)s::smallint", small_number),
    position=Order(("position",), "%(after)s::text", place),
    title=Order(("title_head", "title_key"), "left(%(after)s::text, 64), %(after)s::text", text),
) | {
    "-due": Order(("due_last",), "%(after)s::timestamp", wall_clock, descending=True),
    RELEVANCE: Order(("rank",), "%(after)s::text", rank, descending=True),
}
STATEMENTS = statements(ORDERS)
Sort = Literal[
    "created_at", "-created_at", "updated_at", "-updated_at", "due", "-due", "priority", "-priority", "title", "-title",
    "position", "-position", "relevance",
]  # fmt: skip

router = authenticated()


@router.get("/v1/tasks", responses=LISTED | READING, response_model=TaskPage)
async def list_tasks(  # noqa: PLR0913, PLR0917 - one for each query parameter
    tx: Listing,
    cursor: str | None = None,  # noqa: ARG001 - declared for the contract, read by Listing
    completed: Flag | None = None,
    priority: Annotated[list[Priority] | None, Query()] = None,
    due_from: FullDate | None = None,
    due_before: FullDate | None = None,
    q: Search | None = None,
    list_id: InList | None = None,
    parent_id: UnderParent | None = None,
    label: LabelName | None = None,
    sort: Sort = NEWEST,
    limit: Limit = 50,
) -> Response:
    """List the caller's tasks."""
    values = hanging(list_id, parent_id, label) | {
        "completed": completed,
        "priority": sorted({PRIORITIES.index(name) for name in priority}) if priority else None,
        "due_from": due_from,
        "due_before": due_before,
        "q": q,
        "limit": limit + 1,
    }
    if sort == RELEVANCE and q is None:
        raise Invalid([{"parameter": "sort", "detail": "relevance needs q"}])
    rows = await tx.rows(STATEMENTS[way_to(sort, values), sort], values | tx.after(ORDERS[sort]))
    return send_page(tx, rows, (Task.from_row(row).model_dump_json().encode() for row in rows), limit)


handler = on_lambda(router)
