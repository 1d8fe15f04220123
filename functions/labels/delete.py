"""DELETE /v1/labels/{label_id}: take a label off every task, and forget it."""

from fastapi import Response

from shared.answers import CONDITIONAL, DELETED, NO_TARGET, WRITING_LABEL
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.label import Label
from shared.statements import Write
from shared.transactions import Writing

# The tasks follow by a trigger (migration 0005), in the same statement.
DELETE = Write.changing(Label, "delete from label where id = %(id)s {guard} returning {label}", status=204)

router = authenticated()


@router.delete(
    "/v1/labels/{label_id}",
    status_code=204,
    response_class=Response,  # no media type: there is no content
    responses=DELETED | NO_TARGET | WRITING_LABEL,
    openapi_extra=CONDITIONAL,
)
async def delete_label(label_id: ObjectId, tx: Writing) -> None:
    """Delete one of the caller's labels; no task carries it any more."""
    await tx.write(DELETE, id=label_id)


handler = on_lambda(router)
