"""Hand-written histories for the checker: one that is sound, for tests to break in one place each."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.faults.audit import Change, Truth
from tests.faults.checker import findings
from tests.faults.evidence import Evidence
from tests.faults.history import Attempt, Person
from tests.support.tasks import TASKS, path_of

NOW = "2026-03-01T08:00:00Z"
ALICE = Person("user-alice", "token-of-alice", "canary-of-alice", httpx.Client())
BOB = Person("user-bob", "token-of-bob", "canary-of-bob", httpx.Client())
PEOPLE = [ALICE, BOB]
CLEARED = 100.0


def change(kind: str, task: dict[str, Any], key: str | None, person: Person = ALICE) -> Change:
    """The change that left `task` as it is."""
    completed = task["completed_at"] is not None
    return Change(person.id, kind, UUID(task["id"]), task["version"], task["title"], "", completed, key)


def task(person: Person = ALICE, **members: Any) -> dict[str, Any]:
    """A task as it is answered."""
    given: dict[str, Any] = {"id": str(uuid4()), "title": f"{person.canary} {uuid4().hex}", "version": 1} | members
    fixed: dict[str, Any] = {"description": "", "priority": "none", "due": None, "completed_at": None}
    fixed |= {"list_id": None, "parent_id": None, "position": "V", "labels": []}
    return fixed | {"created_at": NOW, "updated_at": NOW} | given


def answer(status: int, body: Any = None, **extensions: Any) -> httpx.Response:
    """An answer in the contract's form."""
    request_id = str(uuid4())
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Request-Id": request_id}
    if status >= 400:
        headers["Content-Type"] = "application/problem+json"
        problem = {"type": "about:blank", "title": "T", "status": status, "detail": "D", "instance": request_id}
        body = problem | (body or {})
        if status == 412:
            headers["ETag"] = f'"{body["current"]["version"]}"'
        if status == 503:
            headers["Retry-After"] = "1"
    elif body is not None:
        headers["Content-Type"] = "application/json"
        if "version" in body:
            headers["ETag"] = f'"{body["version"]}"'
        if status == 201:
            headers["Location"] = f"{TASKS}/{body['id']}"
    content = {} if body is None else {"json": body}
    response = httpx.Response(status, extensions=extensions, **content)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def again(first: httpx.Response) -> httpx.Response:
    response = httpx.Response(first.status_code, headers=first.headers, content=first.content)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def later(made: dict[str, Any], version: int = 2) -> dict[str, Any]:
    """The task after a change of its title."""
    return made | {"version": version, "title": f"{ALICE.canary} later"}


class Story:
    """A history as it is being written: a second for each request, and what the database made of it."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.changes: list[Change] = []
        self._time = CLEARED

    def ask(
        self,
        method: str,
        path: str,
        response: httpx.Response | None,
        *,
        key: str | None = None,
        body: Any = None,
        person: Person = ALICE,
        seconds: float = 0.1,
    ) -> None:
        headers = {"Idempotency-Key": key} if key else {}
        request = httpx.Request(method, f"https://api.test{path}", json=body, headers=headers)
        self.attempts.append(Attempt(person.id, request, response, self._time, self._time + seconds))
        self._time += 1

    def create(self, made: dict[str, Any], key: str | None, response: httpx.Response | None = None) -> None:
        """Alice creates, or whoever the task is of, and it is done."""
        person = next(one for one in PEOPLE if one.canary in made["title"])
        self.ask("POST", TASKS, response or answer(201, made), key=key, body={"title": made["title"]}, person=person)
        self.changes.append(change("INSERT", made, key, person))

    def made(self) -> dict[str, Any]:
        """Return a task of Alice's, created with the key "new"."""
        made = task()
        self.create(made, "new")
        return made

    def patch(
        self, made: dict[str, Any], response: httpx.Response, changed: dict[str, Any], key: str = "later"
    ) -> None:
        """Alice changes the title, and it is done."""
        self.ask("PATCH", path_of(made), response, key=key, body={"title": changed["title"]})
        self.changes.append(change("UPDATE", changed, key))

    def evidence(self, **others: Any) -> Evidence:
        """What the checker gets; the tasks that there are, are what the changes left."""
        last = {(one.person, one.id): one for one in self.changes}
        rows = _rows(one for one in last.values() if one.kind != "DELETE")
        given: dict[str, Any] = {"truth": Truth(self.changes, rows, []), "cleared": CLEARED} | others
        return Evidence(people=PEOPLE, attempts=self.attempts, **given)


def _rows(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [{"user_id": one.person, "id": one.id, "version": one.version, "title": one.title} for one in changes]


def sound() -> Story:
    """Everything that may happen: it is done, in doubt and settled, refused, repeated, told to nobody else."""
    story = Story()
    one, two = task(), task()
    story.create(one, "k1")
    story.create(two, "k2", answer(503))  # in doubt: it was done
    story.ask("POST", TASKS, again(answer(201, two)), key="k2", body={"title": two["title"]})
    lost = task()
    story.ask("POST", TASKS, answer(503), key="k3", body={"title": lost["title"]})  # in doubt: it was not
    story.create(lost, "k3")
    patched = one | {"version": 2, "title": f"{ALICE.canary} again"}
    story.patch(one, answer(200, patched), patched, "k4")
    done = patched | {"version": 3, "completed_at": "2026-03-01T08:00:00Z"}
    story.ask("POST", path_of(one) + "/complete", answer(200, done), key="k5")
    story.changes.append(change("UPDATE", done, "k5"))
    story.ask("POST", path_of(one) + "/complete", answer(200, done), key="k6")
    story.ask("PUT", path_of(one), answer(412, {"current": done}), key="k7", body={"title": f"{ALICE.canary} no"})
    story.ask("GET", path_of(one), answer(200, done))
    story.ask("DELETE", path_of(one), answer(204), key="k8")
    story.changes.append(change("DELETE", done, "k8"))
    story.ask("GET", path_of(one), answer(404))
    story.ask("POST", path_of(one) + "/reopen", answer(404), key="k9")
    story.create(task(), None)
    story.create(task(), None, answer(503))
    story.ask("POST", TASKS, answer(503), body={"title": f"{ALICE.canary} never done"})
    story.create(task(BOB), "k1")
    story.ask("GET", TASKS, answer(200, {"items": [two, lost], "next_cursor": None}))
    return story


type Break = Callable[[Story], Evidence | None]
"""It breaks a promise in the story, or in the evidence that it returns."""


class Breaks:
    """Functions that go on with a sound story until one promise is broken, and how what is found must begin."""

    def __init__(self) -> None:
        self.planted: dict[str, tuple[str, Break]] = {}

    def finds(self, what: str) -> Callable[[Break], Break]:
        """Register a break."""

        def register(plant: Break) -> Break:
            self.planted[plant.__name__] = what, plant
            return plant

        return register

    def not_found(self) -> dict[str, list[str]]:
        """Return the breaks that the checker does not find, each with what it finds instead."""
        missed = {}
        for name, (what, plant) in self.planted.items():
            story = sound()
            found = [str(finding) for finding in findings(plant(story) or story.evidence())]
            if not any(finding.startswith(what) for finding in found):
                missed[name] = found
        return missed
