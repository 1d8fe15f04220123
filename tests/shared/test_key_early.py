"""The issuer is asked while an operation is still importing, and the first fetch takes the answer over."""

import subprocess
import sys
from concurrent.futures import wait

from infra.operations import ROOT
from shared.keys import GAP, KeyCache
from tests.faults.invariants import eventually
from tests.support.jwks_server import JwksServer
from tests.support.key_cache import Clock, ask

ONLY_THE_FOLDER = (
    "import sys, functions.tasks, shared.issuer as i; print('jwt' in sys.modules, i.KEYS._early is not None)"
)


def settled(cache: KeyCache) -> None:
    """Wait until the early answer is there, or has failed."""
    assert cache._early
    wait([cache._early[1]])


def test_one_request_serves_the_import_and_the_first_caller(issuer: JwksServer, cache: KeyCache) -> None:
    kid = issuer.signer().kid
    cache.ask_early()
    assert ask(cache, kid) == {"held"}
    assert len(issuer.requests) == 1


def test_a_caller_who_comes_before_the_answer_waits_for_it(issuer: JwksServer, cache: KeyCache) -> None:
    kid = issuer.signer().kid
    issuer.delay = 0.3
    cache.ask_early()
    assert ask(cache, kid) == {"held"}
    assert len(issuer.requests) == 1


def test_a_failure_while_importing_is_the_first_fetchs_own(issuer: JwksServer, cache: KeyCache, clock: Clock) -> None:
    """Whatever comes in, the issuer is asked once in 5 seconds."""
    kid = issuer.signer().kid
    issuer.status = 500
    cache.ask_early()
    settled(cache)
    issuer.status = 200
    assert ask(cache, kid) == {"unavailable"}
    assert len(issuer.requests) == 1
    clock.now += GAP
    assert ask(cache, kid) == {"held"}


def test_an_early_answer_that_has_grown_old_is_not_used(issuer: JwksServer, cache: KeyCache, clock: Clock) -> None:
    """An environment may be started, frozen, and asked much later."""
    cache.ask_early()
    settled(cache)
    kid = issuer.signer().kid
    clock.now += GAP
    assert ask(cache, kid) == {"held"}
    assert len(issuer.requests) == 2


def test_an_issuer_that_hangs_meanwhile_costs_the_caller_no_more_than_one_fetch(
    issuer: JwksServer, cache: KeyCache
) -> None:
    kid = issuer.signer().kid
    issuer.gate.clear()
    cache.ask_early()
    eventually(issuer.asked.is_set, "the early request")
    assert ask(cache, kid) == {"unavailable"}
    issuer.gate.set()


def test_the_folder_of_operations_asks_before_it_imports_what_reads_the_answer(issuer: JwksServer) -> None:
    issuer.signer()
    env = {"AUTH_ISSUER": issuer.url, "DATABASE_URL": "postgresql://app@127.0.0.1:1/app"}
    command = [sys.executable, "-c", ONLY_THE_FOLDER]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
