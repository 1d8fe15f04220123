"""What needs no token: health, the contract, the reference page, the answers to strangers, routes, CORS."""

import re

import httpx

from infra.operations import operations
from tests.conformance.target import Target
from tests.support.collect_failures import collect_failures, for_each
from tests.support.openapi_validator import document
from tests.support.tasks import NOBODYS, TASKS, without_instance

GUARDED = [operation for operation in operations() if not operation.anonymous]


def test_it_is_healthy_also_with_the_database(anonymous: httpx.Client) -> None:
    for path in ("/health", "/health/ready"):
        answer = anonymous.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"}), path


def test_it_shows_the_contract_that_this_suite_holds_it_to(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == document()


def test_the_reference_page_comes_with_all_that_it_loads(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    loaded = set(re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', answer.text))
    assert len(loaded) > 1
    for path in loaded:
        assert anonymous.get(f"/{path}").status_code == 200, path
    assert anonymous.get("/docs/none.js").status_code == 404


def challenge(answer: httpx.Response) -> str | None:
    """What WWW-Authenticate says, also under the name that gateways of AWS are seen to give it."""
    told = [answer.headers.get(f"{prefix}www-authenticate") for prefix in ("", "x-amzn-remapped-")]
    return next(filter(None, told), None)


def test_without_a_good_token_it_is_the_one_401(anonymous: httpx.Client) -> None:
    with collect_failures() as check:
        for operation in GUARDED:
            with check(operation.name):
                path = re.sub(r"{[^}]*}", NOBODYS, operation.path)
                missing = anonymous.request(operation.method, path)
                forged = anonymous.request(operation.method, path, headers={"Authorization": "Bearer a.b.c"})
                assert (missing.status_code, challenge(missing)) == (401, "Bearer")
                assert (forged.status_code, challenge(forged)) == (401, 'Bearer error="invalid_token"')
                assert without_instance(missing) == without_instance(forged)


@for_each(
    "method, path, status, allow",
    [
        ("GET", "/", 404, ""),
        ("GET", "/v1", 404, ""),
        ("GET", "/v2/tasks", 404, ""),
        ("POST", f"/v1/tasks/{NOBODYS}/archive", 404, ""),
        ("HEAD", "/health", 405, "GET"),
        ("DELETE", "/v1/tasks", 405, "GET, POST"),
        ("POST", f"/v1/tasks/{NOBODYS}", 405, "GET, PUT, PATCH, DELETE"),
        ("GET", f"/v1/tasks/{NOBODYS}/complete", 405, "POST"),
    ],
)
def test_what_no_route_matches(anonymous: httpx.Client, method: str, path: str, status: int, allow: str) -> None:
    answer = anonymous.request(method, path)
    assert (answer.status_code, answer.headers.get("allow", "")) == (status, allow)


def test_every_answer_has_an_id_of_its_own(anonymous: httpx.Client) -> None:
    answers = [anonymous.get(path) for path in ("/health", TASKS, "/none", "/health")]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_no_answer_is_kept_or_sniffed(anonymous: httpx.Client) -> None:
    for answer in [anonymous.get(path) for path in ("/health", TASKS, "/none")]:
        assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_no_origin_but_the_listed_ones_is_let_through(anonymous: httpx.Client, target: Target) -> None:
    for origin in ("https://app.example.com.evil.example", "null"):
        asked = anonymous.options(TASKS, headers={"Origin": origin, "Access-Control-Request-Method": "PATCH"})
        answered = anonymous.get("/health", headers={"Origin": origin})
        assert "access-control-allow-origin" not in [*asked.headers, *answered.headers]
    for origin in target.origins:
        asked = anonymous.options(TASKS, headers={"Origin": origin, "Access-Control-Request-Method": "PATCH"})
        assert asked.headers["access-control-allow-origin"] == origin
        answered = anonymous.get("/health", headers={"Origin": origin})
        assert "etag" in answered.headers["access-control-expose-headers"].lower()
