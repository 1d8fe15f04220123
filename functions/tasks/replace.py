"""PUT /v1/tasks/{task_id}: create a task under an id of the caller's choice, or replace it."""

from shared.answers import CONDITIONAL, NO_TARGET, REFUSING, REPLACED, REPLACING, WRITING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.task import Task, TaskReplace
from shared.statements import Write
from shared.transactions import Writing

REPLACE = Write.deciding_itself(
    Task,
    """
    with target as (select {task} from task where id = %(id)s for no key update),
    changed as (
        update task set
            title = %(title)s, description = %(description)s, priority = %(priority)s,
            due_date = %(due_date)s, due_time = %(due_time)s, due_timezone = %(due_timezone)s,
            list_id = %(list_id)s, parent_id = %(parent_id)s, labels = %(labels)s
        where id = %(id)s and %(conditional)s {guard}
        returning {task}
    ),
    made as (
        insert into task (id, title, description, priority, due_date, due_time, due_timezone, list_id, parent_id,
            labels)
        select %(id)s, %(title)s, %(description)s, %(priority)s::smallint,
            %(due_date)s::date, %(due_time)s::time, %(due_timezone)s, %(list_id)s::uuid, %(parent_id)s::uuid,
            %(labels)s::text[]
        where %(id)s::uuid is not null and not %(matching)s and not exists (select from target)
        on conflict (user_id, id) do nothing
        returning {task}
    ),
    answer as (
        select 201 as status, made.* from made
        union all select 200, changed.* from changed
        union all select case when %(conditional)s then 412 else 428 end, target.* from target
            where not exists (select from changed)
        union all select 404, {nothing} where %(id)s::uuid is null
        union all select 412, {nothing}
            where %(id)s::uuid is not null and %(matching)s and not exists (select from target)
    )""",
).taking_turns()

router = authenticated()


@router.put(
    "/v1/tasks/{task_id}", responses=REPLACED | NO_TARGET | REPLACING | WRITING | REFUSING, openapi_extra=CONDITIONAL
)
async def replace_task(task_id: ObjectId, body: TaskReplace, tx: Writing) -> Task:
    """Make one of the caller's tasks what the body says; what is not in it takes its default."""
    return await tx.write(REPLACE, id=task_id, **body.row())


handler = on_lambda(router)
