"""What the issuer may show: a fault is unavailable cold and harmless warm, a bad member is left out alone."""

import asyncio
import datetime as dt
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from shared import keys
from shared.keys import FRESH, KeyCache, usable_keys
from tests.jwks import Json, JwksServer, Signer, base64url, dump
from tests.shared.asking import Clock, ask, outcome

ALL = ("EdDSA", "ES256", "RS256")


@pytest.fixture
def issuer() -> Iterator[JwksServer]:
    with JwksServer() as server:
        yield server


GOOD = Signer("https://issuer.example")
SET = dump({"keys": [GOOD.jwk]})

# What the issuer may answer instead of a key set: the attributes of JwksServer that make it so.
FAULTS: dict[str, dict[str, object]] = {
    "500": {"status": 500},
    "404": {"status": 404},
    "204": {"status": 204},
    "GHSA-9v7f-9g4p-ffgj, a redirect to the same set": {"status": 302, "headers": {"Location": "/elsewhere"}},
    "GHSA-9v7f-9g4p-ffgj, a redirect to a file": {"status": 307, "headers": {"Location": "file:///etc/hosts"}},
    "HTML with 200": {"body": b"<!doctype html><title>Sign in</title>", "headers": {"Content-Type": "text/html"}},
    "nothing": {"body": b""},
    "a set cut short": {"body": SET[:-9], "headers": {"Content-Length": str(len(SET))}},
    "not UTF-8": {"body": b'{"keys": ["\xff"]}'},
    "UTF-16": {"body": SET.decode().encode("utf-16")},
    "a byte order mark": {"body": b"\xef\xbb\xbf" + SET},
    "GHSA-2gx3-rcp4-g85q, 60,000 deep": {"body": b"[" * 60_000},
    "an endless number": {"body": b'{"keys":' + b"9" * 60_000 + b"}"},
    "null": {"body": b"null"},
    "a list": {"body": dump([GOOD.jwk])},
    "no keys member": {"body": dump({"key": [GOOD.jwk]})},
    "keys is an object": {"body": dump({"keys": GOOD.jwk})},
    "keys is a string": {"body": dump({"keys": "all of them"})},
    "no keys": {"body": dump({"keys": []})},
    "no usable key": {"body": dump({"keys": [{"kty": "oct", "kid": GOOD.kid, "k": "c2VjcmV0"}]})},
    "33 keys": {"body": dump({"keys": [GOOD.jwk] + [{"kid": str(n)} for n in range(32)]})},
    "64 KiB and a byte": {"body": SET.ljust(65_537)},
    "a body without end": {"body": SET.ljust(3_000_000), "headers": {"Content-Length": "1000000000"}},
    "a head without end": {"headers": {f"X-{number}": "x" for number in range(200)}},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_issuer_is_unavailable_cold_and_harmless_warm(
    issuer: JwksServer, fault: dict[str, object]
) -> None:
    clock = Clock()
    issuer.show(GOOD.jwk)
    warm, cold = (KeyCache(issuer.jwks_url, ("EdDSA",), clock=clock) for _ in range(2))
    assert ask(warm, GOOD.kid) == {"held"}
    for name, value in fault.items():
        setattr(issuer, name, value)
    clock.now += FRESH
    assert ask(cold, GOOD.kid) == {"unavailable"}
    assert ask(warm, GOOD.kid) == {"held"}
    assert set(issuer.requests) == {"/api/auth/jwks"}
    assert len(issuer.requests) == 3


def test_a_full_set_of_64_kib_and_32_keys_is_taken(issuer: JwksServer) -> None:
    issuer.body = dump({"keys": [GOOD.jwk] + [{"kid": str(n)} for n in range(31)]}).ljust(65_536)
    assert ask(KeyCache(issuer.jwks_url, ALL), GOOD.kid) == {"held"}


def certificate(folder: Path, address: str) -> Path:
    """Write a key and a certificate of its own for a host with that address; give the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(1))
    for extension, critical in (
        (x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False),
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file = folder / f"{address}.pem"
    file.write_bytes(secret + pem)
    return file


def serving(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_an_issuer_that_hangs_or_drips_is_given_up_in_time_and_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the mute one would send a whole good set after some 10 seconds: who waits for it, gets a key."""
    file = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    late, head, body, over_tls = JwksServer(), JwksServer(), JwksServer(), JwksServer(tls=serving(file))
    late.delay, head.drip, body.drip, over_tls.drip = 10, "head", "body", "body"
    with late, head, body, over_tls, socket.create_server(("127.0.0.1", 0)) as mute:
        for issuer in (late, head, body, over_tls):
            issuer.show(GOOD.jwk)
        address = f"//127.0.0.1:{mute.getsockname()[1]}/"
        urls = [issuer.jwks_url for issuer in (late, head, body, over_tls)] + ["http:" + address, "https:" + address]
        caches = [KeyCache(url, ALL) for url in urls]

        async def all_at_once() -> list[str]:
            return await asyncio.gather(*(outcome(cache, GOOD.kid) for cache in caches))

        assert asyncio.run(all_at_once()) == ["unavailable"] * 6
        assert over_tls.requests
        for thread in threading.enumerate():
            if thread.name == "keys":
                thread.join(5)
                assert not thread.is_alive()


def test_proxies_of_the_environment_are_not_used(issuer: JwksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:9")
    assert ask(KeyCache(issuer.jwks_url, ALL), issuer.signer().kid) == {"held"}


@pytest.mark.parametrize(
    "url",
    [
        *("http://issuer.example/jwks", "http://127.0.0.1.example/jwks", "http://localhost@issuer.example/jwks"),
        *("file:///etc/hosts", "ftp://127.0.0.1/jwks", "data:application/json,{}", "//127.0.0.1/jwks", "", "https://"),
    ],
)
def test_cve_2026_48522_a_url_that_is_not_https_or_loopback_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        KeyCache(url, ("EdDSA",))


def test_the_bounds_are_those_of_the_design() -> None:
    assert (keys.STALE, keys.GAP, keys.BOUND, keys.MAX_BYTES, keys.MAX_KEYS) == (86_400, 5, 2.0, 65_536, 32)


@pytest.mark.parametrize(
    ("address", "trusted", "answer"),
    [("127.0.0.1", True, "held"), ("127.0.0.1", False, "unavailable"), ("127.0.0.2", True, "unavailable")],
    ids=["trusted", "untrusted", "of another host"],
)
def test_the_certificate_decides_over_https(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, trusted: bool, answer: str
) -> None:
    file = certificate(tmp_path, address)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with JwksServer(tls=serving(file)) as server:
        kid = server.signer().kid
        assert ask(KeyCache(server.jwks_url, ALL), kid) == {answer}


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
    "CVE-2026-102275, a private key": ED | {"d": base64url(bytes(32))},
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
    "RSA of 1024 bits": SHORT_RSA,
    "RSA of 16 kbit": RSA | {"n": base64url(b"\xff" * 2048)},
    "RSA with e = 1": RSA | {"e": "AQ"},
    "RSA with an even e": RSA | {"e": "AAAC"},
    "CVE-2026-102272, RSA without n": {name: value for name, value in RSA.items() if name != "n"},
    "CVE-2026-102273, RSA with a number for n": RSA | {"n": 7},
    "CVE-2026-102274, RSA with an empty e": RSA | {"e": ""},
}


@pytest.mark.parametrize("member", UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_member_is_left_out_alone(member: Any) -> None:
    assert usable_keys({"keys": [member]}, ALL) == {}
    for order in ([member, GOOD.jwk], [GOOD.jwk, member]):
        assert set(usable_keys({"keys": order}, ALL)) == {GOOD.kid}
    if isinstance(member, dict) and member.get("kid") in {ED["kid"], P256["kid"], RSA["kid"], SHORT_RSA["kid"]}:
        assert set(usable_keys({"keys": [member | {"kid": GOOD.kid}, GOOD.jwk]}, ALL)) == {GOOD.kid}


@pytest.mark.parametrize(
    "extra", [{}, {"use": "sig"}, {"key_ops": ["verify"]}, {"key_ops": ["sign", "verify"]}, {"x5t": "?"}]
)
@pytest.mark.parametrize(("member", "alg"), [(ED, "EdDSA"), (P256, "ES256"), (RSA, "RS256")], ids=ALL)
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
