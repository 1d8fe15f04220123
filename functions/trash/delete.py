"""DELETE /v1/trash/{task_id}: delete a task for good."""

from fastapi import Response

from shared.answers import CONDITIONAL, DELETED, NO_TARGET, WRITING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.trash import TrashedTask
from shared.statements import Write
from shared.transactions import Writing

# The subtree hangs on the entry as it was locked, not on what it was before. For `is not distinct`, see the migration.
DELETE = Write.deciding_itself(
    TrashedTask,
    """
    with target as (select {trash} from app.trashed(%(id)s)),
    gone as (
        delete from trash
        where id = any (array (select unnest(app.deleted_along(id, deleted_at)) from target))
          and deleted_at is not distinct from (select deleted_at from target) {guard}
        returning {trash}
    ),
    answer as (
        select 204 as status, gone.* from gone where id = %(id)s
        union all select 412, target.* from target where not exists (select from gone)
        union all select 404, {nothing} where not exists (select from target)
    )""",
).taking_turns()

router = authenticated()


@router.delete(
    "/v1/trash/{task_id}",
    status_code=204,
    response_class=Response,  # no media type: there is no content
    responses=DELETED | NO_TARGET | WRITING,
    openapi_extra=CONDITIONAL,
)
async def delete_trashed_task(task_id: ObjectId, tx: Writing) -> None:
    """Delete one of the caller's tasks for good, with the subtasks that were deleted along with it."""
    await tx.write(DELETE, id=task_id)


handler = on_lambda(router)
