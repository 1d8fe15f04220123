"""What the key decides: signatures that were tampered with, keys that do not fit, and the tokens that are accepted."""

import asyncio
import time
from typing import Any

import pytest

from shared.keys import KeyCache, KeysUnavailable
from shared.tokens import InvalidToken
from tests.support.collect_failures import for_each
from tests.support.forged_tokens import ALPHABET, Forge, accept, check, claims, header, payload, refuse, timed
from tests.support.hostile_tokens import KIDS, SIGNATURE, stranger
from tests.support.jwks_server import JwksServer, Signer, dump

ALL = ("EdDSA", "ES256", "RS256")


@for_each("forge", SIGNATURE.values(), SIGNATURE)
def test_a_signature_that_is_not_the_keys_over_this_very_text_is_refused(
    issuer: JwksServer, signer: Signer, forge: Forge
) -> None:
    assert refuse(issuer, signer, forge(signer)) == "PyJWT: InvalidSignatureError"


@for_each("kid", KIDS)
def test_a_hostile_kid_is_only_ever_a_name(issuer: JwksServer, signer: Signer, kid: str) -> None:
    del issuer.requests[:]
    assert refuse(issuer, signer, signer.token(header={"kid": kid})) == "kid: the issuer shows no such key"
    assert issuer.requests == ["/api/auth/jwks"]


@for_each("kid", ["a-key", "A-KEY", "a-Key ", " a-Key", "a-Ke", "a-Keys", "a-K%65y", "\uff41-Key"])
def test_a_kid_is_looked_up_exactly(issuer: JwksServer, signer: Signer, kid: str) -> None:
    issuer.show(signer.jwk | {"kid": "a-Key"})
    assert accept(issuer, signer, signer.token(header={"kid": "a-Key"})) == "alice"
    assert "no such key" in refuse(issuer, signer, signer.token(header={"kid": kid}))


@for_each("alg", ALL)
def test_a_change_of_any_character_is_refused(issuer: JwksServer, alg: str) -> None:
    signer = issuer.signer(alg)
    token = signer.token()
    cache = KeyCache(issuer.jwks_url, (alg,))

    async def every_character() -> list[int]:
        survivors = []
        for index, character in enumerate(token):
            flipped = "A" if character == "." else ALPHABET[ALPHABET.index(character) ^ 1]
            try:
                await check(token[:index] + flipped + token[index + 1 :], cache, signer, (alg,))
            except InvalidToken:
                continue
            survivors.append(index)
        return survivors

    assert asyncio.run(every_character()) == []


@for_each("shown", ALL)
def test_cve_2026_48523_a_key_has_one_algorithm_and_the_header_must_name_it(issuer: JwksServer, shown: str) -> None:
    """Header and key in every pair, with all three allowed; the key shows no alg of its own."""
    signer = issuer.signer(shown)
    issuer.show({name: value for name, value in signer.jwk.items() if name != "alg"})
    others = tuple(alg for alg in ALL if alg != shown)
    token = signer.token()
    assert accept(issuer, signer, token, ALL) == accept(issuer, signer, token, (shown,)) == "alice"
    assert refuse(issuer, signer, token, others) == "alg: not allowed"
    wrong = {claimed: refuse(issuer, signer, signer.token(header={"alg": claimed}), ALL) for claimed in others}
    assert wrong == dict.fromkeys(others, "alg: not the key's")


SPACED = payload(lambda text: text.replace(b",", b" ,\r\n\t").replace(b":", b" : ", 3))
ACCEPTED: dict[str, Forge] = {
    "as Better Auth has it": claims(),
    "typ JWT": header(typ="JWT"),
    "other header members": header(cty="json", x={"y": [1]}),
    "aud a list that holds ours": lambda signer: signer.token(aud=["https://other.example", signer.audience]),
    "aud a list of ours": lambda signer: signer.token(aud=[signer.audience]),
    "over, within the leeway": timed(exp=-20, iat=-920),
    "over before it was issued, within the leeway": timed(exp=-20, iat=0),
    "iat ahead, within the leeway": timed(iat=20, exp=920),
    "nbf now": timed(nbf=0),
    "nbf ahead, within the leeway": timed(nbf=20),
    "nbf long ago": claims(nbf=0),
    "a life of a day": timed(iat=-1, exp=86_399),
    "a life of a second": timed(iat=0, exp=1),
    "any members of a user": claims(name="\u4f8b", image=None, banned=False, x=1.5, y=[{}], role="admin", jti="1"),
    "white space within": SPACED,
}


@for_each("forge", ACCEPTED.values(), ACCEPTED)
def test_it_is_accepted(issuer: JwksServer, signer: Signer, forge: Forge) -> None:
    assert accept(issuer, signer, forge(signer)) == "alice"


SUBS = ["a", "a" * 255, "\U0001f600" * 255, "o'brien", "a b", "\u4f8b", "0", "null", "a|b:c", "\\", '"']


@for_each("sub", SUBS)
def test_a_sub_is_given_to_the_character(issuer: JwksServer, signer: Signer, sub: str) -> None:
    assert accept(issuer, signer, signer.token(sub)) == sub


def test_an_audience_of_its_own_is_not_the_issuer(issuer: JwksServer) -> None:
    signer = issuer.signer(audience="https://tasks.example")
    assert accept(issuer, signer, signer.token()) == "alice"
    assert refuse(issuer, signer, signer.token(aud=issuer.url)) == "aud: another audience"


def test_4096_characters_are_accepted_and_one_more_is_not(issuer: JwksServer, signer: Signer) -> None:
    lengths = {len(token): token for size in range(2500, 2900) if len(token := signer.token(image="x" * size)) > 4090}
    longest = max(length for length in lengths if length <= 4096)
    assert accept(issuer, signer, lengths[longest]) == "alice"
    assert "4096" in refuse(issuer, signer, lengths[min(length for length in lengths if length > 4096)])


def test_a_good_token_after_a_thousand_bad_ones(issuer: JwksServer) -> None:
    signer, cache = issuer.signer(), KeyCache(issuer.jwks_url, ("EdDSA",))
    bad = [signer.token(header={"kid": f"nobody-{number}"}) for number in range(500)] + [stranger(signer)] * 500

    async def all_at_once() -> list[Any]:
        answers = (check(token, cache, signer, ("EdDSA",)) for token in [*bad, signer.token()])
        return await asyncio.gather(*answers, return_exceptions=True)

    *refusals, last = asyncio.run(all_at_once())
    assert {type(refusal) for refusal in refusals} == {InvalidToken}
    assert last == "alice"
    assert len(issuer.requests) == 1


def test_without_keys_a_token_that_needs_one_is_not_refused_and_any_other_is(
    issuer: JwksServer, signer: Signer
) -> None:
    issuer.stop()
    with pytest.raises(KeysUnavailable):
        accept(issuer, signer, signer.token())
    assert refuse(issuer, signer, signer.token(exp=int(time.time()) - 60)) == "exp: over"
    assert refuse(issuer, signer, signer.sign(b"{}", dump(signer.claims()))) == "alg: not allowed"
