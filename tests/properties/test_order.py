"""Any sequence of moves, or many at once, leaves what a list in memory has; ids, neighbours and versions hold still."""

from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from random import Random
from uuid import uuid4

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from tests.conftest import BASE_URL
from tests.fuzz import examples
from tests.support.api_gateway import Gateway
from tests.support.collect_failures import collect_failures
from tests.support.lock_races import Race, racing
from tests.support.order_model import Tasks, serial
from tests.support.pgbouncer import POOL_SIZE
from tests.support.stack import Stack, User
from tests.support.tasks import TASKS, Json, make, page, path_of, read

COUNT = 7
MAKE_LISTS = "insert into list (user_id, id, name) select %s, unnest(%s::uuid[]), 'A list'"
# As many moves within a list and a parent as others: among those, most neighbours are no siblings.
moves = st.lists(
    st.tuples(
        st.integers(0, COUNT - 1),
        st.sampled_from(["move", "move", "move", "move", "complete", "keep"]),
        st.fixed_dictionaries({}, optional={"list_id": st.integers(0, 2), "parent_id": st.integers(0, COUNT)})
        | st.just({}),
        st.sampled_from([(), ("before",), ("after",)]),
        st.integers(0, COUNT - 1),
    ),
    min_size=4,
    max_size=12,
)


class House:
    """A user with tasks and lists."""

    def __init__(self, stack: Stack, admin: psycopg.Connection[DictRow], api: httpx.Client, user: User) -> None:
        self.stack, self.api, self.user = stack, api, user
        self.lists: list[str | None] = [None, str(uuid4()), str(uuid4())]
        admin.execute(MAKE_LISTS, [user.id, self.lists[1:]])
        self.ids = [make(api, title=str(number))["id"] for number in range(COUNT)]

    def where(self, to: Json, side: tuple[str, ...], beside: int) -> Json:
        """A body, out of numbers; the number after the last task is no parent."""
        where: Json = {}
        if "list_id" in to:
            where["list_id"] = self.lists[to["list_id"]]
        if "parent_id" in to:
            where["parent_id"] = [*self.ids, None][to["parent_id"]]
        return where | dict.fromkeys(side, self.ids[beside])

    def items(self) -> list[Json]:
        items: list[Json] = page(self.api, "limit=200")["items"]
        return items

    def send(self, task_id: str, operation: str, where: Json) -> httpx.Response:
        if operation == "move":
            return self.api.post(f"{path_of(task_id)}/move", json=where)
        query = "?descendants=keep" if operation == "keep" else ""
        return self.api.post(f"{path_of(task_id)}/complete{query}")


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=moves)
def test_any_sequence_of_moves_is_a_list_in_memory(
    stack: Stack, admin: psycopg.Connection[DictRow], steps: list[tuple[int, str, Json, tuple[str, ...], int]]
) -> None:
    user = stack.user()
    with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers) as api:
        house = House(stack, admin, api, user)
        before = house.items()
        model = Tasks.seen(before)
        for number, operation, to, side, beside in steps:
            task_id, where = house.ids[number], house.where(to, side, beside)
            was = deepcopy(model)
            answer = house.send(task_id, operation, where)
            assert answer.status_code == (200 if model.do(task_id, operation, where) else 409), (model, where)
            after = house.items()
            assert list(Tasks.seen(after).of.items()) == list(model.of.items())
            assert_the_others_hold_still(task_id, was, model, before, after)
            before = after


def assert_the_others_hold_still(task_id: str, was: Tasks, now: Tasks, before: list[Json], after: list[Json]) -> None:
    """What hangs where it hung has its version; none but the moved task another position."""
    items = {item["id"]: item for item in after}
    for item in before:
        found = items[item["id"]]
        if item["id"] != task_id:
            assert found["position"] == item["position"]
        changed = was.of[item["id"]] != now.of[item["id"]] or found["position"] != item["position"]
        assert found["version"] == item["version"] + changed


@pytest.fixture
def race(stack: Stack) -> Iterator[Race]:
    with racing(stack) as race:
        yield race


@pytest.fixture
def house(stack: Stack, admin: psycopg.Connection[DictRow], http_api: httpx.Client, user: User) -> House:
    return House(stack, admin, http_api, user)


def test_moves_at_once_leave_what_they_would_have_left_one_after_the_other(house: House, race: Race) -> None:
    chance = Random(7)  # noqa: S311 - the same each time
    for _ in range(25):
        before = Tasks.seen(house.items())
        asked = []
        for _ in range(4):
            to = chance.choice([{}, {}, {"list_id": chance.randrange(3)}, {"parent_id": chance.randrange(COUNT + 1)}])
            where = house.where(to, chance.choice([(), ("before",), ("after",)]), chance.randrange(COUNT))
            asked.append((chance.choice(house.ids), chance.choice(["move"] * 5 + ["complete"]), where))
        answers = race.at_once(*(partial(house.send, *request) for request in asked))
        done = [(request, answer.status_code) for request, answer in zip(asked, answers, strict=True)]
        assert serial(before, done, Tasks.seen(house.items())), (before, done)
        assert {item["id"] for item in house.items()} == set(house.ids)


def test_all_who_move_into_one_gap_at_once_find_a_place_of_their_own(house: House, race: Race) -> None:
    first, *others = house.ids[: POOL_SIZE + 1]
    for where in ({"after": first}, {"before": first}, {}):
        before = Tasks.seen(house.items())
        race.other.execute("select from task where id = any (%s::uuid[]) for update", [others])
        waiting = race.crowd(*(partial(house.send, task_id, "move", where) for task_id in others))
        race.end(commit=True)
        statuses = [answer.result().status_code for answer in waiting]
        done = [((task_id, "move", where), status) for task_id, status in zip(others, statuses, strict=True)]
        assert serial(before, done, Tasks.seen(house.items()))


def test_of_moves_that_would_make_a_circle_together_one_is_refused(house: House, race: Race) -> None:
    a, b, c = house.ids[:3]
    for ring in ([a, b], [a, b, c]):
        for _ in range(4):
            asked = [
                partial(house.send, x, "move", {"parent_id": y}) for x, y in zip(ring, ring[1:] + ring[:1], strict=True)
            ]
            answers = race.at_once(*asked)
            assert sorted(answer.status_code for answer in answers) == [200] * (len(ring) - 1) + [409]
            for task_id in ring:
                assert house.send(task_id, "move", {"parent_id": None}).status_code == 200


def test_of_moves_that_would_be_too_deep_together_one_is_refused(house: House, race: Race) -> None:
    """Two tasks under the second of two, and that one under the third of three: six deep."""
    api = house.api
    a, b, c = ([make(api)] for _ in range(3))
    for family in (a, b, c):
        family += [make(api, parent_id=family[0]["id"])]
        family += [make(api, parent_id=family[1]["id"])]
    for _ in range(4):
        low = partial(house.send, a[0]["id"], "move", {"parent_id": b[1]["id"]})
        high = partial(house.send, b[0]["id"], "move", {"parent_id": c[1]["id"]})
        assert sorted(answer.status_code for answer in race.at_once(low, high)) == [200, 409]
        for family in (a, b):
            assert house.send(family[0]["id"], "move", {"parent_id": None}).status_code == 200


TURN = "select pg_advisory_xact_lock(hashtextextended(%s, 2002))"
TAKE_TURN = "select app.take_turn() from set_config('app.user_id', %s, true)"
HANG = "update task set parent_id = %s where user_id = %s and id = %s"


@pytest.mark.parametrize("way", ["move", "patch", "put", "create", "complete"])
def test_who_changes_the_structure_waits_for_the_turn_and_decides_on_the_truth(
    house: House, race: Race, way: str
) -> None:
    a, b = house.ids[:2]
    api = house.api
    body = {"title": "x", "parent_id": b}
    ask = {
        "move": lambda: house.send(a, "move", {"parent_id": b}),
        "patch": lambda: api.patch(path_of(a), json={"parent_id": b}),
        "put": lambda: api.put(path_of(a), json=body, headers={"If-Match": "*"}),
        "create": lambda: api.post(TASKS, json=body),
        "complete": lambda: house.send(a, "complete", {}),
    }[way]
    race.other.execute(TURN, [house.user.id])
    waiting = race.start(ask)
    race.other.execute(HANG, [a, house.user.id, b])  # b hangs under a now
    race.end(commit=True)
    assert waiting.result().status_code == (409 if way in {"move", "patch", "put"} else 201 if way == "create" else 200)
    if way == "complete":
        assert read(api, b)["completed_at"] is not None


HELD_BELOW = [
    ("update task set title = 'Held' where id = %s", True, 3),
    ("update task set title = 'Held' where id = %s", False, 2),
    ("update task set completed_at = '2026-01-01Z' where id = %s", True, 2),
    ("update task set completed_at = '2026-01-01Z' where id = %s", False, 2),
    ("delete from task where id = %s", True, 0),
    ("delete from task where id = %s", False, 2),
]
"""What another connection does to a task below, whether it commits, and the version that is left; 0 for none."""


def test_a_completion_waits_for_whoever_holds_a_task_below(http_api: httpx.Client, race: Race) -> None:
    with collect_failures() as check:
        for held, commit, version in HELD_BELOW:
            with check(held, commit):
                parent = make(http_api)["id"]
                child = make(http_api, parent_id=parent)["id"]
                leaf = make(http_api, parent_id=child)["id"]
                held_id = leaf if held.startswith("delete") else child
                call = partial(http_api.post, f"{path_of(parent)}/complete")
                assert race.blocked(held, [held_id], call, commit=commit).status_code == 200
                left = {item["id"]: item for item in page(http_api, "limit=200")["items"]}
                assert all(left[task_id]["completed_at"] for task_id in (parent, child, leaf) if task_id in left)
                assert left[held_id]["version"] == version if version else held_id not in left
                if commit and "2026-01-01" in held:
                    assert left[child]["completed_at"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("way", ["patch", "put"])
def test_who_waits_for_the_turn_has_locked_no_row_yet(house: House, race: Race, way: str) -> None:
    """Or two would wait for each other: one with the row, one with the turn."""
    task_id, body = house.ids[0], {"title": "x", "list_id": house.lists[1]}
    method = "PATCH" if way == "patch" else "PUT"
    race.other.execute(TURN, [house.user.id])
    waiting = race.start(partial(house.api.request, method, path_of(task_id), json=body, headers={"If-Match": "*"}))
    race.other.execute("select from task where id = %s for update nowait", [task_id])
    race.end(commit=True)
    assert waiting.result().status_code == 200


def test_nobody_waits_for_the_turn_of_another_user(house: House, race: Race, stranger: User) -> None:
    race.other.execute(TAKE_TURN, [stranger.id])
    assert house.send(house.ids[0], "move", {"parent_id": house.ids[1]}).status_code == 200


PLACES = st.text("0123ABYZayz", max_size=6).map(lambda text: f"0{text}1")


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=PLACES, two=PLACES)
def test_there_is_always_a_place_between(admin: psycopg.Connection[DictRow], one: str, two: str) -> None:
    low, high = sorted([one, two])
    row = admin.execute(
        """
        select app.position_between(%(low)s, %(high)s) as middle, app.position_between(null, %(low)s) as first,
               app.position_between(%(high)s, null) as last, app.position_between(null, null) as only""",
        {"low": low, "high": high},
    ).fetchone()
    assert row
    assert row["first"] < low <= high < row["last"]
    assert low < row["middle"]
    assert low == high or row["middle"] < high
    assert not any(place.endswith("0") for place in row.values())


def test_a_gap_holds_thousands_of_moves_and_then_says_so(house: House, admin: psycopg.Connection[DictRow]) -> None:
    low, high, moved = house.ids[:3]
    halved = """
        with recursive gap (low, high, moves) as (
            select '01', '02', 0
            union all select low, app.midway(low, high), moves + 1 from gap where char_length(high) <= 101
        ) select max(moves) as moves from gap"""
    row = admin.execute(halved).fetchone()
    assert row
    assert row["moves"] >= 490  # about 5 for each character
    put = "update task set position = %s where user_id = %s and id = %s"
    for place, task_id in (("0" + "a" * 999, low), ("0" + "a" * 998 + "b", high)):
        admin.execute(put, [place, house.user.id, task_id])
    before = house.items()
    for where in ({"after": low}, {"before": high}):
        answer = house.send(moved, "move", where)
        assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (409, [""])
    assert house.items() == before
    assert house.send(high, "move", {"before": house.ids[3]}).status_code == 200
    assert house.send(moved, "move", {"after": low}).status_code == 200
