"""What every operation promises alike, generated from the files under functions/: a new one is tested as it lands.

Each test runs a loop over operations, in this process and over HTTP, and reports all that failed.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from infra.operations import operations
from tests.conftest import BASE_URL
from tests.support.api_gateway import Gateway
from tests.support.calls import AUTHENTICATED, CALLS, OPERATIONS, WITH_ID, call, comparable, make_target
from tests.support.collect_failures import collect_failures
from tests.support.stack import Stack, User

type Client = Callable[[User | None], httpx.Client]

PATHS = sorted({operation.path for operation in OPERATIONS})
EVERY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
UNKNOWN_PATHS = ("/", "/v1", "/v2/tasks", "/v1/tasks/1/2/3", "/V1/tasks", "//v1/tasks", "/health/x")
OBJECTS = " union all ".join(
    f"select user_id, id, to_jsonb(t) from {table} t"  # noqa: S608 - table names
    for table in ("task", "trash", "list", "label")
)
OBJECT = f"select * from ({OBJECTS}) every where id = %s".encode()  # noqa: S608
OBJECTS_OF_USER = f"select * from ({OBJECTS}) every where user_id = %s".encode()  # noqa: S608
MALFORMED: dict[str, Callable[[UUID], str]] = {
    "no UUID": lambda _: "1",
    "too short": lambda own: str(own)[:-1],
    "upper case": lambda own: str(own).upper(),
    "braces": lambda own: f"{{{own}}}",
    "no hyphens": lambda own: own.hex,
    "a URN": lambda own: own.urn,
    "NUL": lambda own: f"{own}%00",
    "white space": lambda own: f"%20{own}",
}
CONDITIONS: dict[str, Callable[[], dict[str, str]]] = {
    "plain": dict,
    "with conditions and a key": lambda: {"If-Match": "*", "If-None-Match": '"7"', "Idempotency-Key": str(uuid4())},
}


@pytest.fixture(params=["lambda", "http"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Make clients for a user or for nobody: of the handlers, then of the server."""
    with ExitStack() as clients:
        if request.param == "lambda":
            yield lambda user: clients.enter_context(
                httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers if user else {})
            )
        else:
            server = request.getfixturevalue("server")
            yield lambda user: clients.enter_context(server.client(**(user.headers if user else {})))


def has_common_headers(response: httpx.Response) -> bool:
    """Whether the response has the headers that every response of the API has."""
    headers = response.headers
    UUID(headers["x-request-id"])
    return "cache-control" in headers and headers["x-content-type-options"] == "nosniff"


def filled(path: str) -> str:
    """The path with an id that does not exist, and with a file that does."""
    return re.sub(r"\{\w+_id\}", str(uuid4()), path).replace("{asset}", "page.css")


def test_every_operation_has_a_call() -> None:
    assert sorted(CALLS) == sorted(operation.name for operation in OPERATIONS)
    assert sum(operation.is_default for operation in operations()) == 1


def test_every_call_succeeds_and_its_response_has_the_common_headers(client: Client, user: User) -> None:
    api = client(user)
    with collect_failures() as check:
        for operation in OPERATIONS:
            with check(operation.name):
                answers = [call(api, operation, make_target(api, operation)) for _ in range(2)]
                assert [answer.status_code for answer in answers] == [CALLS[operation.name].status] * 2
                assert all(has_common_headers(answer) for answer in answers)
                assert answers[0].headers["x-request-id"] != answers[1].headers["x-request-id"]
                if not operation.path.startswith("/docs"):
                    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


def test_everything_needs_a_token_but_health_contract_and_docs(client: Client) -> None:
    api = client(None)
    with collect_failures() as check:
        for operation in OPERATIONS:
            with check(operation.name):
                answer = call(api, operation, uuid4())
                public = operation.path.startswith(("/health", "/openapi.json", "/docs"))
                assert answer.status_code == (CALLS[operation.name].status if public else 401)
                assert public == operation.anonymous


def test_a_bad_token_of_any_kind_is_401_with_one_body(client: Client, stack: Stack) -> None:
    api, good = client(None), stack.user().token
    tokens = ("x", good[:-3], good + ".x", stack.signer.token(exp=1, iat=0))
    with collect_failures() as check:
        for operation in AUTHENTICATED:
            with check(operation.name):
                missing = [
                    call(api, operation, uuid4(), headers=headers) for headers in ({}, {"Authorization": "Basic eDp5"})
                ]
                bad = [call(api, operation, uuid4(), headers={"Authorization": f"Bearer {token}"}) for token in tokens]
                assert {answer.headers["www-authenticate"] for answer in missing} == {"Bearer"}
                assert {answer.headers["www-authenticate"] for answer in bad} == {'Bearer error="invalid_token"'}
                bodies = {comparable(answer)[:2] for answer in missing + bad}
                assert len(bodies) == 1
                assert {status for status, _ in bodies} == {401}
                assert all(has_common_headers(answer) for answer in missing + bad)


def test_an_unknown_query_parameter_is_422_by_its_name(client: Client, user: User) -> None:
    api = client(user)
    with collect_failures() as check:
        for operation in OPERATIONS:
            with check(operation.name):
                answer = call(api, operation, make_target(api, operation), params={"nonsense": "1"})
                assert answer.status_code == 422
                assert [error["parameter"] for error in answer.json()["errors"]] == ["nonsense"]
                assert has_common_headers(answer)


def test_what_belongs_to_another_answers_like_what_never_existed(
    client: Client, user: User, stranger: User, admin: psycopg.Connection[DictRow]
) -> None:
    """In process and over HTTP; tests/isolation/ compares more, and puts ids in other places."""
    owner_api, api = client(user), client(stranger)
    with collect_failures() as check:
        for operation in WITH_ID:
            for condition, headers in CONDITIONS.items():
                with check(operation.name, condition):
                    foreign = make_target(owner_api, operation)
                    before = admin.execute(OBJECT, [foreign]).fetchall()
                    own = admin.execute(OBJECTS_OF_USER, [stranger.id]).fetchall()
                    assert len(before) == 1
                    answers = [call(api, operation, target, headers=headers()) for target in (foreign, uuid4())]
                    assert comparable(answers[0]) == comparable(answers[1])
                    # The call of PUT has If-Match: 412 without `current`, as it would create the task without.
                    assert answers[0].status_code == (412 if operation.method == "PUT" else 404)
                    assert "current" not in answers[0].json()
                    assert admin.execute(OBJECT, [foreign]).fetchall() == before
                    assert admin.execute(OBJECTS_OF_USER, [stranger.id]).fetchall() == own
    assert admin.execute(OBJECTS_OF_USER, [stranger.id]).fetchall() == []


def test_a_malformed_id_is_404_like_any_other_that_does_not_exist(client: Client, user: User) -> None:
    api = client(user)
    unknown = comparable(api.get(f"/v1/tasks/{uuid4()}"))
    with collect_failures() as check:
        for operation in WITH_ID:
            target = make_target(api, operation)
            for spelling, spell in MALFORMED.items():
                with check(operation.name, spelling):
                    malformed = call(api, operation, spell(target))
                    assert malformed.status_code == 404
                    assert comparable(malformed) == unknown


def test_a_known_path_with_another_method_is_405_with_a_full_allow(client: Client) -> None:
    api = client(None)
    with collect_failures() as check:
        for path in PATHS:
            known = {operation.method for operation in OPERATIONS if operation.path == path}
            for method in sorted(set(EVERY_METHOD) - known):
                with check(method, path):
                    answer = api.request(method, filled(path))
                    assert answer.status_code == 405
                    assert set(answer.headers["allow"].split(", ")) == known
                    assert has_common_headers(answer)


def test_a_path_with_a_slash_behind_it_is_404(client: Client, user: User) -> None:
    api = client(user)
    with collect_failures() as check:
        for path in PATHS:
            for method in ("GET", "POST", "HEAD"):
                with check(method, path):
                    answer = api.request(method, f"{filled(path)}/")
                    assert answer.status_code == 404
                    assert has_common_headers(answer)


def test_an_unknown_path_is_404_for_anyone_and_any_method(client: Client, user: User) -> None:
    apis = [client(None), client(user)]
    with collect_failures() as check:
        for path in UNKNOWN_PATHS:
            with check(path):
                answers = [api.request(method, path) for api in apis for method in ("GET", "DELETE")]
                assert all(comparable(answer) == comparable(answers[0]) for answer in answers)
                assert answers[0].status_code == 404
