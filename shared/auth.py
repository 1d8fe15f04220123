"""Who is calling: the routers of operations that need a token."""

from fastapi import APIRouter, Request

from shared.issuer import KEYS
from shared.keys import KeysUnavailable
from shared.problems import Unauthorized, Unavailable
from shared.routing import Operation
from shared.settings import settings
from shared.tokens import InvalidToken, subject

RETRY_AFTER = 5
"""Seconds until the key cache asks the issuer again."""


async def authenticate(request: Request) -> str:
    """The id of the user whom the request's token proves. Raises `Unauthorized` or `Unavailable`."""
    values = request.headers.getlist("authorization")
    if not values:
        raise Unauthorized(token_sent=False)
    scheme, _, token = ",".join(values).partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized(token_sent=False)
    known = settings()
    try:
        return await subject(
            token, KEYS, issuer=known.auth_issuer, audience=known.auth_audience, algorithms=known.auth_algorithms
        )
    except InvalidToken as refusal:
        request.scope["refusal"] = str(refusal)
        raise Unauthorized(token_sent=True) from None
    except KeysUnavailable as failure:
        raise Unavailable(RETRY_AFTER) from failure


class AuthenticatedOperation(Operation):
    """An operation for users: its request carries `caller`, whom the token proves, before anything else is read."""

    security = ({"bearer": []},)

    async def admit(self, request: Request) -> None:
        """Set `caller`, or raise what `authenticate` raises."""
        request.scope["caller"] = await authenticate(request)


def authenticated() -> APIRouter:
    """A router whose operation needs a token."""
    return APIRouter(route_class=AuthenticatedOperation)
