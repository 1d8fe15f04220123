"""What an operation may do with the database, as the caller: read, or write and have the answer decided."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from psycopg.errors import UniqueViolation

from shared.database import DATABASE, Row, Statement
from shared.failures import KeyTaken, Lost
from shared.idempotency import fingerprint, key_of
from shared.preconditions import NotModified, Tags, entity_tag
from shared.problems import (
    Conflict,
    KeyReused,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Problem,
    Unavailable,
)
from shared.routing import Call
from shared.spans import current
from shared.statements import Read, Shown, Write

REPLAYED = {"Idempotency-Replayed": "true"}
CLAIM = "select app.claim(%(key)s, %(fingerprint)s) as user_id"
TURN = "select app.take_turn() as user_id"
KEEP = """
update idempotency_key set status = %(status)s, answer = %(answer)s::jsonb where key = %(key)s returning user_id"""
KEPT = "select user_id, fingerprint, status, answer from idempotency_key where key = %(key)s"


class Transaction(Call):
    """A request with the caller's rows behind it."""

    async def rows(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        """Run one statement that only reads, and return its rows."""
        return (await self._run((sql, values), read_only=True))[-1]

    async def _run(self, *statements: Statement, read_only: bool = False) -> list[list[Row]]:
        scope = self.scope
        return await DATABASE.run(scope["caller"], statements, deadline=scope["deadline"], read_only=read_only)


class Reading(Transaction):
    """A request that reads one object, and heeds If-None-Match."""

    if_none_match: Tags | None

    async def prepare(self) -> None:
        """Read the precondition. Raises `BadRequest`."""
        self.if_none_match = Tags.parse("If-None-Match", self.headers.getlist("if-none-match"))

    async def read[Model: Shown](self, read: Read[Model], **values: Any) -> Model:
        """Find one object; raise `NotFound`, or `NotModified` where If-None-Match names its version."""
        rows = await self.rows(read.sql, values)
        if not rows:
            raise NotFound
        shown = read.shows.from_row(rows[0])
        tag = entity_tag(shown.version)
        held = self.if_none_match
        if held and (held.any or shown.version in held.strong or shown.version in held.weak):
            raise NotModified(tag)
        self.extra["ETag"] = tag
        return shown


class Writing(Transaction):
    """A request that writes one object, and heeds If-Match, If-None-Match and Idempotency-Key."""

    key: str | None
    if_match: Tags | None
    if_none_match: Tags | None
    replayed = False
    in_turn = False

    async def prepare(self) -> None:
        """Read the preconditions and the key. Raises `BadRequest`."""
        self.key = key_of(self.headers.getlist("idempotency-key"))
        self.if_match = Tags.parse("If-Match", self.headers.getlist("if-match"))
        self.if_none_match = Tags.parse("If-None-Match", self.headers.getlist("if-none-match"))

    async def write[Model: Shown](self, write: Write[Model], *, in_turn: bool = False, **values: Any) -> Model:
        """Change one object and return it as it is now. Raises the problem that the data decided.

        `in_turn`: this time the structure of the caller's data may change, as ever where the write takes turns.
        Sets ETag, the status, Location for what was created, and `Idempotency-Replayed`.
        """
        self.in_turn = in_turn or write.in_turn
        answer = await self._decide(write, values)
        if answer is None:
            current().retries += 1
            answer = await self._decide(write, values)
        if answer is None:
            raise Unavailable
        return self._settle(write, answer)

    async def current(self, write: Write[Any], object_id: str) -> dict[str, Any]:
        """The member `current` of a problem, with the object as it is now; no member where there is none."""
        rows = await self.rows(write.reads, {"id": object_id})
        return {"current": json.loads(write.shows.from_row(rows[0]).model_dump_json())} if rows else {}

    async def _decide[Model: Shown](self, write: Write[Model], values: dict[str, Any]) -> Row | None:
        """The row that answers; None where two callers created one id at once and this one has to look again."""
        conditional = self.if_match is not None or self.if_none_match is not None
        if write.refusing and self.if_match and not self.key:
            raise PreconditionFailed
        if write.plain and not self.key and (write.finds or not conditional):
            rows = (await self._sure(write, (write.plain, values)))[-1]
            return {"status": write.status, **rows[0]} if rows else {"status": NotFound.status}
        values |= self._conditions()
        if not self.key:
            rows = (await self._sure(write, (write.deciding, values)))[-1]
            return rows[0] if rows else None
        values |= {"key": self.key, "fingerprint": await self.fingerprint()}
        sql = write.refusing if write.refusing and self.if_match else write.keeping
        with suppress(KeyTaken):
            try:
                rows = (await self._sure(write, (CLAIM, values), (sql, values)))[-1]
            except Conflict as refusal:
                await self._keep(refusal.status, refusal.members, values)
                raise
            return rows[0] if rows else None
        return await self._kept(values)

    async def _keep(self, status: int, answer: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Keep a refusal: what refused has rolled the claim back too. Raises `KeyTaken` where another was quicker."""
        kept = {"status": status, "answer": json.dumps(answer)}
        await self._keyed((CLAIM, values), (KEEP, {**values, **kept}))

    async def _sure[Model: Shown](self, write: Write[Model], *statements: Statement) -> list[list[Row]]:
        """Run a write's statements. Where their fate is unknown, once more if that can't repeat the effect."""
        if self.in_turn:  # behind the claim of a key: who waits for that one must not keep others waiting
            statements = (*statements[:-1], (TURN, {}), statements[-1])
        try:
            return await self._run(*statements)
        except Lost as failure:
            if not (self.key or write.finds):
                raise Unavailable from failure
        current().retries += 1
        try:
            return await self._again(*statements)
        except UniqueViolation:
            if not write.finds:
                raise
        # The first attempt did commit: its row is there under the id that we picked.
        return await self._run((write.finds, statements[-1][1]), read_only=True)

    async def _keyed(self, *statements: Statement) -> list[list[Row]]:
        """Run statements that claim a key: where their fate is unknown once more, for the key decides it."""
        with suppress(Lost):
            return await self._run(*statements)
        current().retries += 1
        return await self._again(*statements)

    async def _again(self, *statements: Statement) -> list[list[Row]]:
        try:
            return await self._run(*statements)
        except Lost as failure:
            raise Unavailable from failure

    async def _kept(self, values: Mapping[str, Any]) -> Row | None:
        rows = (await self._run((KEPT, values), read_only=True))[-1]
        if not rows or rows[0]["status"] is None:
            return None  # it expired in between: the key is free again
        if rows[0]["fingerprint"] != values["fingerprint"]:
            raise KeyReused
        self.replayed = True
        return {"status": rows[0]["status"], **rows[0]["answer"]}

    async def fingerprint(self) -> bytes:
        """A digest of what a repeat of this request shares with it."""
        return fingerprint(self, await self.body())

    def _conditions(self) -> dict[str, Any]:
        """The preconditions as values of a statement."""
        match, unless = self.if_match, self.if_none_match
        return {
            "matching": match is not None,
            "conditional": match is not None or unless is not None,
            "if_match": None if match is None or match.any else match.strong,
            "if_none_match": None if unless is None or unless.any else unless.strong + unless.weak,
            "if_absent": unless is not None and unless.any,
        }

    def _settle[Model: Shown](self, write: Write[Model], answer: Row) -> Model:
        headers = dict(REPLAYED) if self.replayed else {}
        status = answer["status"]
        if status in (NotFound.status, PreconditionRequired.status):
            raise _problem(NotFound() if status == NotFound.status else PreconditionRequired(), headers)
        if status == Conflict.status:
            # As they were: jsonb keeps members in an order of its own.
            errors = [{"pointer": error["pointer"], "detail": error["detail"]} for error in answer["errors"]]
            raise _problem(Conflict(errors), headers)
        if status == PreconditionFailed.status and not answer.get("id"):
            raise _problem(PreconditionFailed(), headers)
        shown = write.shows.from_row(answer)
        tag = {"ETag": entity_tag(shown.version)}
        if status == PreconditionFailed.status:
            raise _problem(PreconditionFailed(current=json.loads(shown.model_dump_json())), headers | tag)
        self.status = status
        if status == 201:  # noqa: PLR2004 - Created
            path = self.scope["path"]
            headers["Location"] = path if self.method == "PUT" else f"{path}/{answer['id']}"
        if status != 204:  # noqa: PLR2004 - No Content shows no object
            headers |= tag
        self.extra = headers
        return shown


def _problem(problem: Problem, headers: dict[str, str]) -> Problem:
    problem.headers |= headers
    return problem
