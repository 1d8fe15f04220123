"""F25, F26: what stands beside the database and the callers: the issuer of the tokens, and the keeper of the secret."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from uuid import uuid4

from psycopg import sql

from shared.keys import GAP
from tests.faults.changes import aside, client, environments_with
from tests.faults.fault import Fault, again_and_again
from tests.faults.invariants import eventually
from tests.faults.secrets_manager import SECRET_ID, SecretsManager
from tests.faults.world import World
from tests.support.jwks_server import JwksServer, Signer
from tests.support.stack import APP
from tests.support.tasks import TASKS

OFTEN, SELDOM = 0.3, 2.0
"""Seconds between two turns."""
ASKED = 5
FLOOD = 100
ROTATION = 10.0
"""Seconds within which a key that was rotated in works."""


def _gone(issuer: JwksServer) -> None:
    issuer.stop()


def _failing(issuer: JwksServer) -> None:
    issuer.status = 500


def _garbage(issuer: JwksServer) -> None:
    issuer.body = b"<html>"


def _empty(issuer: JwksServer) -> None:
    issuer.body = b'{"keys": []}'


def _silent(issuer: JwksServer) -> None:
    issuer.gate.clear()


def _dripping(issuer: JwksServer) -> None:
    issuer.drip = "body"


WAYS: tuple[Callable[[JwksServer], None], ...] = (_gone, _failing, _garbage, _empty, _silent, _dripping)
"""In which an issuer may fail."""


def _mend(issuer: JwksServer) -> None:
    issuer.status, issuer.body, issuer.drip = 200, None, ""
    issuer.gate.set()
    issuer.stop()
    issuer.start()


@contextmanager
def issuer_fails(world: World) -> Iterator[None]:
    """The load's issuer fails by turns; beside it environments, each with an issuer of its own, count their fetches."""

    def turn() -> None:
        world.dice.choice(WAYS)(world.issuer)
        world.pause(OFTEN)
        _mend(world.issuer)

    with again_and_again(turn, OFTEN), ThreadPoolExecutor(len(WAYS)) as threads:
        trials = [threads.submit(_failing_issuer, world, fail) for fail in WAYS]
        trials += [threads.submit(trial, world) for trial in (_rotation, _flood)]
        for trial in trials:
            trial.result()
        yield


def _failing_issuer(world: World, fail: Callable[[JwksServer], None]) -> None:
    """A cold environment answers 503 and asks seldom; once warm, it needs the issuer no more."""
    with JwksServer() as issuer, aside(world, AUTH_JWKS_URL=issuer.jwks_url) as fleet:
        issuer.show(world.signer.jwk)
        api = client(fleet, world.signer.token(f"user-{uuid4()}"))
        fail(issuer)
        started = time.monotonic()
        cold = [api.get(TASKS).status_code for _ in range(ASKED)]
        assert cold == [503] * ASKED, f"{fail.__name__}: {cold}"
        _seldom(issuer, started, at_first=2)  # while it was importing, and when that had failed
        _mend(issuer)
        eventually(lambda: api.get(TASKS).status_code == 200, f"{fail.__name__}, and over again")
        fail(issuer)
        warm = [api.get(TASKS).status_code for _ in range(ASKED)]
        assert warm == [200] * ASKED, f"{fail.__name__}, with its key held: {warm}"
        world.hit(len(cold))
        _mend(issuer)


def _rotation(world: World) -> None:
    """A key that is rotated in works soon; one that was rotated out does no more."""
    with JwksServer() as issuer, aside(world, AUTH_JWKS_URL=issuer.jwks_url) as fleet:
        issuer.show(world.signer.jwk)
        api = client(fleet, world.signer.token("somebody"))
        assert api.get(TASKS).status_code == 200
        new = Signer(world.issuer.url)
        issuer.show(new.jwk)
        started, rotated = time.monotonic(), client(fleet, new.token("somebody"))
        eventually(lambda: rotated.get(TASKS).status_code == 200, "the new key works")
        assert time.monotonic() - started < ROTATION
        assert api.get(TASKS).status_code == 401, "a key that was rotated out works"
        world.hit()


def _flood(world: World) -> None:
    """Keys that nobody knows are asked for again and again: the issuer is not."""
    with JwksServer() as issuer, aside(world, AUTH_JWKS_URL=issuer.jwks_url) as fleet:
        issuer.show(world.signer.jwk)
        started = time.monotonic()
        for _ in range(FLOOD):
            token = world.signer.token("somebody", header={"kid": uuid4().hex})
            status = client(fleet, token).get(TASKS).status_code
            assert status == 401, f"a key that nobody knows: {status}"
        _seldom(issuer, started)
        assert client(fleet, world.signer.token("somebody")).get(TASKS).status_code == 200
        world.hit(FLOOD)


def _seldom(issuer: JwksServer, started: float, at_first: int = 1) -> None:
    fetches, seconds = len(issuer.requests), time.monotonic() - started
    assert fetches <= at_first + seconds / GAP, f"{fetches} fetches in {seconds:.1f} s"


@contextmanager
def rotated_password(world: World) -> Iterator[None]:
    """The role's password changes, in the database, the pooler and the secret, whose keeper is away every other time.

    Environments read the secret at first use, and once more when its password is refused; none is started anew. One
    with a keeper of its own counts.
    """
    first, url = world.cluster.password(APP), world.environment["DATABASE_URL"]
    turns = itertools.count(1)

    def change(password: str) -> None:
        with world.admin() as admin:
            admin.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(APP), sql.Literal(password)))
        world.pooler.know(APP, password)
        for keeper in keepers:
            keeper.value = url.replace(first, password)
        world.renew()

    def rotate() -> None:
        turn = next(turns)
        if turn % 2:
            for keeper in keepers:
                keeper.away.set()
        change(f"{first}-{turn}")  # the first is part of it, and the first is what the checker looks for in logs
        if turn % 2:
            status = api.get(TASKS).status_code
            assert status == 503, f"without the new password: {status}"
            for keeper in keepers:
                keeper.away.clear()
        statuses = [api.get(TASKS).status_code for _ in range(ASKED)]
        assert statuses == [200] * ASKED, f"with the new password: {statuses}"
        assert keepers[1].reads == 1 + turn, f"{keepers[1].reads} reads of {1 + turn} passwords"
        world.hit()

    with SecretsManager(url) as of_the_load, SecretsManager(url) as of_one, ExitStack() as exits:
        keepers = (of_the_load, of_one)
        exits.callback(change, first)
        exits.enter_context(environments_with(world, DATABASE_SECRET_ID=SECRET_ID, **of_the_load.variables))
        api = client(exits.enter_context(aside(world, **of_one.variables)), world.signer.token("somebody"))
        assert api.get(TASKS).status_code == 200
        exits.enter_context(again_and_again(rotate, SELDOM))
        yield


FAULTS = [
    Fault("F25", "issuer gone, failing, silent, rotating, flooded", issuer_fails),
    Fault("F26", "password rotated, secrets out of reach", rotated_password, seconds=5),
]
