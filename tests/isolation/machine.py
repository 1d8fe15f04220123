"""Three users at once before a small pool, some of whom give up, under small faults; nothing of one shows at another.

Requests go out at the same moment, each from a thread, over HTTP. What came back has to be explained, for each user
apart, by some order of that user's requests (`machine_model`). After every step everyone sees their own tasks alone,
and so does the superuser; what is another's answers as what never was; no transaction is left open. Every text carries
a canary of the user's, which may show up in no answer to another, and in no log.
"""

import operator
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.faults.invariants import eventually
from tests.isolation.machine_calls import (
    HALF,
    HALF_RESET,
    LEAVE,
    READS,
    RESET,
    WAIT,
    Call,
    Outcome,
    Seen,
    alike,
    at_once,
)
from tests.isolation.machine_house import House
from tests.isolation.machine_model import explain, in_order, without_moments
from tests.isolation.machine_people import (
    KEYS,
    ROWS,
    People,
    Person,
    Plan,
    changes,
    people,
    plans,
    queries,
    searched,
    told,
)
from tests.properties.test_list_pages import SORTS, matches, place
from tests.support.postgres_proxy import CUT_AFTER, CUT_BEFORE
from tests.support.tasks import NOBODYS, TASKS, Json

PROBES = ("get", "update", "delete", "complete", "reopen", "restore", "replace", "delete for good")
FAULTS = ("cut", "terminate", "lost before", "lost after")
HELD = "held"  # no fault: everyone's tasks are locked until as many wait for them as the pool has backends
faults = st.sampled_from(["", "", HELD, *FAULTS])
contentions = st.sampled_from([HELD] * 4 + ["", *FAULTS])
manners = st.sampled_from([WAIT, WAIT, LEAVE, RESET])
moments = st.integers(0, 8)  # milliseconds, or quarters of a Sync, until it strikes


class Caught(BaseException):
    """A step failed where it was to fail. Hypothesis lets it through, and looks no further for a simpler example."""


def noted[**P, R](work: Callable[P, R]) -> Callable[P, R]:
    """Keep what a failing step was told: run again, as Hypothesis does, the threads may well come in another order."""

    @wraps(work)
    def step(*given: P.args, **more: P.kwargs) -> R:
        try:
            return work(*given, **more)
        except Exception as failure:
            users = given[0]
            assert isinstance(users, Users)
            users.house.failures.append("\n".join([*users.story, traceback.format_exc()]))
            if users.is_to_fail:
                raise Caught from failure
            raise

    return step


class Users(RuleBasedStateMachine):
    """See above. A subclass says in which house they live; and whether a bug is planted there, to be found."""

    house: House
    is_to_fail = False

    def __init__(self) -> None:
        super().__init__()
        self.people = People(self.house.stack, self.house.server.client)
        self.cursors: list[tuple[Json, str, tuple[Any, ...]]] = []
        self.steps = self.probes = 0
        self.story: list[str] = []

    @initialize()
    @noted
    def arrive(self) -> None:
        """Everyone has a task."""
        self.house.begin(self.people.secrets)
        first = [Call("create", body={"title": person.canary, "description": person.canary}) for person in self.people]
        self.make([(person, call, WAIT) for person, call in zip(self.people, first, strict=True)], "", 0)

    @noted
    def teardown(self) -> None:
        for person in self.people:
            person.api.close()
        self.house.quiet()
        self.house.listen_to_all()

    @rule(planned=st.lists(plans, min_size=1, max_size=5), fault=faults, moment=moments)
    @noted
    def ask(self, planned: list[Plan], fault: str, moment: int) -> None:
        """Anyone asks for anything, all at once."""
        self.make([(self.people.of[plan.name], self.people.call(plan), plan.manner) for plan in planned], fault, moment)

    @rule(planned=st.lists(changes, min_size=2, max_size=4), informed=st.booleans(), fault=contentions, moment=moments)
    @noted
    def contend(self, planned: list[Plan], informed: bool, fault: str, moment: int) -> None:
        """Clients of one user fall upon one task, all in the same belief where `informed`; another comes by its id."""
        first = planned[0]
        condition: Json = {"condition": "fresh"} if informed else {}
        planned = [replace(plan, name=first.name, whose="own", number=first.number, **condition) for plan in planned]
        calls = [(self.people.of[plan.name], self.people.call(plan), plan.manner) for plan in planned]
        other = next(person for person in self.people if person.name != first.name)
        self.make([*calls, (other, Call("complete", calls[0][1].task_id or NOBODYS), WAIT)], fault, moment)

    @rule(plan=plans, manners=st.lists(manners, min_size=2, max_size=4), fault=contentions, moment=moments)
    @noted
    def repeat(self, plan: Plan, manners: list[str], fault: str, moment: int) -> None:
        """One request with a key, again and again at once: it takes effect once."""
        operation = "create" if plan.operation in READS else plan.operation
        call = self.people.call(replace(plan, operation=operation, key="again" if plan.key == "again" else "new"))
        self.make([(self.people.of[plan.name], call, manner) for manner in manners], fault, moment)

    @rule(name=people, query=queries, searched_for=searched, limit=st.integers(1, 3))
    @noted
    def walk(self, name: str, query: Json, searched_for: str, limit: int) -> None:
        """Someone pages through a list."""
        person, query = self.people.of[name], self.people.query(query, searched_for)
        items: list[Json] = []
        cursor = ""
        while True:
            page = self.page(person, query, limit, cursor)
            items += page["items"]
            if page["next_cursor"] is None:
                break
            assert len(page["items"]) == limit
            cursor = page["next_cursor"]
            self.cursors.append((query, cursor, place(query["sort"], items[-1])))
        assert in_order(person.state.tasks, query, items)

    @rule(name=people, number=st.integers(0, 20), limit=st.integers(1, 3))
    @noted
    def go_on(self, name: str, number: int, limit: int) -> None:
        """Someone goes on from a cursor, which may be anyone's: it leads through their own tasks."""
        if not self.cursors:
            return
        query, cursor, start = self.cursors[number % len(self.cursors)]
        person, sort = self.people.of[name], query["sort"]
        follows = operator.lt if sort.startswith("-") else operator.gt
        tasks = [task for task in person.state.tasks.values() if matches(query, task)]
        beyond = [task for task in tasks if follows(place(sort, task), start)]
        beyond.sort(key=lambda task: place(sort, task), reverse=sort.startswith("-"))
        assert self.page(person, query, limit, cursor)["items"] == beyond[:limit]

    def page(self, person: Person, query: Json, limit: int, cursor: str) -> Json:
        asked = urlencode({**query, "limit": limit, **({"cursor": cursor} if cursor else {})}, doseq=True)
        answer = self.heard(person, lambda: person.api.get(f"{TASKS}?{asked}"))
        assert answer.status_code == 200
        page: Json = answer.json()
        return page

    def make(self, calls: list[tuple[Person, Call, str]], fault: str, moment: int) -> None:
        """Make calls at once, while a fault strikes, and take the state that explains what came of it."""
        if fault == HELD:
            self.house.hold([person.user.id for person in self.people])
        jobs = [*(partial(self.send, *made) for made in calls), partial(self.strike, fault, moment)]
        *answers, _ = at_once(self.house.threads, jobs)
        self.story += [f"{fault or 'at once'}:"]
        self.story += [
            f"  {person.name} {manner}: {call} → {Seen.of(answer) if answer is not None else None}"
            for (person, call, manner), answer in zip(calls, answers, strict=True)
        ]
        self.house.proxy.reset()
        outcomes: dict[str, list[Outcome]] = {person.name: [] for person in self.people}
        for (person, call, manner), answer in zip(calls, answers, strict=True):
            if answer is not None and answer.status_code == 503:
                assert fault in FAULTS, answer.text
            if manner in {HALF, HALF_RESET} and call.body is not None:
                continue  # what was never whole has no effect
            outcome = self.resolved(person, call, answer)
            # Amid a fault the server itself may send a write with a key again, and hear that it had taken effect.
            outcomes[person.name].append(replace(outcome, repeated=True) if fault in FAULTS else outcome)
        self.steps += 1
        if None in answers:
            self.house.heard_out()
        if fault in FAULTS:
            self.house.quiet()
        self.settle(outcomes)

    def send(self, person: Person, call: Call, manner: str) -> httpx.Response | None:
        if manner == WAIT:
            return self.heard(person, lambda: call.send(person.api))
        self.house.asking()
        call.abandon(self.house.server.url, person.user.token, manner)
        return None

    def strike(self, fault: str, moment: int) -> httpx.Response | None:
        """Do what goes wrong, amid the calls."""
        proxy = self.house.proxy
        if fault == HELD:
            self.house.let_go()
        elif fault in {"lost before", "lost after"}:
            proxy.at_sync(*[None] * (moment // 4), CUT_BEFORE if fault == "lost before" else CUT_AFTER)
        elif fault:
            threading.Event().wait(moment / 1000)
            (proxy.cut if fault == "cut" else self.house.end_backends)()
        return None

    def resolved(self, person: Person, call: Call, answer: httpx.Response | None) -> Outcome:
        """What was heard of a call. With a key a client can always hear it: by asking again."""
        if answer is not None and answer.status_code != 503:
            return Outcome(call, Seen.of(answer))
        if call.key is None:
            return Outcome(call, None)
        heard: list[httpx.Response] = []

        def definite() -> bool:
            heard[:] = [self.heard(person, lambda: call.send(person.api))]
            return Seen.of(heard[0]).decided

        eventually(definite, heard)
        return Outcome(call, Seen.of(heard[0]), repeated=True)

    def settle(self, outcomes: dict[str, list[Outcome]]) -> None:
        """Everyone lists what they have; there must be an order that explains it."""
        sort = (SORTS + [f"-{name}" for name in SORTS])[self.steps % (2 * len(SORTS))]
        query = {"sort": sort, "limit": 200}

        def listed(person: Person) -> list[list[Json]]:
            asked = [Call("list", query=query), Call("trash", query={"limit": 200})]
            seen = [Seen.of(self.heard(person, partial(call.send, person.api))) for call in asked]
            assert [one.status for one in seen] == [200, 200]
            return [one.shown for one in seen]

        lists = at_once(self.house.threads, [partial(listed, person) for person in self.people])
        for person, (items, deleted) in zip(self.people, lists, strict=True):
            truth, trash = {item["id"]: item for item in items}, without_moments(deleted)
            assert in_order(truth, query, items)
            found = explain(person.state, outcomes[person.name], truth, trash)
            told_of = f"{outcomes[person.name]}\n{person.state}\n{truth}\n{trash}"
            assert found, f"no order explains {person.name}'s answers: {told_of}"
            person.state = found
            self.people.ids += [task_id for task_id in {**truth, **trash} if task_id not in self.people.ids]

    def heard(self, person: Person, send: Callable[[], httpx.Response]) -> httpx.Response:
        """No answer tells anything of another user; a problem does not even tell the user's own words."""
        self.house.asking()
        answer = send()
        text = told(answer)
        for other in self.people:
            assert other is person or other.canary not in text, f"{person.name} is told of {other.name}: {text}"
        if answer.status_code >= 400:
            problem = {name: value for name, value in answer.json().items() if name != "current"}
            assert person.canary not in f"{problem} {answer.headers}"
        return answer

    @invariant()
    @noted
    def everyone_has_what_they_made(self) -> None:
        """The superuser sees the model, rows and keys, and no transaction that is left open."""
        users = [person.user.id for person in self.people]
        rows = {(row.pop("user_id"), row.pop("place"), row["id"]): row for row in self.house.rows(ROWS, users, users)}
        assert rows == {key: row for person in self.people for key, row in person.rows()}
        keys = {(row["user_id"], row["key"]): row["status"] for row in self.house.rows(KEYS, users)}
        assert keys == {key: status for person in self.people for key, status in person.kept()}
        self.house.nobody_waits()

    @invariant()
    @noted
    def what_is_anothers_is_as_what_never_was(self) -> None:
        """A foreign id and a random one get the same answer, but for the ids of the requests."""
        self.probes += 1
        person = list(self.people)[self.probes % len(self.people.of)]
        own = {**person.state.tasks, **person.state.trash}
        foreign = [task_id for task_id in self.people.ids if task_id not in own] or [NOBODYS]
        operation = PROBES[self.probes % len(PROBES)]
        body = {"title": person.canary} if operation in {"update", "replace"} else None
        matching = "*" if operation == "replace" or self.probes % 2 else None
        call = Call(operation, foreign[self.probes % len(foreign)], body, if_match=matching)
        never = replace(call, task_id=str(uuid4()))
        jobs = [partial(self.heard, person, partial(asked.send, person.api)) for asked in (call, never)]
        one, two = at_once(self.house.threads, jobs)
        assert one.status_code == (412 if operation == "replace" else 404)
        assert alike(one) == alike(two)
