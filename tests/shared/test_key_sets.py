"""What a key set may hold: a bad member is left out alone, a good one is taken for its one algorithm."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.keys import usable_keys
from tests.support.collect_failures import for_each
from tests.support.jwks_server import Json, Signer, base64url

ALL = ("EdDSA", "ES256", "RS256")


GOOD = Signer("https://issuer.example")


ED, P256, RSA = (Signer("https://issuer.example", alg=alg).jwk for alg in ALL)
SHORT_RSA = Signer("https://issuer.example", alg="RS256", bits=1024).jwk
X448 = base64url(bytes(57))

# One member each that no token may be checked with, whichever algorithms are allowed.
UNUSABLE: dict[str, Any] = {
    "no object": "key",
    "null": None,
    "a list": [ED],
    "empty": {},
    "no kid": {name: value for name, value in ED.items() if name != "kid"},
    "an empty kid": ED | {"kid": ""},
    "a kid that is a number": ED | {"kid": 7},
    "a kid that is null": ED | {"kid": None},
    "no kty": {name: value for name, value in ED.items() if name != "kty"},
    "a kty that is a list": ED | {"kty": ["OKP"]},
    "kty in another case": ED | {"kty": "okp"},
    "CVE-2026-48526, oct": {"kty": "oct", "kid": "s", "k": base64url(bytes(32)), "alg": "EdDSA"},
    "oct beside a public key": ED | {"k": base64url(bytes(32))},
    "a private key": GOOD.private_jwk | {"kid": "private"},
    "CVE-2026-102275 GHSA-x33g-cr3x-6449, a private key that is not its public one's": ED | {"d": base64url(bytes(32))},
    "a private key of null": ED | {"d": None},
    "a prime of RSA": RSA | {"p": "AQAB"},
    "Ed448": {"kty": "OKP", "crv": "Ed448", "x": X448, "kid": "448"},
    "X25519": ED | {"crv": "X25519"},
    "no crv": {name: value for name, value in ED.items() if name != "crv"},
    "crv in another case": ED | {"crv": "ed25519"},
    "a crv that is an object": ED | {"crv": {}},
    "P-384": P256 | {"crv": "P-384"},
    "P-256K": P256 | {"crv": "secp256k1"},
    "RSA that names a curve": RSA | {"crv": "P-256"},
    "an alg of another kind": ED | {"alg": "RS256"},
    "alg HS256": RSA | {"alg": "HS256"},
    "alg none": ED | {"alg": "none"},
    "alg null": ED | {"alg": None},
    "alg PS256": RSA | {"alg": "PS256"},
    "alg Ed25519 of RFC 9864": ED | {"alg": "Ed25519"},
    "use enc": ED | {"use": "enc"},
    "use null": ED | {"use": None},
    "key_ops encrypt": ED | {"key_ops": ["encrypt"]},
    "key_ops sign": ED | {"key_ops": ["sign"]},
    "key_ops empty": ED | {"key_ops": []},
    "key_ops a string": ED | {"key_ops": "verify"},
    "no x": {name: value for name, value in ED.items() if name != "x"},
    "x of 31 bytes": ED | {"x": base64url(bytes(31))},
    "x of 33 bytes": ED | {"x": base64url(bytes(33))},
    "x padded": ED | {"x": ED["x"] + "="},
    "x with unused bits": ED | {"x": ED["x"][:-1] + "B"},
    "x in plain base64": ED | {"x": "+/" + ED["x"][2:]},
    "x with a line break": ED | {"x": ED["x"] + "\n"},
    "x a number": ED | {"x": 7},
    "no y": {name: value for name, value in P256.items() if name != "y"},
    "a point off the curve": P256 | {"y": P256["x"]},
    "the point at infinity": P256 | {"x": base64url(bytes(32)), "y": base64url(bytes(32))},
    "CVE-2025-45768, RSA of 1024 bits": SHORT_RSA,
    "RSA of 16 kbit": RSA | {"n": base64url(b"\xff" * 2048)},
    "RSA with e = 1": RSA | {"e": "AQ"},
    "RSA with an even e": RSA | {"e": "AAAC"},
    "CVE-2026-102274 GHSA-w6j9-cwv2-h6wq, RSA without n": {name: value for name, value in RSA.items() if name != "n"},
    "CVE-2026-102274 GHSA-w6j9-cwv2-h6wq, RSA with a number for n": RSA | {"n": 7},
    "RSA with an empty e": RSA | {"e": ""},
}


@for_each("member", UNUSABLE.values(), UNUSABLE)
def test_an_unusable_member_is_left_out_alone(member: Any) -> None:
    assert usable_keys({"keys": [member]}, ALL) == {}
    for order in ([member, GOOD.jwk], [GOOD.jwk, member]):
        assert set(usable_keys({"keys": order}, ALL)) == {GOOD.kid}
    if isinstance(member, dict) and member.get("kid") in {ED["kid"], P256["kid"], RSA["kid"], SHORT_RSA["kid"]}:
        assert set(usable_keys({"keys": [member | {"kid": GOOD.kid}, GOOD.jwk]}, ALL)) == {GOOD.kid}


@for_each("extra", [{}, {"use": "sig"}, {"key_ops": ["verify"]}, {"key_ops": ["sign", "verify"]}, {"x5t": "?"}])
@for_each("member, alg", [(ED, "EdDSA"), (P256, "ES256"), (RSA, "RS256")])
def test_a_public_key_is_taken_for_its_one_algorithm_where_that_is_allowed(member: Json, alg: str, extra: Json) -> None:
    without = {name: value for name, value in member.items() if name != "alg"}
    for shown in (member | extra, without | extra):
        assert usable_keys({"keys": [shown]}, ALL)[member["kid"]].algorithm_name == alg
        assert usable_keys({"keys": [shown]}, (alg,)).keys() == {member["kid"]}
        assert usable_keys({"keys": [shown]}, tuple(other for other in ALL if other != alg)) == {}


def test_of_two_usable_members_with_one_kid_neither_is_taken() -> None:
    twin = Signer("https://issuer.example").jwk | {"kid": ED["kid"]}
    for twins in ([ED, twin], [twin, ED], [ED, ED], [ED, P256 | {"kid": ED["kid"]}]):
        assert usable_keys({"keys": [*twins, GOOD.jwk]}, ALL).keys() == {GOOD.kid}
        assert usable_keys({"keys": twins}, ALL) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([ED, P256, RSA]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["keys", *ED, *P256, *RSA]), inner),
)


@given(JSON, st.sampled_from([ED, P256, RSA]), st.dictionaries(st.sampled_from(["use", "key_ops", *P256, *RSA]), JSON))
def test_no_document_makes_it_fail(document: Any, member: Json, changes: Json) -> None:
    usable_keys(document, ALL)
    usable_keys({"keys": document}, ALL)
    assert usable_keys({"keys": [member | changes, GOOD.jwk]}, ALL)[GOOD.kid].algorithm_name == "EdDSA"
