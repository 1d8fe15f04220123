"""shared/openapi.json is the contract under specs/, to the letter."""

from infra.contract import TARGET, as_json


def test_the_served_contract_equals_the_written_one() -> None:
    assert TARGET.read_text("utf-8") == as_json(), "run `python -m infra.contract` and commit shared/openapi.json"
