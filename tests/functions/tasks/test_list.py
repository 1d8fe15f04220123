"""What a list shows, and its filters."""

import httpx

from tests.support.collect_failures import for_each
from tests.support.tasks import DUES, TASKS, WHOLE, change, errors, make, page, titles

SORTS = ("created_at", "updated_at", "due", "priority", "title")


def test_items_are_the_whole_tasks_newest_first(either_api: httpx.Client) -> None:
    tasks = [make(either_api, **WHOLE), make(either_api), make(either_api, due=DUES["day"])]
    tasks[1] = change(either_api, "complete", tasks[1]).json()
    assert page(either_api)["items"] == tasks[::-1]
    assert page(either_api, "sort=-created_at")["items"] == tasks[::-1]


def test_a_list_holds_nothing_of_others(api: httpx.Client, stranger_api: httpx.Client) -> None:
    make(stranger_api, **WHOLE)
    for query in ("", "q=milk", "priority=high", "completed=false", "due_from=2026-01-01", "sort=title"):
        assert page(api, query)["items"] == []
        assert len(page(stranger_api, query)["items"]) == 1


def test_completed(either_api: httpx.Client) -> None:
    make(either_api, title="Open")
    change(either_api, "complete", make(either_api, title="Done"))
    change(either_api, "reopen", change(either_api, "complete", make(either_api, title="Reopened")).json())
    assert titles(either_api, "completed=true") == ["Done"]
    assert titles(either_api, "completed=false") == ["Reopened", "Open"]


def test_priority_may_be_repeated(either_api: httpx.Client) -> None:
    names = ("none", "low", "medium", "high", "urgent")
    for name in names:
        make(either_api, title=name, priority=name)
    for name in names:
        assert titles(either_api, f"priority={name}") == [name]
    assert titles(either_api, "priority=low&priority=urgent&priority=low") == ["urgent", "low"]
    assert titles(either_api, "&".join(f"priority={name}" for name in names)) == list(reversed(names))


DATED: dict[str, dict[str, str] | None] = {
    "never": None,
    "the day before": {"date": "2026-02-28"},
    "last second before": {"datetime": "2026-02-28T23:59:59"},
    "the day": {"date": "2026-03-01"},
    "its midnight": {"datetime": "2026-03-01T00:00:00"},
    "its midnight, far east": {"datetime": "2026-03-01T00:00:00", "timezone": "Pacific/Kiritimati"},
    "its end, far west": {"datetime": "2026-03-01T23:59:59", "timezone": "Pacific/Pago_Pago"},
    "its last second": {"datetime": "2026-03-01T23:59:59"},
    "the day after": {"date": "2026-03-02"},
    "midnight after": {"datetime": "2026-03-02T00:00:00"},
}


def test_due_from_and_due_before_go_by_the_wall_clock_date(either_api: httpx.Client) -> None:
    for title, due in DATED.items():
        make(either_api, title=title, due=due)
    every = set(DATED) - {"never"}
    before, after = {"the day before", "last second before"}, {"the day after", "midnight after"}
    for query, expected in {
        "due_from=2026-03-01": every - before,
        "due_before=2026-03-01": before,
        "due_from=2026-03-01&due_before=2026-03-02": every - before - after,
        "due_before=2026-03-02": every - after,
        "due_from=2026-03-02": after,
        "due_from=2026-03-02&due_before=2026-03-01": set(),
        "due_from=2026-03-01&due_before=2026-03-01": set(),
        "due_from=0001-01-01": every,
        "due_before=9999-12-31": every,
        "due_from=0001-01-01&due_before=9999-12-31&sort=-due": every,
    }.items():
        assert set(titles(either_api, query)) == expected, query


def test_filters_hold_together(api: httpx.Client) -> None:
    for title in ("Buy milk", "Buy bread", "Sell milk"):
        for priority in ("low", "high"):
            for due in (None, DUES["day"]):
                for completed in (False, True):
                    task = make(api, title=title, priority=priority, due=due)
                    if completed:
                        change(api, "complete", task)
    query = "q=milk%20buy&priority=high&due_from=2026-03-01&due_before=2026-03-02&completed=true"
    (found,) = page(api, query)["items"]
    assert found | {"title": "Buy milk", "priority": "high", "due": DUES["day"]} == found
    assert found["completed_at"] is not None
    for sort in SORTS:
        assert page(api, f"{query}&sort=-{sort}")["items"] == [found]


@for_each(
    "query, named",
    [
        ("completed=True", ["completed"]),
        ("completed=1", ["completed"]),
        ("completed=", ["completed"]),
        ("completed=true&completed=true", ["completed"]),
        ("priority=HIGH", ["priority"]),
        ("priority=", ["priority"]),
        ("priority=high,low", ["priority"]),
        ("priority=low&priority=4", ["priority"]),
        ("due_from=2026-2-1", ["due_from"]),
        ("due_from=2026-02-30", ["due_from"]),
        ("due_before=2026-02-01T00:00:00", ["due_before"]),
        ("due_before=20260201", ["due_before"]),
        ("due_before=", ["due_before"]),
        ("due_before=today", ["due_before"]),
        ("due_from=0000-01-01", ["due_from"]),
        ("due_from=%D9%A2026-01-01", ["due_from"]),
        ("due_from=2026-01-01&due_from=2026-01-01", ["due_from"]),
        ("sort=", ["sort"]),
        ("sort=id", ["sort"]),
        ("sort=TITLE", ["sort"]),
        ("sort=%2Btitle", ["sort"]),
        ("sort=--title", ["sort"]),
        ("sort=title,due", ["sort"]),
        ("sort=title&sort=due", ["sort"]),
        ("q=%00", ["q"]),
        ("q=%FF", ["q"]),
        ("q=%ED%A0%80", ["q"]),
        ("q=a&q=b", ["q"]),
        ("user_id=me", ["user_id"]),
        ("offset=1", ["offset"]),
        ("Limit=1", ["Limit"]),
        ("limit", ["limit"]),
        ("=1", [""]),
        ("priority[]=low", ["priority[]"]),
        ("limit=0&sort=x&completed=y&due_from=z&page=2", ["completed", "due_from", "limit", "page", "sort"]),
    ],
)
def test_a_bad_or_unknown_parameter_is_named(either_api: httpx.Client, query: str, named: list[str]) -> None:
    answer = either_api.get(f"{TASKS}?{query}")
    assert sorted(set(errors(answer))) == named
    assert all(error.keys() == {"parameter", "detail"} for error in answer.json()["errors"])
