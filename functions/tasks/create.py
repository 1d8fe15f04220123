"""POST /v1/tasks: create a task."""

from shared.answers import CONDITIONAL, CREATED, REFUSING, WRITING
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import uuid7
from shared.schemas.task import Task, TaskCreate
from shared.statements import Write
from shared.transactions import Writing

CREATE = Write.creating(
    Task,
    """
    insert into task (id, title, description, priority, due_date, due_time, due_timezone, list_id, parent_id,
        labels)
    values (%(id)s, %(title)s, %(description)s, %(priority)s, %(due_date)s, %(due_time)s, %(due_timezone)s,
        %(list_id)s, %(parent_id)s, %(labels)s)
    returning {task}""",
)

router = authenticated()


@router.post("/v1/tasks", status_code=201, responses=CREATED | WRITING | REFUSING, openapi_extra=CONDITIONAL)
async def create_task(body: TaskCreate, tx: Writing) -> Task:
    """Create a task that the caller owns."""
    return await tx.write(CREATE, id=uuid7(), **body.row())


handler = on_lambda(router)
