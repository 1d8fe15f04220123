"""${message}."""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Say what it adds."""
    ${upgrades if upgrades else 'op.execute("")'}


def downgrade() -> None:
    """Say what it takes away."""
    ${downgrades if downgrades else 'op.execute("")'}
