"""F22 to F24: callers and the gateway: one key at once, answers that do not arrive, answers that are too long."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import httpx

from tests.faults.changes import client
from tests.faults.fault import Fault, again_and_again
from tests.faults.world import World
from tests.support.tasks import TASKS

SELDOM = 0.5
AT_ONCE = 10
DROPPED = "turned away"
"""What the gateway of F23 says of itself."""
MANY = 200
LARGEST_PAGE = 4 * 1024 * 1024
FILL = """
    insert into task (user_id, id, title, description, words)
    select %s, gen_random_uuid(), 'Much', %s, '' from generate_series(1, %s)
"""
LONGEST = "\U0001f600", '"', "\\", "\u0001"
"""Characters that take much room: four bytes in UTF-8; two in JSON and four in Lambda's answer; six in JSON."""


@contextmanager
def one_key_at_once(world: World) -> Iterator[None]:
    """Ten requests with one key at the same time, and one with another body: one is carried out."""

    def race() -> None:
        person, key = world.dice.choice(world.people), {"Idempotency-Key": str(uuid4())}
        bodies = [{"title": f"{person.canary} raced {key['Idempotency-Key']}"}] * AT_ONCE
        bodies.insert(world.dice.randrange(AT_ONCE), {"title": f"{person.canary} another {uuid4()}"})

        def send(body: dict[str, str]) -> httpx.Response:
            return person.api.post(TASKS, json=body, headers=key)

        with ThreadPoolExecutor(len(bodies)) as threads:
            answers = list(threads.map(send, bodies))
        statuses = Counter(answer.status_code for answer in answers)
        made = [answer for answer in answers if answer.status_code == 201]
        fresh = sum("Idempotency-Replayed" not in answer.headers for answer in made)
        assert fresh == 1, f"one key was carried out {fresh} times: {statuses}"
        assert statuses.keys() <= {201, 409, 422}, statuses
        assert send({"title": f"{person.canary} late"}).status_code == 422
        world.hit(len(answers) - 1)

    with again_and_again(race, SELDOM):
        yield


@contextmanager
def answers_dropped(world: World) -> Iterator[None]:
    """The function has done what it was asked, but the gateway answers something of its own: 429 or 5xx."""

    def front(response: httpx.Response) -> httpx.Response:
        if world.dice.random() < 0.6:
            return response
        world.hit()
        extensions = {**response.extensions, "gateway": DROPPED}
        return httpx.Response(world.dice.choice([429, 500, 503, 504]), json={"message": "…"}, extensions=extensions)

    before, world.fleet.front = world.fleet.front, front
    try:
        yield
    finally:
        world.fleet.front = before


@contextmanager
def long_answers(world: World) -> Iterator[None]:
    """Lists that would be longer than Lambda lets an answer be: pages end before, and leave nothing out."""
    people = {f"user-{uuid4()}": character * 10_000 for character in LONGEST}
    with world.admin() as admin:
        admin.execute("set session_replication_role = replica")  # they are no part of what the checker counts
        for user_id, description in people.items():
            admin.execute(FILL, [user_id, description, MANY])
        try:
            for user_id in people:
                _walk(world, client(world.fleet, world.signer.token(user_id)))
            yield
        finally:
            admin.execute("delete from task where user_id = any (%s)", [[*people]])


def _walk(world: World, api: httpx.Client) -> None:
    """Follow a list to its end, and see every task once."""
    path, seen = f"{TASKS}?limit={MANY}", list[str]()
    while path:
        page = api.get(path)
        assert page.status_code == 200, str(page.extensions.get("failure", page.text))[-300:]
        assert len(page.content) <= LARGEST_PAGE, f"{len(page.content)} bytes"
        seen += [task["id"] for task in page.json()["items"]]
        path = page.links["next"]["url"] if "next" in page.links else ""
        world.hit(bool(path))
    assert len(seen) == len(set(seen)) == MANY, f"{len(seen)} of {MANY} tasks, {len(set(seen))} different ones"


FAULTS = [
    Fault("F22", f"one key {AT_ONCE} times at once, and with another body", one_key_at_once, silent=True),
    Fault("F23", "the gateway drops answers: 429, 5xx", answers_dropped, gateway=(DROPPED,)),
    Fault("F24", "lists of more than 6 MB", long_answers, silent=True),
]
