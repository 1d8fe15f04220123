"""Tokens that were good, or will be: what makes them bad is the moment, or what has happened before."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from shared import tokens
from shared.keys import FRESH, GAP, STALE
from tests.support.forged_tokens import timed
from tests.support.jwks_server import Signer
from tests.support.token_check import Door

type State = Callable[[Door, Signer, pytest.MonkeyPatch], str]


def rotated_out(door: Door, signer: Signer, _: pytest.MonkeyPatch) -> str:
    door.issuer.show(Signer(door.issuer.url).jwk)
    door.clock.now += FRESH
    return signer.token()


def rotated_out_and_the_new_one_met(door: Door, signer: Signer, _: pytest.MonkeyPatch) -> str:
    new = Signer(door.issuer.url)
    door.issuer.show(new.jwk)
    door.clock.now += GAP
    assert door.status(new.token()) == 200
    return signer.token()


def rotated_out_long_ago(door: Door, signer: Signer, _: pytest.MonkeyPatch) -> str:
    door.issuer.show(Signer(door.issuer.url).jwk)
    door.clock.now += STALE
    return signer.token()


def brand_new(door: Door, signer: Signer, _: pytest.MonkeyPatch) -> str:
    """Shown since the last fetch, which was a moment ago: within the cooldown it is nobody's."""
    new = Signer(signer.issuer)
    door.issuer.show(signer.jwk, new.jwk)
    door.clock.now += GAP - 1
    return new.token()


def replacing(door: Door, signer: Signer) -> Signer:
    new = Signer(signer.issuer)
    new.kid = signer.kid
    door.issuer.show(new.jwk | {"kid": signer.kid})
    return new


def replaced(door: Door, signer: Signer, _: pytest.MonkeyPatch) -> str:
    new = replacing(door, signer)
    door.clock.now += GAP
    assert door.status(new.token()) == 200
    return signer.token()


def replacing_too_soon(door: Door, signer: Signer, _: pytest.MonkeyPatch) -> str:
    door.clock.now += GAP - 1
    return replacing(door, signer).token()


def for_encryption_since(door: Door, signer: Signer, _: pytest.MonkeyPatch) -> str:
    door.issuer.show(signer.jwk | {"use": "enc"}, Signer(signer.issuer).jwk)
    door.clock.now += FRESH
    return signer.token()


def private_since(door: Door, signer: Signer, _: pytest.MonkeyPatch) -> str:
    """Whoever reads the set can sign."""
    door.issuer.show(signer.private_jwk, Signer(signer.issuer).jwk)
    door.clock.now += FRESH
    return signer.token()


def later(seconds: int, **times: int) -> State:
    """A token is taken; `seconds` later it is not."""

    def state(door: Door, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> str:
        now = int(time.time())
        moved: dict[str, Any] = {name: now + offset for name, offset in times.items()}
        token = signer.token(**moved)
        assert door.status(token) == 200
        monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: now + seconds))
        return token

    return state


def not_yet(name: str) -> State:
    return lambda _, signer, __: timed(**{name: tokens.LEEWAY + 60})(signer)


def altered(part: int, other: str) -> State:
    """A token is taken; one that shares all but a segment with it is not."""

    def state(door: Door, signer: Signer, _: pytest.MonkeyPatch) -> str:
        segments, others = signer.token().split("."), signer.token(other, header={"cty": other}).split(".")
        assert door.status(".".join(segments)) == 200
        segments[part] = others[part]
        return ".".join(segments)

    return state


STATES: dict[str, State] = {
    "the key was rotated out": rotated_out,
    "the key was rotated out and the new one is known": rotated_out_and_the_new_one_met,
    "the key was rotated out long ago": rotated_out_long_ago,
    "the key is brand-new, within the cooldown": brand_new,
    "the key was replaced under its kid": replaced,
    "the key replaces another, within the cooldown": replacing_too_soon,
    "the key is for encryption since": for_encryption_since,
    "the key was published whole": private_since,
    "it expired in between": later(931, exp=900),
    "it expired a moment ago, the leeway included": later(31, iat=-10, exp=1),
    "a day has gone by": later(86_431, exp=86_400, iat=0),
    "our clock was set back": later(-40, iat=0, exp=900),
    "nbf is not yet": not_yet("nbf"),
    "iat is not yet": not_yet("iat"),
    "with another header than one that was taken": altered(0, "mallory"),
    "with other claims than one that was taken": altered(1, "mallory"),
    "with another signature than one that was taken": altered(2, "mallory"),
}
"""Each brings a door, whose cache holds the signer's key, to the point where the token that it gives is refused."""
