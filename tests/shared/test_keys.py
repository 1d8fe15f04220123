"""The key cache against a real HTTP server: when it asks, what it keeps, and what it survives."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.keys import FRESH, GAP, RETRY, STALE, KeyCache
from tests.support.jwks_server import JwksServer
from tests.support.key_cache import Clock, ask, outcome

NOBODYS = [f"nobody-{number}" for number in range(1000)]


class TestWhenItAsks:
    def test_not_before_the_first_key_is_needed(self, issuer: JwksServer, cache: KeyCache) -> None:
        assert issuer.requests == []
        assert ask(cache, issuer.signer().kid) == {"held"}

    def test_once_for_all_who_wait_and_all_who_come_later(self, issuer: JwksServer, cache: KeyCache) -> None:
        kid = issuer.signer().kid
        assert ask(cache, *[kid] * 100, *NOBODYS) == {"held", "unknown"}
        assert ask(cache, *[kid] * 100) == {"held"}
        assert issuer.requests == ["/api/auth/jwks"]

    def test_cve_2026_48524_a_thousand_random_kids_cost_one_fetch_in_5_seconds(
        self, issuer: JwksServer, cache: KeyCache, clock: Clock
    ) -> None:
        assert ask(cache, issuer.signer().kid) == {"held"}
        for second in range(11):
            clock.now += 1
            assert ask(cache, *NOBODYS) == {"unknown"}
            assert len(issuer.requests) == 1 + (second + 1) // GAP

    def test_a_rotated_in_key_works_within_10_seconds(self, issuer: JwksServer, cache: KeyCache, clock: Clock) -> None:
        assert ask(cache, issuer.signer().kid) == {"held"}
        new = issuer.signer().kid
        waited = 0
        while ask(cache, new) != {"held"}:
            clock.now += 1
            waited += 1
            assert waited < 10

    def test_a_removed_key_stops_at_the_next_refresh(self, issuer: JwksServer, cache: KeyCache, clock: Clock) -> None:
        old, new = issuer.signer(), issuer.signer()
        assert ask(cache, old.kid, new.kid) == {"held"}
        issuer.show(new.jwk)
        clock.now += FRESH - 1
        assert ask(cache, old.kid) == {"held"}
        clock.now += 1
        assert ask(cache, old.kid) == {"unknown"}
        assert ask(cache, new.kid) == {"held"}

    @pytest.mark.parametrize("jump", [-7 * STALE, -3600, 7 * STALE])
    def test_a_jump_of_the_clock_leads_to_one_fetch(
        self, issuer: JwksServer, cache: KeyCache, clock: Clock, jump: float
    ) -> None:
        kid = issuer.signer().kid
        assert ask(cache, kid) == {"held"}
        clock.now += jump
        assert ask(cache, kid) == {"held"}
        assert ask(cache, kid, *NOBODYS) == {"held", "unknown"}
        assert len(issuer.requests) == 2


class TestWhileTheIssuerIsDown:
    def test_cold_it_is_asked_once_in_5_seconds_then_all_is_well(
        self, issuer: JwksServer, cache: KeyCache, clock: Clock
    ) -> None:
        kid = issuer.signer().kid
        issuer.status = 500
        assert ask(cache, kid, *NOBODYS) == {"unavailable"}
        clock.now += GAP - 1
        assert ask(cache, kid, *NOBODYS) == {"unavailable"}
        assert len(issuer.requests) == 1
        issuer.status = 200
        clock.now += 1
        assert ask(cache, kid) == {"held"}

    def test_refused_connections_and_a_return_on_the_same_port(
        self, issuer: JwksServer, cache: KeyCache, clock: Clock
    ) -> None:
        kid = issuer.signer().kid
        issuer.stop()
        assert ask(cache, kid) == {"unavailable"}
        issuer.start()
        clock.now += GAP
        assert ask(cache, kid) == {"held"}

    def test_held_keys_work_for_a_day_and_no_longer(self, issuer: JwksServer, cache: KeyCache, clock: Clock) -> None:
        kid = issuer.signer().kid
        start = clock.now
        assert ask(cache, kid) == {"held"}
        issuer.stop()
        for age in (FRESH, 3600, STALE - 1):
            clock.now = start + age
            assert ask(cache, kid) == {"held"}
        clock.now = start + STALE
        assert ask(cache, kid) == {"unavailable"}
        issuer.start()
        clock.now += GAP
        assert ask(cache, kid) == {"held"}

    def test_callers_with_a_held_key_are_stalled_once_a_minute_at_most(
        self, issuer: JwksServer, cache: KeyCache, clock: Clock
    ) -> None:
        kid = issuer.signer().kid
        assert ask(cache, kid) == {"held"}
        issuer.status = 503
        clock.now += FRESH
        for _ in range(RETRY):
            assert ask(cache, kid) == {"held"}
            clock.now += 1
        assert len(issuer.requests) == 2
        assert ask(cache, kid) == {"held"}
        assert len(issuer.requests) == 3

    def test_an_unknown_kid_may_be_a_new_key_and_is_not_refused(
        self, issuer: JwksServer, cache: KeyCache, clock: Clock
    ) -> None:
        assert ask(cache, issuer.signer().kid) == {"held"}
        issuer.stop()
        clock.now += GAP
        assert ask(cache, *NOBODYS) == {"unavailable"}


class TestLoopsAndCallers:
    def test_a_caller_that_gives_up_takes_nobody_with_it(self, issuer: JwksServer, cache: KeyCache) -> None:
        kid = issuer.signer().kid
        issuer.gate.clear()

        async def main() -> str:
            first, second = (asyncio.create_task(outcome(cache, kid)) for _ in range(2))
            await asyncio.to_thread(issuer.asked.wait)
            first.cancel()
            issuer.gate.set()
            return await second

        assert asyncio.run(main()) == "held"

    def test_a_fetch_outlives_the_loop_that_began_it(self, issuer: JwksServer, cache: KeyCache) -> None:
        kid = issuer.signer().kid
        issuer.gate.clear()

        async def begin() -> None:
            task = asyncio.create_task(outcome(cache, kid))
            await asyncio.to_thread(issuer.asked.wait)
            task.cancel()

        asyncio.run(begin())
        issuer.gate.set()
        assert ask(cache, kid) == {"held"}
        assert len(issuer.requests) == 1

    def test_loops_in_several_threads_share_it(self, issuer: JwksServer, cache: KeyCache) -> None:
        kid = issuer.signer().kid
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(lambda _: ask(cache, kid, kid), range(8))) == [{"held"}] * 8
