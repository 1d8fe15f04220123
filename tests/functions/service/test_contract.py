"""GET /openapi.json gives the contract, byte for byte, in OpenAPI 3.1."""

import json
from importlib.resources import files

from functions.service.contract import handler
from tests.functions.service.events import call, content

CONTRACT = files("shared").joinpath("openapi.json").read_bytes()


def test_the_contract_is_sent_as_it_was_written() -> None:
    answer = call(handler, "service_contract")

    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "application/json"
    assert content(answer) == CONTRACT
    assert json.loads(content(answer))["openapi"].startswith("3.1.")


def test_it_is_not_stored_like_every_answer_that_is_no_docs() -> None:
    assert call(handler, "service_contract")["headers"]["cache-control"] == "no-store"


def test_it_is_compressed_for_callers_that_take_it() -> None:
    answer = call(handler, "service_contract", accept_encoding="br, gzip")

    assert answer["headers"]["content-encoding"] == "gzip"
    assert content(answer) == CONTRACT


def test_a_caller_that_holds_it_gets_304() -> None:
    held = call(handler, "service_contract")["headers"]["etag"]

    answer = call(handler, "service_contract", if_none_match=held)

    assert (answer["statusCode"], answer["body"]) == (304, "")
    assert answer["headers"]["etag"] == held
