"""The two users of the isolation matrix, their rows, and all that a caller or an observer can compare of a request.

The caller's rows are as new before each request, so that two requests differ only in the values that they name.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
from psycopg import Connection
from psycopg.rows import DictRow

from shared.logs import LOGGER
from shared.paging import Position
from shared.schemas.task import PRIORITIES as STORED
from tests.conftest import BASE_URL
from tests.isolation.matrix import DELETED, FOREIGN, MALFORMED, OWN, PARAMETER, RANDOM, ROWS, WHOSE, Place, Request, Row
from tests.isolation.matrix_rows import CREATE_AND_DELETE, CREATE_ROWS, DELETE, DELETED_BEFORE, EXPIRED, ROWS_OF
from tests.support.api_gateway import Gateway
from tests.support.stack import Stack, User
from tests.support.tasks import TASKS

IDS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIGESTS = re.compile(r"[0-9a-f]{64}")
TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
POSITIONS = re.compile(r'(?<="position":)( ?)"([0-9A-Za-z]+)"')
VARIABLE = {"timestamp", "request_id", "duration_ms", "pool_wait_ms", "_aws", "cold_starts", "key_fetches", "taskName"}
"""What differs between any two lines of the log; asyncio counts its tasks."""
LONG = 8
"""A value of this many characters is in no response by chance."""
NEWER = {OWN: "2026-01-05Z", FOREIGN: "2026-01-03Z"}
VERSIONS = {OWN: "3", FOREIGN: "5", DELETED: "7", RANDOM: "11"}
PRIORITIES = {OWN: "low", FOREIGN: "urgent", DELETED: "medium", RANDOM: "high", MALFORMED: "1"}
FLAGS = {OWN: "false", FOREIGN: "true", DELETED: "true", RANDOM: "true", MALFORMED: "yes"}
DATES = {OWN: "2026-03-01", FOREIGN: "2026-04-01", DELETED: "2026-04-02", RANDOM: "2026-04-03", MALFORMED: "2026-02-30"}


type Rows = list[tuple[str, str, str, str]]
"""Rows of both users: user, table, the transactions that wrote and locked the row, content."""


@dataclass(frozen=True)
class Seen:
    """All that a caller or an observer sees of a request, without the values that the request named itself."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    logged: list[dict[str, Any]]
    trips: list[str]
    left: list[tuple[str, str]]
    """The caller's rows afterwards."""

    def differences(self, other: "Seen") -> list[str]:
        """Each attribute that differs, with both values."""
        pairs = [(one.name, getattr(self, one.name), getattr(other, one.name)) for one in fields(self)]
        return [f"{name}: {mine!r} != {theirs!r}" for name, mine, theirs in pairs if mine != theirs]


class LogCapture(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(LOGGER.registered_formatter.format(record))


class World:
    """A caller, an owner of whom the caller must learn nothing, and the values that a request can name."""

    def __init__(self, stack: Stack, admin: Connection[DictRow]) -> None:
        self.caller, self.owner = stack.user(), stack.user()
        self.log = LogCapture()
        self._proxy, self._admin = stack.proxy, admin
        uncompressed = {"Accept-Encoding": "identity"}
        self._api = httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=uncompressed)
        self._ids = {whose: str(uuid4()) for whose in WHOSE}
        self._seconds = {whose: str(uuid4()) for whose in WHOSE}
        self._lists = self._ids | {MALFORMED: self._ids[OWN].upper()}
        self._seconds[MALFORMED] = self._seconds[OWN][:-1]
        self._positions = {whose: f"0{uuid4().hex}V" for whose in WHOSE}
        self._words = {whose: f"w{uuid4().hex}" for whose in WHOSE}
        self._keys = {(row.name, whose): f"key-{uuid4()}" for row in ROWS for whose in WHOSE}
        self._users = {whose: f"user-{uuid4()}" for whose in WHOSE}
        self._users |= {OWN: self.caller.id, FOREIGN: self.owner.id}
        admin.execute(self._creation(OWN) + self._creation(FOREIGN))
        self._cursors = {path: self._cursors_of(path) for path in (TASKS, "/v1/trash", "/v1/lists", "/v1/labels")}
        self._use_keys_of_owner()
        self._plain: dict[str, str] = {}
        self._initial: Rows = []
        self._initial_for: bool | None = None
        """Whether `_initial`, the rows after the last reset, has the task in the trash; `None` if they have changed."""
        self.reset_owner()

    def value(self, row: Row, place: Place, whose: str) -> str:
        """The value that is put in that place."""
        malformed = whose == MALFORMED
        match place.kind:
            case "id":
                return f"{self._ids[OWN]}\0" if malformed else self._ids[whose]
            case "word" | "words":
                return f"{self._words[OWN]}\0" if malformed else self._words[whose]
            case "tag":
                return '"3' if malformed else f'"{VERSIONS[whose]}"'
            case "key":
                return "" if malformed else self._keys[row.name, whose]
            case "cursor":
                return self._cursors.get(row.operation.path, self._cursors[TASKS])[whose]
        known = {"user": self._users, "list": self._lists, "other": self._seconds}
        known |= {"priority": PRIORITIES, "flag": FLAGS, "date": DATES}
        return known[place.kind][whose]

    def ask(self, row: Row, put: Mapping[Place, str]) -> Seen:
        """Send the request of a row with a value in each place of `put`, which says whose; both users are as new.

        Raises `AssertionError` where a row of the owner was written or locked, or a value of the owner is shown.
        """
        values = {place: self.value(row, place, whose) for place, whose in put.items()}
        request = _request(row, values, self._ids[OWN])
        self._reset_caller(deleted=row.deleted)
        for place, whose in put.items():
            if place.kind == "key" and whose == DELETED and row.writes:
                self._initial_for = None
                self._admin.execute(EXPIRED, [self.caller.id, values[place]])
            if place.kind == "key" and whose == OWN:
                self._initial_for = None
                self._send(self.caller, request)
        initial_for, self._initial_for = self._initial_for, None
        self._proxy.trips.clear()
        self.log.lines.clear()
        response = self._send(self.caller, request)
        trips, lines = list(self._proxy.trips), list(self.log.lines)
        # The functions reach the database through the proxy alone: without a trip, no row has changed.
        rows = self._rows() if trips or initial_for is None else self._initial
        if (owned := self._of_owner(rows)) != self._owned:
            self.reset_owner()
            raise AssertionError(f"rows of the owner were written or locked: {set(owned) ^ set(self._owned)}")
        if rows == self._initial:
            self._initial_for = initial_for
        self._assert_nothing_is_shown(row, request, response, lines)
        named = {value: f"<{place}>" for place, value in values.items() if len(value) >= LONG}
        assert not [value for value in named if value in "".join(lines)], f"a value is logged: {lines}"
        return self._seen(response, lines, trips, named, rows)

    def reset_owner(self) -> None:
        """Make the owner's rows what they were at first."""
        self._admin.execute(self._creation(FOREIGN))
        self._owned = self._of_owner(self._rows())

    def _reset_caller(self, *, deleted: bool) -> None:
        """Make the caller's rows what they were at first, unless they are; `deleted` puts the task in the trash."""
        if self._initial_for == deleted:
            return
        self._admin.execute(self._creation(OWN) + self._written(CREATE_AND_DELETE, self.caller, DELETED))
        if deleted:
            self._admin.execute(DELETE, [self.caller.id, self._ids[OWN]])
        self._initial, self._initial_for = self._rows(), deleted

    def _send(self, user: User, request: Request) -> httpx.Response:
        headers = user.headers | request.headers
        return self._api.request(request.method, request.path, params=request.query, headers=headers, json=request.body)

    def _rows(self) -> Rows:
        rows = self._admin.execute(ROWS_OF, {"users": [self.caller.id, self.owner.id]})
        return sorted((row["user_id"], row["place"], row["touched"], row["content"]) for row in rows)

    def _of_owner(self, rows: Rows) -> Rows:
        return [row for row in rows if row[0] == self.owner.id]

    def _creation(self, whose: str) -> bytes:
        """The statements that make the rows of the caller, or of the owner, what they were at first."""
        user = self.caller if whose == OWN else self.owner
        completed = "null" if whose == OWN else f"'{NEWER[whose]}'"
        text = CREATE_ROWS if whose == OWN else CREATE_ROWS + DELETED_BEFORE
        return self._written(text, user, whose, second=self._seconds[whose], newer=NEWER[whose], completed=completed)

    def _written(self, statements: str, user: User, whose: str, **more: str) -> bytes:
        return statements.format(
            user=user.id,
            id=self._ids[whose],
            word=self._words[whose],
            priority=STORED.index(PRIORITIES[whose]),
            date=DATES[whose],
            version=VERSIONS[whose],
            position=self._positions[whose],
            **more,
        ).encode()

    def _cursors_of(self, path: str) -> dict[str, str]:
        """The cursors that both users received, and invented ones at the place of the owner's."""
        users = {OWN: self.caller, FOREIGN: self.owner}
        for whose, user in users.items():
            for task_id in (self._seconds[whose], self._ids[whose]) if path == "/v1/trash" else ():
                self._admin.execute(DELETE, [user.id, task_id])
        page = Request("GET", path, {"limit": "1"})
        cursors = {whose: str(self._send(user, page).json()["next_cursor"]) for whose, user in users.items()}
        self._admin.execute(self._creation(OWN) + self._creation(FOREIGN))
        place = Position.parse(cursors[FOREIGN])
        assert str(place.id) == self._ids[FOREIGN]
        cursors |= {whose: replace(place, id=UUID(self._ids[whose])).cursor() for whose in (RANDOM, DELETED)}
        return cursors | {MALFORMED: cursors[FOREIGN][:-1]}

    def _use_keys_of_owner(self) -> None:
        """Send each request as the owner, with the idempotency keys that the caller will send."""
        key = Place("Idempotency-Key", "header", "key")
        for row in ROWS:
            request = _request(row, {key: self.value(row, key, FOREIGN)}, self._ids[FOREIGN])
            if row.deleted:
                self._admin.execute(DELETE, [self.owner.id, self._ids[FOREIGN]])
            assert self._send(self.owner, request).status_code == row.status, row.name
            self._admin.execute(self._creation(FOREIGN))

    def _assert_nothing_is_shown(self, row: Row, request: Request, response: httpx.Response, lines: list[str]) -> None:
        """A value that only the owner has is in a response only if the request named it, and in no line of a log."""
        theirs = {self._ids[FOREIGN], self._seconds[FOREIGN], self._words[FOREIGN], self.owner.id}
        theirs |= {self._positions[FOREIGN], self._keys[row.name, FOREIGN]}
        theirs |= {cursors[FOREIGN] for cursors in self._cursors.values()}
        shown, logged = response.text + str(response.headers), "".join(lines)
        assert not [text for text in theirs if text in shown and text not in request.text], f"shown: {shown}"
        assert not [text for text in theirs if text in logged], f"logged: {logged}"

    def _seen(
        self, response: httpx.Response, lines: list[str], trips: list[str], named: dict[str, str], rows: Rows
    ) -> Seen:
        def plain(text: str) -> str:
            for value, name in named.items():
                text = text.replace(value, name)
            return self._without_new_values(text)

        body = plain(response.text)
        headers = [(name, plain(value)) for name, value in response.headers.multi_items()]
        if "content-length" in response.headers:
            assert response.headers["content-length"] == str(len(response.content)), "content-length"
        logged = [{name: value for name, value in json.loads(line).items() if name not in VARIABLE} for line in lines]
        left = sorted((place, plain(content)) for user, place, _, content in rows if user == self.caller.id)
        return Seen(response.status_code, headers, body, logged, trips, left)

    def _without_new_values(self, text: str) -> str:
        """The text without ids, positions, times and digests that a request made."""
        if text not in self._plain:  # most requests show the same rows, and some the same long body
            known = {*self._ids.values(), *self._seconds.values()}
            placed = {self._positions[OWN], f"1{self._positions[OWN]}"}
            plain = IDS.sub(lambda found: found[0] if found[0] in known else "<made>", text)
            plain = POSITIONS.sub(lambda found: found[0] if found[2] in placed else f'{found[1]}"<made>"', plain)
            self._plain[text] = TIMES.sub("<time>", DIGESTS.sub("<digest>", plain))
        return self._plain[text]


def _request(row: Row, values: Mapping[Place, str], target: str) -> Request:
    request = row.request
    for place, value in values.items():
        request = place.put(request, value)
    fixed = dict.fromkeys(("task_id", "list_id", "label_id"), target) | row.fixed
    return replace(request.filled(fixed), path=PARAMETER.sub(lambda found: fixed[found[1]], request.path))
