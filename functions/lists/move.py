"""POST /v1/lists/{list_id}/move: give a list another place."""

from shared.answers import CONDITIONAL, NO_TARGET, REFUSING, WRITING_LIST, WRITTEN
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.list import List, ListMove
from shared.statements import Write
from shared.transactions import Writing

MOVE = Write.changing(
    List,
    """
    update list set position = app.place_list(id, %(before_id)s, %(after_id)s)
    where id = %(id)s {guard}
    returning {list}""",
).taking_turns()

router = authenticated()


@router.post(
    "/v1/lists/{list_id}/move",
    responses=WRITTEN | NO_TARGET | WRITING_LIST | REFUSING,
    openapi_extra=CONDITIONAL,
)
async def move_list(list_id: ObjectId, body: ListMove, tx: Writing) -> List:
    """Move one of the caller's lists beside another one, or to the end."""
    return await tx.write(MOVE, id=list_id, **body.row())


handler = on_lambda(router)
