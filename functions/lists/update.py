"""PATCH /v1/lists/{list_id}: change the given members of a list."""

from shared.answers import CONDITIONAL, NO_TARGET, WRITING_LIST, WRITTEN, merge
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.list import List, ListPatch
from shared.statements import Write
from shared.transactions import Writing

UPDATE = Write.changing(
    List,
    """
    update list set
        name = coalesce(%(name)s, name),
        description = coalesce(%(description)s, description),
        color = case when %(color_given)s then %(color)s else color end,
        archived_at = case when %(archived_given)s then %(archived_at)s::timestamptz else archived_at end
    where id = %(id)s {guard}
    returning {list}""",
)

router = authenticated()


@router.patch(
    "/v1/lists/{list_id}",
    responses=WRITTEN | NO_TARGET | WRITING_LIST,
    openapi_extra=CONDITIONAL | merge("ListPatch"),
)
async def update_list(list_id: ObjectId, body: ListPatch, tx: Writing) -> List:
    """Merge the body into one of the caller's lists."""
    return await tx.write(UPDATE, id=list_id, **body.row())


handler = on_lambda(router)
