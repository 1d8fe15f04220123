"""`python -m infra.contract`: write the OpenAPI contract as the file that GET /openapi.json serves.

The contract is written by hand, in YAML, under specs/. What is deployed is JSON, made here and committed, so that no
function carries a YAML parser; a test holds the two equal.
"""

import json
from typing import Any

import yaml

from infra.operations import ROOT

SOURCE = ROOT / "specs/002-task-mgmt-api/contracts/openapi.yaml"
TARGET = ROOT / "shared/openapi.json"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser of libyaml, where PyYAML was built with it: each process of the tests reads the contract."""


def contract() -> dict[str, Any]:
    """The contract as it stands under specs/."""
    return dict(yaml.load(SOURCE.read_text("utf-8"), LOADER))  # noqa: S506 - a safe loader


def as_json() -> str:
    """The text of shared/openapi.json. Raises `TypeError` where the YAML holds what JSON can't, such as a bare date."""
    return json.dumps(contract(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(as_json(), "utf-8")
