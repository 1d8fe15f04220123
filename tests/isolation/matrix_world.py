"""The world of the matrix: a caller and an owner, always as new, and everything that an answer can tell.

The caller's rows are put back before each request, so that two requests differ in nothing but what they name.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
from psycopg import Connection
from psycopg.rows import DictRow

from shared.logs import LOGGER
from shared.paging import Position
from shared.schemas.task import PRIORITIES as STORED
from shared.schemas.task import Task
from tests.conftest import BASE_URL
from tests.isolation.matrix import (
    DELETED,
    FOREIGN,
    MALFORMED,
    OWN,
    PARAMETER,
    RANDOM,
    ROWS,
    WHOSE,
    Asked,
    Place,
    Row,
)
from tests.support.api_gateway import Gateway
from tests.support.stack import Stack, User
from tests.support.tasks import TASKS

IDS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIGESTS = re.compile(r"[0-9a-f]{64}")
TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
POSITIONS = re.compile(r'(?<="position":)( ?)"([0-9A-Za-z]+)"')
PLANT = """
    delete from task where user_id = '{user}';
    delete from list where user_id = '{user}';
    delete from trash where user_id = '{user}';
    delete from label where user_id = '{user}';
    insert into list (user_id, id, name, position, version, archived_at) values
        ('{user}', '{id}', '{word}', '{position}', {version}, {completed}),
        ('{user}', '{second}', 'Second', '1{position}', 1, null);
    insert into label (user_id, id, name, version) values
        ('{user}', '{id}', '{word}', {version}), ('{user}', '{second}', 'z{word}', 1);
    insert into task (user_id, id, title, description, priority, due_date, version, created_at, completed_at, position,
        labels) values
        ('{user}', '{id}', '{word}', '{word}', {priority}, '{date}', {version}, '{newer}', {completed}, '{position}',
            array['{word}']),
        ('{user}', '{second}', 'Older', '', 0, null, 1, '2026-01-01Z', null, '1{position}', '{{}}');"""
RUIN = """
    insert into list (user_id, id, name) values ('{user}', '{id}', '{word}');
    delete from list where user_id = '{user}' and id = '{id}';
    insert into label (user_id, id, name) values ('{user}', '{id}', '{word}');
    delete from label where user_id = '{user}' and id = '{id}';
    insert into task (user_id, id, title, description, priority, due_date, version) values
        ('{user}', '{id}', '{word}', '{word}', {priority}, '{date}', {version});
    delete from task where user_id = '{user}' and id = '{id}';
    delete from trash where user_id = '{user}' and id = '{id}';
    delete from idempotency_key where user_id = '{user}';"""
DELETE = "delete from task where user_id = %s and id = %s"
# The owner has each task twice: as it is, and as it was when it was deleted before.
DELETED_BEFORE = f"""
    insert into trash ({", ".join(Task.COLUMNS)}, deleted_at)
    select {", ".join(Task.COLUMNS)}, '2026-01-01Z' from task where user_id = '{{user}}';"""  # noqa: S608
EXPIRED = """
    insert into idempotency_key (user_id, key, fingerprint, status, answer, created_at)
    values (%s, %s, sha256('x'), 404, '{}', now() - interval '25 hours')"""
# Who locked a row stands in its xmax: what is another's must not even be waited for. Columns that are made of others,
# and digests of requests, tell nothing more.
ROWS_OF = """
    select 'task' as place, xmin::text || ' ' || xmax::text as touched,
           (to_jsonb(t) - '{user_id,title_key,title_head,words}'::text[])::text as content
    from task t where user_id = %(user)s
    union all
    select 'list', xmin::text || ' ' || xmax::text, (to_jsonb(l) - 'user_id')::text
    from list l where user_id = %(user)s
    union all
    select 'trash', xmin::text || ' ' || xmax::text, (to_jsonb(d) - 'user_id')::text
    from trash d where user_id = %(user)s
    union all
    select 'label', xmin::text || ' ' || xmax::text, (to_jsonb(l) - '{user_id,key}'::text[])::text
    from label l where user_id = %(user)s
    union all
    select 'link', xmin::text || ' ' || xmax::text, (to_jsonb(l) - 'user_id')::text
    from task_label l where user_id = %(user)s
    union all
    select 'key', xmin::text || ' ' || xmax::text, (to_jsonb(k) - '{user_id,fingerprint}'::text[])::text
    from idempotency_key k where user_id = %(user)s"""
PASSING = {"timestamp", "request_id", "duration_ms", "pool_wait_ms", "_aws", "cold_starts", "key_fetches", "taskName"}
"""What differs between any two lines of the log; asyncio counts its tasks."""
LONG = 8
"""Characters of a value that can't stand in an answer by chance."""
NEWER = {OWN: "2026-01-05Z", FOREIGN: "2026-01-03Z"}
VERSIONS = {OWN: "3", FOREIGN: "5", DELETED: "7", RANDOM: "11"}
PRIORITIES = {OWN: "low", FOREIGN: "urgent", DELETED: "medium", RANDOM: "high", MALFORMED: "1"}
FLAGS = {OWN: "false", FOREIGN: "true", DELETED: "true", RANDOM: "true", MALFORMED: "yes"}
"""Whether it is completed: there is nothing else to name."""
DATES = {OWN: "2026-03-01", FOREIGN: "2026-04-01", DELETED: "2026-04-02", RANDOM: "2026-04-03", MALFORMED: "2026-02-30"}


@dataclass(frozen=True)
class Seen:
    """All that a caller or an observer can tell of one request, but for the values that it named itself."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    logged: list[dict[str, Any]]
    trips: list[str]
    left: list[tuple[str, str]]
    """What the caller has afterwards."""


class Listener(logging.Handler):
    """Keeps the lines of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Format it as the functions do."""
        self.lines.append(LOGGER.registered_formatter.format(record))


class World:
    """Who asks, whom they must learn nothing of, and the values that either could name."""

    def __init__(self, stack: Stack, admin: Connection[DictRow]) -> None:
        self.caller, self.owner = stack.user(), stack.user()
        self.log = Listener()
        self._proxy, self._admin = stack.proxy, admin
        plainly = {"Accept-Encoding": "identity"}
        self._api = httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=plainly)
        self._ids = {whose: str(uuid4()) for whose in WHOSE}
        self._seconds = {whose: str(uuid4()) for whose in WHOSE}
        self._lists = self._ids | {MALFORMED: self._ids[OWN].upper()}
        self._seconds[MALFORMED] = self._seconds[OWN][:-1]
        self._positions = {whose: f"0{uuid4().hex}V" for whose in WHOSE}
        self._words = {whose: f"w{uuid4().hex}" for whose in WHOSE}
        self._keys = {(row.name, whose): f"key-{uuid4()}" for row in ROWS for whose in WHOSE}
        self._users = {whose: f"user-{uuid4()}" for whose in WHOSE}
        self._users |= {OWN: self.caller.id, FOREIGN: self.owner.id}
        admin.execute(self._planting(OWN) + self._planting(FOREIGN))
        self._cursors = {path: self._cursors_of(path) for path in (TASKS, "/v1/trash", "/v1/lists", "/v1/labels")}
        self._use_the_owners_keys()
        self._as_new = self._planting(OWN) + self._written(RUIN, self.caller, DELETED)
        self._owned = self._rows_of(self.owner)

    def value(self, row: Row, place: Place, whose: str) -> str:
        """What is put in that place."""
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
        """Send the request of a row, with values of those whom `put` names, from a world that is as new.

        Raises `AssertionError` where something of the owner's was touched, or is told of.
        """
        values = {place: self.value(row, place, whose) for place, whose in put.items()}
        asked = _asked(row, values, self._ids[OWN])
        self._admin.execute(self._as_new)
        if row.deleted:
            self._admin.execute(DELETE, [self.caller.id, self._ids[OWN]])
        for place, whose in put.items():
            if place.kind == "key" and whose == DELETED and row.writes:
                self._admin.execute(EXPIRED, [self.caller.id, values[place]])
            if place.kind == "key" and whose == OWN:
                self._send(self.caller, asked)
        self._proxy.trips.clear()
        self.log.lines.clear()
        answer = self._send(self.caller, asked)
        trips, lines = list(self._proxy.trips), list(self.log.lines)
        assert self._rows_of(self.owner) == self._owned
        self._assert_nothing_is_told(row, asked, answer, lines)
        named = {value: f"<{place}>" for place, value in values.items() if len(value) >= LONG}
        assert not [value for value in named if value in "".join(lines)]
        return self._seen(answer, lines, trips, named)

    def _send(self, user: User, asked: Asked) -> httpx.Response:
        headers = user.headers | asked.headers
        return self._api.request(asked.method, asked.path, params=asked.query, headers=headers, json=asked.body)

    def _rows_of(self, user: User) -> list[tuple[str, str, str]]:
        rows = self._admin.execute(ROWS_OF, {"user": user.id})
        return sorted((row["place"], row["touched"], row["content"]) for row in rows)

    def _planting(self, whose: str) -> bytes:
        """The statements that make what the caller has, or the owner, what it was at first."""
        user = self.caller if whose == OWN else self.owner
        completed = "null" if whose == OWN else f"'{NEWER[whose]}'"
        text = PLANT if whose == OWN else PLANT + DELETED_BEFORE
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
        """The cursors that the two were given; and some that nobody was, at the place of the foreign one."""
        told = {OWN: self.caller, FOREIGN: self.owner}
        for whose, user in told.items():
            for task_id in (self._seconds[whose], self._ids[whose]) if path == "/v1/trash" else ():
                self._admin.execute(DELETE, [user.id, task_id])
        page = Asked("GET", path, {"limit": "1"})
        cursors = {whose: str(self._send(user, page).json()["next_cursor"]) for whose, user in told.items()}
        self._admin.execute(self._planting(OWN) + self._planting(FOREIGN))
        place = Position.parse(cursors[FOREIGN])
        assert str(place.id) == self._ids[FOREIGN]
        cursors |= {whose: replace(place, id=UUID(self._ids[whose])).cursor() for whose in (RANDOM, DELETED)}
        return cursors | {MALFORMED: cursors[FOREIGN][:-1]}

    def _use_the_owners_keys(self) -> None:
        """Let the owner do on their task what the caller will try, under the keys that the caller will know."""
        key = Place("Idempotency-Key", "header", "key")
        for row in ROWS:
            asked = _asked(row, {key: self.value(row, key, FOREIGN)}, self._ids[FOREIGN])
            if row.deleted:
                self._admin.execute(DELETE, [self.owner.id, self._ids[FOREIGN]])
            assert self._send(self.owner, asked).status_code == row.status
            self._admin.execute(self._planting(FOREIGN))

    def _assert_nothing_is_told(self, row: Row, asked: Asked, answer: httpx.Response, lines: list[str]) -> None:
        """Whatever is the owner's alone may stand in an answer where the request named it, and in no line of a log."""
        theirs = {self._ids[FOREIGN], self._seconds[FOREIGN], self._words[FOREIGN], self.owner.id}
        theirs |= {self._positions[FOREIGN], self._keys[row.name, FOREIGN]}
        theirs |= {cursors[FOREIGN] for cursors in self._cursors.values()}
        told = answer.text + str(answer.headers)
        assert not [text for text in theirs if text in told and text not in asked.text]
        assert not [text for text in theirs if text in "".join(lines)]

    def _seen(self, answer: httpx.Response, lines: list[str], trips: list[str], named: dict[str, str]) -> Seen:
        known = {*self._ids.values(), *self._seconds.values()}
        placed = {self._positions[OWN], f"1{self._positions[OWN]}"}

        def plain(text: str) -> str:
            for value, name in named.items():
                text = text.replace(value, name)
            text = IDS.sub(lambda found: found[0] if found[0] in known else "<made>", text)
            text = POSITIONS.sub(lambda found: found[0] if found[2] in placed else f'{found[1]}"<made>"', text)
            return TIMES.sub("<time>", DIGESTS.sub("<digest>", text))

        body = plain(answer.text)
        headers = [(name, plain(value)) for name, value in answer.headers.multi_items()]
        if "content-length" in answer.headers:
            assert answer.headers["content-length"] == str(len(answer.content))
        logged = [{name: value for name, value in json.loads(line).items() if name not in PASSING} for line in lines]
        left = sorted((place, plain(content)) for place, _, content in self._rows_of(self.caller))
        return Seen(answer.status_code, headers, body, logged, trips, left)


def _asked(row: Row, values: Mapping[Place, str], target: str) -> Asked:
    asked = row.asked
    for place, value in values.items():
        asked = place.put(asked, value)
    fixed = dict.fromkeys(("task_id", "list_id", "label_id"), target) | row.fixed
    return replace(asked.filled(fixed), path=PARAMETER.sub(lambda found: fixed[found[1]], asked.path))
