"""Effects and answers, held against each other: I1, I2, I3, I8.

Every change in the database must have one request as its cause, and every request the effect that its answer claims.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tests.faults.audit import Change, Truth
from tests.faults.evidence import Asked, Evidence, Finding, asked
from tests.faults.history import Attempt

REPEATABLE = ("/complete", "/reopen")
"""What changes nothing when it is so already."""

type States = dict[tuple[str, str, int], list[Change]]


def effects(evidence: Evidence) -> Iterator[Finding]:
    """What is lost, was done twice or was answered otherwise than it was done."""
    states: States = defaultdict(list)
    for change in evidence.truth.changes:
        if change.kind != "DELETE":
            states[change.person, str(change.id), change.version].append(change)
    requests = asked(evidence.attempts)
    causes = dict(_causes(requests, evidence.truth.changes))
    for request in requests:
        yield from _accounted(request, causes.pop(id(request), []), states)
    for change in causes.get(None, []):
        yield Finding("I1", "duplicated", f"no request accounts for {change}")
    yield from _reads(evidence, requests, states)
    yield from _versions(evidence.truth)


def _causes(requests: list[Asked], changes: list[Change]) -> Iterator[tuple[int | None, list[Change]]]:
    """Which changes each request has made, by the key that was claimed with them, else by what they did."""
    keyed = {(one.first.person, one.key): one for one in requests if one.key}
    plain = [request for request in requests if not request.key]
    # Who was told the version goes first: two that are alike may have met different fates.
    plain.sort(key=lambda request: not request.acknowledged)
    made: dict[int | None, list[Change]] = defaultdict(list)
    for change in changes:
        if change.key:
            cause = keyed.get((change.person, change.key))
        else:
            cause = next((one for one in plain if not made[id(one)] and _fits(one.first, change)), None)
        made[id(cause) if cause else None].append(change)
    yield from made.items()


def _fits(attempt: Attempt, change: Change) -> bool:
    """Whether an attempt without a key can have made a change."""
    if attempt.person != change.person or (attempt.decided and attempt.status >= 400):
        return False
    path, method = attempt.request.url.path, attempt.request.method
    if str(change.id) not in path and not (method == "POST" and change.kind == "INSERT" and path.endswith("/tasks")):
        return False
    if attempt.status in {200, 201}:
        return bool(attempt.body["id"] == str(change.id) and attempt.body["version"] == change.version)
    if method == "DELETE" or path.endswith(REPEATABLE):
        return (method == "DELETE") == (change.kind == "DELETE")
    return bool(json.loads(attempt.request.content).get("title") == change.title)


def _accounted(request: Asked, made: list[Change], states: States) -> Iterator[Finding]:
    if len(made) > 1:
        yield Finding("I1", "duplicated", f"{request}: {made}")
    if request.unknown and request.key:
        yield Finding("I3", "other", f"it never came to an answer: {request}")
    if made and not request.unknown and not request.acknowledged:
        yield Finding("I2", "duplicated", f"{request} had an effect: {made}")
    yield from _same_answers(request)
    if request.acknowledged:
        yield from _as_returned(request, made, states)


def _as_returned(request: Asked, made: list[Change], states: States) -> Iterator[Finding]:
    first = request.kept[0]
    if first.status == 204:
        if [change.kind for change in made[:1]] != ["DELETE"]:
            yield Finding("I1", "lost", f"{request} deleted nothing")
        return
    if made and not any(as_shown(first.body, change) for change in made):
        yield Finding("I1", "lost", f"{request} was answered otherwise than it was done: {first.body} {made}")
    if not made and not (first.request.url.path.endswith(REPEATABLE) and _states_of(first, states)):
        yield Finding("I1", "lost", f"{request} was acknowledged and had no effect")


def _same_answers(request: Asked) -> Iterator[Finding]:
    if len({_answer(attempt) for attempt in request.kept}) > 1:
        yield Finding("I3", "other", f"one key, different answers: {request}")
    fresh = [attempt for attempt in request.kept if "Idempotency-Replayed" not in attempt.headers]
    if request.key and len(fresh) > 1:
        yield Finding("I3", "duplicated", f"it was carried out more than once: {request}")


def _answer(attempt: Attempt) -> tuple[Any, ...]:
    """What a replay repeats: all but the ids of the request and the note that it is one."""
    body = attempt.body
    if isinstance(body, dict):
        body.pop("instance", None)
    return attempt.status, json.dumps(body), attempt.headers.get("ETag"), attempt.headers.get("Location")


def as_shown(task: Any, change: Change) -> bool:
    """Whether a task that was answered is as a change left it."""
    return (
        isinstance(task, dict)
        and "version" in task
        and (task["id"], task["version"], task["title"], task["description"], task["completed_at"] is not None)
        == (str(change.id), change.version, change.title, change.description, change.completed)
    )


def shown(attempt: Attempt) -> list[Any]:
    body = attempt.body
    if not isinstance(body, dict) or attempt.gateway:
        return []
    if attempt.status == 412:
        return [body["current"]] if "current" in body else []
    if attempt.status not in {200, 201}:
        return []
    return list(body["items"]) if "items" in body else [body] if "version" in body else []


def _states_of(attempt: Attempt, states: States) -> bool:
    """Whether all that an answer shows has truly been so."""
    return all(
        any(as_shown(task, change) for change in states[attempt.person, task["id"], task["version"]])
        for task in shown(attempt)
    )


def _reads(evidence: Evidence, requests: list[Asked], states: States) -> Iterator[Finding]:
    """Nothing is shown that never was, and who was told of a version is never shown an older one."""
    told: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for request in requests:
        for attempt in request.kept[:1]:
            for task in shown(attempt) if attempt.status in {200, 201} else []:
                told[attempt.person, task["id"]].append((attempt.ended, task["version"]))
    deleted = {(change.person, str(change.id)) for change in evidence.truth.changes if change.kind == "DELETE"}
    for attempt in evidence.attempts:
        if not _states_of(attempt, states):
            yield Finding("I1", "lost", f"{attempt.request.method} showed what never was: {attempt.body}")
        if attempt.writes:
            continue
        for task in shown(attempt):
            if task["version"] < _newest(told[attempt.person, task["id"]], attempt):
                yield Finding("I1", "lost", f"a version older than the one acknowledged was shown: {task}")
        name = attempt.request.url.path.rpartition("/")[2]
        known = (attempt.person, name) not in deleted and _newest(told[attempt.person, name], attempt)
        if attempt.status == 404 and known:
            yield Finding("I1", "lost", f"an acknowledged task is not there: {name}")


def _newest(told: Iterable[tuple[float, int]], attempt: Attempt) -> int:
    return max((version for ended, version in told if ended <= attempt.started), default=0)


def _versions(truth: Truth) -> Iterator[Finding]:
    """Versions go up by one, from 1; what is there is what the last change left."""
    last: dict[object, Change] = {}
    for change in truth.changes:
        before = last.get((change.person, change.id))
        gone = before is None or before.kind == "DELETE"
        if change.kind == "INSERT":
            right = gone and change.version == 1
        else:
            right = not gone and before is not None and change.version == before.version + (change.kind == "UPDATE")
        if not right:
            yield Finding("I8", "other", f"{change} after {before}")
        last[change.person, change.id] = change
    there = {key: (change.version, change.title) for key, change in last.items() if change.kind != "DELETE"}
    found: dict[object, tuple[int, str]] = {
        (row["user_id"], row["id"]): (row["version"], row["title"]) for row in truth.tasks
    }
    for key in there.keys() | found.keys():
        if there.get(key) != found.get(key):
            kind = "lost" if key not in found else "other"
            yield Finding("I8", kind, f"the task is {found.get(key)}, its last change left {there.get(key)}")
