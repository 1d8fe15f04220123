"""Hostile tokens in tests: how they are forged, mostly with a genuine signature, and how they are judged."""

import asyncio
import hashlib
import hmac
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.keys import KeyCache
from shared.tokens import InvalidToken, subject
from tests.support.jwks_server import JwksServer, Signer, base64url, dump

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

type Forge = Callable[[Signer], str]


async def check(token: str, cache: KeyCache, signer: Signer, algorithms: tuple[str, ...]) -> str:
    return await subject(token, cache, issuer=signer.issuer, audience=signer.audience, algorithms=algorithms)


def accept(issuer: JwksServer, signer: Signer, token: str, algorithms: tuple[str, ...] = ("EdDSA",)) -> str:
    return asyncio.run(check(token, KeyCache(issuer.jwks_url, algorithms), signer, algorithms))


def refuse(issuer: JwksServer, signer: Signer, token: str, algorithms: tuple[str, ...] = ("EdDSA",)) -> str:
    """Give the reason, which shows nothing of the token, nor does an exception behind it."""
    with pytest.raises(InvalidToken) as refusal:
        accept(issuer, signer, token, algorithms)
    reason = str(refusal.value)
    assert len(reason) < 60
    # A letter or two of a forged part may stand in any reason.
    assert not any(len(part) > 3 and part in reason for part in (*token.split("."), signer.kid, "alice", "canary"))
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
    return reason


def header(**changes: Any) -> Forge:
    return lambda signer: signer.token(header=changes)


def claims(**changes: Any) -> Forge:
    return lambda signer: signer.token(**changes)


def raw_header(text: bytes) -> Forge:
    return lambda signer: signer.sign(text.replace(b"KID", signer.kid.encode()), dump(signer.claims()))


def payload(change: Callable[[bytes], bytes]) -> Forge:
    return lambda signer: signer.sign(dump(signer.header()), change(dump(signer.claims())))


def member(name: str, value: str) -> Forge:
    """A payload with one more member, as JSON text: also one that is there already, or no JSON."""
    return payload(lambda text: text[:-1] + f',"{name}":{value}}}'.encode())


def segments(change: Callable[[str, str], str]) -> Forge:
    """What a genuine signature is made over, spelt another way."""
    return lambda signer: signer.seal(change(base64url(dump(signer.header())), base64url(dump(signer.claims()))))


def timed(**offsets: int) -> Forge:
    """Time claims, in seconds from the moment of signing."""

    def forge(signer: Signer) -> str:
        times: dict[str, Any] = {name: int(time.time()) + offset for name, offset in offsets.items()}
        return signer.token(**times)

    return forge


def instead(data: bytes) -> Forge:
    return payload(lambda _: data)


def behind(data: bytes) -> Forge:
    return payload(lambda text: text + data)


def exp_spelt(value: str) -> Forge:
    return payload(lambda text: re.sub(rb'"exp":[0-9]+', b'"exp":' + value.encode(), text))


def recoded(encoding: str) -> Forge:
    return payload(lambda text: text.decode().encode(encoding))


def unused_bits(size: int) -> Forge:
    """A payload that is spelt with its unused last bits set; where all bits are used, with one that is too many."""

    def respelt(head: str, body: str) -> str:
        last = ALPHABET[ALPHABET.index(body[-1]) + 1] if len(body) % 4 else body[-1] + "A"
        return f"{head}.{body[:-1]}{last}"

    return lambda signer: signer.seal(
        respelt(base64url(dump(signer.header())), base64url(dump(signer.claims(image="x" * size))))
    )


def text(change: Callable[[str], str]) -> Forge:
    return lambda signer: change(signer.token())


def hmac_with(secret: Callable[[Signer], bytes], alg: str = "HS256") -> Forge:
    """A token under a secret that anybody can know."""

    def forge(signer: Signer) -> str:
        digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(alg, hashlib.sha256)
        signed = f"{base64url(dump(signer.header(alg=alg)))}.{base64url(dump(signer.claims()))}"
        return f"{signed}.{base64url(hmac.digest(secret(signer), signed.encode(), digest))}"

    return forge


def public(encoding: Encoding, form: PublicFormat) -> Callable[[Signer], bytes]:
    return lambda signer: bytes(signer.private.public_key().public_bytes(encoding, form))


def embedded(signer: Signer) -> str:
    """A key of the attacker's own in the header, and a genuine signature by it."""
    attacker = Signer(signer.issuer)
    return attacker.token(header={"jwk": attacker.jwk, "kid": signer.kid})
