"""A bearer token in, the user's id out: the strict layer in front of PyJWT (RFC 7519, RFC 8725 and its revision).

PyJWT checks the signature and the registered claims and is liberal in the rest: padding, UTF-16, numbers in strings,
lives of a century. Here a token is what Better Auth's jwt plugin issues, or it is refused; whatever can be refused
without the issuer's key is refused before the key is looked up, so a bad token costs no request to the issuer.
"""

import base64
import json
import re
import time
from contextlib import suppress
from typing import Any, NoReturn

import jwt
from jwt import PyJWK

from shared.keys import KeyCache, UnknownKey

MAX_LENGTH = 4096
MAX_NAME = 255  # of a sub and of a kid, in characters
LEEWAY = 30  # seconds by which our clock and the issuer's may differ
LIFETIME = 86_400  # Better Auth's default is 900

# base64url without padding whose unused last bits are zero (RFC 4648 section 3.5): one spelling for each value.
_SEGMENT = r"(?=[^.])(?:[A-Za-z0-9_-]{4})*+(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?"
_TOKEN = re.compile(rf"({_SEGMENT})\.({_SEGMENT})\.({_SEGMENT})")

# Members that bring a key of the token's own, change what is signed, or mark an encrypted token.
_FORBIDDEN = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"})


class InvalidToken(Exception):  # noqa: N818  # reads as what it is
    """The token proves nothing. The text is a reason for the log: it names the rule and holds nothing of the token."""


async def subject(token: str, keys: KeyCache, *, issuer: str, audience: str, algorithms: tuple[str, ...]) -> str:
    """Give the `sub` of a token that `issuer` signed for `audience` with one of `algorithms`.

    Raises `InvalidToken`, or `KeysUnavailable` where the key that decides cannot be had.
    """
    _need(len(token) <= MAX_LENGTH, "longer than 4096 characters")
    segments = _TOKEN.fullmatch(token)
    if not segments:
        raise InvalidToken("not three segments of canonical base64url")
    header, claims = _members_of(segments[1], "header"), _members_of(segments[2], "payload")
    kid = _key_id(header, algorithms)
    user_id = _user_id(claims, issuer, audience)
    try:
        key = await keys.key(kid)
    except UnknownKey:
        raise InvalidToken("kid: the issuer shows no such key") from None
    reason = _verdict(token, header["alg"], key, issuer, audience)
    if reason:  # the issuer may have put another key in this one's place
        with suppress(UnknownKey):
            reason = _verdict(token, header["alg"], await keys.key(kid, refuted=key), issuer, audience)
    _need(not reason, reason)
    return user_id


def _verdict(token: str, alg: str, key: PyJWK, issuer: str, audience: str) -> str:
    """Why the key does not prove the token; empty where it does."""
    if key.algorithm_name != alg:
        return "alg: not the key's"
    try:
        jwt.decode(token, key, [key.algorithm_name], audience=audience, issuer=issuer, leeway=LEEWAY)
    except jwt.PyJWTError as error:  # its text may quote the token, its name does not
        return f"PyJWT: {type(error).__name__}"
    return ""


def _key_id(header: dict[str, Any], algorithms: tuple[str, ...]) -> str:
    kid = header.get("kid")
    _need(not _FORBIDDEN & header.keys(), "header: a member that is not taken")
    _need(header.get("alg") in algorithms, "alg: not allowed")
    _need(header.get("typ", "JWT") == "JWT", "typ: another kind of token")
    if not _is_name(kid):
        raise InvalidToken("kid: missing or malformed")
    return str(kid)


def _user_id(claims: dict[str, Any], issuer: str, audience: str) -> str:
    now, audiences, user_id = time.time(), claims.get("aud"), claims.get("sub")
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    _need(expires > now - LEEWAY, "exp: over")
    _need(issued <= now + LEEWAY, "iat: in the future")
    _need(expires - issued <= LIFETIME, "exp: more than a day after iat")
    _need("nbf" not in claims or _time(claims, "nbf") <= now + LEEWAY, "nbf: in the future")
    _need(claims.get("iss") == issuer, "iss: another issuer")
    if isinstance(audiences, list):
        _need(all(isinstance(one, str) for one in audiences) and audience in audiences, "aud: not in the list")
    else:
        _need(audiences == audience, "aud: another audience")
    if not _is_name(user_id):
        raise InvalidToken("sub: missing or malformed")
    return str(user_id)


def _need(holds: bool, reason: str) -> None:
    if not holds:
        raise InvalidToken(reason)


def _is_name(value: Any) -> bool:
    """Whether this is 1 to 255 printable characters: no NUL, no line break, no lone surrogate."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable()


def _time(claims: dict[str, Any], name: str) -> int:
    """Give a time claim as whole seconds; a bool, a string or a fraction is none, though RFC 7519 has fractions."""
    value = claims.get(name)
    if type(value) is not int or value < 0:
        raise InvalidToken(f"{name}: not whole seconds")
    return value


def _members_of(segment: str, name: str) -> dict[str, Any]:
    """Read a segment as one JSON object in UTF-8 without a member given twice (RFC 7515 section 4, RFC 8259)."""
    try:
        members = _STRICT.decode(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode())
    except (ValueError, RecursionError):
        raise InvalidToken(f"{name}: not strict JSON") from None
    if not isinstance(members, dict):
        raise InvalidToken(f"{name}: not an object")
    return members


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is given twice")
    return members


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
