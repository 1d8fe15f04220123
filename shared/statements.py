"""Statements as operations write them, and the texts that are sent for them.

`{task}` stands for the columns of the response, never `*`: a new column must not break the running release. A write
that carries conditions or a key is wrapped, so that one statement locks the row, decides on what it locked, acts, and
keeps the answer.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

# 404 and 412 are answers, not errors of SQL: they come back as rows, so that a key can keep them.
CHANGE = """
with recursive target as (select {columns} from {target}),
write as ({write}){along},
answer as (
    select {status} as status, write.* from write
    union all select 412, target.* from target where not exists (select from write)
    union all select 404, {nothing} where not exists (select from target)
)"""
CREATE = "with write as ({write}), answer as (select {status} as status, write.* from write)"
GUARD = """and exists (
    select from target
    where (%(if_match)s::bigint[] is null or version = any (%(if_match)s::bigint[]))
      and (%(if_none_match)s::bigint[] is null or version <> all (%(if_none_match)s::bigint[]))
      and not %(if_absent)s
)"""
KEEP = """, kept as (
    update idempotency_key set status = given.status, answer = to_jsonb(given) from answer given where key = %(key)s
)"""
FINISH = "\nselect * from answer"
# In a batch: the answer is kept under a key of its own, and one that is a failure is told to app.go_on(), which comes
# next; so is one that is missing, where two callers created one id at once.
KEEP_ITEM = """, kept as (
    insert into idempotency_key (key, fingerprint, status, answer)
    select %(key)s, %(fingerprint)s, given.status, to_jsonb(given) from answer given
    on conflict (user_id, key) do update
        set fingerprint = excluded.fingerprint, created_at = now(), status = excluded.status, answer = excluded.answer
)"""
FINISH_ITEM = "\nselect answer.* from (select) item left join answer on true where app.passes(answer.status)"


class Shown(Protocol):
    """A response model that is made from one row of one table."""

    TABLE: ClassVar[str]
    COLUMNS: ClassVar[tuple[str, ...]]
    version: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The model that shows `row`."""
        ...

    def model_dump_json(self) -> str:
        """The members as JSON (Pydantic's)."""
        ...


class Read[Model: Shown]:
    """A statement that finds one object: `select {task} from task where id = %(id)s`."""

    def __init__(self, shows: type[Model], sql: str) -> None:
        self.shows = shows
        self.sql = _with_columns(shows, sql)

    def texts(self) -> list[str]:
        """Every text that may be sent."""
        return [self.sql]


class Write[Model: Shown]:
    """A statement that changes one object, and the texts that are sent for it.

    `plain` carries neither condition nor key and returns the object or no row. `deciding` returns one row: the status,
    then the object. `keeping` does the same and keeps it under `%(key)s`; `refusing` keeps the 412 of a create. `reads`
    finds the object by its id; so does `finds`, of a create alone, what an earlier attempt has made. What changes the
    structure of a user's data is `in_turn`.
    """

    def __init__(
        self, shows: type[Model], status: int, plain: str | None, deciding: str, *, creates: bool = False
    ) -> None:
        self.shows = shows
        self.status = status
        self.plain = plain
        self.reads = _with_columns(shows, f"select {{{shows.TABLE}}} from {shows.TABLE} where id = %(id)s")  # noqa: S608
        self.finds = self.reads if creates else None
        self.deciding = "" if creates else deciding + FINISH  # without a key, a create has nothing to decide
        self.keeping = deciding + KEEP + FINISH
        self.in_turn = False
        self.refusing = None
        self._heads = [deciding, deciding]
        if creates:  # with If-Match: nothing that is yet to be made matches a tag
            self._heads[1] = f"with answer as (select 412 as status, {_nothing(shows)})"
            self.refusing = self._heads[1] + KEEP + FINISH

    @classmethod
    def creating(cls, shows: type[Model], sql: str) -> "Write[Model]":
        """An `insert … returning {task}` whose `%(id)s` we picked: it may be sent twice, its row is found by it."""
        insert = _with_columns(shows, sql)
        return cls(shows, 201, insert, CREATE.format(write=insert, status=201), creates=True)

    @classmethod
    def changing(
        cls, shows: type[Model], sql: str, status: int = 200, *, along: str = "", target: str = ""
    ) -> "Write[Model]":
        """An `update` or `delete … where id = %(id)s {guard} returning {task}`. No row is 404.

        `along` is more CTEs, for what changes along with the object: they find it in `write`, if it was changed.
        `target` says where the object is to be found and locked, if not in its table.
        """
        sql = _with_columns(shows, sql)
        deciding = CHANGE.format(
            columns=", ".join(shows.COLUMNS),
            target=target or f"{shows.TABLE} where id = %(id)s for no key update",
            nothing=_nothing(shows),
            status=status,
            write=sql.replace("{guard}", GUARD),
            along=along,
        )
        plain = sql.replace("{guard}", "")
        if along:
            plain = f"with recursive write as ({plain}){along} select * from write"  # noqa: S608
        return cls(shows, status, plain, deciding)

    @classmethod
    def deciding_itself(cls, shows: type[Model], sql: str) -> "Write[Model]":
        """A statement that is nothing but CTEs, the last of them `answer`, with `{guard}` and `{nothing}` at hand."""
        sql = _with_columns(shows, sql).replace("{guard}", GUARD).replace("{nothing}", _nothing(shows))
        return cls(shows, 200, None, sql)

    def taking_turns(self) -> Self:
        """The same, but one request of a user after the other, from before it locks a row to its commit."""
        self.in_turn = True
        return self

    def in_batch(self, *, matching: bool, keyed: bool) -> str:
        """The text as one of a batch, with If-Match or without; what it answers is kept under `%(key)s` if `keyed`."""
        return self._heads[matching] + (KEEP_ITEM if keyed else "") + FINISH_ITEM

    def texts(self) -> list[str]:
        """Every text that may be sent."""
        return [text for text in (self.plain, self.deciding, self.keeping, self.reads, self.refusing) if text]


def listing(shows: type[Shown], sql: str, **clauses: str) -> str:
    """The text of a list: `{task}` as ever, and each of `clauses` (constants of ours) in the place of its name."""
    for name, clause in clauses.items():
        sql = sql.replace(f"{{{name}}}", clause)
    return _with_columns(shows, sql)


def _with_columns(shows: type[Shown], sql: str) -> str:
    return sql.replace(f"{{{shows.TABLE}}}", ", ".join(shows.COLUMNS))


def _nothing(shows: type[Shown]) -> str:
    # A row that shows no object still says whose answer it is, and has every name that one has.
    return "app.user_id() as user_id" + "".join(f", null as {name}" for name in shows.COLUMNS if name != "user_id")
