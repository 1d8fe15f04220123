"""Cursors: opaque, bound to their sort and filter, refused when altered, and no secret."""

import json
from base64 import urlsafe_b64encode
from hashlib import blake2b
from urllib.parse import quote, urlencode
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.tasks.list import ORDERS
from shared.paging import Position, binding
from shared.problems import BadRequest
from shared.walks import RELEVANCE
from tests.conftest import BASE_URL
from tests.support.api_gateway import Gateway
from tests.support.collect_failures import collect_failures
from tests.support.stack import Stack
from tests.support.tasks import NOBODYS, TASKS, errors, ids, make, page

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def cursor(api: httpx.Client) -> str:
    """A cursor of the default list, with one task before and two after it."""
    for n in range(3):
        make(api, title=f"Task {n}")
    found: str = page(api, "limit=1")["next_cursor"]
    return found


def test_a_cursor_needs_no_escapes_in_a_query(cursor: str) -> None:
    assert quote(cursor) == cursor
    assert set(cursor) <= set(BASE64)


def test_every_character_altered_is_400(api: httpx.Client, cursor: str) -> None:
    for at, character in enumerate(cursor):
        other = BASE64[(BASE64.index(character) + 1) % 64]
        answer = api.get(f"{TASKS}?cursor={cursor[:at]}{other}{cursor[at + 1 :]}")
        assert answer.status_code == 400, at
        assert cursor not in answer.text


@given(value=st.text(), number=st.integers(0, 2**128 - 1), data=st.data())
def test_any_other_text_than_the_one_we_made_is_refused(value: str, number: int, data: st.DataObject) -> None:
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode()
    position = Position(value, UUID(int=number), binding(TASKS, [("sort", "title")]))
    told = position.cursor()
    assert Position.parse(told) == position
    at = data.draw(st.integers(0, len(told) - 1))
    other = data.draw(st.sampled_from(BASE64 + "=+/ .")).replace(told[at], "")
    with pytest.raises(BadRequest):
        Position.parse(told[:at] + other + told[at + 1 :])


def test_a_malformed_cursor_is_400(either_api: httpx.Client) -> None:
    for n in range(2):
        make(either_api, title=f"Task {n}")
    cursor = page(either_api, "limit=1")["next_cursor"]
    altered = [cursor[:-1], cursor[1:], f"{cursor}=", f"{cursor}A", f"{cursor}%0A", f"%20{cursor}", cursor + cursor]
    altered += [cursor.swapcase(), "A" * len(cursor), "A" * 6000]
    with collect_failures() as check:
        for other in ("", "x", "%00", "null", "eyJpZCI6MX0", "%F0%9F%98%80", *altered):
            with check(other):
                assert either_api.get(f"{TASKS}?cursor={other}").status_code == 400


OTHER_LISTS = """sort=created_at sort=-updated_at sort=title sort=due completed=true completed=false priority=none
    due_from=2026-01-01 due_before=2026-01-01 q=task q="""


def test_a_cursor_of_another_sort_or_filter_is_400(api: httpx.Client, cursor: str) -> None:
    with collect_failures() as check:
        for query in OTHER_LISTS.split():
            with check(query):
                assert api.get(f"{TASKS}?cursor={cursor}&{query}").status_code == 400


def test_a_cursor_of_a_filter_is_400_without_it_and_with_another(api: httpx.Client) -> None:
    for n in range(3):
        make(api, title=f"Task {n}", priority="low", due={"date": "2026-03-01"})
    for own, others in {
        "sort=title": ["", "sort=-title"],
        "completed=false": ["", "completed=true"],
        "priority=low": ["", "priority=high", "priority=low&priority=high"],
        "due_from=2026-01-01": ["", "due_from=2026-01-02", "due_before=2026-01-01"],
        "due_before=2027-01-01": ["", "due_before=2027-01-02"],
        "q=task": ["", "q=tas", "q=task%20"],
    }.items():
        cursor = page(api, f"{own}&limit=1")["next_cursor"]
        assert len(page(api, f"{own}&cursor={cursor}")["items"]) == 2
        for other in others:
            assert api.get(f"{TASKS}?{other}&cursor={cursor}").status_code == 400, (own, other)


def test_the_limit_may_change_on_the_way(api: httpx.Client, cursor: str) -> None:
    whole = ids(page(api)["items"])
    for limit, expected in [(1, whole[1:2]), (2, whole[1:]), (200, whole[1:])]:
        assert ids(page(api, f"cursor={cursor}&limit={limit}")["items"]) == expected
    assert ids(page(api, f"sort=-created_at&cursor={cursor}")["items"]) == whole[1:]


def test_a_cursor_is_given_once(api: httpx.Client, cursor: str) -> None:
    assert errors(api.get(f"{TASKS}?cursor={cursor}&cursor={cursor}")) == ["cursor"]


def test_a_cursor_outlives_its_task(api: httpx.Client, cursor: str) -> None:
    whole = ids(page(api)["items"])
    assert api.delete(f"{TASKS}/{whole[0]}").status_code == 204
    assert ids(page(api, f"cursor={cursor}")["items"]) == whole[1:]


def test_another_users_cursor_shows_nothing_of_theirs(
    api: httpx.Client, stranger_api: httpx.Client, cursor: str
) -> None:
    assert page(stranger_api, f"cursor={cursor}")["items"] == []
    theirs = [make(stranger_api)["id"] for _ in range(2)]
    everyone = page(stranger_api, "limit=1")["next_cursor"]
    assert set(ids(page(api, f"cursor={everyone}")["items"])).isdisjoint(theirs)


MOMENT = "2026-01-01 00:00:00"
FORGED = {
    "created_at": [f"{MOMENT}+00", f"{MOMENT}.5+05:30", f"{MOMENT}+15:59:59"],
    "due": [MOMENT, "infinity", "2200-12-31 23:59:59.999999", "0001-01-01 00:00:00"],
    "position": ["V", "0", "z" * 1000],
    "priority": ["0", "4", "5"],
    "relevance": [f"0 {MOMENT}+00", f"2001000 {MOMENT}.5+05:30", f"9999999 {MOMENT}+00"],
    "title": ["", "x" * 5000, "'; drop table task; --", "\N{GRINNING FACE}\\", "%s %(x)s"],
}
WRONG = {
    "position": ["", "V" * 1001, "-1", "V\n", "\u00e9", "a b"],
    "created_at": [
        *("", "now", "infinity", MOMENT, "2026-01-01T00:00:00+00", "2026-02-30 00:00:00+00", "x" * 9000),
        *("2026-W01-1 00:00:00+00", "20260101 000000+00", "0000-01-01 00:00:00+00", "2026-01-01 24:00:01+00"),
        *(f"{MOMENT}{end}" for end in (",5+00", "+16", "+23:59", "+00:00:00.5", "Z")),
        "\u0662026-01-01 00:00:00+00",
    ],
    "due": ["", "today", f"{MOMENT}+00", "2026-W01-1", "2026-01-01", "2026-01-01 23:59:60", "20260101", "Infinity"],
    "priority": ["", "x", "-1", "99999", "1.0", " 1", "+1", "1_0", "\u0663", "9" * 5000],
    "relevance": ["", "0", "1", *(f"{rank} {MOMENT}+00" for rank in ("", "-1", "10000000", "1 ")), "1 now"],
    "title": ["a\0b"],
}


def forge(sort: str, value: str) -> str:
    """A cursor that we never made, with a digest that is right: anyone can make one."""
    return Position(value, UUID(NOBODYS), binding(TASKS, asked(sort))).cursor()


def asked(sort: str) -> list[tuple[str, str]]:
    """The query of a list in that order."""
    return [("sort", sort), *([("q", "milk")] if sort == RELEVANCE else [])]


def test_a_forged_cursor_reaches_nothing_and_breaks_nothing(api: httpx.Client) -> None:
    task = make(api)
    with collect_failures() as check:
        for sort in ORDERS:
            query, name = urlencode(asked(sort)), sort.removeprefix("-").replace("updated", "created")
            for value in FORGED[name]:
                with check(sort, repr(value)[:50]):
                    assert page(api, f"{query}&cursor={forge(sort, value)}")["items"] in ([], [task])
            for value in WRONG[name]:
                with check(sort, repr(value)[:50]):
                    answer = api.get(f"{TASKS}?{query}&cursor={quote(forge(sort, value))}")
                    assert answer.status_code == 400


def test_a_lone_surrogate_in_a_forged_cursor_is_400(api: httpx.Client) -> None:
    content = json.dumps(["\ud800", UUID(NOBODYS).hex, binding(TASKS, [("sort", "title")]).hex()]).encode()
    for forged in (content, content.replace(b" ", b"")):
        digest = blake2b(forged, digest_size=12).digest()
        cursor = urlsafe_b64encode(digest + forged).rstrip(b"=").decode()
        assert api.get(f"{TASKS}?sort=title&cursor={cursor}").status_code == 400


def test_each_order_checks_its_cursors() -> None:
    assert (
        {sort.removeprefix("-") for sort in ORDERS} == FORGED.keys() | {"updated_at"} == WRONG.keys() | {"updated_at"}
    )
    assert ORDERS["updated_at"].check is ORDERS["created_at"].check


def test_a_cursor_fits_into_a_request_whatever_the_title(stack: Stack) -> None:
    """The gateway takes 10,240 bytes of request line and headers, a token of 4 KiB among them."""
    for text in ("\N{GRINNING FACE}", "\u0390", "\x01", '"', "\\", "x"):
        with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=stack.user().headers) as api:
            tasks = [make(api, title=text * 500) for _ in range(2)]
            found = page(api, "sort=title&limit=1")
            assert len(found["next_cursor"]) < 4500, text
            assert found["items"] + page(api, f"sort=title&cursor={found['next_cursor']}")["items"] == tasks, text
