"""PATCH /v1/tasks/{task_id}: change the given members of a task."""

from shared.answers import CONDITIONAL, NO_TARGET, REFUSING, WRITING, WRITTEN, merge
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.task import Task, TaskPatch
from shared.statements import Write
from shared.transactions import Writing

UPDATE = Write.changing(
    Task,
    """
    update task set
        title = coalesce(%(title)s, title),
        description = coalesce(%(description)s, description),
        priority = coalesce(%(priority)s, priority),
        labels = coalesce(%(labels)s::text[], labels),
        due_date = case when %(due_given)s then %(due_date)s::date else due_date end,
        due_time = case when %(due_given)s then %(due_time)s::time else due_time end,
        due_timezone = case when %(due_given)s then %(due_timezone)s else due_timezone end,
        list_id = case when %(list_given)s then %(list_id)s::uuid
            when %(parent_id)s::uuid is null then list_id end,
        parent_id = case when %(parent_given)s then %(parent_id)s::uuid
            when %(list_given)s and %(list_id)s::uuid is distinct from list_id then null else parent_id end
    where id = %(id)s {guard}
    returning {task}""",
)

router = authenticated()


@router.patch(
    "/v1/tasks/{task_id}",
    responses=WRITTEN | NO_TARGET | WRITING | REFUSING,
    openapi_extra=CONDITIONAL | merge("TaskPatch"),
)
async def update_task(task_id: ObjectId, body: TaskPatch, tx: Writing) -> Task:
    """Merge the body into one of the caller's tasks."""
    return await tx.write(UPDATE, in_turn=body.moves, id=task_id, **body.row())


handler = on_lambda(router)
