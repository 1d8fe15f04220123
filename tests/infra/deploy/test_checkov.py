"""checkov on what CloudFormation gets: it finds what .checkov.yaml gives a reason for, and nothing else."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from infra.operations import ROOT
from tests.support.generated_templates import Generated
from tests.support.timeouts import PROCESS_TIMEOUT

CONFIGURATION = (ROOT / ".checkov.yaml").read_text("utf-8")
EXCEPTIONS = re.findall(r"^  - (CKV_\w+) # .{20,}$", CONFIGURATION, re.MULTILINE)
PLANTED = {
    "Open": {"Type": "AWS::S3::Bucket"},
    "Unbound": {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"S3Bucket": "b", "S3Key": "k"}, "Role": "r"}},
}


def test_it_finds_what_is_planted_and_in_ours_what_has_a_reason(
    osls: Generated, sam: Generated, tmp_path: Path
) -> None:
    program = ROOT / ".venv/checkov/bin/checkov"
    if not program.exists():
        pytest.skip("checkov is not installed: run `make ci-tools`")
    for name, template in (("osls", osls.template), ("sam", sam.template), ("planted", {"Resources": PLANTED})):
        (tmp_path / f"{name}.json").write_text(json.dumps(template), "utf-8")
    (tmp_path / "bootstrap.yaml").write_bytes((ROOT / "infra/bootstrap.yaml").read_bytes())
    command = [str(program), "--directory", ".", "--framework", "cloudformation", "--skip-download", "--output", "json"]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, "--quiet"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=PROCESS_TIMEOUT,
        check=False,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    found: dict[str, set[str]] = {}
    for one in report["results"]["failed_checks"]:
        found.setdefault(one["file_path"], set()).add(one["check_id"])
    assert {"CKV_AWS_53", "CKV_AWS_115"} <= found.pop("/planted.json")
    assert set(found) == {"/osls.json", "/sam.json", "/bootstrap.yaml"}
    assert set.union(*found.values()) == set(EXCEPTIONS), "mend it, or give a reason; and no reason without a finding"


def test_every_exception_has_its_reason() -> None:
    assert len(EXCEPTIONS) == CONFIGURATION.count("CKV_")
