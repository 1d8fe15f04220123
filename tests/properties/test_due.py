"""`due`: three honest kinds, and every local time that a zone's clock skips or shows twice, in all IANA zones."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from pydantic import ValidationError

from shared.schemas.task import TaskCreate
from tests.support.collect_failures import collect_failures

ZONES = files("tzdata").joinpath("zones").read_text("utf-8").split()
SECOND, STEP = timedelta(seconds=1), timedelta(days=20)  # no zone changes its clock twice within twenty days
DAY, NINE = "2026-03-01", "2026-03-01T09:00:00"
SPANS = ((1970, 2041), (2100, 2101), (2199, 2200))  # a rule that goes on is the same every year


def pointers(due: Any) -> list[str]:
    """What is wrong with a due: the pointers of its errors, none where it is good."""
    try:
        TaskCreate.model_validate({"title": "x", "due": due})
    except ValidationError as failure:
        return sorted("/" + "/".join(map(str, error["loc"])) for error in failure.errors())
    return []


def zoned(wall: datetime | str, zone: str) -> dict[str, str]:
    return {"datetime": wall if isinstance(wall, str) else wall.isoformat(), "timezone": zone}


def shifts(zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Each change of the zone's clock: what it showed just before, and just after. By UTC, never by wall time."""
    for first, last in SPANS:
        at, end = datetime(first, 1, 1, tzinfo=UTC) + STEP, datetime(last, 1, 1, tzinfo=UTC)
        while at < end:
            before, after = at, at + STEP
            if offset(before, zone) != offset(after, zone):
                while after - before > SECOND:
                    middle = before + (after - before) // 2 // SECOND * SECOND
                    before, after = (
                        (middle, after) if offset(middle, zone) == offset(before, zone) else (before, middle)
                    )
                yield local(after, offset(before, zone)), local(after, offset(after, zone))
            at += STEP


def offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    shown = instant.astimezone(zone).utcoffset()
    assert shown is not None
    return shown


def local(instant: datetime, offset: timedelta) -> datetime:
    return (instant + offset).replace(tzinfo=None)


def test_a_time_that_a_clock_skips_is_refused_in_every_zone_and_one_that_it_shows_twice_is_kept() -> None:
    gaps = overlaps = 0
    clocks = {
        files("tzdata").joinpath("zoneinfo", name).read_bytes(): name for name in ZONES
    }  # each once, not its links
    for name in clocks.values():
        for old, new in shifts(ZoneInfo(name)):
            assert pointers(zoned(old - SECOND, name)) == [], (name, old)
            assert pointers(zoned(max(old, new), name)) == [], (name, new)
            if old < new:
                gaps += 1
                for skipped in (old, old + (new - old) // 2 // SECOND * SECOND, new - SECOND):
                    assert pointers(zoned(skipped, name)) == ["/due/datetime"], (name, skipped)
            else:
                overlaps += 1
                for shown_twice in (new, old - SECOND):
                    row = TaskCreate.model_validate({"title": "x", "due": zoned(shown_twice, name)}).row()
                    assert f"{row['due_date']}T{row['due_time']}" == shown_twice.isoformat(), (name, shown_twice)
                    assert row["due_timezone"] == name
    assert gaps > 5000
    assert overlaps > 5000


def test_every_zone_of_iana_is_taken_by_its_own_name() -> None:
    noon = "2026-06-15T12:00:00"
    assert [name for name in ZONES if pointers({"datetime": noon, "timezone": name}) != []] == []
    swapped = [name.swapcase() for name in ZONES]
    assert [name for name in swapped if pointers({"datetime": noon, "timezone": name}) != ["/due/timezone"]] == []


NO_ZONES = """
europe/berlin \u0415urope/Berlin Europe/Atlantis Etc/GMT+14 Etc/GMT-15 UTC+1 +01:00 Z CEST <+03>-3 CET-1CEST,M3.5.0
localtime posixrules posix/Europe/Berlin right/UTC leapseconds tzdata.zi zone.tab zones __init__.py
. .. ../../etc/passwd /etc/localtime Europe Europe/ Europe/Berlin/ /Europe/Berlin Europe//Berlin Europe/../UTC
"""
ODD = ["", " ", " Europe/Berlin", "Europe/Berlin ", "Europe/Berlin\0", "Europe/Berlin\n", "Europe\\Berlin"]
NO_STRINGS: list[Any] = [None, 1, True, [], {}, ["Europe/Berlin"]]


def test_any_other_name_of_a_zone_is_refused() -> None:
    names = [*NO_ZONES.split(), *ODD, "\ud800", "x" * 300]
    assert [name for name in names if pointers(zoned(NINE, name)) != ["/due/timezone"]] == []


def test_a_zone_that_is_no_string_is_refused_null_too() -> None:
    dues = [{day: time, "timezone": zone} for zone in NO_STRINGS for day, time in (("datetime", NINE), ("date", DAY))]
    assert [due for due in dues if pointers(due) != ["/due/timezone"]] == []


def test_a_day_is_kept() -> None:
    for day in ("1970-01-01", "2200-12-31", "2024-02-29", "2000-02-29", "2026-12-31", "2196-02-29"):
        dues = {"date": day}, {"datetime": f"{day}T00:00:00"}, zoned(f"{day}T23:59:59", "Etc/GMT+12")
        assert [due for due in dues if pointers(due)] == []
        assert TaskCreate.model_validate({"title": "x", "due": {"date": day}}).row()["due_date"] == day


NO_DAYS = """
1969-12-31 2201-01-01 0000-01-01 0001-01-01 9999-12-31 10000-01-01 -2026-03-01 +2026-03-01
2026-02-29 2100-02-29 2026-02-30 2026-04-31 2026-00-01 2026-13-01 2026-03-00 2026-03-32
2026-3-1 26-03-01 20260301 2026-060 2026-W09-7 2026/03/01 01.03.2026
"""
BAD_DAYS = ["", *NO_DAYS.split(), " 2026-03-01", "2026-03-01 ", "2026-03-01\n", "2026-03-01\0"]
BAD_TIMES = """
2026-03-01T09:00 2026-03-01T09 2026-03-01T 2026-03-01T9:00:00
2026-03-01T09:00:00.0 2026-03-01T09:00:00.5 2026-03-01T09:00:00,5
2026-03-01T09:00:00Z 2026-03-01T09:00:00z 2026-03-01T09:00:00+00:00 2026-03-01T09:00:00-05:00 2026-03-01T09:00:00+01
2026-03-01t09:00:00 2026-03-01T24:00:00 2026-03-01T25:00:00 2026-03-01T09:60:00 2026-03-01T09:00:60
2016-12-31T23:59:60 2026-03-01T09:00:61 2026-03-01T090000 2026-03-01T09:00:00[Europe/Berlin]
2026-03-01T\u0660\u0669:00:00 12 -99999999999 \ud800
"""


def test_any_other_day_is_refused() -> None:
    days = [*BAD_DAYS, "2026-03-01Z", NINE, "\u0662\u0660\u0662\u0666-03-01", "now", "infinity", "\ud800"]
    assert [day for day in days if pointers({"date": day}) != ["/due/date"]] == []


def test_a_time_of_any_other_form_is_refused_with_a_zone_and_without() -> None:
    times = [*BAD_DAYS, "2026-03-01Z", *(f"{day}T09:00:00" for day in BAD_DAYS if day), *BAD_TIMES.split()]
    times += ["2026-03-01 09:00:00", "2026-03-01T09:00:00 ", "2026-03-01T09:00:00\n"]
    dues = [due for time in times for due in ({"datetime": time}, zoned(time, "Europe/Berlin"))]
    assert [due for due in dues if pointers(due) != ["/due/datetime"]] == []


def test_a_day_or_time_that_is_no_string_is_refused() -> None:
    values: list[Any] = [None, 0, 1.5, True, [], {}, 1_772_355_600]
    dues = [{name: value} for value in values for name in ("date", "datetime")]
    assert [due for due in dues if pointers(due) != [f"/due/{name}" for name in due]] == []


def test_what_is_none_of_the_three_kinds_is_refused() -> None:
    for due in (
        {},
        {"timezone": "Europe/Berlin"},
        {"date": DAY, "timezone": "Europe/Berlin"},
        {"date": DAY, "datetime": NINE},
        {"date": DAY, **zoned(NINE, "Europe/Berlin")},
        DAY,
        [{"date": DAY}],
        False,
    ):
        assert pointers(due) == ["/due"], due
    assert pointers({"date": DAY, "time": "09:00:00"}) == ["/due/time"]
    assert pointers({"Date": DAY}) == ["/due/Date"]
    names = ["date", "datetime", "timezone", "x"]
    assert pointers(dict.fromkeys(names, "x")) == [f"/due/{name}" for name in names]


HONEST = [
    None,
    {"date": "1970-01-01"},
    {"date": "2200-12-31"},
    {"datetime": "2026-03-29T02:30:00"},
    {"datetime": "2200-12-31T23:59:59"},
    zoned("1970-01-01T00:00:00", "Pacific/Kiritimati"),
    zoned("2026-10-25T02:30:00", "Europe/Berlin"),
    zoned("2026-03-29T03:00:00", "Europe/Berlin"),
    zoned(NINE, "US/Pacific"),
]


def test_a_due_comes_back_as_it_was_sent(either_api: httpx.Client) -> None:
    with collect_failures() as check:
        for due in HONEST:
            with check(due):
                created = either_api.post("/v1/tasks", json={"title": "x", "due": due})
                assert created.json()["due"] == due
                task = created.headers["location"]
                other = {"date": "2026-01-01"}
                assert either_api.patch(task, json={"due": other}).json()["due"] == other
                assert either_api.patch(task, json={"due": due}).json()["due"] == due
                replaced = either_api.put(task, json={"title": "x", "due": due}, headers={"If-Match": "*"})
                assert replaced.json()["due"] == either_api.get(task).json()["due"] == due


DISHONEST: list[tuple[dict[str, Any], str]] = [
    (zoned("2026-03-29T02:30:00", "Europe/Berlin"), "/due/datetime"),
    (zoned("2011-12-30T12:00:00", "Pacific/Apia"), "/due/datetime"),
    ({"datetime": "2026-03-01T09:00:00Z"}, "/due/datetime"),
    ({"datetime": "2026-03-01T09:00:00.5"}, "/due/datetime"),
    ({"datetime": "2026-03-01T09:00"}, "/due/datetime"),
    ({"datetime": "2201-01-01T00:00:00"}, "/due/datetime"),
    ({"date": "1969-12-31"}, "/due/date"),
    ({"datetime": NINE, "timezone": None}, "/due/timezone"),
    (zoned(NINE, "europe/berlin"), "/due/timezone"),
]


def test_a_due_that_is_not_honest_is_422_and_nothing_is_rounded(api: httpx.Client) -> None:
    task = api.post("/v1/tasks", json={"title": "x"}).headers["location"]
    with collect_failures() as check:
        for (due, pointer), (method, path) in product(
            DISHONEST, [("POST", "/v1/tasks"), ("PUT", task), ("PATCH", task)]
        ):
            with check(method, due):
                answer = api.request(method, path, json={"title": "x", "due": due})
                assert answer.status_code == 422
                assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
                assert api.get(task).json()["due"] is None
