"""A user whom PostgreSQL's statistics do not know yet is taken to have some tasks, not one.

Additive: nothing but plans changes.
"""

from importlib import import_module

from alembic import op

revision = "0009"
down_revision = "0008b"

MANY = import_module("infra.migrations.versions.0008_many_at_once")

# Where every user has about one task, or those few who are known have all, one more user is taken to have a single
# row. Then all indexes that begin with the user are as good as the key, and what joins thousands of rows reads each of
# them thousands of times. A hundredth as many users as rows is what is told instead; an analysis takes it up.
USERS = ("task", "trash")
TOLD = "".join(f"alter table {table} alter column user_id set (n_distinct = -0.01);" for table in USERS)
ASKED = "".join(f"alter table {table} alter column user_id reset (n_distinct);" for table in USERS)
ANALYZED = "analyze " + ", ".join(f"{table} (user_id)" for table in USERS)
# A plan for the user at hand looks for them among the known ones; one for any user takes what is told.
FUNCTIONS = ("spread_label()", "follow()")
FOR_ANY = "".join(f"alter function app.{name} set plan_cache_mode = force_generic_plan;" for name in FUNCTIONS)
FOR_ONE = "".join(f"alter function app.{name} reset plan_cache_mode;" for name in FUNCTIONS)
# What app.restore takes out of the trash is still planned for its ids: under one plan it may read a whole trash for one
# task. What it puts back sets off checks of foreign keys for each row, and these are planned for any user.
APART = {
    "made text;": "made text;\n    taken public.trash[];",
    "returning *\n        ),\n        back as (": """returning *
        )
        select coalesce(array_agg(gone), '{}') into taken from gone;
        perform set_config('plan_cache_mode', 'force_generic_plan', true);
        with back as (""",
    "from gone,\n": "from unnest(taken) gone,\n",
    "(select count(*) from gone)": "cardinality(taken)",
    "into in_use;": "into in_use;\n        perform set_config('plan_cache_mode', 'auto', true);",
}


def in_two_steps() -> str:
    """The way out of the trash, as 0008 has it otherwise."""
    text: str = MANY.with_words()
    for old, new in APART.items():
        if text.count(old) != 1:
            raise ValueError(old)
        text = text.replace(old, new)
    return text


def upgrade() -> None:
    """Tell it and let it be taken up; the runner's transaction makes it all or nothing."""
    op.execute(TOLD + FOR_ANY + in_two_steps())
    op.execute(ANALYZED)


def downgrade() -> None:
    """Let it be counted again."""
    op.execute(ASKED + FOR_ONE + MANY.with_words())
    op.execute(ANALYZED)
