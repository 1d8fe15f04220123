"""`sort`: each order, both ways, walked one by one and as a whole."""

from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.support.stack import User
from tests.support.tasks import DUES, TASKS, change, ids, make, page, read, titles, walk

SORTS = ("created_at", "updated_at", "due", "priority", "title", "position")


def in_order(api: httpx.Client, sort: str) -> list[str]:
    """The titles in that order, walked one by one, which has to be the order of a whole page."""
    one_by_one = [item["title"] for items in walk(api, f"sort={sort}&limit=1") for item in items]
    assert one_by_one == titles(api, f"sort={sort}")
    return one_by_one


BY_DUE = {
    "first day": {"date": "1970-01-01"},
    "its midnight": {"datetime": "1970-01-01T00:00:00"},
    "last second": {"datetime": "2026-02-28T23:59:59", "timezone": "Pacific/Kiritimati"},
    "a day": {"date": "2026-03-01"},
    "midnight, far east": {"datetime": "2026-03-01T00:00:00", "timezone": "Pacific/Kiritimati"},
    "a second later, far west": {"datetime": "2026-03-01T00:00:01", "timezone": "Pacific/Pago_Pago"},
    "the next day": {"date": "2026-03-02"},
    "the end": {"datetime": "2200-12-31T23:59:59"},
}
BY_TITLE = [
    "'",
    "10",
    "9",
    "[",
    "\\",
    "a",
    "A b",
    "ab",
    "aB C",
    "AC",
    "b",
    "stra\u00dfe",
    "STRASSE x",
    "z",
    "\u00c4",
    "\u00e9",
    "\u0117",
    "\u03a3",
    "\u65e5",
    "\uffff",
    "\N{GRINNING FACE}",
]


def test_by_due_a_whole_day_comes_before_its_times_and_none_last(either_api: httpx.Client) -> None:
    for title in sorted(BY_DUE):
        make(either_api, title=title, due=BY_DUE[title])
    make(either_api, title="never")
    make(either_api, title="never, later")
    assert in_order(either_api, "due") == [*BY_DUE, "never", "never, later"]
    assert in_order(either_api, "-due") == [*reversed(BY_DUE), "never, later", "never"]


def test_by_priority_from_none_to_urgent(either_api: httpx.Client) -> None:
    for name in ("high", "none", "urgent", "low", "medium"):
        make(either_api, title=name, priority=name)
    assert in_order(either_api, "priority") == ["none", "low", "medium", "high", "urgent"]
    assert in_order(either_api, "-priority") == ["urgent", "high", "medium", "low", "none"]


def test_by_title_without_case_by_code_point(either_api: httpx.Client) -> None:
    for title in sorted(BY_TITLE, key=lambda title: title[::-1]):
        make(either_api, title=title)
    assert in_order(either_api, "title") == BY_TITLE
    assert in_order(either_api, "-title") == BY_TITLE[::-1]


def test_titles_that_differ_only_late_or_by_case(api: httpx.Client) -> None:
    """The index holds the head of a title only; what follows decides all the same."""
    head = "\u00e9X" * 100
    late = [f"{head}{end}" for end in ("", " ", "A", "aa", "B", "\N{GRINNING FACE}")]
    for title in reversed(late):
        make(api, title=f"{title}.")
    dotted = sorted((f"{title}." for title in late), key=str.casefold)
    assert in_order(api, "title") == dotted
    assert in_order(api, "-title") == dotted[::-1]
    same = [make(api, title=title)["id"] for title in ("zZ", "ZZ", "zz", "Zz")]
    assert ids(page(api, "sort=title&q=zz")["items"]) == sorted(same)


def test_by_created_at_and_updated_at(either_api: httpx.Client) -> None:
    tasks = [make(either_api, title=f"{n}") for n in range(4)]
    for n in (2, 0):
        change(either_api, "complete", tasks[n])
    assert in_order(either_api, "created_at") == ["0", "1", "2", "3"]
    assert in_order(either_api, "-created_at") == ["3", "2", "1", "0"]
    assert in_order(either_api, "updated_at") == ["1", "3", "2", "0"]
    assert in_order(either_api, "-updated_at") == ["0", "2", "3", "1"]


@pytest.mark.parametrize("sort", SORTS)
def test_ties_go_by_id_in_the_same_direction(
    api: httpx.Client, admin: psycopg.Connection[DictRow], user: User, sort: str
) -> None:
    chosen = [str(UUID(int=n << 120 | 7 << 76)) for n in (3, 255, 128, 0, 127)]
    for task_id in chosen:
        assert api.put(f"{TASKS}/{task_id}", json={"title": "Tie", "due": DUES["zone"]}).status_code == 201
    for tie in ("position = 'V'", "created_at = now(), updated_at = now()"):
        admin.execute(f"update task set {tie} where user_id = %s".encode(), [user.id])  # noqa: S608
    for limit in (1, 2, 5):
        for way, expected in (("", sorted(chosen)), ("-", sorted(chosen, reverse=True))):
            found = [item for items in walk(api, f"sort={way}{sort}&limit={limit}") for item in items]
            assert ids(found) == expected


@pytest.mark.parametrize("sort", ["due", "-due"])
def test_dues_that_are_missing_tie_as_well(api: httpx.Client, sort: str) -> None:
    made = [make(api)["id"] for _ in range(5)]
    found = [item for items in walk(api, f"sort={sort}&limit=2") for item in items]
    assert ids(found) == sorted(made, reverse=sort == "-due")


def test_times_of_a_microsecond_apart_are_not_a_tie(api: httpx.Client, admin: psycopg.Connection[DictRow]) -> None:
    """A cursor keeps every digit of a time."""
    moments = ["2026-01-01 00:00:00.1Z", "2026-01-01 00:00:00.100001Z", "2026-01-01 00:00:00.100002Z"]
    made = [make(api)["id"] for _ in moments]
    for task_id, moment in zip(reversed(made), moments, strict=True):
        admin.execute("update task set created_at = %s where id = %s", [moment, task_id])
    found = [item for items in walk(api, "sort=created_at&limit=1") for item in items]
    assert ids(found) == made[::-1]
    assert found[0]["created_at"] == read(api, made[-1])["created_at"]
