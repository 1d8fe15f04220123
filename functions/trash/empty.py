"""DELETE /v1/trash: delete for good all that is in the trash."""

from fastapi import Response

from shared.answers import CONDITIONAL, DELETED, WRITING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.schemas.trash import Emptied
from shared.statements import Write
from shared.transactions import Writing

# The trash as a whole is there, always, and has no entity tag: no tag matches it, and that it is absent never holds.
EMPTY = Write.deciding_itself(
    Emptied,
    """
    with asked as (select %(if_match)s::bigint[] is null and not %(if_absent)s as holds),
    gone as (delete from trash where (select holds from asked)),
    answer as (select case when holds then 204 else 412 end as status, {nothing} from asked)""",
).taking_turns()

router = authenticated()


@router.delete(
    "/v1/trash",
    status_code=204,
    response_class=Response,  # no media type: there is no content
    responses=DELETED | WRITING,
    openapi_extra=CONDITIONAL,
)
async def empty_trash(tx: Writing) -> None:
    """Delete all of the caller's tasks that are in the trash for good."""
    await tx.write(EMPTY)


handler = on_lambda(router)
