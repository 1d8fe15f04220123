import httpx

from tests.support.postgres_proxy import Proxy


def test_health_needs_no_token(either_api: httpx.Client) -> None:
    del either_api.headers["Authorization"]
    answer = either_api.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_health_asks_no_database(anonymous_api: httpx.Client, proxy: Proxy) -> None:
    proxy.refuse()
    proxy.cut()
    assert anonymous_api.get("/health").status_code == 200
    assert (proxy.connects, proxy.trips) == (0, [])


def test_health_does_not_look_at_a_token(anonymous_api: httpx.Client) -> None:
    assert anonymous_api.get("/health", headers={"Authorization": "Bearer nonsense"}).status_code == 200


def test_a_query_parameter_is_not_known_here(anonymous_api: httpx.Client) -> None:
    assert anonymous_api.get("/health?verbose=1").status_code == 422
