"""Keyset paging: sort orders, cursors, and the end of a page.

A cursor is the sort value and the id of a page's last item, the digest of the sort and filters it belongs to, and a
digest that shows any change. It holds no secret: what it may reach is the database's decision.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request, Response

from shared.database import Row
from shared.problems import BadRequest
from shared.transactions import Transaction

LARGEST = 4 * 1024 * 1024
"""Bytes of a page; what stands around the items is counted as `FRAME`."""
LARGEST_ENVELOPE = 5_500_000
"""Bytes of a page within the JSON that Lambda answers with: quotes and backslashes count twice. Its limit is 6 MB."""
FRAME = 8192
NEWEST: Final = "-created_at"
"""The sort of a list that is asked for none."""
_DIGEST = 12
# What PostgreSQL writes, and no other of the forms that Python reads: it does not read them all, and knows offsets
# below 16 hours only.
_CLOCK = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?")
_INSTANT = re.compile(_CLOCK.pattern + "[+-](0[0-9]|1[0-5])(:[0-5][0-9]){0,2}")
_RANK = re.compile("[0-9]{1,7}")
_PLACE = re.compile("[0-9A-Za-z]{1,1000}")
_SMALL_NUMBER = re.compile("[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Order:
    """A sort order: the columns it goes by before the id, and the SQL that a cursor's `%(after)s` becomes for them.

    `check` raises `ValueError` for a text that PostgreSQL would not take as such a value: a cursor is anyone's text.
    """

    columns: tuple[str, ...]
    after: str
    check: Callable[[str], object]
    descending: bool = False

    def clauses(self) -> dict[str, str]:
        """Parts of a statement: `columns`, `sort_value` (for the next cursor), `beyond` (the cursor) and `order`."""
        way, beyond = ("desc", "<") if self.descending else ("asc", ">")
        columns = (*self.columns, "id")
        after = f"({self.after}, %(after_id)s::uuid)"
        return {
            "columns": ", ".join(self.columns),
            "sort_value": f"{self.columns[-1]}::text",
            "beyond": f"(%(after_id)s::uuid is null or ({', '.join(columns)}) {beyond} {after})",
            "order": ", ".join(f"{column} {way}" for column in columns),
        }


def both_ways(**orders: Order) -> dict[str, Order]:
    """Every order under its name, and its exact reverse under the name with `-` before it."""
    return orders | {f"-{name}": replace(order, descending=True) for name, order in orders.items()}


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page starts: after the item with this sort value and id, in the list that `bound_to` is the digest of."""

    value: str
    id: UUID
    bound_to: bytes

    @classmethod
    def parse(cls, told: str) -> "Position":
        """Read a cursor. Raises `BadRequest` for one that is malformed or altered."""
        try:
            raw = base64.b64decode(told + "=" * (-len(told) % 4), altchars=b"-_", validate=True)
            value, identifier, bound_to = json.loads(raw[_DIGEST:])
            found = cls(value, UUID(identifier), bytes.fromhex(bound_to))
            if isinstance(value, str) and found.cursor() == told:
                return found
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
        raise BadRequest("The cursor is malformed or was altered.")

    def cursor(self) -> str:
        """The opaque text of the position."""
        parts = [self.value, self.id.hex, self.bound_to.hex()]
        # Not in ASCII: escapes would make the cursor of a long title longer than the gateway lets a request be.
        content = json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(_digest(content) + content).rstrip(b"=").decode()

    def values(self, order: Order) -> dict[str, Any]:
        """`after` and `after_id` for the statement. Raises `BadRequest` where the cursor is no place in this order."""
        try:
            order.check(self.value)
        except (ValueError, OverflowError):
            raise BadRequest("The cursor is malformed.") from None
        return {"after": self.value, "after_id": self.id}


class Listing(Transaction):
    """A request that reads a list, a page at a time; the parameter `cursor` tells where the page starts."""

    position: Position | None = None

    async def prepare(self) -> None:
        """Read the cursor. Raises `BadRequest` for one that is malformed, altered or of another list.

        Here, because it comes before what is wrong with the other parameters (400 before 422).
        """
        cursor = self.query_params.get("cursor")
        if cursor is None:
            return
        self.position = Position.parse(cursor)
        if self.position.bound_to != binding(self.scope["path"], self.query_params.multi_items()):
            raise BadRequest("The cursor belongs to another sort or filter.")

    def after(self, order: Order) -> dict[str, Any]:
        """The values of the statement that tell where the page starts."""
        return self.position.values(order) if self.position else {"after": None, "after_id": None}


def binding(path: str, query: Iterable[tuple[str, str]]) -> bytes:
    """The digest of the list that a request asks for: its path, sort and filters, in any order."""
    asked = {(name, value) for name, value in query if name not in ("limit", "cursor")}
    if not any(name == "sort" for name, _ in asked):
        asked.add(("sort", NEWEST))
    return _digest(json.dumps([path, *sorted(asked)]).encode())


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()


def send_page(request: Request, rows: list[Row], items: Iterable[bytes], limit: int) -> Response:
    """Answer with a page out of `rows`, one more than `limit` where there are more, and their JSON texts.

    `Link` names the next page (RFC 8288): the same path and query with the next cursor.
    """
    texts = _fitting(items, limit)
    headers, following = {}, None
    if len(rows) > len(texts):
        last = rows[len(texts) - 1]
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        following = Position(last["sort_value"], last["id"], binding(request.scope["path"], query)).cursor()
        headers["Link"] = f'<{request.scope["path"]}?{urlencode([*query, ("cursor", following)])}>; rel="next"'
    body = b'{"items":[' + b",".join(texts) + b'],"next_cursor":' + json.dumps(following).encode() + b"}"
    return Response(body, headers=headers, media_type="application/json")


class Room:
    """What one answer has room for."""

    def __init__(self) -> None:
        self._size = self._envelope = FRAME

    def takes(self, item: bytes) -> bool:
        """Whether it takes this one too, a comma with it; what comes after one that it does not take, neither."""
        self._size += len(item) + 1
        self._envelope += len(item) + 1 + item.count(b'"') + item.count(b"\\")
        return self._size <= LARGEST and self._envelope <= LARGEST_ENVELOPE


def _fitting(items: Iterable[bytes], limit: int) -> list[bytes]:
    """The items that one page may hold: `limit` at most, as many as stay under both sizes, at least one."""
    texts: list[bytes] = []
    room = Room()
    for item in items:
        fits = room.takes(item)
        if len(texts) == limit or (texts and not fits):
            break
        texts.append(item)
    return texts


def instant(value: str) -> None:
    """Check the sort value of a timestamptz column."""
    if not _INSTANT.fullmatch(value):
        raise ValueError("not an instant")
    datetime.fromisoformat(value)


def wall_clock(value: str) -> None:
    """Check the sort value of a timestamp column."""
    if value not in ("infinity", "-infinity"):
        if not _CLOCK.fullmatch(value):
            raise ValueError("not a wall clock")
        datetime.fromisoformat(value)


def small_number(value: str) -> None:
    """Check the sort value of a smallint column."""
    if not _SMALL_NUMBER.fullmatch(value):
        raise ValueError("not a small number")


def rank(value: str) -> None:
    """Check the sort value of a search by relevance: a rank, then when the task was created."""
    number, _, moment = value.partition(" ")
    if not _RANK.fullmatch(number):
        raise ValueError("not a rank")
    instant(moment)


def place(value: str) -> None:
    """Check the sort value of a position."""
    if not _PLACE.fullmatch(value):
        raise ValueError("not a position")


def text(value: str) -> None:
    """Check the sort value of a text column."""
    value.encode()
    if "\0" in value:
        raise ValueError("NUL")
