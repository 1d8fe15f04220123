"""DELETE /v1/tasks/{task_id}: move a task to the trash."""

from fastapi import Response

from shared.answers import CONDITIONAL, DELETED, NO_TARGET, WRITING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.task import Task
from shared.statements import Write
from shared.transactions import Writing

# A trigger puts into the trash whatever is deleted, however it is.
DELETE = Write.changing(Task, "delete from task where id = %(id)s {guard} returning {task}", status=204)

router = authenticated()


@router.delete(
    "/v1/tasks/{task_id}",
    status_code=204,
    response_class=Response,  # no media type: there is no content
    responses=DELETED | NO_TARGET | WRITING,
    openapi_extra=CONDITIONAL,
)
async def delete_task(task_id: ObjectId, tx: Writing) -> None:
    """Move one of the caller's tasks to the trash, with its subtree."""
    await tx.write(DELETE, id=task_id)


handler = on_lambda(router)
