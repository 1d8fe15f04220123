"""Schemathesis reads the contract, written by hand, and looks for requests that are not answered as it says.

Every phase and every check, in process, against the joint application and the handlers (tests/fuzz/doors.py), with
checks of our own (tests/fuzz/checks.py); and once more, over HTTP, against the server of `make dev`.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import schemathesis
from hypothesis import settings
from schemathesis.engine import events, from_schema

from infra.contract import SOURCE, contract
from infra.operations import ROOT, operations
from tests.fuzz import examples
from tests.fuzz.checks import Replays, a_refusal_has_a_reason, checking
from tests.fuzz.doors import SURROGATE, Doors
from tests.fuzz.fitting import fitting
from tests.support.api_server import Server
from tests.support.stack import Stack, User
from tests.support.text_corpora import LIST, OWN, big_list

pytestmark = pytest.mark.fuzz
PHASES = {"examples", "coverage", "fuzzing", "stateful"}
MINUTES = 3
"""How long the long profile goes on finding new cases; the others try what they try however slow the machine is."""
# positive_data_acceptance wants 2xx for whatever fits the schemas. No schema can say which precondition or cursor
# holds, which key is free, which zone is IANA's and what its clock skips: a check of ours looks at the reason.
REFUSALS = ["2xx", "3xx", "400", "404", "409", "412", "422", "428"]
NEEDS_MORE = {"max_response_time", "object_level_authorization"}  # a limit; users in a form of Schemathesis's own
WORDS = {
    "tags": ['"1"', '"2"', "*", 'W/"1"', '"1", "2"', '"x"', "", '"', "1"],
    "zones": ["UTC", "Europe/Berlin", "Asia/Kolkata", "Etc/GMT+14", "posixrules", "../../etc/passwd", "europe/berlin"],
    "times": ["2026-03-29T02:30:00", "2026-10-25T02:30:00", "2200-12-31T23:59:59", "1970-01-01T00:00:00"],
}
NO_TEXT = ["\0", "a\0b", SURROGATE, f"a{SURROGATE}b"]


def configuration(user: User) -> Any:
    """What Schemathesis tries, as that user: naughty strings, NUL and surrogates, and what may fit, among its own."""
    profile = settings.get_current_profile_name()
    own = [text for texts in OWN.values() for text in texts]
    words = WORDS | {"naughty": own + NO_TEXT + (big_list() if (ROOT / LIST).exists() else [])}
    tags = {"dictionary": "tags", "probability": 0.3}
    config: dict[str, Any] = {
        "headers": user.headers,
        "seed": uuid4().int % 2**32 if profile == "long" else 1,
        "continue-on-failure": True,
        "checks": {"positive_data_acceptance": {"expected-statuses": REFUSALS}},
        "dictionaries": {name: {"values": values} for name, values in words.items()},
        "generation": {
            "allow-x00": True,
            "deterministic": profile != "long",
            "dictionaries": {"string": {"dictionary": "naughty", "probability": 0.2}},
            "max-examples": examples(12),
            "with-security-parameters": False,  # the token is the user's
        },
        "parameters": {
            "header.If-Match": tags,
            "header.If-None-Match": tags,
            "body.due.timezone": {"dictionary": "zones", "probability": 0.7},
            "body.due.datetime": {"dictionary": "times", "probability": 0.5},
        },
    }
    if profile == "long":
        config["max-time"] = 60 * MINUTES
    return schemathesis.Config.from_dict(config)


def test_nothing_breaks_the_contract_and_nobody_sees_anothers(stack: Stack, user: User, api: httpx.Client) -> None:
    doors, config = Doors(), configuration(user)
    schema: Any = schemathesis.openapi.from_dict(contract(), config=config)
    schema.app = doors

    replays = Replays(stack, user, doors)
    checked, phases, failures = Counter[str](), set[str](), list[str]()
    with checking(replays.nothing_is_anothers, a_refusal_has_a_reason, hook=fitting(api)) as names:
        for event in from_schema(schema).execute():
            match event:
                case events.FatalError(exception=exception):
                    raise exception
                case events.NonFatalError(label=label, info=info):
                    failures.append(f"{label}: {info.format()}")
                case events.PhaseFinished(phase=phase, status="success"):
                    phases.add(phase.name.value)
                case events.ScenarioFinished(label=label, recorder=recorder):
                    for node in (node for nodes in recorder.checks.values() for node in nodes):
                        checked[node.name] += 1
                        if failed := node.failure_info:
                            failures.append(f"{label}: {node.name}: {failed.failure}\n{failed.code_sample}")
    assert not failures, f"seed {config.seed}\n" + "\n\n".join(failures[:10])
    assert phases >= PHASES
    assert set(checked) >= names - NEEDS_MORE
    assert min(doors.answers.values()) > 200
    operations = [result.ok() for result in schema.get_all_operations()]
    guarded = {one.label for one in operations if one.definition.raw["security"]}
    assert set(replays.count) == guarded


def test_the_server_keeps_the_contract_under_every_phase(server: Server, user: User, tmp_path: Path) -> None:
    options = ["--url", server.url, "--header", f"Authorization: Bearer {user.token}", "--continue-on-failure"]
    options += ["--checks", "all", "--exclude-checks", "positive_data_acceptance", "--phases", ",".join(sorted(PHASES))]
    options += ["--generation-deterministic", "--generation-allow-x00", "true", "--max-examples", str(examples(3))]
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(SOURCE), *options]
    before = len(server.log)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Tested: {sum(not operation.is_default for operation in operations())}" in done.stdout
    assert '"level":"ERROR"' not in server.log[before:]
