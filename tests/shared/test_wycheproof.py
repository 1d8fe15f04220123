"""The Wycheproof vectors (C2SP, Apache-2.0), read from beside the project; skipped where they are not, but not in CI.

Their payloads are no claims, so the whole door refuses all of them. That its parts do their own share is shown one by
one: the gate of segments and header, the key set and PyJWT's check, with the claims left out (`taken`).
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
from jwt.algorithms import OKPAlgorithm

from shared import tokens
from shared.keys import usable_keys
from shared.tokens import InvalidToken
from tests.support.collect_failures import collect_failures
from tests.support.jwks_server import JwksServer
from tests.support.token_check import BAD_SENT, NONE_SENT, bearer, opened, refused

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "wycheproof"
ALL = ("EdDSA", "ES256", "RS256")
COUNTS = {"json_web_signature": 401, "json_web_crypto": 83, "json_web_encryption": 139, "json_web_key": 26}


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


def every_vector() -> list[tuple[str, Vector]]:
    return [(name, vector) for name in COUNTS for vector in vectors(name)]


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


@pytest.mark.parametrize("algorithms", [("EdDSA",), ALL], ids=",".join)
def test_every_vector_is_the_one_401_without_a_request_to_the_issuer(
    monkeypatch: pytest.MonkeyPatch, issuer: JwksServer, algorithms: tuple[str, ...]
) -> None:
    """No JWE, whether valid or not, no algorithm that is not allowed, and no text that is not claims."""
    with opened(monkeypatch, issuer, algorithms) as door, collect_failures() as check:
        for name, vector in every_vector():
            with check(name, vector.number):
                token = vector.text if isinstance(vector.text, str) else json.dumps(vector.text)
                refused(door.answer(bearer(token)), BAD_SENT if token else NONE_SENT)
        assert door.dialled == []
    assert {name: len(vectors(name)) for name in COUNTS} == COUNTS


def test_with_eddsa_alone_nothing_is_taken_and_no_key_is_usable() -> None:
    for name, vector in every_vector():
        assert not taken(vector, ("EdDSA",)), (name, vector.number)
        for shown in (vector.keys, vector.private):
            assert usable_keys(shown, ("EdDSA",)) == {}, (name, vector.number)


def test_no_private_key_is_ever_usable() -> None:
    for name, vector in every_vector():
        public = [member for member in vector.private["keys"] if not {"d", "k"} & member.keys()]
        assert usable_keys(vector.private, ALL).keys() <= {member["kid"] for member in public}, (name, vector.number)


# Every vector that is judged otherwise than it was published, with all our algorithms allowed: by file, reason and
# tcId. Each must be there and no other one: a deviation that disappears has to be struck out.
OTHER = "valid, and refused: another algorithm than EdDSA, ES256 and RS256"
NO_PAYLOAD = "valid, and refused: an empty payload is no token"
ENCRYPTED = "valid, and refused: no JWE is taken"
ROCA = "invalid, and taken: an RSA key with the weakness ROCA, which only the factors of its primes betray"
DEVIATIONS: dict[str, dict[str, set[int]]] = {
    "json_web_signature": {
        OTHER: {
            *(1, 348, 352, 357, 358, 359, 372, 373, 376, 377),  # HS256; 372 and 373 have a "?" within, so rightly
            *(264, 265, 266, 267, 268, 269, 270, 271),  # RS384, RS512
            *(272, 273, 274, 275, 287, 288, 320, 321, 322, 323, 325, 326, 327, 328, 346, 350),  # PS256, PS384, PS512
            *(347, 351),  # ES512, by a key that says ES521
        },
        NO_PAYLOAD: {259},
    },
    "json_web_crypto": {OTHER: {1, 48}, ENCRYPTED: {50, 67}, ROCA: {46}},
    "json_web_encryption": {
        ENCRYPTED: {
            *(1, 23, *range(28, 36), *range(52, 63), *range(66, 94), *range(100, 106), 112, 121, *range(128, 136)),
        },
    },
    "json_web_key": {OTHER: {2, 13, 14, 15}, ROCA: {7}},
}


# Valid ones of ours: so that it is seen that not all is refused.
TAKEN = {
    "json_web_signature": {18, 33, 260, 261, 262, 263, 345, 349, 378},
    "json_web_crypto": {18, 33},
    "json_web_encryption": set[int](),
    "json_web_key": {5},
}


def test_each_vector_is_judged_as_published_or_stands_in_the_table() -> None:
    assert DEVIATIONS.keys() == COUNTS.keys()
    with collect_failures() as check:
        for name, table in DEVIATIONS.items():
            with check(name):
                found = vectors(name)
                valid = {vector.number for vector in found if vector.valid}
                accepted = {vector.number for vector in found if taken(vector, ALL)}
                assert accepted & valid == TAKEN[name]
                assert accepted - valid == table.get(ROCA, set())
                refusals = [numbers for reason, numbers in table.items() if reason != ROCA]
                assert valid - accepted == set().union(*refusals)
                assert sum(map(len, refusals)) == len(valid - accepted)


def test_the_reasons_in_the_table_are_true() -> None:
    for name, table in DEVIATIONS.items():
        found = {vector.number: vector for vector in vectors(name)}
        for number in table.get(OTHER, ()):
            shown = found[number].keys or found[number].private
            assert not {key["alg"] for key in shown["keys"]} & {*ALL}, number
        for number in table.get(ENCRYPTED, ()):
            assert found[number].text.count(".") == 4, number
        for number in table.get(NO_PAYLOAD, ()):
            assert found[number].text.split(".")[1] == "", number


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
