"""Many tasks changed at once, in the time that one statement has; and words beside symbols.

Additive: the release before this one calls the same functions.
"""

from importlib import import_module

from alembic import op

revision = "0008"
down_revision = "0007"

SEARCH = import_module("infra.migrations.versions.0002_search_and_growth")
LABELS = import_module("infra.migrations.versions.0005b_found_by_labels")
TRASH = import_module("infra.migrations.versions.0006_trash")

RUNS, BETWEEN = SEARCH.RUNS, SEARCH.BETWEEN
# Marks that only turn the direction of writing come along with what is pasted.
DIRECTIONS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Signs of currencies, mathematics and measures, arrows, boxes, emoji: Unicode's categories S*, after app.fold.
SYMBOLS = (
    r"\u00a2-\u00a6\u00a9\u00ac\u00ae\u00b0\u00b1\u00d7\u00f7\u0e3f\u17db\u20a0-\u20cf\u2104-\u214d\u214f\u218a-\u244a"
    r"\u2500-\u2767\u2794-\u2bff\u4dc0-\u4dff\U0001f000-\U0001fbef"
)
WORD = f"[^{BETWEEN}{RUNS}]+"
WORD_OR_SYMBOL = f"(?![[:punct:]])[{SYMBOLS}]|[^{BETWEEN}{RUNS}{SYMBOLS}]+"


def reading(marks: str, word: str) -> str:
    """The functions that say what a text is searched by: without `marks`, and what a `word` is."""
    return rf"""
-- A text without case and accents.
create or replace function app.fold(value text) returns text
    language sql immutable strict parallel safe
    return case
        when octet_length(value) = char_length(value) then lower(value collate pg_unicode_fast)
        else normalize(translate(
            regexp_replace(casefold(normalize(value, nfkd) collate pg_unicode_fast), '[{marks}]+', '', 'g'),
            U&'\00f8\0142\0111\0127\0167\0131', 'oldhti'), nfkc)
    end;

-- What a text is indexed and searched by, one at each place: as 0002 says, but a symbol is a word by itself.
create or replace function app.lexemes(value text) returns table (place bigint, kind text, lexeme text)
    language sql immutable parallel safe
    begin atomic
        select place,
               case when found[1] is not null then 'pair'
                    when found[3] is not null then 'word'
                    when lag(found[1]) over (order by place) is not null then 'last'
                    else 'single' end,
               coalesce(found[1] || lead(coalesce(found[1], found[2])) over (order by place),
                        found[2], left(found[3], 500))
        from regexp_matches(
            app.fold(value) collate pg_unicode_fast,
            '([{RUNS}])(?=[{RUNS}])|([{RUNS}])|({word})', 'g'
        ) with ordinality part (found, place);
    end;
"""  # noqa: S608 - of constants


# A task's words go to the trash with it, and come back: to find them anew took as long as all the rest of its way back.
WORDS = """
alter table trash add column words tsvector;

create or replace function app.index_words() returns trigger
    language plpgsql
    as $$
begin
    if tg_op = 'INSERT' and new.words is not null then  -- by app.restore() alone: no role may write them
        return new;
    end if;
    if (old.title, old.description, old.labels) is distinct from (new.title, new.description, new.labels) then
        new.words := app.word_index(new.user_id, new.title, new.description);
        if new.labels <> '{}' then
            new.words := new.words || app.label_index(new.user_id, new.labels);
        end if;
    end if;
    return new;
end
$$;
"""


def anew(text: str) -> str:
    """What an earlier migration created, for what is there already."""
    return text.partition("create trigger")[0].replace("create function", "create or replace function")


def with_words() -> str:
    """The ways into the trash and back, as 0006 has them, with the words."""
    into = TRASH.THROW.replace(TRASH.COLUMNS, f"{TRASH.COLUMNS}, words").replace(
        TRASH.NEW, f"{TRASH.NEW}, excluded.words"
    )
    back = TRASH.RESTORE.replace(TRASH.COLUMNS, f"{TRASH.COLUMNS}, words").replace(
        "below, position, spelled\n", "below, position, spelled, case when spelled = labels then words end\n"
    )
    return anew(into) + anew(back)


# What runs once for each row, or each search, was planned anew each time, as PostgreSQL takes a plan for the values at
# hand to be the cheaper one: that took four times as long as to run it. A plan that is kept is one by keys, whatever
# PostgreSQL knew of the tables when it was made. Names of labels are looked up one by one.
KEPT = ("plan_cache_mode = force_generic_plan", "enable_seqscan = off")
ONE_BY_ONE = (*KEPT, "enable_hashjoin = off", "enable_mergejoin = off")
SETTINGS = {
    "index_words()": KEPT[:1],
    "query(text, text, text, text)": KEPT[:1],
    "attach()": KEPT,
    "canonical_labels()": ONE_BY_ONE,
    "spelled(text, text[])": ONE_BY_ONE,
}
PLANNED_ONCE = "".join(f"alter function app.{name} set {one};" for name, every in SETTINGS.items() for one in every)
PLANNED_AS_BEFORE = "".join(
    f"alter function app.{name} reset {one.partition(' ')[0]};" for name, every in SETTINGS.items() for one in every
)
# A renamed label comes by its trigger, in the spelling that it has.
CANONICAL = """
create or replace trigger canonical_labels before update on task for each row
    when (<where> old.labels is distinct from new.labels and new.labels <> '{}')
    execute function app.canonical_labels();
"""


def upgrade() -> None:
    """Replace what is called; the runner's transaction makes it all or nothing."""
    op.execute(reading(SEARCH.MARKS + DIRECTIONS, WORD_OR_SYMBOL))
    op.execute(WORDS + with_words())
    op.execute(PLANNED_ONCE)
    op.execute(CANONICAL.replace("<where>", "pg_trigger_depth() = 0 and"))


def downgrade() -> None:
    """Call what was called before; what stands beside symbols is found again once it is written anew."""
    op.execute(CANONICAL.replace("<where>", ""))
    op.execute(PLANNED_AS_BEFORE)
    op.execute("drop function app.trashed(uuid); alter table trash drop column words")  # the one reads all of the other
    op.execute(anew(TRASH.THROW) + anew(TRASH.RESTORE))
    op.execute("""
        revoke all on function app.trashed(uuid) from public;
        grant execute on function app.trashed(uuid) to task_app""")
    op.execute("".join(LABELS.FOUND.partition("create or replace function")[1:]))
    op.execute(reading(SEARCH.MARKS, WORD))
