"""Files that anyone may fetch: the contract, the reference page and what the page loads."""

import gzip
import hashlib
import re
from functools import cache
from importlib.resources import files

from fastapi import Request, Response

# gzip named in Accept-Encoding, unless its weight is zero (RFC 9110 12.5.3).
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", re.IGNORECASE)


def send_file(request: Request, file: tuple[str, str], media_type: str, headers: dict[str, str]) -> Response:
    """Answer with the content of `file`, a package and a path in it, or with 304 where the caller holds it already.

    Compressed for callers that take it, since API Gateway compresses nothing and the page's script is 1.7 MB. The two
    forms have entity tags of their own (RFC 9110 8.8.3.3), and If-None-Match compares them weakly (13.1.2). `headers`
    go with both answers.
    """
    compress = _GZIP.search(request.headers.get("accept-encoding", "")) is not None
    content, tag = _read(file, compress=compress)
    headers = headers | {"ETag": tag, "Vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "")
    if tag in known or known.strip() == "*":
        return Response(status_code=304, headers=headers)
    if compress:
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=media_type, headers=headers)


@cache
def _read(file: tuple[str, str], *, compress: bool) -> tuple[bytes, str]:
    """The bytes that are sent and their entity tag; kept, for a deployed file never changes."""
    package, path = file
    content = files(package).joinpath(path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:32]
    return (gzip.compress(content, mtime=0), f'"{digest}-gzip"') if compress else (content, f'"{digest}"')
