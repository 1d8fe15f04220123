"""POST /v1/tasks/{task_id}/complete: complete a task, and what is open below it."""

from typing import Literal

from shared.answers import CONDITIONAL, NO_TARGET, WRITING, WRITTEN
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.task import Task
from shared.statements import Write
from shared.transactions import Writing

COMPLETE = "update task set completed_at = coalesce(completed_at, now()) where id = %(id)s {guard} returning {task}"
DESCENDANTS = """,
subtree (id) as (
    select id from task where parent_id = %(id)s
    union all select task.id from task join subtree on task.parent_id = subtree.id
),
below as (
    update task set completed_at = now()
    where id = any (array (select id from subtree)) and completed_at is null and exists (select from write)
)"""
ALONE = Write.changing(Task, COMPLETE)
# In turn, so that nothing open comes below meanwhile, and two of these never wait for each other's rows.
WITH_DESCENDANTS = Write.changing(Task, COMPLETE, along=DESCENDANTS).taking_turns()

router = authenticated()


@router.post("/v1/tasks/{task_id}/complete", responses=WRITTEN | NO_TARGET | WRITING, openapi_extra=CONDITIONAL)
async def complete_task(task_id: ObjectId, tx: Writing, descendants: Literal["complete", "keep"] = "complete") -> Task:
    """Complete one of the caller's tasks and its open descendants; what is completed stays as it is."""
    return await tx.write(ALONE if descendants == "keep" else WITH_DESCENDANTS, id=task_id)


handler = on_lambda(router)
