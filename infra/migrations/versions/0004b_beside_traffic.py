"""What 0004 leaves to do: positions for the tasks that are there, indexes, and the proof of the new constraints.

All of it goes on beside traffic, and may be run again.
"""

from alembic import op

revision = "0004b"
down_revision = "0004"

# In the order in which they were created. In batches, so that no row stays locked for long.
POSITIONS = """
do $$
declare
    last record := row (''::text, '00000000-0000-0000-0000-000000000000'::uuid);
begin
    loop
        with batch as (
            select user_id, id from task where (user_id, id) > (last.f1, last.f2) order by user_id, id limit 5000
        ), written as (
            update task set position = app.position_at(created_at)
            from batch where (task.user_id, task.id) = (batch.user_id, batch.id) and position is null
        )
        select user_id as f1, id as f2 into last from batch order by user_id desc, id desc limit 1;
        exit when not found;
        commit;
    end loop;
end
$$
"""
INDEXES = {
    "task_position": "(user_id, position, id)",
    "task_list_position": "(user_id, list_id, position, id) where list_id is not null",
    "task_list_created_at": "(user_id, list_id, created_at, id) where list_id is not null",
    "task_inbox_position": "(user_id, position, id) where list_id is null",
    "task_inbox_created_at": "(user_id, created_at, id) where list_id is null",
    "task_parent_position": "(user_id, parent_id, position, id) where parent_id is not null",
    "task_parent_created_at": "(user_id, parent_id, created_at, id) where parent_id is not null",
    "task_top_position": "(user_id, position, id) where parent_id is null",
    "task_top_created_at": "(user_id, created_at, id) where parent_id is null",
}
COUNTED = """
create or replace trigger count_version before update on task for each row
    when ((old.title, old.description, old.priority, old.due_date, old.due_time, old.due_timezone, old.completed_at,
           old.list_id, old.parent_id, old.position)
          is distinct from
          (new.title, new.description, new.priority, new.due_date, new.due_time, new.due_timezone, new.completed_at,
           new.list_id, new.parent_id, new.position))
    execute function app.count_version()
"""
FILLED = "task_position_not_null"
CONSTRAINTS = (FILLED, "task_position_check", "task_parent_id_check", "task_list", "task_parent")


def upgrade() -> None:
    """Fill, index, check; each by itself."""
    with op.get_context().autocommit_block():
        op.execute(POSITIONS)
        for name, what in INDEXES.items():
            op.execute(f"drop index concurrently if exists {name}")  # an earlier run may have left it half made
            op.execute(f"create index concurrently {name} on task {what}")
        op.execute(f"alter table task add constraint {FILLED} not null position not valid")
        for name in CONSTRAINTS:
            op.execute(f"alter table task validate constraint {name}")
        op.execute(COUNTED)


def downgrade() -> None:
    """Drop the indexes; positions go with their column."""
    op.execute(f"drop index {', '.join(INDEXES)}; alter table task alter column position drop not null")
