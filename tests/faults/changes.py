"""What a fault changes for a while and puts back: settings of the role, the environments and what is inside them."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from psycopg import sql

from infra.roles import LIMITS
from tests.faults import inside
from tests.faults.answers import FAILED
from tests.faults.fleet import Fleet
from tests.faults.invariants import eventually
from tests.faults.world import World
from tests.support.stack import APP

type Bend = Callable[..., None]


@contextmanager
def role_with(world: World, **settings: str) -> Iterator[None]:
    """The application role has settings of its own; every connection is a new one, before and afterwards."""
    role = sql.Identifier(APP)
    with world.admin() as admin:
        for name, value in settings.items():
            admin.execute(sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(name), sql.Literal(value)))
        world.renew()
        try:
            yield
        finally:
            for name in settings:
                admin.execute(sql.SQL("alter role {} reset {}").format(role, sql.Identifier(name)))
                if name in LIMITS:
                    before = sql.Literal(LIMITS[name])
                    admin.execute(sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(name), before))
            world.renew()


@contextmanager
def environments_with(world: World, **variables: str) -> Iterator[None]:
    """Every environment is a new one with these variables beside its own; afterwards with its own again."""
    before = dict(world.environment)
    world.environment.update(variables)
    if "DATABASE_SECRET_ID" in variables:
        del world.environment["DATABASE_URL"]
    replace_all(world.fleet)
    try:
        yield
    finally:
        world.environment.clear()
        world.environment.update(before)
        replace_all(world.fleet)


def replace_all(fleet: Fleet) -> None:
    """End every environment there is, each as soon as it is idle."""
    old = fleet.environments

    def gone() -> bool:
        fleet.retire()
        return not any(environment in old for environment in fleet.environments)

    eventually(gone, "no environment of before")


@contextmanager
def aside(world: World, **variables: str) -> Iterator[Fleet]:
    """Environments apart from those of the load: what is asked of them is not in the row's history.

    Whoever asks judges the answers; that the environments logged no failure is seen to here.
    """
    with Fleet(world.environment | variables, world.fleet.folder) as fleet:
        yield fleet
        log = fleet.news()
        assert not FAILED.search(log), log


def client(fleet: Fleet, token: str) -> httpx.Client:
    """A caller who is not in the row's history. It is not to be closed: that would end the fleet."""
    return httpx.Client(transport=fleet, base_url="https://api.test", headers={"Authorization": f"Bearer {token}"})


@contextmanager
def bent() -> Iterator[tuple[dict[str, str], Bend]]:
    """The variables with which an environment's clock and names can be bent, and what bends them (`inside`)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bent.json"

        def bend(**values: object) -> None:
            draft = file.with_suffix(".draft")
            draft.write_text(json.dumps(values), "ascii")
            draft.replace(file)

        bend()
        yield {"PYTHONPATH": str(Path(inside.__file__).parent), "BENT": str(file)}, bend


@contextmanager
def seen(world: World, *texts: str) -> Iterator[Callable[[], int]]:
    """The fault hits when PostgreSQL says each of `texts` in its log; as often as the rarest of them."""
    start = world.cluster.log.stat().st_size

    def hits() -> int:
        with world.cluster.log.open("rb") as log:
            log.seek(start)
            said = log.read().decode("utf-8", "replace")
        return min(said.count(text) for text in texts)

    yield hits
    world.hit(hits())
