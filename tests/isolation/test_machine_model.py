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
    made |= {"labels": [], "list_id": None, "parent_id": None, "position": "V", "created_at": "2026-03-01T09:00:00Z"}
    return made | {"updated_at": f"2026-03-01T09:00:{version:02}Z", "version": version} | members


def seen(status: int, shown: Json | None = None, **more: Any) -> Seen:
    return Seen(status, shown, f'"{shown["version"]}"' if shown else None, **more)


def titled(title: str, **how: Any) -> Call:
    return Call("update", ID, {"title": title}, **how)


def wrote(title: str, version: int, **how: Any) -> Outcome:
    """A change of the title that was answered with the task in this version."""
    return Outcome(titled(title, **how), seen(200, task(version, title=title)))


type History = tuple[State, list[Outcome], list[Json], list[Json]]
"""The state before, what was asked and answered, the tasks that are there afterwards, and those in the trash."""
ONE, TRASHED = State({ID: task()}), State(trash={ID: task()})
CREATE = Call("create", body={"title": "b", "description": "7"})
MADE = task(id=NEW, title="b", description="7", updated_at="2026-03-01T09:00:00Z")
KEYED = Call("update", ID, {"title": "b"}, key="k")
B = task(2, title="b")
REPLAYED = Outcome(KEYED, seen(200, B, replayed=True))
KEPT = State({ID: B}, kept={"k": (KEYED.fingerprint, seen(200, B))})
GONE = Outcome(Call("delete", ID), seen(204))
RESTORE = Call("restore", ID)
BACK, LOST, NOT_FOUND = (Outcome(RESTORE, answer) for answer in (seen(200, task()), None, seen(404)))
UNHEARD = Outcome(titled("b"), None)
COMPLETED = task(4, title="d", completed_at="2026-03-01T09:00:03Z")
EARLIER = task(2, title="b", updated_at="2025-03-01T09:00:00Z")
IN_A_LIST = Seen(200, [{**task(), "deleted_at": "2026-03-01T09:00:00Z"}])
EXPLAINED: dict[str, History] = {
    "nothing asked, nothing changed": (ONE, [], [task()], []),
    "two writes, heard in the other order": (ONE, [wrote("c", 3), wrote("b", 2)], [task(3, title="c")], []),
    "a write that changes nothing": (ONE, [wrote("a", 1)], [task()], []),
    "one of two who believe the same": (
        ONE,
        [Outcome(titled("b", if_match='"1"'), seen(412, task(2, title="c"))), wrote("c", 2, if_match='"1"')],
        *([task(2, title="c")], []),
    ),
    "a read before and a read after": (
        ONE,
        [Outcome(Call("get", ID), seen(404)), GONE, Outcome(Call("get", ID), seen(200, task()))],
        *([], [task()]),
    ),
    "a write that nobody heard of and that was done": (ONE, [UNHEARD], [B], []),
    "a write that nobody heard of and that was not done": (ONE, [UNHEARD], [task()], []),
    "a write that was done unheard between two that were heard": (
        ONE,
        [wrote("b", 2), Outcome(Call("complete", ID), None), Outcome(titled("d"), seen(200, COMPLETED))],
        *([COMPLETED], []),
    ),
    "a create that nobody heard of": (ONE, [Outcome(CREATE, None)], [task(), MADE], []),
    "a create": (ONE, [Outcome(CREATE, Seen(201, MADE, '"1"', f"{TASKS}/{NEW}"))], [task(), MADE], []),
    "a replay": (KEPT, [REPLAYED], [B], []),
    "a key of another request": (KEPT, [Outcome(titled("c", key="k"), seen(422))], [B], []),
    "one write under one key, twice at once": (ONE, [REPLAYED, Outcome(KEYED, seen(200, B))], [B], []),
    "deleted": (ONE, [GONE], [], [task()]),
    "deleted and restored, heard in the other order": (ONE, [BACK, GONE], [task()], []),
    "restored, and changed then": (
        State(trash={ID: task(3)}),
        [wrote("b", 4), Outcome(RESTORE, seen(200, task(3)))],
        *([task(4, title="b")], []),
    ),
    "one of two who restore": (TRASHED, [BACK, NOT_FOUND], [task()], []),
    "a restore that nobody heard of and that was done": (TRASHED, [LOST], [task()], []),
    "a restore that nobody heard of and that was not done": (TRASHED, [LOST], [], [task()]),
    "an id in use": (State({ID: task()}, {ID: task(2)}), [Outcome(RESTORE, Seen(409, IN_USE))], [task()], [task(2)]),
    "emptied between a deletion and a restore": (ONE, [GONE, NOT_FOUND, Outcome(Call("empty"), seen(204))], [], []),
    "a list of the trash": (TRASHED, [Outcome(Call("trash"), IN_A_LIST)], [], [task()]),
}
UNEXPLAINED: dict[str, History] = {
    "a task that vanished": (ONE, [], [], []),
    "a task of nobody's making": (ONE, [], [task(), MADE], []),
    "a write that was lost": (ONE, [wrote("b", 2)], [task()], []),
    "two who believed the same, both served": (
        ONE,
        [wrote("b", 2, if_match='"1"'), wrote("c", 3, if_match='"1"')],
        *([task(3, title="c")], []),
    ),
    "two writes that count as one": (ONE, [wrote("b", 2), wrote("c", 2)], [task(2, title="c")], []),
    "a write that nobody heard of and that was done twice": (ONE, [UNHEARD], [task(3, title="b")], []),
    "a refusal that had an effect": (ONE, [Outcome(titled("b"), seen(404))], [B], []),
    "a version that went back": (ONE, [wrote("b", 1)], [task(1, title="b")], []),
    "a time that went back": (ONE, [Outcome(titled("b"), seen(200, EARLIER))], [EARLIER], []),
    "a stale `current`": (ONE, [Outcome(titled("b", if_match='"7"'), seen(412, task(2, title="c")))], [task()], []),
    "a task read after it was deleted": (State(), [Outcome(Call("get", ID), seen(200, task()))], [], []),
    "a list that leaves one out": (
        ONE,
        [Outcome(Call("list", query={"sort": "title"}), Seen(200, []))],
        *([task()], []),
    ),
    "an effect for each of two requests with one key": (ONE, [Outcome(KEYED, seen(200, B))] * 2, [B], []),
    "a replay that says something else": (
        KEPT,
        [Outcome(KEYED, seen(200, task(3, title="b"), replayed=True))],
        *([B], []),
    ),
    "a key of another request that is served": (KEPT, [wrote("c", 3, key="k")], [task(3, title="c")], []),
    "a deletion that left nothing": (ONE, [GONE], [], []),
    "a task that is there twice": (TRASHED, [BACK], [task()], [task()]),
    "a restore that changed the task": (TRASHED, [Outcome(RESTORE, seen(200, task(2)))], [task(2)], []),
    "two who restore, both served": (TRASHED, [BACK, BACK], [task()], []),
    "a restore over what is there": (State({ID: task(2)}, {ID: task()}), [BACK], [task()], []),
    "a restore in spite of its condition": (
        TRASHED,
        [Outcome(Call("restore", ID, if_match='"7"'), seen(200, task()))],
        *([task()], []),
    ),
    "an entry of nobody's making": (ONE, [], [task()], [task(2)]),
}


def explained(history: History) -> bool:
    state, outcomes, *truth = history
    tasks, trash = ({found["id"]: found for found in tasks} for tasks in truth)
    return explain(state, outcomes, tasks, trash) is not None


def test_what_may_come_of_requests_at_once_is_explained() -> None:
    assert [name for name, history in EXPLAINED.items() if not explained(history)] == []


def test_what_must_not_come_of_them_is_not() -> None:
    assert [name for name, history in UNEXPLAINED.items() if explained(history)] == []


def test_a_create_that_took_effect_twice_is_told() -> None:
    twice = {NEW: MADE, ID: {**MADE, "id": ID}}
    with pytest.raises(AssertionError, match="took effect 2 times"):
        explain(State(), [Outcome(CREATE, None)], twice, {})
