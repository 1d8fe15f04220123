"""POST /v1/lists: create a list."""

from shared.answers import CONDITIONAL, CREATED_LIST, REFUSING, WRITING_LIST
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import uuid7
from shared.schemas.list import List, ListCreate
from shared.statements import Write
from shared.transactions import Writing

CREATE = Write.creating(
    List,
    """
    insert into list (id, name, description, color, archived_at)
    values (%(id)s, %(name)s, %(description)s, %(color)s, %(archived_at)s)
    returning {list}""",
).taking_turns()

router = authenticated()


@router.post("/v1/lists", status_code=201, responses=CREATED_LIST | WRITING_LIST | REFUSING, openapi_extra=CONDITIONAL)
async def create_list(body: ListCreate, tx: Writing) -> List:
    """Create a list that the caller owns; it comes last."""
    return await tx.write(CREATE, id=uuid7(), **body.row())


handler = on_lambda(router)
