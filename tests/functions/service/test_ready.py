import httpx

from tests.support.postgres_proxy import Proxy


def test_ready_needs_no_token(either_api: httpx.Client) -> None:
    del either_api.headers["Authorization"]
    answer = either_api.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_asks_the_database_once(anonymous_api: httpx.Client, proxy: Proxy) -> None:
    anonymous_api.get("/health/ready")  # connects, where nothing has
    proxy.reset()
    assert anonymous_api.get("/health/ready").status_code == 200
    assert (proxy.connects, len(proxy.trips)) == (0, 1)


def test_without_a_database_it_is_503_until_there_is_one(anonymous_api: httpx.Client, proxy: Proxy) -> None:
    proxy.refuse()
    proxy.cut()
    answer = anonymous_api.get("/health/ready")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["instance"] == answer.headers["X-Request-Id"]
    proxy.listen()
    assert anonymous_api.get("/health/ready").status_code == 200


def test_a_query_parameter_is_not_known_here(anonymous_api: httpx.Client) -> None:
    assert anonymous_api.get("/health/ready?verbose=1").status_code == 422
