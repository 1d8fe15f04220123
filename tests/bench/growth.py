"""Part *growth*: every operation, for callers with a thousand to a million tasks among 10,000 others."""

from contextlib import ExitStack
from typing import NamedTuple

from tests.bench.crowd import LABEL, LIST, Crowd, Place
from tests.bench.laboratory import Laboratory
from tests.bench.process import Process
from tests.bench.requests import PLAIN, ROWS
from tests.bench.samples import Samples
from tests.bench.section import Chart, Progress, Section, Table, Target

ROUNDS, BATCH, WARM_UP = 7, 4, 3
FLAT, SEARCHES = 2, 5
TEXT = """One database holds callers with {sizes} tasks and {others:,} others with ten each. Each caller has a process
of its own that calls the real handlers, with the database on this machine. {rounds} rounds of {batch} requests of each
row, in which every caller takes its turn. A ratio is that of two medians of one round, to the caller with the fewest
tasks: the median of the rounds. *Deep* is the ten-thousandth page of 50, or the last one where there are fewer. Of the
searches, `milk` is a word of every 8th task, `"pay tea"` of every 64th, `seldom` of every 250th, `hundredth` and
`thousandth` are what they say, `singular` is a word of one task, and every task has a word that begins with `w`."""


class Listed(NamedTuple):
    """A row: what is asked for, the same as SQL, and the bound on how much longer it may take with more tasks."""

    query: list[tuple[str, str]]
    where: str = "true"
    bound: int | None = FLAT


def _search(q: str, **more: str) -> Listed:
    quoted = q.replace("'", "''")
    found = f"coalesce(words @@ (select app.query(%(user)s, '{quoted}')), true)"
    return Listed([("q", q), *more.items()], found, SEARCHES)


def _dues(first: str | None, end: str | None, bound: int | None = FLAT) -> Listed:
    query = [(name, day) for name, day in (("due_from", first), ("due_before", end)) if day]
    where = " and ".join(f"due_date {'>=' if name == 'due_from' else '<'} '{day}'" for name, day in query)
    return Listed(query, where, bound)


LISTS = {
    "all": Listed([]),
    **{
        f"sort={way}{name}": Listed([("sort", f"{way}{name}")])
        for name in ("created_at", "updated_at", "due", "priority", "title", "position")
        for way in ("", "-")
        if f"{way}{name}" != "-created_at"
    },
    "open": Listed([("completed", "false")], "completed_at is null"),
    "completed": Listed([("completed", "true")], "completed_at is not null"),
    "a list": Listed([("list_id", LIST)], f"list_id = '{LIST}'"),
    "a list by position": Listed([("list_id", LIST), ("sort", "position")], f"list_id = '{LIST}'"),
    "the inbox": Listed([("list_id", "inbox")], "list_id is null"),
    "without parent": Listed([("parent_id", "none")], "parent_id is null"),
    "a label": Listed([("label", LABEL.lower())], f"'{LABEL}' = any (labels)"),
    "one priority": Listed([("priority", "urgent")], "priority = 4"),
    "two priorities": Listed([("priority", "high"), ("priority", "urgent")], "priority in (3, 4)"),
    "due from the middle on": _dues("2026-12-17", None),
    "due in the last week": _dues("2027-11-25", None),
    "due before the middle": _dues(None, "2026-12-17"),
    "due in a week": _dues("2026-06-01", "2026-06-08"),
    "due in a month": _dues("2026-06-01", "2026-07-01"),
    "due in a quarter": _dues("2026-06-01", "2026-09-01"),
    "q=milk": _search("milk"),
    "q=hundredth": _search("hundredth"),
    "q=seldom": _search("seldom"),
    "q=thousandth": _search("thousandth"),
    "q=singular": _search("singular"),
    "q=w": _search("w"),
    "q=nothing": _search("nothing"),
    'q="pay tea"': _search('"pay tea"'),
    "q=milk -buy": _search("milk -buy"),
    "q=singular by relevance": _search("singular", sort="relevance"),
    "q=thousandth by relevance": _search("thousandth", sort="relevance"),
    "q=milk by relevance": _search("milk", sort="relevance"),
    "q=hundredth by relevance": _search("hundredth", sort="relevance"),
    "open, due in a week": Listed(
        [("completed", "false"), ("due_from", "2026-06-01"), ("due_before", "2026-06-08")],
        "completed_at is null and due_date >= '2026-06-01' and due_date < '2026-06-08'",
        None,
    ),
    "one priority by due": Listed([("priority", "urgent"), ("sort", "due")], "priority = 4", None),
    "open by due": Listed([("completed", "false"), ("sort", "due")], "completed_at is null", None),
    "open of a list by position (none)": Listed(
        [("completed", "false"), ("list_id", LIST), ("sort", "position")],
        f"completed_at is null and list_id = '{LIST}'",
        None,
    ),
    "a list by title": Listed([("list_id", LIST), ("sort", "title")], f"list_id = '{LIST}'", None),
    "a label by title": Listed([("label", LABEL), ("sort", "title")], f"'{LABEL}' = any (labels)", None),
    "open of a label": Listed(
        [("completed", "false"), ("label", LABEL)], f"completed_at is null and '{LABEL}' = any (labels)", None
    ),
    "one priority by title, due in a week": Listed(
        [("priority", "urgent"), ("sort", "title"), ("due_from", "2026-06-01"), ("due_before", "2026-06-08")],
        "priority = 4 and due_date >= '2026-06-01' and due_date < '2026-06-08'",
        None,
    ),
    "q=thousandth by title": _search("thousandth", sort="title")._replace(bound=None),
    "q=milk by title": _search("milk", sort="title")._replace(bound=None),
    "q=tea thousandth (none)": _search("tea thousandth")._replace(bound=None),
    "q=-buy": _search("-buy")._replace(bound=None),
}
CHARTED = ("create", "get", "all", "one priority", "due in a week", "q=milk", "q=hundredth", "q=singular")

type _Found = dict[tuple[str, int], Samples]


def run(laboratory: Laboratory, progress: Progress) -> Section:
    """Seed, then measure every list's first and deep page, then every other operation."""
    crowd = Crowd(laboratory)
    progress(0, "seeding")
    crowd.seed()
    rounds, batch, warm_up = (1, 1, 0) if laboratory.quick else (ROUNDS, BATCH, WARM_UP)
    first: _Found = {}
    deep: _Found = {}
    with ExitStack() as exits:
        exits.callback(crowd.close)
        processes = {
            size: exits.enter_context(laboratory.start("ours", BENCH_TOKEN=laboratory.token(crowd.name(size))))
            for size in crowd.sizes
        }
        progress(0.5, "looking for pages")
        pages: list[tuple[_Found, str, int, Place]] = []
        for name, listed in LISTS.items():
            for size in crowd.sizes:
                pages.append((first, name, size, crowd.first(size, listed.query, listed.where)))
                if "relevance" not in name and (place := crowd.deep(processes[size], size, listed.query, listed.where)):
                    pages.append((deep, name, size, place))
        for turn in range(-1 if warm_up else 0, rounds):
            for number, (found, name, size, place) in enumerate(pages):
                if not number % 50:
                    progress(
                        0.7 + 0.25 * (turn + 1 + number / len(pages)) / (rounds + 1), f"round {turn + 1} of {rounds}"
                    )
                answer = _list(processes[size], place, batch if turn >= 0 else warm_up)
                if turn >= 0:
                    found.setdefault((name, size), Samples()).add(*answer)
        progress(0.95, "writing")
        _operations(crowd, processes, first, rounds, batch)
    return Section(
        "Growth",
        TEXT.format(
            sizes=", ".join(f"{size:,}" for size in crowd.sizes), others=crowd.others, rounds=rounds, batch=batch
        ),
        [_table("first page, and every other operation", first, crowd.sizes), _table("deep page", deep, crowd.sizes)],
        [_chart(first, crowd.sizes)],
        [*_targets(first, crowd.sizes, ""), *_targets(deep, crowd.sizes, ", deep page")],
        {
            kind: {
                name: {str(size): round(found[name, size].at(0.5), 3) for size in _of(found, name)}
                for name in _names(found)
            }
            for kind, found in (("first", first), ("deep", deep))
        },
    )


def _list(process: Process, place: Place, number: int) -> tuple[list[float], float]:
    answer = process.ask("many", row="list", task_ids=[""] * number, query=place.query, page=place.items)
    return answer["times"], answer["cpu"]


def _operations(crowd: Crowd, processes: dict[int, Process], found: _Found, rounds: int, batch: int) -> None:
    """The operations on one task; each write has tasks of its own."""
    ids = {size: crowd.ids(size) for size in crowd.sizes}
    for turn in range(-1, rounds):
        for row in PLAIN:
            request = ROWS[row]
            for size in () if row == "list" else crowd.sizes:
                number = batch if turn >= 0 else 1
                taken = [ids[size][request.on].pop() for _ in range(number)] if request.on else [""] * number
                answer = processes[size].ask("many", row=row, task_ids=taken)
                if turn >= 0:
                    found.setdefault((row, size), Samples()).add(answer["times"], answer["cpu"])


def _names(found: _Found) -> list[str]:
    return list(dict.fromkeys(name for name, _ in found))


def _of(found: _Found, name: str) -> list[int]:
    return [size for other, size in found if other == name]


def _growth(found: _Found, name: str) -> float:
    """How many times the fewest tasks' time it takes at most, with more of them."""
    least, *more = sorted(_of(found, name))
    return max((found[name, size].ratio(found[name, least])[0] for size in more), default=1.0)


def _table(what: str, found: _Found, sizes: tuple[int, ...]) -> Table:
    rows = []
    for name in _names(found):
        cells = [f"{found[name, size].at(0.5):.2f}" if (name, size) in found else "-" for size in sizes]
        rows.append((name, *cells, f"{_growth(found, name):.2f}"))
    head = ("", *(f"{size:,} tasks" for size in sizes), "most / fewest")
    return Table(f"Growth: milliseconds (p50) of the {what}", head, rows, "-: there is but one page.")


def _chart(found: _Found, sizes: tuple[int, ...]) -> Chart:
    series: dict[str, list[float | None]] = {
        name: [round(found[name, size].at(0.5), 2) for size in sizes] for name in CHARTED
    }
    labels = [f"{size:,}" for size in sizes]
    return Chart("growth", "Growth: a request, by the tasks of its caller", labels, series, "lines", logarithmic=True)


def _targets(found: _Found, sizes: tuple[int, ...], page: str) -> list[Target]:
    targets = []
    for name in _names(found):
        bound = LISTS[name].bound if name in LISTS else FLAT
        if bound:
            targets.append(
                Target(f"{name}{page}: at {sizes[-1]:,} tasks or fewer / at the fewest", _growth(found, name), bound)
            )
    return targets
