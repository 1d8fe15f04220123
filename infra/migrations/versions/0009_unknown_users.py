"""A user whom PostgreSQL's statistics do not know yet is taken to have some tasks, not one.

Additive: nothing but plans changes.
"""

from alembic import op

revision = "0009"
down_revision = "0008b"

# Where every user has about one task, or those few who are known have all, one more user is taken to have a single
# row. Then all indexes that begin with the user are as good as the key, and what joins thousands of rows reads each of
# them thousands of times. A hundredth as many users as rows is what is told instead; an analysis takes it up.
USERS = ("task", "trash")
TOLD = "".join(f"alter table {table} alter column user_id set (n_distinct = -0.01);" for table in USERS)
ASKED = "".join(f"alter table {table} alter column user_id reset (n_distinct);" for table in USERS)
ANALYZED = "analyze " + ", ".join(f"{table} (user_id)" for table in USERS)
# A plan for the user at hand looks for them among the known ones; one for any user takes what is told.
FUNCTIONS = ("spread_label()", "follow()", "restore(uuid)")
FOR_ANY = "".join(f"alter function app.{name} set plan_cache_mode = force_generic_plan;" for name in FUNCTIONS)
FOR_ONE = "".join(f"alter function app.{name} reset plan_cache_mode;" for name in FUNCTIONS)


def upgrade() -> None:
    """Tell it and let it be taken up; the runner's transaction makes it all or nothing."""
    op.execute(TOLD + FOR_ANY)
    op.execute(ANALYZED)


def downgrade() -> None:
    """Let it be counted again."""
    op.execute(ASKED + FOR_ONE)
    op.execute(ANALYZED)
