"""Mutants of the token check: each rule left out, together with PyJWT's own where it has one; and of who is let in."""

from functools import partial

from tests.mutants.mutant import mutant
from tests.mutants.planting import Edit

tokens = partial(Edit, "shared/tokens.py")
auth = partial(Edit, "shared/auth.py")
get = partial(Edit, "functions/tasks/get.py")

ALONE = "tests/shared/test_tokens.py::test_it_is_refused_without_a_request_to_the_issuer"
BY_REQUEST = "tests/shared/test_token_door.py::test_a_hostile_token_is_the_one_401_everywhere"
REFUSED = (ALONE, BY_REQUEST)
SIGNED = "tests/shared/test_signatures.py::"
FORGED = SIGNED + "test_a_signature_that_is_not_the_keys_over_this_very_text_is_refused"
ACCEPTED = SIGNED + "test_it_is_accepted"
CARRIAGE = "tests/shared/test_token_carriage.py::"
CARRIED = CARRIAGE + "test_a_good_token_carried_otherwise_is_the_one_401_everywhere"
CLOSED = "tests/rules/test_every_operation.py::test_everything_needs_a_token_but_health_contract_and_docs"
ONE_BODY = "tests/rules/test_every_operation.py::test_a_bad_token_of_any_kind_is_401_with_one_body"
DOWN = "tests/faults/test_issuer.py::test_a_key_rotated_in_while_the_issuer_is_down_is_503_not_401"


def without(rule: str) -> Edit:
    """The strict layer without one rule."""
    return tokens(f"_need({rule}, ", "_need(True, ")


def pyjwt(*left_out: str) -> Edit:
    """PyJWT, which checks most claims once more, without some of its checks."""
    options = {f"verify_{check}": False for check in left_out}
    return tokens("leeway=LEEWAY)", f"leeway=LEEWAY, options={options})")


TOKENS = (
    mutant(
        "`aud` unchecked",
        without("audiences == audience"),
        tokens(" and audience in audiences", ""),
        pyjwt("aud"),
        *REFUSED,
    ),
    mutant(
        "`iss` unchecked",
        without('claims.get("iss") == issuer'),
        pyjwt("iss"),
        *REFUSED,
    ),
    mutant(
        "`exp` unchecked",
        without("expires > now - LEEWAY"),
        pyjwt("exp"),
        *REFUSED,
    ),
    mutant("`iat` unchecked", without("issued <= now + LEEWAY"), pyjwt("iat"), ALONE),
    mutant(
        "`nbf` unchecked",
        without('"nbf" not in claims or _time(claims, "nbf") <= now + LEEWAY'),
        pyjwt("nbf"),
        ALONE,
    ),
    mutant(
        "`alg` unchecked",
        without('header.get("alg") in algorithms'),
        *REFUSED,
        note="PyJWT refuses it too, later",
    ),
    mutant(
        "`alg` none believed",
        tokens(
            "    kid = _key_id(header, algorithms)\n",
            '    if header.get("alg") == "none":\n        return _user_id(claims, issuer, audience)\n'
            "    kid = _key_id(header, algorithms)\n",
        ),
        *REFUSED,
    ),
    mutant("signature unchecked", pyjwt("signature"), FORGED),
    mutant(
        "claims unchecked by PyJWT",
        pyjwt("aud", "iss", "exp", "iat", "nbf", "sub", "jti"),
        *(ALONE, FORGED, ACCEPTED),
        note="the strict layer has checked them; PyJWT's is the second lock",
        lives=True,
    ),
    mutant("a life without bound", without("expires - issued <= LIFETIME"), ALONE),
    mutant(
        "a leeway of 5 minutes",
        tokens("LEEWAY = 30 ", "LEEWAY = 300 "),
        ALONE,
    ),
    mutant(
        "a time of any type",
        tokens("type(value) is not int or value < 0", "value is None"),
        ALONE,
    ),
    mutant("`typ` unchecked", without('header.get("typ", "JWT") == "JWT"'), ALONE),
    mutant(
        "a header that brings its own key or names one",
        without("not _FORBIDDEN & header.keys()"),
        ALONE,
    ),
    mutant(
        "`sub` of any text",
        tokens("if not _is_name(user_id):", "if not isinstance(user_id, str):"),
        ALONE,
    ),
    mutant(
        "`kid` of any text",
        tokens("if not _is_name(kid):", "if not isinstance(kid, str):"),
        ALONE,
    ),
    mutant("members given twice", tokens("if len(members) < len(pairs):", "if False:"), ALONE),
    mutant("NaN in a payload", tokens(", parse_constant=_no_constant)", ")"), ALONE),
    mutant(
        "a payload in another encoding",
        tokens("% 4)).decode())", '% 4)).decode("utf-8", "replace"))'),
        ALONE,
    ),
    mutant(
        "base64url of any spelling",
        tokens('_SEGMENT = r"', '_SEGMENT = r"[A-Za-z0-9_-]+"  # '),
        ALONE,
    ),
    mutant("a token of any length", without("len(token) <= MAX_LENGTH"), ALONE),
    mutant(
        "the first of two Authorization headers counts",
        auth('",".join(values)', "values[0]"),
        CARRIAGE + "test_over_http_it_is_the_same",
        note="API Gateway joins them",
    ),
    mutant(
        "the last of two Authorization headers counts",
        Edit(
            "shared/events.py",
            'joined[name] = f"{joined[name]},{text}" if name in joined else text',
            "joined[name] = text",
        ),
        *(CARRIED, "tests/shared/test_events.py::test_header_names_that_differ_in_case_are_one_header"),
    ),
    mutant("a token of any scheme", auth('scheme.lower() != "bearer" or not token', "not token"), CARRIED),
    mutant(
        "a token in the query",
        auth(
            'request.headers.getlist("authorization")',
            'request.headers.getlist("authorization") or [f"Bearer {request.query_params.get("access_token", "")}"]',
        ),
        f"{CARRIED}",
    ),
    mutant(
        "an operation that anyone may call",
        get("router = authenticated()", "router = anonymous()"),
        get("from shared.auth import authenticated", "from shared.routing import anonymous"),
        CLOSED,
    ),
    mutant(
        "a refusal that says why",
        auth(
            "        raise Unauthorized(token_sent=True) from None",
            "        told = Unauthorized(token_sent=True)\n"
            "        told.detail = str(refusal)\n"
            "        raise told from None",
        ),
        ONE_BODY,
    ),
    mutant(
        "keys out of reach are a bad token",
        auth("raise Unavailable(RETRY_AFTER) from failure", "raise Unauthorized(token_sent=True) from failure"),
        DOWN,
    ),
)
