"""JSON bodies, read strictly: media type, size, UTF-8, no duplicate members, no numbers that JSON does not know."""

import json
from typing import Any, NoReturn

from starlette.requests import Request

from shared.problems import BadRequest, ContentTooLarge, UnsupportedMediaType

LARGEST = 256 * 1024
"""Bytes of a body."""
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
UTF_8 = {"utf-8", "utf8", '"utf-8"', '"utf8"'}
"""How a charset may be spelled, in lower case: bare, or quoted at both ends (RFC 9110 5.6.6)."""


async def read_json(request: Request, media_types: tuple[str, ...]) -> Any:
    """The value of the body. Raises `UnsupportedMediaType`, `ContentTooLarge` or `BadRequest`, in this order."""
    _check_media_type(request, media_types)
    body = await request.body()
    if len(body) > LARGEST:
        raise ContentTooLarge
    try:
        return _STRICT.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        # UnicodeDecodeError, JSONDecodeError and the limit on digits are ValueErrors; none of their texts goes out.
        raise BadRequest("The body is not JSON in UTF-8, or repeats a member.") from None


def _check_media_type(request: Request, media_types: tuple[str, ...]) -> None:
    if request.headers.getlist("content-type") == [JSON] and "content-encoding" not in request.headers:
        return  # as most say it
    media_type, *parameters = _joined(request, "content-type").split(";")
    charsets = {value.strip(" \t") for name, _, value in map(_split, parameters) if name.strip() == "charset"}
    if media_type.strip() not in media_types or not charsets <= UTF_8:
        raise UnsupportedMediaType(f"The body must be {' or '.join(media_types)}, in UTF-8.")
    if _joined(request, "content-encoding") not in ("", "identity"):
        raise UnsupportedMediaType("The body must have no content coding.")


def _joined(request: Request, name: str) -> str:
    # All lines of the header, as the gateway joins them: the first alone could say less than there is.
    return ",".join(request.headers.getlist(name)).strip().lower()


def _split(parameter: str) -> tuple[str, str, str]:
    return parameter.partition("=")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A name with a lone surrogate can be no member of ours, nor be named in an answer; "?" stands for it.
    members = {name if name.isascii() else name.encode("utf-8", "replace").decode(): value for name, value in pairs}
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _refuse(_: str) -> NoReturn:
    raise ValueError("NaN or Infinity")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number beyond every float")
    return value


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
