"""POST /v1/tasks/{task_id}/move: give a task another place."""

from shared.answers import CONDITIONAL, NO_TARGET, REFUSING, WRITING, WRITTEN
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.task import Task, TaskMove
from shared.statements import Write
from shared.transactions import Writing

# A new parent brings its list along; a new list alone leaves the parent behind.
MOVE = Write.changing(
    Task,
    """
    update task set (list_id, parent_id, position) = (
        select to_list, to_parent, app.place_task(task.id, to_list, to_parent, %(before_id)s, %(after_id)s)
        from (select
            case when %(list_given)s then %(list_id)s::uuid
                when %(parent_id)s::uuid is null then list_id end as to_list,
            case when %(parent_given)s then %(parent_id)s::uuid
                when %(list_given)s and %(list_id)s::uuid is distinct from list_id then null
                else parent_id end as to_parent
        ) destination
    )
    where id = %(id)s {guard}
    returning {task}""",
).taking_turns()

router = authenticated()


@router.post("/v1/tasks/{task_id}/move", responses=WRITTEN | NO_TARGET | WRITING | REFUSING, openapi_extra=CONDITIONAL)
async def move_task(task_id: ObjectId, body: TaskMove, tx: Writing) -> Task:
    """Move one of the caller's tasks, with its subtree, to another list, parent or place."""
    return await tx.write(MOVE, id=task_id, **body.row())


handler = on_lambda(router)
