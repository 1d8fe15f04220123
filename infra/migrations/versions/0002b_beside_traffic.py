"""What 0002 leaves to do: words for the tasks that are there, and indexes, for lists of a million tasks as well.

All of it goes on beside traffic, and may be run again.
"""

from alembic import op

revision = "0002b"
down_revision = "0002"

# In batches, so that no row stays locked for long; by the key, so that none is left out.
REINDEX = """
do $$
declare
    last record := row (''::text, '00000000-0000-0000-0000-000000000000'::uuid);
begin
    loop
        with batch as (
            select user_id, id from task where (user_id, id) > (last.f1, last.f2) order by user_id, id limit 5000
        ), written as (
            update task set words = app.word_index(task.user_id, title, description)
            from batch where (task.user_id, task.id) = (batch.user_id, batch.id)
        )
        select user_id as f1, id as f2 into last from batch order by user_id desc, id desc limit 1;
        exit when not found;
        commit;
    end loop;
end
$$
"""
INDEXES = {
    "task_terms": "using gin (words)",
    "task_completed": "(user_id, created_at, id) where completed_at is not null",
    "task_priority_created_at": "(user_id, priority, created_at, id)",
    "task_day": "(user_id, due_date, created_at, id) where due_date is not null",
}


def upgrade() -> None:
    """Index every row anew, make the indexes, and let the old one go; each by itself."""
    with op.get_context().autocommit_block():
        op.execute(REINDEX)
        for name, what in INDEXES.items():
            op.execute(f"drop index concurrently if exists {name}")  # an earlier run may have left it half made
            op.execute(f"create index concurrently {name} on task {what}")
        op.execute("drop index concurrently if exists task_words")


def downgrade() -> None:
    """Drop the indexes, and bring the old one back; words go with 0002."""
    op.execute(f"drop index {', '.join(INDEXES)}; create index task_words on task using gin (user_id, words)")
