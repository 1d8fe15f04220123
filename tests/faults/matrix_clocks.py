"""F28: the clocks of environments are wrong, jump while they run, and stand in zones with daylight saving time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import httpx

from shared.tokens import LEEWAY
from tests.faults.changes import Bend, aside, bent, client, environments_with
from tests.faults.fault import Fault, again_and_again
from tests.faults.fleet import Fleet
from tests.faults.world import World
from tests.support.tasks import TASKS, TIME

SELDOM = 1.0
"""Seconds between two jumps of the load's clocks."""
WRONG = 300
"""Seconds, either way."""
DAY = 86_400
NEAR = 5
"""Seconds beside the leeway, which a request may take."""
ZONES = {"TZ": "America/St_Johns", "PGTZ": "Asia/Kathmandu"}
DUES = {
    "a time that the clock skips": ({"datetime": "2026-03-29T02:30:00", "timezone": "Europe/Berlin"}, 422),
    "a time that it shows twice": ({"datetime": "2026-10-25T02:30:00", "timezone": "Europe/Berlin"}, 201),
    "a leap second": ({"datetime": "2016-12-31T23:59:60"}, 422),
    "a time that the environment's own zone skips": ({"datetime": "2026-03-08T02:30:00"}, 201),
}
AGE = "update idempotency_key set created_at = created_at - interval '1 day' where user_id = %s"


@contextmanager
def wrong_clocks(world: World) -> Iterator[None]:
    """The load's clocks jump within the leeway, and nobody notices; others are wrong by minutes and by a day."""
    with bent() as (variables, bend), environments_with(world, **variables, **ZONES):

        def jump() -> None:
            bend(clock=world.dice.randint(5 - LEEWAY, LEEWAY - 5))

        with again_and_again(jump, SELDOM), bent() as (others, bend_others), aside(world, **others, **ZONES) as fleet:
            user = f"user-{uuid4()}"
            for wrong in (WRONG, -WRONG):
                bend_others(clock=wrong)
                _tokens(world, fleet, time.time() + wrong)
                _times(world, fleet, user)
            bend_others(clock=0)
            _keys(world, fleet, bend_others, user)
            yield


def _tokens(world: World, fleet: Fleet, now: float) -> None:
    """What a token says is held against the clock `now`, with the leeway and no more."""
    for issued, expires, status in (
        (-WRONG, WRONG, 200),
        (-WRONG, NEAR - LEEWAY, 200),
        (-WRONG, -NEAR - LEEWAY, 401),
        (LEEWAY - NEAR, WRONG, 200),
        (LEEWAY + NEAR, WRONG, 401),
    ):
        token = world.signer.token("somebody", iat=int(now) + issued, exp=int(now) + expires)
        found = client(fleet, token).get(TASKS).status_code
        assert found == status, f"issued {issued} s, expires {expires} s from now: {found}"
        world.hit()


def _times(world: World, fleet: Fleet, user: str) -> None:
    """What is stored is as it was sent; when it was stored, the server says, in UTC."""
    api = _somebody(world, fleet, user)
    for name, (due, status) in DUES.items():
        answer = api.post(TASKS, json={"title": name, "due": due})
        assert answer.status_code == status, f"{name}: {answer.status_code}"
        if status == 201:
            task = answer.json()
            assert task["due"] == {"timezone": None, **due} or task["due"] == due, task["due"]
            assert TIME.fullmatch(task["created_at"]), task["created_at"]
            off = datetime.now(UTC) - datetime.fromisoformat(task["created_at"])
            assert abs(off.total_seconds()) < WRONG / 2, f"stored {off} ago"
        world.hit()


def _keys(world: World, fleet: Fleet, bend: Bend, user: str) -> None:
    """A key is kept for a day of the server's, whatever the environment's clock says."""
    key, body = {"Idempotency-Key": str(uuid4())}, {"title": "Buy milk"}
    first = _somebody(world, fleet, user).post(TASKS, json=body, headers=key)
    for days in (2, -2, 0):
        bend(clock=days * DAY)
        again = _somebody(world, fleet, user, days * DAY).post(TASKS, json=body, headers=key)
        assert "Idempotency-Replayed" in again.headers, f"{days} days on: {again.status_code}"
        assert again.content == first.content
        world.hit()
    with world.admin() as admin:
        admin.execute(AGE, [user])
    afresh = _somebody(world, fleet, user).post(TASKS, json=body, headers=key)
    assert afresh.status_code == 201
    assert "Idempotency-Replayed" not in afresh.headers, "a key outlived its day"


def _somebody(world: World, fleet: Fleet, user: str, wrong: int = 0) -> httpx.Client:
    """A caller whose token any clock takes that is wrong by minutes; or by `wrong` seconds."""
    now = int(time.time()) + wrong
    return client(fleet, world.signer.token(user, iat=now - 2 * WRONG, exp=now + 2 * WRONG))


FAULTS = [Fault("F28", "clocks wrong by 5 minutes, by days; zones", wrong_clocks)]
