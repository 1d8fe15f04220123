"""Files of ours that anyone may fetch: read once, compressed once, checked again by entity tag."""

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path

from fastapi import Request, Response

# gzip named in Accept-Encoding, unless its weight is zero (RFC 9110 12.5.3).
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", re.IGNORECASE)
_TAG = re.compile(r'"[^"]*"')


def send_file(request: Request, file: Path, media_type: str, headers: dict[str, str]) -> Response:
    """Answer with the content of `file` and `headers`, or with 304 where the caller holds that content already.

    Compressed for callers that take gzip, since API Gateway compresses nothing and pages are read on phones. The two
    forms have entity tags of their own (RFC 9110 8.8.3.3); If-None-Match compares them weakly (13.1.2).
    """
    compress = _GZIP.search(request.headers.get("accept-encoding", "")) is not None
    content, tag = _read(file, compress=compress)
    headers = headers | {"ETag": tag, "Vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or tag in _TAG.findall(known):
        return Response(status_code=304, headers=headers)
    if compress:
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=media_type, headers=headers)


@cache
def _read(file: Path, *, compress: bool) -> tuple[bytes, str]:
    """The content and its entity tag, kept for the life of the process: a deployed file never changes."""
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:32]
    return (gzip.compress(content, mtime=0), f'"{digest}-gzip"') if compress else (content, f'"{digest}"')
