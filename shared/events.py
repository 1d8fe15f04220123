"""API Gateway's events (HTTP API, payload 2.0), made safe: whatever arrives, the adapter can read it.

The gateway blocks some of these; a direct invocation does not.
"""

import base64
import binascii
import re
from typing import Any

type Event = dict[str, Any]

# A body that can't be decoded must still lose against a bad token or media type, and then be 400: no JSON holds FF.
UNREADABLE = base64.b64encode(b"\xff").decode()
# A header that can't be read must not count as absent, least of all a precondition: no grammar that we know holds DEL.
UNREADABLE_TEXT = "\x7f"
HEEDED = frozenset(
    (
        *("accept-encoding", "authorization", "content-encoding", "content-type"),
        *("idempotency-key", "if-match", "if-none-match", "traceparent"),
    )
)
"""Headers that anything here reads. The gateway sends a dozen more, which would be copied three times for nobody."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def readable(event: Any) -> Event | None:
    """The event with only what the adapter reads, each of the right type; None where there is no request in it."""
    if not isinstance(event, dict):
        return None
    context = event.get("requestContext")
    http = context.get("http") if isinstance(context, dict) else None
    if not isinstance(context, dict) or not isinstance(http, dict) or not isinstance(http.get("method"), str):
        return None
    path = event.get("rawPath")
    if not isinstance(path, str):
        path = http.get("path")
    if not isinstance(path, str):
        return None
    body, encoded = _body(event)
    return {
        "version": "2.0",
        "rawQueryString": _query(event.get("rawQueryString")),
        "headers": _headers(event.get("headers")),
        "requestContext": {
            "requestId": context.get("requestId"),
            "http": {"method": http["method"], "path": _path(path), "sourceIp": "0.0.0.0"},  # noqa: S104 - nobody reads it
        },
        "body": body,
        "isBase64Encoded": encoded,
    }


def _body(event: Event) -> tuple[str, bool]:
    body = event.get("body")
    if body is None:
        return "", False
    if not isinstance(body, str):
        return UNREADABLE, True
    try:
        if not event.get("isBase64Encoded"):
            body.encode()  # a lone surrogate has no UTF-8
            return body, False
        base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error):
        return UNREADABLE, True
    return body, True


def _headers(headers: Any) -> dict[str, str]:
    if not isinstance(headers, dict):
        return {}
    joined: dict[str, str] = {}
    for given, value in headers.items():
        # A letter outside ASCII may have one of ours for its lower case.
        name = given.lower() if isinstance(given, str) and given.isascii() else ""
        if name in HEEDED and value is not None:
            text = _SURROGATE.sub(UNREADABLE_TEXT, value) if isinstance(value, str) else UNREADABLE_TEXT
            # Names that differ in case alone are one header in several lines (RFC 9110 5.3).
            joined[name] = f"{joined[name]},{text}" if name in joined else text
    return joined


def _path(path: str) -> str:
    # An encoded slash parts no segments (RFC 3986 2.2); the adapter decodes it, so it is encoded once more.
    return path.replace("%", "%25") if "%2f" in path.lower() else path


def _query(query: Any) -> str:
    return _SURROGATE.sub("%FF", query) if isinstance(query, str) else ""
