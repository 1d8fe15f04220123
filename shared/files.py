"""Files that anyone may fetch: the contract, the reference page and what the page loads."""

import gzip
import hashlib
import re
from functools import cache
from importlib.resources import files

from fastapi import Response

from shared.answers import INVALID, Answers, answers
from shared.routing import Call

# gzip named in Accept-Encoding, unless its weight is zero (RFC 9110 12.5.3).
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", re.IGNORECASE)


class FileRequest(Call):
    """A request for a file; it is sent the way its caller wants it.

    Compressed, and not at all where the caller holds it already: API Gateway compresses nothing, and the script of the
    reference page is 1.7 MB.
    """

    def send(self, package: str, path: str, media_type: str, headers: dict[str, str]) -> Response:
        """Answer with the file at `path` of `package` and these `headers`, or with 304.

        Plain and compressed have entity tags of their own (RFC 9110 8.8.3.3); If-None-Match compares weakly (13.1.2).
        """
        compress = _GZIP.search(self.headers.get("accept-encoding", "")) is not None
        held = ", ".join(self.headers.getlist("if-none-match"))
        content, tag = _read(package, path, compress=compress)
        headers = headers | {"ETag": tag, "Vary": "Accept-Encoding"}
        if tag in held or held.strip() == "*":
            return Response(status_code=304, headers=headers)
        if compress:
            headers["Content-Encoding"] = "gzip"
        return Response(content, media_type=media_type, headers=headers)


@cache
def _read(package: str, path: str, *, compress: bool) -> tuple[bytes, str]:
    """The bytes that are sent and their entity tag; kept, for a deployed file never changes."""
    content = files(package).joinpath(path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:32]
    return (gzip.compress(content, mtime=0), f'"{digest}-gzip"') if compress else (content, f'"{digest}"')


def sent(*media_types: str, headers: tuple[str, ...] = ()) -> Answers:
    """What `FileRequest.send` answers, for files of these media types, with these headers of their own."""
    return answers(200, "ETag", *headers, file=media_types) | answers(304, "ETag") | INVALID
