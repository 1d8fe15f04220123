"""What 0008 leaves to do: the words of tasks that hold what is read otherwise now.

It goes on beside traffic, and may be run again.
"""

from alembic import op

revision = "0008b"
down_revision = "0008"

# In batches, so that no row stays locked for long; by the key, so that none is left out. Texts of ASCII alone are read
# as before. No version counts it: words are no member.
REINDEX = r"""
do $$
declare
    last record := row (''::text, '00000000-0000-0000-0000-000000000000'::uuid);
begin
    loop
        with batch as (
            select user_id, id from task where (user_id, id) > (last.f1, last.f2) order by user_id, id limit 5000
        ), written as (
            update task
            set words = app.word_index(task.user_id, title, description) || app.label_index(task.user_id, labels)
            from batch
            where (task.user_id, task.id) = (batch.user_id, batch.id)
              and concat_ws(' ', title, description, array_to_string(labels, ' ')) ~ '[^\x01-\x7f]'
        )
        select user_id as f1, id as f2 into last from batch order by user_id desc, id desc limit 1;
        exit when not found;
        commit;
    end loop;
    -- What was deleted meanwhile took its words of before along; without any, a way back finds them anew.
    update trash set words = null
        where words is not null and concat_ws(' ', title, description, array_to_string(labels, ' ')) ~ '[^\x01-\x7f]';
end
$$
"""


def upgrade() -> None:
    """Read anew what has to be."""
    with op.get_context().autocommit_block():
        op.execute(REINDEX)


def downgrade() -> None:
    """Nothing to undo: what is read otherwise is the functions' of 0008."""
