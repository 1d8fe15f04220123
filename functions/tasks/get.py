"""GET /v1/tasks/{task_id}: read a task."""

from shared.answers import CACHED, FOUND, NOT_FOUND, READING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.task import Task
from shared.statements import Read
from shared.transactions import Reading

GET = Read(Task, "select {task} from task where id = %(id)s")

router = authenticated()


@router.get("/v1/tasks/{task_id}", responses=FOUND | NOT_FOUND | READING, openapi_extra=CACHED)
async def get_task(task_id: ObjectId, tx: Reading) -> Task:
    """Read one of the caller's tasks."""
    return await tx.read(GET, id=task_id)


handler = on_lambda(router)
