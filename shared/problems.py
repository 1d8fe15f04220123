"""The closed set of failures, as RFC 9457 problem documents.

Problem
├── BadRequest 400            the request is not what HTTP, JSON or a header's grammar allows
├── Unauthorized 401          no token, or one that proves nothing; the body never says why
├── NotFound 404              no such path, or no such object for this caller
├── MethodNotAllowed 405
├── Conflict 409              the data forbids it: a circle, a full account, a parent that is gone
├── KeyInUse 409              another request with this Idempotency-Key has not ended
├── PreconditionFailed 412    shows the object as it is
├── ContentTooLarge 413
├── UnsupportedMediaType 415
├── Invalid 422               names every offending member
├── KeyReused 422             this Idempotency-Key belongs to another request
├── PreconditionRequired 428
├── InternalError 500         a bug; says nothing
└── Unavailable 503           database or keys out of reach; says when to come back
"""

import json
from typing import Any, ClassVar

JSON = "application/problem+json"


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A failure that the caller is told of. `members` extend the document (RFC 9457 3.2)."""

    status: ClassVar[int]
    title: ClassVar[str]
    type: ClassVar[str] = "about:blank"
    detail: str = ""

    def __init__(self, detail: str = "", *, headers: dict[str, str] | None = None, **members: Any) -> None:
        self.detail = detail or self.detail
        self.headers = headers or {}
        self.members = members
        super().__init__(self.detail)

    def document(self, instance: str) -> bytes:
        """The JSON text of the problem; `instance` is the request's id. Lone surrogates become U+FFFD."""
        document = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        text = json.dumps(document | self.members, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


class BadRequest(Problem):
    """The request is not what HTTP, JSON or the grammar of a header allows."""

    status, title = 400, "Bad Request"


class Unauthorized(Problem):
    """No token, or one that proves nothing. The body never says which."""

    status, title = 401, "Unauthorized"
    detail = "A valid bearer token is needed."

    def __init__(self, *, token_sent: bool) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer error="invalid_token"' if token_sent else "Bearer"})


class NotFound(Problem):
    """No such path, or no such object for this caller: the two are one."""

    status, title = 404, "Not Found"
    detail = "There is nothing here for you."


class MethodNotAllowed(Problem):
    """The path knows other methods; `Allow` names them."""

    status, title = 405, "Method Not Allowed"
    detail = "This path does not know that method."


class Conflict(Problem):
    """What the caller's data forbids. `errors` names the member, where there is one to name, as a 422 does."""

    status, title = 409, "Conflict"
    type = "urn:problem:conflict"
    detail = "The data does not allow this."

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(errors=errors)


class KeyInUse(Problem):
    """The first request with this key has not ended."""

    status, title = 409, "Conflict"
    type = "urn:problem:idempotency-key-in-use"
    detail = "Another request with this Idempotency-Key has not ended yet."


class PreconditionFailed(Problem):
    """`current` is the object as it truly is, where there is one."""

    status, title = 412, "Precondition Failed"
    detail = "The object is not in the state that the request names."


class ContentTooLarge(Problem):
    """The body is over its limit."""

    status, title = 413, "Content Too Large"
    detail = "The body is larger than 262144 bytes."


class UnsupportedMediaType(Problem):
    """The body is in another form than the operation takes."""

    status, title = 415, "Unsupported Media Type"


class Invalid(Problem):
    """`errors` is a list of `{"pointer" | "parameter": name, "detail": text}`, one for each offending member."""

    status, title = 422, "Unprocessable Content"
    type = "urn:problem:invalid-members"
    detail = "Some members or parameters are not valid."

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(errors=errors)


class KeyReused(Problem):
    """The key belongs to another request."""

    status, title = 422, "Unprocessable Content"
    type = "urn:problem:idempotency-key-reused"
    detail = "This Idempotency-Key was used for another request."

    def __init__(self) -> None:
        super().__init__(errors=[{"parameter": "Idempotency-Key", "detail": "was used for another request"}])


class PreconditionRequired(Problem):
    """The object exists, and nothing says what the caller knows of it."""

    status, title = 428, "Precondition Required"
    detail = "The object exists: send If-Match to replace it."


class InternalError(Problem):
    """A bug. Says nothing more."""

    status, title = 500, "Internal Server Error"
    detail = "This is a fault of ours. The request id finds it in the log."


class Unavailable(Problem):
    """Database or keys out of reach. `retry_after` is in seconds."""

    status, title = 503, "Service Unavailable"
    detail = "A service that the answer needs is out of reach."

    def __init__(self, retry_after: int = 2, *, detail: str = "") -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})
