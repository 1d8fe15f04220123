"""infra/template.yaml under the tools of AWS: SAM builds it, and neither SAM nor cfn-lint finds anything in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.operations import ROOT, jobs, operations
from tests.support.cloudformation import read
from tests.support.generated_templates import archives
from tests.support.timeouts import PROCESS_TIMEOUT


def run(command: list[str], folder: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """The exit code of `command`, and all that it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PROCESS_TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout


def test_cfn_lint_finds_nothing_in_the_template() -> None:
    assert run([str(Path(sys.executable).with_name("cfn-lint")), "infra/template.yaml"], ROOT, os.environ) == (0, "")


@pytest.fixture
def sam_program() -> str:
    """AWS SAM: its dependencies are pinned below ours, so it lives in a venv of its own; `make ci-tools` builds it."""
    found = shutil.which("sam") or str(ROOT / ".venv/sam/bin/sam")
    if not Path(found).exists():
        pytest.skip("AWS SAM's command line is not installed")
    return found


def test_sam_builds_without_docker(sam_program: str, tmp_path: Path) -> None:
    (tmp_path / "infra").mkdir()
    for file in ("infra/template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / file, tmp_path / file)
    archives(tmp_path / "build")
    env = {"PATH": str(Path(sam_program).parent), "HOME": str(tmp_path), "AWS_DEFAULT_REGION": "eu-central-1"}
    code, output = run([sam_program, "build"], tmp_path, env | {"SAM_CLI_TELEMETRY": "0"})
    assert (code, "Build Succeeded" in output) == (0, True), output
    built = read(tmp_path / ".aws-sam/build/template.yaml")
    assert {function.logical_id for function in (*operations(), *jobs())} <= set(built["Resources"])


def test_sam_validate_finds_nothing_in_the_template(sam_program: str) -> None:
    env = os.environ | {"AWS_DEFAULT_REGION": "eu-central-1", "SAM_CLI_TELEMETRY": "0"}
    code, output = run([sam_program, "validate", "--lint"], ROOT, env)
    assert code == 0, output
    assert "is a valid SAM Template" in output
