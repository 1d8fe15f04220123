"""A good token, carried as no token may be: in the wrong place, twice, under another scheme or spelt oddly."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.support.api_gateway import Event
from tests.support.jwks_server import dump
from tests.support.token_check import BAD_SENT, NONE_SENT, Headers

FORM = ("content-type", "application/x-www-form-urlencoded")
JSON = ("content-type", "application/json")


@dataclass(frozen=True)
class Carried:
    """A request of somebody who has a token; `members` of the event are what only a direct invocation can send."""

    headers: Headers = field(default_factory=list)
    query: str = ""
    body: bytes = b""
    members: Event = field(default_factory=dict)
    challenge: str = NONE_SENT

    @property
    def by_http(self) -> bool:
        """Whether a client can send it over HTTP as it is."""
        return not self.members


type Carry = Callable[[str], Carried]


def value(template: str, challenge: str = NONE_SENT) -> Carry:
    """An Authorization header of that form."""
    return lambda token: Carried([("authorization", template.replace("TOKEN", token))], challenge=challenge)


def values(*templates: str, challenge: str = BAD_SENT) -> Carry:
    """Several Authorization headers, which the gateway joins by commas."""
    return lambda token: Carried([("authorization", t.replace("TOKEN", token)) for t in templates], challenge=challenge)


def another(name: str, template: str = "Bearer TOKEN") -> Carry:
    """Another header."""
    return lambda token: Carried([(name, template.replace("TOKEN", token))])


def event(name: str, shape: Callable[[str], Any], challenge: str = NONE_SENT) -> Carry:
    """A member of the event that is not as the gateway makes it."""
    return lambda token: Carried(members={name: shape(token)}, challenge=challenge)


def basic(token: str) -> Carried:
    """A token in the place of a password."""
    return Carried([("authorization", f"Basic {b64encode(f'alice:{token}'.encode()).decode()}")])


CARRIAGE: dict[str, Carry] = {
    "nothing": lambda _: Carried(),
    "an empty header": value(""),
    "the scheme alone": value("Bearer"),
    "the scheme and a space": event("headers", lambda _: {"authorization": "Bearer "}),
    "the scheme and two spaces": event("headers", lambda _: {"authorization": "Bearer  "}, BAD_SENT),
    "no scheme": value("TOKEN"),
    "two headers": values("Bearer TOKEN", "Bearer TOKEN"),
    "two headers, the second one bad": values("Bearer TOKEN", "Bearer x"),
    "two headers, the first one bad": values("Bearer x", "Bearer TOKEN"),
    "two headers, the first one another scheme's": values("Basic YTpi", "Bearer TOKEN", challenge=NONE_SENT),
    "two headers, the second one another scheme's": values("Bearer TOKEN", "Basic YTpi"),
    "two headers, the first one empty": values("", "Bearer TOKEN", challenge=NONE_SENT),
    "two tokens and a comma": value("Bearer TOKEN,TOKEN", BAD_SENT),
    "two credentials and a comma": value("Bearer TOKEN, Bearer TOKEN", BAD_SENT),
    "two tokens and a space": value("Bearer TOKEN TOKEN", BAD_SENT),
    "a parameter behind it": value("Bearer TOKEN, realm=tasks", BAD_SENT),
    # RFC 6750 would let several spaces pass; one token is to have one spelling.
    "two spaces": value("Bearer  TOKEN", BAD_SENT),
    "a tab": value("Bearer\tTOKEN"),
    "a tab behind the space": value("Bearer \tTOKEN", BAD_SENT),
    "a colon": value("Bearer: TOKEN"),
    "an equals sign": value("Bearer=TOKEN"),
    "no space": value("BearerTOKEN"),
    "in quotes": value('Bearer "TOKEN"', BAD_SENT),
    "in angle brackets": value("Bearer <TOKEN>", BAD_SENT),
    "as a parameter": value('Bearer token="TOKEN"', BAD_SENT),
    "the scheme twice": value("Bearer Bearer TOKEN", BAD_SENT),
    "a word for nothing": value("Bearer null", BAD_SENT),
    "Basic": basic,
    "the token as Basic": value("Basic TOKEN"),
    "DPoP": value("DPoP TOKEN"),
    **{f"the scheme {name}": value(f"{name} TOKEN") for name in ("JWT", "Token", "MAC", "Bearer2", "Beare")},
    **{
        f"the header {name}": another(name)
        for name in ("x-authorization", "x-forwarded-authorization", "proxy-authorization", "authorization2")
    },
    **{f"the header {name} bare": another(name, "TOKEN") for name in ("x-access-token", "x-api-key", "token")},
    "the header cookie": another("cookie", "access_token=TOKEN; better-auth.session_token=TOKEN"),
    "the query, as RFC 6750 2.3 has it": lambda token: Carried(query=urlencode({"access_token": token})),
    "the query, as a header": lambda token: Carried(query=urlencode({"Authorization": f"Bearer {token}"})),
    "a form, as RFC 6750 2.2 has it": lambda token: Carried([FORM], body=urlencode({"access_token": token}).encode()),
    "a JSON body": lambda token: Carried([JSON], body=dump({"access_token": token, "authorization": token})),
    "cookies of the event": event("cookies", lambda token: [f"access_token={token}", f"Authorization=Bearer {token}"]),
    "headers of payload 1.0": event("multiValueHeaders", lambda token: {"authorization": [f"Bearer {token}"]}),
    "a list for a header": event("headers", lambda token: {"authorization": [f"Bearer {token}"]}),
    "a header in two cases": event(
        "headers", lambda t: {"Authorization": f"Bearer {t}", "authorization": f"Bearer {t}"}, BAD_SENT
    ),
    "a line break behind it": event("headers", lambda token: {"authorization": f"Bearer {token}\n"}, BAD_SENT),
    "a header's end within": event("headers", lambda token: {"authorization": f"Bearer {token}\r\nx: y"}, BAD_SENT),
    "claims of a gateway's authorizer": event(
        "requestContext",
        lambda _: {"authorizer": {"jwt": {"claims": {"sub": "alice"}}, "lambda": {"sub": "alice"}}},
    ),
}
"""Each is answered with the one 401, whatever else is wrong with the request."""

ACCEPTED: dict[str, Carry] = {
    **{f"the scheme as {name}": value(f"{name} TOKEN") for name in ("bearer", "BEARER", "bEaReR")},
    "the header in upper case": lambda token: Carried([("AUTHORIZATION", f"Bearer {token}")]),
    "beside another header of the kind": lambda token: Carried(
        [("authorization", f"Bearer {token}"), ("proxy-authorization", "Basic YTpi")]
    ),
}
"""RFC 9110 11.1 and 5.1: the names of schemes and of headers have no case."""
