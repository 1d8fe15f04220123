"""POST /v1/tasks/{task_id}/reopen: reopen a task."""

from shared.answers import CONDITIONAL, NO_TARGET, WRITING, WRITTEN
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.task import Task
from shared.statements import Write
from shared.transactions import Writing

REOPEN = Write.changing(Task, "update task set completed_at = null where id = %(id)s {guard} returning {task}")

router = authenticated()


@router.post("/v1/tasks/{task_id}/reopen", responses=WRITTEN | NO_TARGET | WRITING, openapi_extra=CONDITIONAL)
async def reopen_task(task_id: ObjectId, tx: Writing) -> Task:
    """Reopen one of the caller's tasks; one that is open stays as it is."""
    return await tx.write(REOPEN, id=task_id)


handler = on_lambda(router)
