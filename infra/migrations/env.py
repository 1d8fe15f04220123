"""What Alembic runs: the migrations of `versions/`, over the connection that `infra.migrate` hands over.

The `alembic` command (to begin a new revision) and `--sql` (to read the SQL) work without one.
"""

from collections.abc import Callable
from typing import Any

from alembic import context
from sqlmodel import SQLModel

import shared.tables  # noqa: F401 - fills SQLModel.metadata


def run(**how: Any) -> None:
    """Run the migrations, each in a transaction of its own, so that one may leave it (`create index concurrently`)."""
    said: Callable[[str], None] | None = context.config.attributes.get("say")

    def tell(*_: Any, **applied: Any) -> None:
        revision = applied["step"].up_revision
        if said:
            said(f"applied {revision.revision}: {revision.doc}")

    context.configure(
        target_metadata=SQLModel.metadata,
        transaction_per_migration=True,
        compare_server_default=True,
        on_version_apply=tell,
        **how,
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run(dialect_name="postgresql", literal_binds=True)
else:
    run(connection=context.config.attributes["connection"])
