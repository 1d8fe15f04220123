"""What one user must find, as Python has it: tasks, versions, conditions, lists, kept answers.

    explain(state, outcomes, truth)

finds an order in which the calls of one user, made at once, would have got the answers that they got and left what is
there now: a linearization. A call of which nobody heard may have taken effect, once, or not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.isolation.machine_calls import OF_THE_TRASH, READS, Call, Outcome, Seen
from tests.properties.test_list_pages import matches, place
from tests.support.tasks import TASKS, Json, moment

DEFAULTS: Json = {"description": "", "priority": "none", "due": None, "labels": [], "list_id": None, "parent_id": None}
"""What an absent member becomes; `title` has no default."""
KEPT = (200, 201, 204, 404, 409, 412, 428)
IN_USE = [{"pointer": "", "detail": "an id is in use again"}]

type Tasks = Mapping[str, Json]


class Unknown:
    """A value that the server chose and nobody has seen yet: equal to any."""

    def __eq__(self, _: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class State:
    """A user's tasks by id, those in the trash, and for each idempotency key its request and the kept answer."""

    tasks: Tasks = field(default_factory=dict)
    trash: Tasks = field(default_factory=dict)
    kept: Mapping[str, tuple[object, Seen]] = field(default_factory=dict)


def explain(state: State, outcomes: list[Outcome], truth: Tasks, trash: Tasks) -> State | None:
    """The state after `outcomes` in some order that ends in `truth` and `trash`; None where no order explains them."""
    if not outcomes:
        return replace(state, tasks=truth, trash=trash) if (state.tasks, state.trash) == (truth, trash) else None
    for number, outcome in enumerate(outcomes):
        rest = outcomes[:number] + outcomes[number + 1 :]
        for following in _following(state, outcome, {**trash, **truth}):
            if found := explain(following, rest, truth, trash):
                return found
    return None


def in_order(tasks: Tasks, query: Json, items: list[Json]) -> bool:
    """Whether `items` are all the tasks that match the query, in its order."""
    expected = {task_id: task for task_id, task in tasks.items() if matches(query, task)}
    places = [place(query["sort"], item) for item in items]
    return (
        len(items) == len(expected)
        and {item["id"]: item for item in items} == expected
        and places == sorted(places, reverse=query["sort"].startswith("-"))
    )


def without_moments(items: list[Json]) -> Tasks:
    """What a list of the trash shows, as it was before it was deleted. Raises where the newest is not first."""
    moments = [moment(item["deleted_at"]) for item in items]
    assert moments == sorted(moments, reverse=True)
    return {item["id"]: {name: item[name] for name in item if name != "deleted_at"} for item in items}


def _following(state: State, outcome: Outcome, truth: Tasks) -> Iterator[State]:
    """The states that may follow where `outcome` comes next; none where its answer does not fit."""
    call, seen = outcome.call, outcome.seen
    if seen is None:
        yield from _unheard(state, call, truth)
    elif call.key is not None and call.key in state.kept:
        request, first = state.kept[call.key]
        if (seen.status == 422) if request != call.fingerprint else (seen.replayed and seen == first):
            yield state
    elif seen.status == 409 and not seen.decided:
        yield state
    elif call.operation == "list":
        if seen.status == 200 and in_order(state.tasks, call.query, seen.shown):
            yield state
    elif call.operation == "trash":
        if seen.status == 200 and without_moments(seen.shown) == state.trash:
            yield state
    elif outcome.repeated or not seen.replayed:
        yield from _heard(state, call, seen)


def _unheard(state: State, call: Call, truth: Tasks) -> Iterator[State]:
    """It did nothing, or what it was to do."""
    yield state
    new_id = _found(state, call, truth)
    if call.operation not in READS and new_id is not None:
        expected, following = predict(state, call, new_id)
        if expected.status < 300:
            yield following


def _heard(state: State, call: Call, seen: Seen) -> Iterator[State]:
    """It did what its answer says, if that is what it had to say."""
    expected, following = predict(state, call, seen.shown["id"] if seen.status == 201 else "")
    if seen != expected:
        return
    if seen.status in {200, 201} and call.operation not in READS:
        if call.operation != "restore" and not _plausible(state.tasks.get(seen.shown["id"]), seen.shown):
            return
        following = replace(following, tasks={**following.tasks, seen.shown["id"]: seen.shown})
    if call.key and seen.status in KEPT:
        following = replace(following, kept={**state.kept, call.key: (call.fingerprint, seen)})
    yield following


def _found(state: State, call: Call, truth: Tasks) -> str | None:
    """The id that a create of which nobody heard has made, known by its description; None where it made none."""
    if call.operation != "create" or call.body is None:
        return ""
    made = [
        task_id
        for task_id, task in truth.items()
        if task_id not in state.tasks and task["description"] == call.body["description"]
    ]
    assert len(made) <= 1, f"a create took effect {len(made)} times: {call}"
    return made[0] if made else None


def predict(state: State, call: Call, new_id: str) -> tuple[Seen, State]:
    """What a call must answer, and the state after it. `new_id` is what a create has made, or would."""
    if call.operation in OF_THE_TRASH:
        return _of_the_trash(state, call)
    task_id = new_id if call.operation == "create" else call.task_id
    task = state.tasks.get(task_id)
    if task is not None and call.operation != "create":
        return _on_task(state, task, call)
    if task is not None or call.operation not in {"create", "replace"}:
        return Seen(404), state  # a create never comes to this: no id is made twice
    if call.if_match is not None:
        return Seen(412), state
    made = {**DEFAULTS, **(call.body or {}), "id": task_id, "version": 1, "completed_at": None}
    made |= {"created_at": UNKNOWN, "updated_at": UNKNOWN, "position": UNKNOWN}
    made_here = replace(state, tasks={**state.tasks, task_id: made})
    return Seen(201, made, _tag(made), f"{TASKS}/{task_id}"), made_here


def _on_task(state: State, task: Json, call: Call) -> tuple[Seen, State]:
    tag = _tag(task)
    if call.operation == "get":
        return (Seen(304, etag=tag) if call.if_none_match in {"*", tag} else Seen(200, task, tag)), state
    if call.operation == "replace" and call.if_match is None and call.if_none_match is None:
        return Seen(428), state
    if _fails(call, tag):
        return Seen(412, task, tag), state
    if call.operation == "delete":
        trash = {**state.trash, call.task_id: task}
        return Seen(204), replace(state, tasks=_without(state.tasks, call.task_id), trash=trash)
    after = _changed(task, call)
    return Seen(200, after, _tag(after)), replace(state, tasks={**state.tasks, call.task_id: after})


def _of_the_trash(state: State, call: Call) -> tuple[Seen, State]:
    if call.operation == "empty":
        return (Seen(412), state) if _fails(call, "") else (Seen(204), replace(state, trash={}))
    task = state.trash.get(call.task_id)
    if task is None:
        return Seen(404), state
    tag, rest = _tag(task), _without(state.trash, call.task_id)
    if _fails(call, tag):
        return Seen(412, task if call.operation == "restore" else {**task, "deleted_at": UNKNOWN}, tag), state
    if call.operation == "delete for good":
        return Seen(204), replace(state, trash=rest)
    if call.task_id in state.tasks:
        return Seen(409, IN_USE), state
    return Seen(200, task, tag), replace(state, tasks={**state.tasks, call.task_id: task}, trash=rest)


def _fails(call: Call, tag: str) -> bool:
    """Whether a condition of the call does not hold for what has this tag."""
    return call.if_match not in {None, "*", tag} or call.if_none_match in {"*", tag}


def _without(tasks: Tasks, task_id: str) -> Tasks:
    return {name: task for name, task in tasks.items() if name != task_id}


def _changed(task: Json, call: Call) -> Json:
    if call.operation in {"complete", "reopen"}:
        open_still = task["completed_at"] is None
        if open_still == (call.operation == "reopen"):
            return task
        after = {**task, "completed_at": UNKNOWN if open_still else None}
    else:
        after = {**task, **(DEFAULTS if call.operation == "replace" else {}), **(call.body or {})}
        if all(after[name] == task[name] for name in ("title", *DEFAULTS)):
            return task
    return {**after, "version": task["version"] + 1, "updated_at": UNKNOWN}


def _plausible(before: Json | None, after: Json) -> bool:
    """Whether the times that the server chose can be so: they never go back."""
    if before is None:
        return bool(after["created_at"] == after["updated_at"])
    if isinstance(before["updated_at"], Unknown):
        return True
    return moment(after["updated_at"]) >= moment(before["updated_at"])


def _tag(task: Json) -> str:
    return f'"{task["version"]}"'
