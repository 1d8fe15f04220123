"""The events of infra/events/, sent to a handler as Lambda does."""

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).resolve().parents[3] / "infra" / "events"

type Answer = dict[str, Any]


def call(handler: Callable[[Any, Any], Answer], name: str, path: str | None = None, **headers: str) -> Answer:
    """Send the event `name`, on another path if one is given; `headers` are added, `_` standing for `-`."""
    event = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    event["headers"] |= {header.replace("_", "-"): value for header, value in headers.items()}
    if path:
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
    return handler(event, None)


def content(answer: Answer) -> bytes:
    """What a browser makes of the answer's body: bytes, without the content coding."""
    body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    return gzip.decompress(body) if answer["headers"].get("content-encoding") == "gzip" else body
