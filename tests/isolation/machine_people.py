"""The three users of the state machine, and how what Hypothesis plans becomes a request of one of them.

A plan holds no id, tag or key, but numbers that choose one of those there are when it is carried out: which those are
hangs on the server and on who came first, and what Hypothesis draws must not.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from hypothesis import strategies as st

from tests.isolation.machine_calls import HALF, HALF_RESET, LEAVE, OF_THE_TRASH, READS, RESET, WAIT, Call
from tests.isolation.machine_model import State
from tests.properties.test_list_pages import filters, patches, sorts
from tests.support.stack import Stack, User
from tests.support.tasks import Json

NAMES = ("ada", "bob", "eve")
SHARED = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
"""Ids that all three choose for their own tasks."""

ROWS = """
    select user_id, 'tasks' as place, id::text, title, description, version, completed_at is not null as completed
    from task where user_id = any(%s)
    union all select user_id, 'trash', id::text, title, description, version, completed_at is not null
    from trash where user_id = any(%s)"""
KEYS = "select user_id, key, status from idempotency_key where user_id = any(%s)"


@dataclass
class Person:
    """A user, a client of theirs, the canary in all that they write, and what they must find."""

    name: str
    user: User
    canary: str
    api: httpx.Client
    state: State = field(default_factory=State)
    keyed: list[Call] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[tuple[str, str, str], Json]]:
        """What a superuser must see of it, by user, place and id."""
        for place, tasks in (("tasks", self.state.tasks), ("trash", self.state.trash)):
            for task_id, task in tasks.items():
                shown = {name: task[name] for name in ("id", "title", "description", "version")}
                yield (self.user.id, place, task_id), {**shown, "completed": task["completed_at"] is not None}

    def kept(self) -> Iterator[tuple[tuple[str, str], int]]:
        """What a superuser must see of the keys, by user and key: the status that is kept."""
        for key, (_, seen) in self.state.kept.items():
            yield (self.user.id, key), seen.status


@dataclass(frozen=True)
class Plan:
    """A request to be. `number` chooses among the tasks, the keys and the calls that there are."""

    name: str
    operation: str
    whose: str
    number: int
    body: Json
    query: Json
    searched: str
    condition: str
    key: str
    manner: str


people = st.sampled_from(NAMES)
# A search for a user's canary, with or without another word; or no canary at all.
searched = st.sampled_from(["", "", *NAMES])
queries = st.builds(lambda sort, chosen: {"sort": sort, **chosen}, sorts, filters)
CHANGES = ["update", "update", "update", "replace", "replace", "delete", "complete", "complete", "reopen", "get"]
CHANGES += ["delete", "restore", "restore", "restore", "delete for good"]
OPERATIONS = [*CHANGES, "create", "create", "list", "trash", "empty"]
CONDITIONS = ["", "", "", "any", "fresh", "fresh", "stale", "strange", "absent", "unchanged"]


def planned(operations: list[str]) -> st.SearchStrategy[Plan]:
    """Plans of these operations."""
    return st.builds(
        Plan,
        name=people,
        operation=st.sampled_from(operations),
        whose=st.sampled_from(["own", "own", "own", "anyone's", "shared"]),
        number=st.integers(0, 20),
        body=patches,
        query=queries,
        searched=searched,
        condition=st.sampled_from(CONDITIONS),
        key=st.sampled_from(["", "", "", "new", "new", "another's", "again"]),
        manner=st.sampled_from([WAIT] * 6 + [LEAVE, RESET, HALF, HALF_RESET]),
    )


plans, changes = planned(OPERATIONS), planned(CHANGES)


class People:
    """The three, who know each other's ids, keys, words and cursors."""

    def __init__(self, stack: Stack, client: Any) -> None:
        self.of: dict[str, Person] = {}
        self.ids: list[str] = list(SHARED)
        """Every id that anyone ever had."""
        self._serial = 0
        secret = f"zq{uuid4().hex[:12]}"
        for name in NAMES:
            canary = secret + name
            user_id = f"user-{canary}"
            token = stack.signer.token(user_id, name=canary, email=f"{canary}@example.com")
            user = User(user_id, token)
            self.of[name] = Person(name, user, canary, client(**user.headers))

    def __iter__(self) -> Iterator[Person]:
        return iter(self.of.values())

    @property
    def secrets(self) -> list[str]:
        """What may stand in no log: the canaries, which are in the users' ids as well, and the tokens."""
        return [secret for person in self for secret in (person.canary, person.user.token.rpartition(".")[2])]

    def query(self, plan_query: Json, searched: str) -> Json:
        """The query of a list, which may look for anyone's canary."""
        words = [self.of[searched].canary] if searched else []
        words += [plan_query["q"]] if "q" in plan_query else []
        return plan_query | ({"q": " ".join(words)} if words else {})

    def call(self, plan: Plan) -> Call:
        """What `plan` comes to now."""
        person = self.of[plan.name]
        if plan.key == "again" and person.keyed:
            return person.keyed[plan.number % len(person.keyed)]
        self._serial += 1
        if plan.operation == "list":
            return Call("list", query={**self.query(plan.query, plan.searched), "limit": 200})
        if plan.operation == "trash":
            return Call("trash", query={"limit": 200})
        task_id = "" if plan.operation in {"create", "empty"} else self._target(person, plan)
        if_match, if_none_match = self._condition(person, plan, task_id)
        call = Call(
            plan.operation,
            task_id,
            self._body(person, plan),
            if_match=if_match,
            if_none_match=if_none_match,
            key=self._key(person, plan),
        )
        if call.key and call not in person.keyed:
            person.keyed.append(call)
        return call

    def _target(self, person: Person, plan: Plan) -> str:
        own = person.state.trash if plan.operation in OF_THE_TRASH else person.state.tasks
        ids = {"own": sorted(own), "shared": list(SHARED), "anyone's": self.ids}[plan.whose] or SHARED
        return ids[plan.number % len(ids)]

    def _body(self, person: Person, plan: Plan) -> Json | None:
        """Every text carries the canary; the description of what is made also a number, to be known again by."""
        if plan.operation not in {"create", "update", "replace"}:
            return None
        texts: Json = {
            name: f"{text} {person.canary}" for name, text in plan.body.items() if name in {"title", "description"}
        }
        if plan.operation != "update":
            texts = {"title": person.canary} | texts | {"description": f"{person.canary} {self._serial}"}
        return {**texts, **{name: value for name, value in plan.body.items() if name not in texts}}

    def _condition(self, person: Person, plan: Plan, task_id: str) -> tuple[str | None, str | None]:
        held = person.state.trash if plan.operation in OF_THE_TRASH else person.state.tasks
        version = held[task_id]["version"] if task_id in held else 1
        matching = {"any": "*", "fresh": f'"{version}"', "stale": f'"{version + 1}"', "strange": f'"{person.canary}"'}
        excluding = {"absent": "*", "unchanged": f'"{version}"'}
        return (
            None if plan.operation in READS else matching.get(plan.condition),
            None if plan.operation == "create" else excluding.get(plan.condition),
        )

    def _key(self, person: Person, plan: Plan) -> str | None:
        if plan.operation in READS or plan.key == "":
            return None
        theirs = [call.key for other in self if other is not person for call in other.keyed]
        if plan.key == "another's" and theirs:
            return theirs[plan.number % len(theirs)]
        return f"{person.canary} {self._serial}"


def told(answer: httpx.Response) -> str:
    """All that an answer tells: body, headers, and what its cursor holds."""
    text = answer.text + str(answer.headers)
    cursor = answer.json().get("next_cursor") if answer.content and answer.status_code == 200 else None
    return (
        text + base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("utf-8", "replace")
        if cursor
        else text
    )
