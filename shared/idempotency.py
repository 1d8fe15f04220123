"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): the key and what makes two requests the same."""

import hashlib
import re

from starlette.requests import Request

from shared.problems import BadRequest

_STRING = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x20-\x7e]+")
LONGEST = 255


def key_of(values: list[str]) -> str | None:
    """The key that the header's lines spell: a structured-field string (RFC 8941 3.3.3) or the same text bare.

    None where there is no header. Raises `BadRequest` for what is neither, for an empty key and for one over 255.
    """
    if not values:
        return None
    text = ", ".join(values).strip(" \t")
    if text.startswith('"'):
        string = _STRING.fullmatch(text)
        key = re.sub(r"\\(.)", r"\1", string[1]) if string else ""
    else:
        key = text if _BARE.fullmatch(text) else ""
    if not 0 < len(key) <= LONGEST:
        raise BadRequest(f"Idempotency-Key must be 1 to {LONGEST} printable ASCII characters.")
    return key


def fingerprint(request: Request, body: bytes) -> bytes:
    """A digest of what two requests with one key must share: method, path, query, body bytes and preconditions."""
    parts = [
        request.method.encode(),
        request.scope["path"].encode("utf-8", "replace"),
        request.scope["query_string"],
        body,
    ]
    for name in (b"if-match", b"if-none-match"):
        values = [value for header, value in request.scope["headers"] if header == name]
        parts.append(b"1" + b",".join(values) if values else b"0")
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.digest()
