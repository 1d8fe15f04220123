"""POST /v1/tasks/{task_id}/restore: take a task out of the trash."""

from shared.answers import CONDITIONAL, NO_TARGET, REFUSING, WRITING, WRITTEN
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.task import Task
from shared.statements import Write
from shared.transactions import Writing

# What a task shows, its version too, comes back as it was: that takes more rights than the application's role has.
RESTORE = Write.changing(
    Task, "select {task} from app.restore(%(id)s) where true {guard}", target="app.trashed(%(id)s)"
).taking_turns()

router = authenticated()


@router.post(
    "/v1/tasks/{task_id}/restore", responses=WRITTEN | NO_TARGET | WRITING | REFUSING, openapi_extra=CONDITIONAL
)
async def restore_task(task_id: ObjectId, tx: Writing) -> Task:
    """Take one of the caller's tasks out of the trash, with the subtasks that were deleted along with it."""
    return await tx.write(RESTORE, id=task_id)


handler = on_lambda(router)
