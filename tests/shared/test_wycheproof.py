"""The Wycheproof vectors (C2SP, Apache-2.0), read from beside the project; skipped where they are not, but not in CI.

Their payloads are no claims, so the whole door refuses all of them. That its parts do their own share is shown one by
one: the gate of segments and header, the key set and PyJWT's check, with the claims left out (`taken`).
"""

import asyncio
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
from jwt.algorithms import OKPAlgorithm

from shared import tokens
from shared.keys import KeyCache, usable_keys
from shared.tokens import InvalidToken, subject
from tests.jwks import JwksServer

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "wycheproof"
ALL = ("EdDSA", "ES256", "RS256")


class Vector(NamedTuple):
    number: int
    text: Any
    valid: bool
    keys: Any
    private: Any


@cache
def document(name: str) -> Any:
    file = FOLDER / f"{name}_test.json"
    if not file.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail("the Wycheproof vectors are missing")
        pytest.skip("the Wycheproof vectors are not beside the project")
    return json.loads(file.read_text())


def vectors(name: str) -> list[Vector]:
    found = []
    for group in document(name)["testGroups"]:
        public, private = as_set(group.get("public")), as_set(group["private"])
        for test in group["tests"]:
            text = test["jws"] if "jws" in test else test["jwe"]
            found.append(Vector(test["tcId"], text, test["result"] == "valid", public, private))
    return found


def as_set(shown: Any) -> Any:
    return shown if shown is None or "keys" in shown else {"keys": [shown]}


def taken(vector: Vector, algorithms: tuple[str, ...]) -> bool:
    """Whether the text gets past everything but the claims, with the group's public keys as the issuer's set."""
    if not isinstance(vector.text, str) or not (segments := tokens._TOKEN.fullmatch(vector.text)):
        return False
    try:
        header = tokens._members_of(segments[1], "header")
        key = usable_keys(vector.keys, algorithms)[tokens._key_id(header, algorithms)]
        jwt.PyJWS().decode(vector.text, key, [key.algorithm_name])
    except (InvalidToken, KeyError, jwt.PyJWTError):
        return False
    return True


@pytest.fixture
def issuer() -> Iterator[JwksServer]:
    with JwksServer() as server:
        yield server


COUNTS = {"json_web_signature": 401, "json_web_crypto": 83, "json_web_encryption": 139, "json_web_key": 26}


@pytest.mark.parametrize("algorithms", [("EdDSA",), ALL], ids=",".join)
@pytest.mark.parametrize("name", COUNTS)
def test_the_door_refuses_every_vector_without_a_request(
    issuer: JwksServer, name: str, algorithms: tuple[str, ...]
) -> None:
    """No JWE, whether valid or not, no algorithm that is not allowed, and no text that is not claims."""
    keys = KeyCache(issuer.jwks_url, algorithms)

    async def refused(text: str) -> bool:
        try:
            await subject(text, keys, issuer=issuer.url, audience=issuer.url, algorithms=algorithms)
        except InvalidToken:
            return True
        return False

    async def all_of_them(texts: list[str]) -> list[bool]:
        return [await refused(text) for text in texts]

    found = [v.text if isinstance(v.text, str) else json.dumps(v.text) for v in vectors(name)]
    assert asyncio.run(all_of_them(found)) == [True] * COUNTS[name]
    assert issuer.requests == []


@pytest.mark.parametrize("name", COUNTS)
def test_with_eddsa_alone_nothing_is_taken_and_no_key_is_usable(name: str) -> None:
    for vector in vectors(name):
        assert not taken(vector, ("EdDSA",)), vector.number
        for shown in (vector.keys, vector.private):
            assert usable_keys(shown, ("EdDSA",)) == {}, vector.number


@pytest.mark.parametrize("name", COUNTS)
def test_no_private_key_is_ever_usable(name: str) -> None:
    for vector in vectors(name):
        public = [member for member in vector.private["keys"] if not {"d", "k"} & member.keys()]
        assert usable_keys(vector.private, ALL).keys() <= {member["kid"] for member in public}, vector.number


# With ES256 and RS256 allowed, valid ones that are refused and invalid ones that are taken: 259 has an empty payload,
# which is no token; 46 and 7 are one RSA key with the weakness ROCA, which only the factors of its primes betray.
DEVIATIONS: dict[str, tuple[set[int], set[int]]] = {
    "json_web_signature": ({259}, set()),
    "json_web_crypto": (set(), {46}),
    "json_web_key": (set(), {7}),
}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_with_es256_and_rs256_allowed_exactly_the_valid_ones_are_taken(name: str) -> None:
    def of_ours(vector: Vector) -> bool:
        return vector.valid and any(key.get("alg") in ALL for key in (vector.keys or {}).get("keys", []))

    found = vectors(name)
    too_strict = {vector.number for vector in found if of_ours(vector) and not taken(vector, ALL)}
    too_lax = {vector.number for vector in found if not vector.valid and taken(vector, ALL)}
    assert (too_strict, too_lax) == DEVIATIONS[name]
    assert any(taken(vector, ALL) for vector in found)


def test_ed25519_signatures_are_judged_as_they_should_be() -> None:
    """The keys come through the key set; the messages are no tokens, so the check is PyJWT's alone."""
    judged = 0
    for group in document("ed25519")["testGroups"]:
        member = {**group["publicKeyJwk"], "kid": "a"}
        key = usable_keys({"keys": [member]}, ("EdDSA",))["a"]
        assert isinstance(key.Algorithm, OKPAlgorithm)
        for test in group["tests"]:
            right = key.Algorithm.verify(bytes.fromhex(test["msg"]), key.key, bytes.fromhex(test["sig"]))
            assert right is (test["result"] == "valid"), test["tcId"]
            judged += 1
    assert judged == 151
