"""GET /v1/lists/{list_id}: read a list."""

from shared.answers import CACHED, FOUND, NOT_FOUND, READING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.list import List
from shared.statements import Read
from shared.transactions import Reading

GET = Read(List, "select {list} from list where id = %(id)s")

router = authenticated()


@router.get("/v1/lists/{list_id}", responses=FOUND | NOT_FOUND | READING, openapi_extra=CACHED)
async def get_list(list_id: ObjectId, tx: Reading) -> List:
    """Read one of the caller's lists."""
    return await tx.read(GET, id=list_id)


handler = on_lambda(router)
