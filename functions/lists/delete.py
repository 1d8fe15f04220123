"""DELETE /v1/lists/{list_id}: delete a list with its tasks."""

from fastapi import Response

from shared.answers import CONDITIONAL, DELETED, NO_TARGET, WRITING_LIST
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.list import List
from shared.statements import Write
from shared.transactions import Writing

# Its tasks go by the foreign key: what a list held can't outlive it.
DELETE = Write.changing(List, "delete from list where id = %(id)s {guard} returning {list}", status=204).taking_turns()

router = authenticated()


@router.delete(
    "/v1/lists/{list_id}",
    status_code=204,
    response_class=Response,  # no media type: there is no content
    responses=DELETED | NO_TARGET | WRITING_LIST,
    openapi_extra=CONDITIONAL,
)
async def delete_list(list_id: ObjectId, tx: Writing) -> None:
    """Delete one of the caller's lists, and the tasks in it."""
    await tx.write(DELETE, id=list_id)


handler = on_lambda(router)
