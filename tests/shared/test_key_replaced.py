"""Another key under an old kid: taken up as fast as a new kid, and no way to make us ask the issuer more often."""

import asyncio

import pytest

from shared.keys import FRESH, GAP, KeyCache, UnknownKey
from shared.tokens import InvalidToken
from tests.support.forged_tokens import check
from tests.support.jwks_server import JwksServer, Signer
from tests.support.key_cache import Clock, ask

ALL = ("EdDSA", "ES256", "RS256")


def replaced(issuer: JwksServer, old: Signer, alg: str = "EdDSA") -> Signer:
    """Show a new key under the old one's kid, alone; the old one's tokens are worth nothing from then on."""
    new = Signer(issuer.url, alg=alg)
    new.kid = old.kid
    new.jwk["kid"] = old.kid
    issuer.show(new.jwk)
    return new


def verdict(cache: KeyCache, signer: Signer, *tokens: str) -> list[str]:
    """What each token is worth: its subject, or why it is refused; all are checked at once."""

    async def one(token: str) -> str:
        try:
            return await check(token, cache, signer, ALL)
        except InvalidToken as refusal:
            return str(refusal)

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(one(token) for token in tokens))

    return asyncio.run(all_at_once())


@pytest.mark.parametrize("alg", ALL)
def test_it_works_once_the_issuer_may_be_asked_again(
    issuer: JwksServer, cache: KeyCache, clock: Clock, alg: str
) -> None:
    old = issuer.signer()
    assert verdict(cache, old, old.token()) == ["alice"]
    new = replaced(issuer, old, alg)
    clock.now += GAP - 1
    assert verdict(cache, new, new.token()) != ["alice"]
    assert len(issuer.requests) == 1
    clock.now += 1
    assert verdict(cache, new, new.token()) == ["alice"]
    assert verdict(cache, old, old.token(), new.token()) != ["alice", "alice"]
    assert verdict(cache, new, new.token()) == ["alice"]
    assert len(issuer.requests) == 2


def test_a_flood_of_bad_signatures_costs_one_fetch_in_5_seconds(
    issuer: JwksServer, cache: KeyCache, clock: Clock
) -> None:
    signer, stranger = issuer.signer(), Signer(issuer.url)
    bad = stranger.token(header={"kid": signer.kid})
    for second in range(11):
        assert verdict(cache, signer, *[bad] * 100) == ["PyJWT: InvalidSignatureError"] * 100
        assert verdict(cache, signer, signer.token()) == ["alice"]
        assert len(issuer.requests) == 1 + second // GAP
        clock.now += 1


def test_nobody_with_a_good_token_waits_for_that_fetch(issuer: JwksServer, cache: KeyCache, clock: Clock) -> None:
    signer, stranger = issuer.signer(), Signer(issuer.url)
    assert verdict(cache, signer, signer.token()) == ["alice"]
    clock.now += GAP
    issuer.gate.clear()
    issuer.asked.clear()

    async def main() -> str:
        bad = asyncio.create_task(check(stranger.token(header={"kid": signer.kid}), cache, signer, ALL))
        assert await asyncio.to_thread(issuer.asked.wait, 30)
        good = await check(signer.token(), cache, signer, ALL)
        assert not bad.done()
        issuer.gate.set()
        with pytest.raises(InvalidToken):
            await bad
        return good

    assert asyncio.run(main()) == "alice"


@pytest.mark.parametrize("age", [GAP, FRESH])
def test_while_the_issuer_is_down_a_bad_signature_is_refused_and_the_held_key_stays(
    issuer: JwksServer, cache: KeyCache, clock: Clock, age: int
) -> None:
    """The key that the issuer showed last is known, and the token is not its: that is no question for later."""
    signer, stranger = issuer.signer(), Signer(issuer.url)
    assert verdict(cache, signer, signer.token()) == ["alice"]
    issuer.stop()
    clock.now += age
    bad = stranger.token(header={"kid": signer.kid})
    assert verdict(cache, signer, bad, bad) == ["PyJWT: InvalidSignatureError"] * 2
    assert ask(cache, signer.kid) == {"held"}


def test_a_refuted_key_is_not_given_again_without_a_fetch(issuer: JwksServer, cache: KeyCache) -> None:
    kid = issuer.signer().kid

    async def main() -> None:
        key = await cache.key(kid)
        with pytest.raises(UnknownKey):
            await cache.key(kid, refuted=key)

    asyncio.run(main())
    assert len(issuer.requests) == 1
