"""Search by phrases, without accents, in any script, under words of the user's own.

The release before keeps working: it calls `app.search(text)`, and names no column that changes. What takes long
follows in 0002b, beside traffic: until that is done, a search finds what was written anew.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

# Marks that are written on a letter and left out when people type: accents, Hebrew and Arabic points, and what joins or
# varies glyphs. Not the vowels of India and Thailand, nor the marks that make another kana.
MARKS = (
    r"\u00ad\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670"
    r"\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u2060\u20d0-\u20ff\ufe00-\ufe0f"
    r"\ufe20-\ufe2f\ufeff"
)
# Scripts that put no white space between words, or (Hangul) join them: Thai, Lao, Myanmar, Khmer, Hangul, kana, Han.
RUNS = (
    r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u1100-\u11ff\u1780-\u17d3\u3005-\u3007"
    r"\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uac00-\ud7a3\U00020000-\U0003ffff"
)
BETWEEN = r"[:space:][:punct:][:cntrl:]$+<=>^`|~\u200b"

FUNCTIONS = rf"""
-- A text without case and accents.
create function app.fold(value text) returns text
    language sql immutable strict parallel safe
    return case
        when octet_length(value) = char_length(value) then lower(value collate pg_unicode_fast)
        else normalize(translate(
            regexp_replace(casefold(normalize(value, nfkd) collate pg_unicode_fast), '[{MARKS}]+', '', 'g'),
            U&'\00f8\0142\0111\0127\0167\0131', 'oldhti'), nfkc)
    end;

-- What a text is indexed and searched by, one at each place. A `word` stands between white space and punctuation
-- (Unicode's, and ASCII's symbols); 500 characters of it are kept: 2,000 bytes, under the 2,046 that a lexeme may have.
-- In scripts without such gaps every character stands with the next one, a `pair`; at the end of a run alone, as
-- `last`, or as `single` where it is the whole run. Not strict: that would not be inlined, and cost four times as much.
create function app.lexemes(value text) returns table (place bigint, kind text, lexeme text)
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
            '([{RUNS}])(?=[{RUNS}])|([{RUNS}])|([^{BETWEEN}{RUNS}]+)', 'g'
        ) with ordinality part (found, place);
    end;

-- Every lexeme begins with its user's tag, so that in the index the words of each user stand by themselves: what others
-- have makes a search neither slower nor longer. Two users may share a tag: it keeps nobody apart, `user_id` does.
create function app.tag(user_id text) returns text
    language sql immutable parallel safe
    return left(md5(user_id), 6);

-- A title has weight A. A description begins at a place of its own, so that no phrase reaches from one into the other.
create function app.word_index(user_id text, title text, description text) returns tsvector
    language sql immutable parallel safe
    return (
        select coalesce(string_agg(format('''%s%s'':%s', app.tag(user_id), lexeme, place), ' '), '')::tsvector
        from (
            select lexeme, place || 'A' from app.lexemes(title)
            union all
            select lexeme, (place + 2048)::text from app.lexemes(description)
        ) part (lexeme, place)
    );

-- What a search asks for; null where it holds no word. Bare words are beginnings of words, those of a phrase are whole
-- and adjacent. `label` A: only titles count. `joined` by |: one of the terms is enough, and none is excluded.
create function app.query(user_id text, q text, label text default '', joined text default ' & ') returns tsquery
    language sql immutable parallel safe
    return (
        with token as (
            select number, negative, quoted, place, kind, lexeme, lag(kind) over places as before,
                   place - lag(place) over (partition by number, kind = 'last' order by place) as distance
            from (
                select number, found[1] = '-', found[2] is not null, coalesce(found[2], found[3])
                from regexp_matches(
                    regexp_replace(q, '[\u201c-\u201f\uff02]', '"', 'g') collate pg_unicode_fast,
                    '(-?)(?:"([^"]*)"?|([^[:space:]"]+))', 'g'
                ) with ordinality part (found, number)
            ) term (number, negative, quoted, value), app.lexemes(value)
            window places as (partition by number order by place)
        ), term as (
            select negative, string_agg(
                case when distance is null then ''
                     when quoted or before = 'pair' then format(' <%s> ', distance)
                     else ' & ' end
                || format('''%s%s'':%s%s', app.tag(user_id), lexeme,
                          case when kind = 'single' or kind = 'word' and not quoted then '*' end, label),
                '' order by place) as parts
            from token where kind <> 'last' group by number, negative
        )
        select string_agg(format(case when negative then '!(%s)' else '(%s)' end, parts), joined)::tsquery
        from term where joined = ' & ' or not negative
    );

-- As many as `most` of the caller's tasks that a search finds, in no order. Full text operators are not leakproof, so
-- under row level security they would never reach the index: this function runs as its owner and does the filtering by
-- user itself. `offset 0` keeps that apart: PostgreSQL takes every user for one of few tasks, and would read them all.
create function app.search(query text, most bigint) returns setof uuid
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
    begin atomic
        select id from (
            select user_id, id from public.task where words @@ (select app.query(app.user_id(), query)) offset 0
        ) found where user_id = app.user_id() limit most;
    end;

-- For the release before this one.
create or replace function app.search(query text) returns setof uuid
    language sql stable security definer
    set search_path = pg_catalog, pg_temp
    begin atomic
        select app.search(query, null);
    end;

create function app.index_words() returns trigger
    language plpgsql
    as $$
begin
    if (old.title, old.description) is distinct from (new.title, new.description) then
        new.words := app.word_index(new.user_id, new.title, new.description);
    end if;
    return new;
end
$$;

-- No release reads the column: app.search does.
-- squawk-ignore ban-drop-generated-expression
alter table task alter column words drop expression;
create trigger index_words before insert or update of title, description on task for each row
    execute function app.index_words();

revoke all on function
    app.fold(text), app.lexemes(text), app.tag(text), app.word_index(text, text, text),
    app.query(text, text, text, text), app.search(text, bigint), app.index_words() from public;
grant execute on function
    app.fold(text), app.lexemes(text), app.tag(text), app.word_index(text, text, text),
    app.query(text, text, text, text), app.search(text, bigint) to task_app;
"""  # noqa: S608 - of constants above


def upgrade() -> None:
    """Put the new search in the place of the old; the runner's transaction makes it all or nothing."""
    op.execute(FUNCTIONS)


def downgrade() -> None:
    """Go back to words as they were: those of the first migration, generated."""
    op.execute("""
        drop trigger index_words on task;
        drop function app.search(text), app.search(text, bigint);
        alter table task drop column words;
        alter table task add column words tsvector not null
            generated always as (array_to_tsvector(app.words(title || ' ' || description))) stored;
        create index task_words on task using gin (user_id, words);
        create function app.search(query text) returns setof uuid
            language sql stable security definer
            set search_path = pg_catalog, pg_temp
            begin atomic
                select id from public.task
                where user_id = app.user_id()
                  and words @@ (
                      select string_agg(quote_literal(word) || ':*', ' & ')::tsquery from unnest(app.words(query)) word
                  );
            end;
        revoke all on function app.search(text) from public;
        grant execute on function app.search(text) to task_app;
        drop function app.index_words, app.query, app.word_index, app.tag, app.lexemes;
        drop function app.fold
    """)
