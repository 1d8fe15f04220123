"""GET /openapi.json gives the contract, byte for byte, in OpenAPI 3.1."""

from importlib.resources import files

import httpx
import pytest

PATH = "/openapi.json"
CONTRACT = files("shared").joinpath("openapi.json").read_bytes()


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_the_contract_is_sent_as_it_was_written(anonymous_api: httpx.Client, coding: str) -> None:
    answer = anonymous_api.get(PATH, headers={"Accept-Encoding": coding})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers.get("Content-Encoding", "identity") == coding
    assert answer.content == CONTRACT
    assert answer.json()["openapi"].startswith("3.1.")


def test_it_is_not_stored_like_every_answer_that_is_no_docs(anonymous_api: httpx.Client) -> None:
    assert anonymous_api.get(PATH).headers["Cache-Control"] == "no-store"


def test_a_caller_that_holds_it_gets_304(anonymous_api: httpx.Client) -> None:
    held = anonymous_api.get(PATH).headers["ETag"]

    answer = anonymous_api.get(PATH, headers={"If-None-Match": held})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == held
