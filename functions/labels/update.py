"""PATCH /v1/labels/{label_id}: rename a label wherever it is carried, or color it."""

from shared.answers import CONDITIONAL, NO_TARGET, REFUSING, WRITING_LABEL, WRITTEN, merge
from shared.auth import authenticated
from shared.http import on_lambda
from shared.ids import ObjectId
from shared.schemas.label import Label, LabelPatch
from shared.statements import Write
from shared.transactions import Writing

# The tasks follow by a trigger (migration 0005), in the same statement.
UPDATE = Write.changing(
    Label,
    """
    update label set
        name = coalesce(%(name)s, name),
        color = case when %(color_given)s then %(color)s else color end
    where id = %(id)s {guard}
    returning {label}""",
)

router = authenticated()


@router.patch(
    "/v1/labels/{label_id}",
    responses=WRITTEN | NO_TARGET | WRITING_LABEL | REFUSING,
    openapi_extra=CONDITIONAL | merge("LabelPatch"),
)
async def update_label(label_id: ObjectId, body: LabelPatch, tx: Writing) -> Label:
    """Merge the body into one of the caller's labels; every task that carries it shows its new name."""
    return await tx.write(UPDATE, id=label_id, **body.row())


handler = on_lambda(router)
