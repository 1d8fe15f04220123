import httpx

from tests.support.collect_failures import for_each
from tests.support.tasks import NOBODYS, without_instance

KNOWN = {
    "/v1/tasks": {"GET", "POST"},
    f"/v1/tasks/{NOBODYS}": {"GET", "PUT", "PATCH", "DELETE"},
    "/v1/tasks/x": {"GET", "PUT", "PATCH", "DELETE"},
    f"/v1/tasks/{NOBODYS}/complete": {"POST"},
    f"/v1/tasks/{NOBODYS}/reopen": {"POST"},
    "/health": {"GET"},
    "/health/ready": {"GET"},
    "/openapi.json": {"GET"},
    "/docs": {"GET"},
    "/docs/x.js": {"GET"},
}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"}
UNKNOWN = (
    "/",
    "/v1",
    "/v2/tasks",
    "/V1/tasks",
    "/v1/Tasks",
    "/v1/tasks/",
    "//v1/tasks",
    "/v1//tasks",
    f"/v1/tasks/{NOBODYS}/",
    f"/v1/tasks/{NOBODYS}/complete/",
    f"/v1/tasks/{NOBODYS}/toggle",
    f"/v1/tasks/{NOBODYS}%2Fcomplete/x",
    "/v1/users/x/tasks",
    "/health/",
    "/docs/",
    "/docs/a/b",
    "/openapi.json/",
    "/favicon.ico",
    "/%FF",
    "/%00",
)


@for_each("path", UNKNOWN)
def test_an_unknown_path_is_404_with_any_method_and_without_a_token(either_api: httpx.Client, path: str) -> None:
    either_api.headers.pop("Authorization", None)
    for method in ("GET", "POST", "DELETE"):
        answer = either_api.request(method, path, follow_redirects=False)
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "Location" not in answer.headers
        assert "Allow" not in answer.headers
        assert without_instance(answer)["status"] == 404


@for_each("path", KNOWN)
def test_a_known_path_with_another_method_is_405_with_a_full_allow(either_api: httpx.Client, path: str) -> None:
    either_api.headers.pop("Authorization", None)
    for method in METHODS - KNOWN[path]:
        answer = either_api.request(method, path)
        assert answer.status_code == 405, method
        assert set(answer.headers["Allow"].split(", ")) == KNOWN[path]
        assert answer.headers["Content-Type"] == "application/problem+json"
        if method != "HEAD":
            assert without_instance(answer)["status"] == 405


def test_the_route_is_answered_before_the_token(api: httpx.Client, anonymous_api: httpx.Client) -> None:
    for path, status in (("/v1/none", 404), ("/v1/tasks", 405)):
        with_token, without = (client.delete(path) for client in (api, anonymous_api))
        assert with_token.status_code == without.status_code == status
        assert without_instance(with_token) == without_instance(without)
