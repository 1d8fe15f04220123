"""A search finds labels; and the proof of the constraint of 0005, beside traffic.

Additive: no task has carried a label yet, so what is indexed stays as it is.
"""

from alembic import op

revision = "0005b"
down_revision = "0005"

FOUND = """
-- A search finds labels too. Each has a place of its own behind all others, so that no phrase reaches from one into the
-- next: `||` of tsvectors counts places on.
create function app.label_index(user_id text, labels text[]) returns tsvector
    language sql immutable parallel safe
    return (
        select coalesce(
            string_agg(format('''%s%s'':%s', app.tag(user_id), lexeme, 64 * number + place), ' '), '')::tsvector
        from unnest(labels) with ordinality label (name, number), app.lexemes(name)
    );

create or replace function app.index_words() returns trigger
    language plpgsql
    as $$
begin
    if (old.title, old.description, old.labels) is distinct from (new.title, new.description, new.labels) then
        new.words := app.word_index(new.user_id, new.title, new.description);
        if new.labels <> '{}' then
            new.words := new.words || app.label_index(new.user_id, new.labels);
        end if;
    end if;
    return new;
end
$$;

create or replace trigger index_words before insert or update of title, description, labels on task for each row
    execute function app.index_words();
"""

ACCESS = """
revoke all on function app.label_index(text, text[]) from public;
grant execute on function app.label_index(text, text[]) to task_app;
"""


def upgrade() -> None:
    """Build everything in one transaction; then prove the constraint, which may be done again."""
    for part in (FOUND, ACCESS):
        op.execute(part)
    with op.get_context().autocommit_block():
        op.execute("alter table task validate constraint task_labels_check")


def downgrade() -> None:
    """Search as before."""
    op.execute("""
        create or replace trigger index_words before insert or update of title, description on task for each row
            execute function app.index_words();
        create or replace function app.index_words() returns trigger
            language plpgsql
            as $$
        begin
            if (old.title, old.description) is distinct from (new.title, new.description) then
                new.words := app.word_index(new.user_id, new.title, new.description);
            end if;
            return new;
        end
        $$;
        update task set words = app.word_index(user_id, title, description) where labels <> '{}';
        drop function app.label_index""")
