"""Batches: requests made of requests. Each operation checks, decides and answers by its own code, as it would alone."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn
from urllib.parse import unquote

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from starlette.routing import Match

from shared.bodies import JSON
from shared.database import Row, Statement
from shared.failures import Halted, KeyTaken, Refused
from shared.paging import Room
from shared.problems import (
    BadRequest,
    Conflict,
    KeyInUse,
    KeyReused,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Problem,
    Unavailable,
)
from shared.routing import Operation
from shared.schemas.batch import MOST
from shared.statements import Shown, Write
from shared.transactions import CLAIM, KEEP, REPLAYED, TURN, Writing

GO_ON = "select app.go_on() as user_id"
KEPT = "select user_id, key, fingerprint, status, answer from idempotency_key where key = any (%(keys)s)"
DONE = {"status": 200, "answer": "{}"}
"""What is kept under a batch's own key, but for a failure: the answers of its operations have keys of their own."""
NOT_TRIED = "The time of the batch was over before this operation: nothing of it has happened."
METHODS = ("POST", "PUT", "PATCH", "DELETE")
HEADERS = ("ETag", "Location", "Retry-After")
"""What of an operation's headers its result has; the others are the batch's."""


class _Planned(Exception):  # noqa: N818 - not a failure: how an operation is left that has no answer yet
    def __init__(self, write: Write[Any], values: dict[str, Any]) -> None:
        super().__init__()
        self.write = write
        self.values = values


@dataclass(frozen=True, slots=True)
class Result:
    """What an operation has answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self, *, whole: bool) -> bytes:
        """Its JSON; where it is not to be `whole`, without the body."""
        headers = {name: self.headers[name] for name in HEADERS if name in self.headers}
        members = [b'"status":%d' % self.status]
        members += [b'"headers":' + json.dumps(headers, separators=(",", ":")).encode()] if headers else []
        members += [b'"body":' + self.body] if self.body and whole else []
        return b"{" + b",".join(members) + b"}"


class Item(Writing):
    """One operation of a batch, as a request of its own.

    Alone it runs as ever. At once with others it is asked twice: first for its statement, then, when it has the
    `answer`, for what that means.
    """

    route: Operation
    arguments: dict[str, Any]
    digest: bytes
    planned: Write[Any]
    at_once = False
    answer: Row | None = None

    async def write[Model: Shown](self, write: Write[Model], *, in_turn: bool = False, **values: Any) -> Model:
        """As ever; but settle by the answer that is there already, or leave with the plan of what to ask."""
        if self.answer is not None:
            return self._settle(write, self.answer)
        if self.at_once:
            raise _Planned(write, values | self._conditions())
        return await super().write(write, in_turn=in_turn, **values)

    async def fingerprint(self) -> bytes:
        """The batch's: whoever repeats one operation repeats them all."""
        return self.digest

    async def statement(self) -> Statement:
        """The one statement that decides, acts, and with a key keeps the answer."""
        self.at_once, self.answer = True, None
        try:
            await self.route.respond(self, self.arguments)
        except _Planned as plan:
            self.planned = plan.write
            text = plan.write.in_batch(matching=self.if_match is not None, keyed=self.key is not None)
            return text, plan.values | ({"key": self.key, "fingerprint": self.digest} if self.key else {})
        raise TypeError(f"{self.route.name} has answered without a write")

    async def result(self) -> Result:
        """What it answers, be it a problem. Raises `KeyInUse`: somebody else is at this batch just now."""
        try:
            if self.answer is None and time.monotonic() >= self.scope["deadline"]:
                raise Unavailable(detail=NOT_TRIED)
            response = await self.route.respond(self, self.arguments)
        except KeyInUse:
            raise
        except Problem as problem:
            return Result(problem.status, problem.headers, problem.document(self.scope["request_id"]))
        return Result(response.status_code, response.headers, bytes(response.body))

    async def failure(self, halt: Halted, index: int) -> Problem:
        """The problem that ended the batch at this item, as the batch's answer."""
        problem: Problem
        if isinstance(halt, Refused):
            errors = [error | {"pointer": _within(index, error["pointer"])} for error in halt.members["errors"]]
            problem = Conflict(errors)
        else:
            self.answer = halt.before[-1][0]
            try:
                await self.route.respond(self, self.arguments)
            except Problem as told:
                problem = told
            if index and (seen := problem.members.pop("current", None)):  # made by those before it, undone by now
                problem.members |= await self.current(self.planned, seen["id"])
        problem.members["index"] = index
        problem.headers = {}  # an entity tag would be the batch's
        return problem


class Batching(Writing):
    """A request made of operations; `routes` are those that it may name."""

    routes: ClassVar[tuple[Operation, ...]] = ()
    parts: list[Item]
    own: dict[str, Any]

    async def prepare(self) -> None:
        """Read the headers, then the operations, each as if it had come alone. Raises `BadRequest`."""
        await super().prepare()
        told = self.parsed.get("operations") if isinstance(self.parsed, dict) else None
        self.parts = []
        for index, operation in enumerate(told[:MOST] if isinstance(told, list) else ()):
            # What is no operation in its form is the body's schema's to say.
            if isinstance(operation, dict) and isinstance(operation.get("path"), str):
                wrong = await self._read(operation)
                self.wrong += [error | {"loc": ("body", "operations", index, *error["loc"])} for error in wrong]

    async def _read(self, told: dict[str, Any]) -> list[dict[str, Any]]:
        """Add the item that was told of, and give what is wrong with it."""
        scope = self._scope_of(told)
        found = [(*route.matches(scope), route) for route in self.routes if route.path_regex.fullmatch(scope["path"])]
        if not found:
            return [{"loc": ("path",), "msg": "is no path of a write"}]
        full = [(route, child) for match, child, route in found if match is Match.FULL]
        if not full:
            return [{"loc": ("method",), "msg": "is no write of this path"}] if told.get("method") in METHODS else []
        (route, child), *_ = full
        item = Item({**scope, **child}, self.receive)
        item.route = route
        item.parsed = told.get("body", None if route.body_field else {})
        self.parts.append(item)
        wrong: list[dict[str, Any]] = []
        try:
            await item.prepare()
        except BadRequest:
            wrong.append({"loc": ("if_match",), "msg": "must be * or a list of entity tags"})
        try:
            item.arguments = route.arguments(item)
        except RequestValidationError as failure:
            wrong += map(_at_its_member, failure.errors())
        return wrong

    def _scope_of(self, told: dict[str, Any]) -> dict[str, Any]:
        path, _, query = told["path"].partition("?")
        tags = told.get("if_match")
        return {
            "type": "http",
            "method": str(told.get("method")),
            "path": path if "%2f" in path.lower() else unquote(path),  # as shared/http.py reads it
            "query_string": query.encode("utf-8", "surrogatepass"),
            "headers": [(b"if-match", tags.encode("utf-8", "surrogatepass"))] if isinstance(tags, str) else [],
            **{name: self.scope[name] for name in ("caller", "deadline", "request_id")},
        }

    async def at_once(self) -> Response:
        """All operations in one transaction and one round trip, or none. Raises the first failure, its index named."""
        await self._begin()
        if await self._all() or await self._all():
            return await self._results()
        raise Unavailable

    async def one_by_one(self) -> Response:
        """Each operation in a transaction of its own. With a key, those that a repeat finds done stay as they are."""
        await self._begin()
        if self.key is None or await self._open() or await self._open():
            return await self._results()
        raise Unavailable

    async def _begin(self) -> None:
        if self.if_match:
            raise PreconditionFailed  # as for a create: a batch is nothing that is there and has a tag
        if self.key is None:
            return
        digest = await self.fingerprint()
        self.own = {"key": self.key, "fingerprint": digest}
        name = hashlib.sha256(digest + self.key.encode()).hexdigest()
        for index, item in enumerate(self.parts):
            # No key that a caller can send has a letter beyond ASCII.
            item.key, item.digest = f"§{index} {name}", digest

    async def _all(self) -> bool:
        """Give every item its answer, or raise the failure; False where the kept ones have just expired."""
        # In turn: two batches that lock the same rows in other orders would end each other.
        first: list[Statement] = [(CLAIM, self.own), (TURN, {})] if self.key else [(TURN, {})]
        statements = [one for item in self.parts for one in (await item.statement(), (GO_ON, {}))]
        last: list[Statement] = [(KEEP, self.own | DONE)] if self.key else []
        try:
            run = self._keyed if self.key else self._again
            rows_of = await run(*first, *statements, *last)
        except KeyTaken:
            return await self._recall() and all(item.answer for item in self.parts)
        except Halted as halt:
            index = (len(halt.before) - len(first)) // 2
            problem = await self.parts[index].failure(halt, index)
            if self.key is None:
                raise problem from None
            with suppress(KeyTaken):
                await self._keep(problem.status, {"members": json.dumps(problem.members)}, self.own)
                raise problem from None
            return await self._recall() and all(item.answer for item in self.parts)
        for item, rows in zip(self.parts, rows_of[len(first) :: 2], strict=False):
            item.answer = rows[0]
        return True

    async def _open(self) -> bool:
        """Claim the key; where it is this batch's already, give the items that are done their answers."""
        try:
            await self._keyed((CLAIM, self.own), (KEEP, self.own | DONE))
        except KeyTaken:
            return await self._recall()
        return True

    async def _recall(self) -> bool:
        """Give the items the answers that are kept, or raise the failure that is; False where it has just expired."""
        keys = [self.key, *(item.key for item in self.parts)]
        found = {row["key"]: row for row in (await self._run((KEPT, {"keys": keys}), read_only=True))[-1]}
        own = found.get(self.key)
        if own is None or own["status"] is None:
            return False
        if own["fingerprint"] != self.own["fingerprint"]:
            raise KeyReused
        if own["status"] != DONE["status"]:
            _fail_again(own)
        for item in self.parts:
            row = found.get(item.key, {})
            if row.get("status"):
                item.answer, item.replayed = {"status": row["status"], **row["answer"]}, True
        return True

    async def _results(self) -> Response:
        """A result for each operation, their bodies as long as there is room."""
        results = [await item.result() for item in self.parts]
        room = Room()
        texts = [result.text(whole=room.takes(result.text(whole=True))) for result in results]
        headers = REPLAYED if all(item.replayed for item in self.parts) else {}
        return Response(b'{"results":[' + b",".join(texts) + b"]}", headers=headers, media_type=JSON)


def writes(routers: Iterable[APIRouter]) -> tuple[Operation, ...]:
    """The routes of those operations that write."""
    routes = [route for router in routers for route in router.routes if isinstance(route, Operation)]
    return tuple(route for route in routes if issubclass(route.call, Writing))


def _at_its_member(error: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with a request, as what is wrong with a member of the item: a parameter stands in its path."""
    place, *names = error["loc"]
    if place == "body":
        return dict(error)
    return {"loc": ("path",), "msg": f"{names[0]}: {error['msg']}"}


def _within(index: int, pointer: str) -> str:
    return f"/operations/{index}" + (f"/body{pointer}" if pointer else "")


def _fail_again(kept: Row) -> NoReturn:
    kinds = {kind.status: kind for kind in (NotFound, PreconditionFailed, PreconditionRequired)}
    members = json.loads(kept["answer"]["members"])  # a text, for jsonb has an order of its own
    problem = Conflict(members["errors"]) if kept["status"] == Conflict.status else kinds[kept["status"]]()
    problem.members, problem.headers = members, dict(REPLAYED)
    raise problem
