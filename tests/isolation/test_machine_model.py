"""The judge of the state machine, judged: what it explains, and what it must not explain."""

from typing import Any

import pytest

from tests.isolation.machine_calls import Call, Outcome, Seen
from tests.isolation.machine_model import IN_USE, State, explain
from tests.support.tasks import TASKS, Json

ID = "00000000-0000-4000-8000-000000000001"
NEW = "00000000-0000-4000-8000-000000000002"


def task(version: int = 1, **members: Any) -> Json:
    made: Json = {"id": ID, "title": "a", "description": "", "priority": "none", "due": None, "completed_at": None}
    return made | {
        "labels": [],
        "list_id": None,
        "parent_id": None,
        "position": "V",
        "created_at": "2026-03-01T09:00:00Z",
        "updated_at": f"2026-03-01T09:00:{version:02}Z",
        "version": version,
        **members,
    }


def seen(status: int, shown: Json | None = None, **more: Any) -> Seen:
    return Seen(status, shown, f'"{shown["version"]}"' if shown else None, **more)


def titled(title: str, **how: Any) -> Call:
    return Call("update", ID, {"title": title}, **how)


ONE = State({ID: task()})
CREATE = Call("create", body={"title": "b", "description": "7"})
MADE = task(id=NEW, title="b", description="7", updated_at="2026-03-01T09:00:00Z")
CREATED = Seen(201, MADE, '"1"', f"{TASKS}/{NEW}")
KEYED = Call("update", ID, {"title": "b"}, key="k")
KEPT = State({ID: task(2, title="b")}, kept={"k": (KEYED.fingerprint, seen(200, task(2, title="b")))})
GONE = Outcome(Call("delete", ID), seen(204))
RESTORE = Call("restore", ID)
BACK, LOST = Outcome(RESTORE, seen(200, task())), Outcome(RESTORE, None)
EXPLAINED: dict[str, tuple[State, list[Outcome], list[Json]]] = {
    "nothing asked, nothing changed": (ONE, [], [task()]),
    "two writes, heard in the other order": (
        ONE,
        [Outcome(titled("c"), seen(200, task(3, title="c"))), Outcome(titled("b"), seen(200, task(2, title="b")))],
        [task(3, title="c")],
    ),
    "a write that changes nothing": (ONE, [Outcome(titled("a"), seen(200, task()))], [task()]),
    "one of two who believe the same": (
        ONE,
        [
            Outcome(titled("b", if_match='"1"'), seen(412, task(2, title="c"))),
            Outcome(titled("c", if_match='"1"'), seen(200, task(2, title="c"))),
        ],
        [task(2, title="c")],
    ),
    "a read before and a read after": (
        ONE,
        [Outcome(Call("get", ID), seen(404)), GONE, Outcome(Call("get", ID), seen(200, task()))],
        [],
    ),
    "a write that nobody heard of and that was done": (ONE, [Outcome(titled("b"), None)], [task(2, title="b")]),
    "a write that nobody heard of and that was not done": (ONE, [Outcome(titled("b"), None)], [task()]),
    "a write that was done unheard between two that were heard": (
        ONE,
        [
            Outcome(titled("b"), seen(200, task(2, title="b"))),
            Outcome(Call("complete", ID), None),
            Outcome(titled("d"), seen(200, task(4, title="d", completed_at="2026-03-01T09:00:03Z"))),
        ],
        [task(4, title="d", completed_at="2026-03-01T09:00:03Z")],
    ),
    "a create that nobody heard of": (ONE, [Outcome(CREATE, None)], [task(), MADE]),
    "a create": (ONE, [Outcome(CREATE, CREATED)], [task(), MADE]),
    "a replay": (KEPT, [Outcome(KEYED, seen(200, task(2, title="b"), replayed=True))], [task(2, title="b")]),
    "a key of another request": (KEPT, [Outcome(titled("c", key="k"), seen(422))], [task(2, title="b")]),
    "one write under one key, twice at once": (
        ONE,
        [
            Outcome(KEYED, seen(200, task(2, title="b"), replayed=True)),
            Outcome(KEYED, seen(200, task(2, title="b"))),
        ],
        [task(2, title="b")],
    ),
}
IN_THE_TRASH: dict[str, tuple[State, list[Outcome], list[Json], list[Json]]] = {
    "deleted": (ONE, [GONE], [], [task()]),
    "deleted and restored, heard in the other order": (ONE, [BACK, GONE], [task()], []),
    "restored, and changed then": (
        State(trash={ID: task(3)}),
        [Outcome(titled("b"), seen(200, task(4, title="b"))), Outcome(RESTORE, seen(200, task(3)))],
        [task(4, title="b")],
        [],
    ),
    "one of two who restore": (State(trash={ID: task()}), [BACK, Outcome(RESTORE, seen(404))], [task()], []),
    "a restore that nobody heard of and that was done": (State(trash={ID: task()}), [LOST], [task()], []),
    "a restore that nobody heard of and that was not done": (State(trash={ID: task()}), [LOST], [], [task()]),
    "an id in use": (State({ID: task()}, {ID: task(2)}), [Outcome(RESTORE, Seen(409, IN_USE))], [task()], [task(2)]),
    "emptied between a deletion and a restore": (
        ONE,
        [GONE, Outcome(RESTORE, seen(404)), Outcome(Call("empty"), seen(204))],
        [],
        [],
    ),
    "a list of it": (
        State(trash={ID: task()}),
        [Outcome(Call("trash"), Seen(200, [{**task(), "deleted_at": "2026-03-01T09:00:00Z"}]))],
        [],
        [task()],
    ),
}
NOT_IN_THE_TRASH: dict[str, tuple[State, list[Outcome], list[Json], list[Json]]] = {
    "a deletion that left nothing": (ONE, [GONE], [], []),
    "a task that is there twice": (State(trash={ID: task()}), [BACK], [task()], [task()]),
    "a restore that changed the task": (
        State(trash={ID: task()}),
        [Outcome(RESTORE, seen(200, task(2)))],
        [task(2)],
        [],
    ),
    "two who restore, both served": (State(trash={ID: task()}), [BACK, BACK], [task()], []),
    "a restore over what is there": (
        State({ID: task(2)}, {ID: task()}),
        [BACK],
        [task()],
        [],
    ),
    "a restore in spite of its condition": (
        State(trash={ID: task()}),
        [Outcome(Call("restore", ID, if_match='"7"'), seen(200, task()))],
        [task()],
        [],
    ),
    "an entry of nobody's making": (ONE, [], [task()], [task(2)]),
}
UNEXPLAINED: dict[str, tuple[State, list[Outcome], list[Json]]] = {
    "a task that vanished": (ONE, [], []),
    "a task of nobody's making": (ONE, [], [task(), MADE]),
    "a write that was lost": (ONE, [Outcome(titled("b"), seen(200, task(2, title="b")))], [task()]),
    "two who believed the same, both served": (
        ONE,
        [
            Outcome(titled("b", if_match='"1"'), seen(200, task(2, title="b"))),
            Outcome(titled("c", if_match='"1"'), seen(200, task(3, title="c"))),
        ],
        [task(3, title="c")],
    ),
    "two writes that count as one": (
        ONE,
        [Outcome(titled("b"), seen(200, task(2, title="b"))), Outcome(titled("c"), seen(200, task(2, title="c")))],
        [task(2, title="c")],
    ),
    "a write that nobody heard of and that was done twice": (ONE, [Outcome(titled("b"), None)], [task(3, title="b")]),
    "a refusal that had an effect": (ONE, [Outcome(titled("b"), seen(404))], [task(2, title="b")]),
    "a version that went back": (ONE, [Outcome(titled("b"), seen(200, task(1, title="b")))], [task(1, title="b")]),
    "a time that went back": (
        ONE,
        [Outcome(titled("b"), seen(200, task(2, title="b", updated_at="2025-03-01T09:00:00Z")))],
        [task(2, title="b", updated_at="2025-03-01T09:00:00Z")],
    ),
    "a stale `current`": (
        ONE,
        [Outcome(titled("b", if_match='"7"'), seen(412, task(2, title="c")))],
        [task()],
    ),
    "a task read after it was deleted": (
        State(),
        [Outcome(Call("get", ID), seen(200, task()))],
        [],
    ),
    "a list that leaves one out": (
        ONE,
        [Outcome(Call("list", query={"sort": "title"}), Seen(200, []))],
        [task()],
    ),
    "an effect for each of two requests with one key": (
        ONE,
        [Outcome(KEYED, seen(200, task(2, title="b"))), Outcome(KEYED, seen(200, task(2, title="b")))],
        [task(2, title="b")],
    ),
    "a replay that says something else": (
        KEPT,
        [Outcome(KEYED, seen(200, task(3, title="b"), replayed=True))],
        [task(2, title="b")],
    ),
    "a key of another request that is served": (
        KEPT,
        [Outcome(titled("c", key="k"), seen(200, task(3, title="c")))],
        [task(3, title="c")],
    ),
}


def by_id(tasks: list[Json]) -> dict[str, Json]:
    return {found["id"]: found for found in tasks}


@pytest.mark.parametrize("history", EXPLAINED)
def test_what_may_come_of_requests_at_once_is_explained(history: str) -> None:
    state, outcomes, truth = EXPLAINED[history]
    deleted = [task()] if GONE in outcomes else []
    assert explain(state, outcomes, by_id(truth), by_id(deleted))


@pytest.mark.parametrize("history", IN_THE_TRASH)
def test_what_may_come_of_the_trash_is_explained(history: str) -> None:
    state, outcomes, truth, trash = IN_THE_TRASH[history]
    assert explain(state, outcomes, by_id(truth), by_id(trash))


@pytest.mark.parametrize("history", UNEXPLAINED)
def test_what_must_not_come_of_them_is_not(history: str) -> None:
    state, outcomes, truth = UNEXPLAINED[history]
    assert explain(state, outcomes, by_id(truth), {}) is None


@pytest.mark.parametrize("history", NOT_IN_THE_TRASH)
def test_what_must_not_come_of_the_trash_is_not(history: str) -> None:
    state, outcomes, truth, trash = NOT_IN_THE_TRASH[history]
    assert explain(state, outcomes, by_id(truth), by_id(trash)) is None


def test_a_create_that_took_effect_twice_is_told() -> None:
    twice = {NEW: MADE, ID: {**MADE, "id": ID}}
    with pytest.raises(AssertionError, match="took effect 2 times"):
        explain(State(), [Outcome(CREATE, None)], twice, {})
