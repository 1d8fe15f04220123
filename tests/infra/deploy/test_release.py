"""The scripts of the release action and of a preview's end, run: what they ask of Neon, and what AWS is sent.

A small server stands for AWS; `curl` and `aws` are programs that write down how they were called.
"""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs
from zipfile import ZipFile

import pytest
import yaml

from infra.operations import ROOT, jobs, operations
from infra.stage import ROLES, SECRETS, USERS
from tests.infra.deploy.test_workflows import ACTION, job, scripts, steps
from tests.support.cloudformation import ACCOUNT, REGION, Stack, read
from tests.support.generated_templates import SAM, by_sam
from tests.support.timeouts import PROCESS_TIMEOUT

KEY = "neon-key-of-the-tests"
URI = "postgresql://neondb_owner:secret@ep-cool.eu.aws.neon.tech/neondb"
BRANCHES = '{"branches": [{"name": "preview-12-old", "id": "br-1"}, {"name": "preview-12", "id": "br-2"}]}'
CURL = f"""#!/bin/bash
for word; do [ "$previous" = --header ] && header=$(cat "${{word#@}}"); previous=$word; done
echo "curl $*" >> "$CALLS"
[ "$header" = "Authorization: Bearer {KEY}" ] || exit 22
case "$*" in
  *"/p1/branches?search=$STAGE"*) echo '{BRANCHES}' ;;
  *"/p1/connection_uri?branch_id=br-2&database_name=neondb&role_name=neondb_owner"*)
    echo '{{"uri": "{URI}?sslmode=require"}}' ;;
  *"/p1/branches/br-2 --request DELETE"*) ;;
  *) exit 22 ;;
esac
"""
SCRIPTS = dict(scripts())
SMOKE = f"task-api/staging/{USERS}"
# Parameters of the template that keep their defaults in every stage.
LEFT = {"DatabaseUrl", "DatabaseUrlJobs", "LogRetentionInDays", "ThrottlingBurst", "ThrottlingRate"}


def program(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    file.chmod(0o755)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    program(tmp_path / "bin/curl", CURL)
    program(tmp_path / "bin/aws", '#!/bin/bash\necho "aws $*" >> "$CALLS"\necho https://api.example.com\n')
    program(tmp_path / ".venv/bin/python", '#!/bin/bash\necho "$* for $DATABASE_URL_UNPOOLED" >> "$CALLS"\n')
    (tmp_path / "calls").touch()
    return tmp_path


def run(workspace: Path, name: str, **env: str) -> tuple[int, str, list[str]]:
    """The exit code of a script as GitHub runs it, what it printed, and the programs that it called."""
    env |= {"PATH": f"{workspace}/bin:{os.environ['PATH']}", "HOME": str(workspace), "CALLS": str(workspace / "calls")}
    env["GITHUB_OUTPUT"] = str(workspace / "output")
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", SCRIPTS[name]]
    done = subprocess.run(
        command, cwd=workspace, env=env, capture_output=True, text=True, timeout=PROCESS_TIMEOUT, check=False
    )
    return done.returncode, done.stdout + done.stderr, (workspace / "calls").read_text("utf-8").splitlines()


NEON = {"NEON_PROJECT_ID": "p1", "NEON_API_KEY": KEY}
DATABASE, BRANCH = "release: Bring the database up to date", "preview.tear-down: Delete the database's branch"


def test_the_owner_of_the_stages_own_branch_is_asked_for_and_neither_url_nor_key_is_shown(workspace: Path) -> None:
    code, printed, calls = run(workspace, DATABASE, STAGE="preview-12", **NEON)
    assert (code, printed) == (0, "")
    options = "sslmode=verify-full&channel_binding=require&sslnegotiation=direct"
    assert calls[-1] == f"-m infra.stage preview-12 for {URI}?{options}"
    assert not [call for call in calls if KEY in call], "a program's arguments are anyone's to read"


def test_without_its_branch_no_database_is_touched(workspace: Path) -> None:
    code, _, calls = run(workspace, DATABASE, STAGE="production", **NEON)
    assert code != 0
    assert len(calls) == 1


def test_a_branch_is_deleted_by_its_whole_name_and_one_that_is_gone_is_no_failure(workspace: Path) -> None:
    assert run(workspace, BRANCH, STAGE="preview-12", **NEON)[0] == 0
    code, _, calls = run(workspace, BRANCH, STAGE="preview-1", **NEON)
    assert code == 0
    assert [call.partition("/p1/")[2] for call in calls if "DELETE" in call] == [
        "branches/br-2 --request DELETE --output /dev/null"
    ]
    assert run(workspace, BRANCH, STAGE="preview-12", NEON_PROJECT_ID="p2", NEON_API_KEY=KEY)[0] != 0


def test_the_stack_is_gone_before_the_secrets_that_it_reads(workspace: Path) -> None:
    name = "preview.tear-down: Delete the stack and its secrets"
    code, _, calls = run(workspace, name, STAGE="preview-12", ROLE="the role")
    assert code == 0
    assert [call.split()[1:3] for call in calls] == [
        ["cloudformation", "delete-stack"],
        ["cloudformation", "wait"],
        *[["secretsmanager", "delete-secret"]] * len(SECRETS),
    ]


class Aws(ThreadingHTTPServer):
    """S3 and CloudFormation, which write down what they are sent, and refuse the change set in the end."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), AwsRequest)
        self.kept: dict[str, str] = {}
        self.asked: list[dict[str, str]] = []


class AwsRequest(BaseHTTPRequestHandler):
    server: Aws
    protocol_version = "HTTP/1.1"  # whose clients ask whether to go on before they send a file

    def do_HEAD(self) -> None:
        self._answer(200 if self.path in self.server.kept.values() else 404)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.kept[hashlib.sha256(body).hexdigest()] = self.path
        self._answer(200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        self.server.asked.append(asked)
        text = f"Stack with id {asked.get('StackName')} does not exist"
        self._answer(400, f"<R><Error><Code>ValidationError</Code><Message>{text}</Message></Error></R>")

    def _answer(self, status: int, text: str = "") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def aws() -> Iterator[Aws]:
    with Aws() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def deploy_environment(stage: str) -> dict[str, str]:
    """The variables of the deploy step, for the inputs of `stage` and nothing that may be left out."""
    inputs = {"stage": stage, "environment": stage, "aws-account-id": ACCOUNT, "aws-region": REGION}
    inputs |= {
        "auth-issuer": "https://auth.example.com",
        "cors-origins": "https://a.example.com, https://b.example.com",
    }
    (step,) = [step for step in ACTION["runs"]["steps"] if step.get("id") == "deploy"]
    env = {}
    for name, text in step["env"].items():
        value = re.sub(r"\$\{\{ inputs\.[\w-]+ \|\| '(\w+)' \}\}", r"\1", text)
        value = value.replace("${{ inputs.smoke-users && format('task-api/{0}/smoke-users', inputs.stage) }}", SMOKE)
        for part in ACTION["inputs"]:
            value = value.replace(f"${{{{ inputs.{part} }}}}", inputs.get(part, ""))
        env[name] = value
    return env


@pytest.fixture
def fetched(workspace: Path) -> Path:
    """The workspace, with SAM and what the build has left."""
    sam = ROOT / ".venv/sam"
    if not (sam / "installed").exists():
        pytest.skip("AWS SAM's command line is not installed: run `make ci-tools`")
    (workspace / ".venv/sam").symlink_to(sam)
    (workspace / "samconfig.toml").write_bytes((ROOT / "samconfig.toml").read_bytes())
    (workspace / "release/build").mkdir(parents=True)
    (workspace / "release/infra").mkdir()
    for file in ("http-arm64.zip", "jobs-arm64.zip", "hook-arm64.zip"):
        with ZipFile(workspace / "release/build" / file, "w") as archive:
            archive.writestr("what", file)
    return workspace


def deploy(workspace: Path, aws: Aws, variables: dict[str, str]) -> str:
    """Run the step with these variables, on the template as it was built; what it printed."""
    (workspace / "release/infra/template.yaml").write_bytes((ROOT / "infra/template.yaml").read_bytes())
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}
    env = keys | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws.server_port}"}
    code, printed, _ = run(workspace, "release: Deploy", **env, **variables)
    assert code != 0, "the server refuses"
    return printed


def test_a_changed_setting_publishes_a_version_of_every_function_and_the_same_again_none(
    fetched: Path, aws: Aws
) -> None:
    variables = deploy_environment("staging")
    versions = []
    for algorithms in ("EdDSA", "EdDSA", "EdDSA,ES256"):
        deploy(fetched, aws, variables | {"AUTH_ALGORITHMS": algorithms})
        versions.append(set(by_sam(SAM, fetched / "release").of_type("Lambda::Version")))
    assert len(versions[0]) == len(operations()) + len(jobs()) + 1
    assert versions[0] == versions[1]
    assert not versions[1] & versions[2], "the alias would keep the version with the old setting"


def test_sam_sends_the_very_archives_that_were_built_and_every_parameter(fetched: Path, aws: Aws) -> None:
    workspace, variables = fetched, deploy_environment("staging")
    printed = deploy(workspace, aws, variables)
    sent = aws.asked[-1]
    assert (sent["Action"], sent["StackName"]) == ("CreateChangeSet", "task-api-staging"), printed
    made = Stack(read(ROOT / "infra/bootstrap.yaml"), Environment="staging", Repository="a/b").resources
    assert sent["RoleARN"] == f"arn:aws:iam::{ACCOUNT}:role/{made['CloudFormationRole']['RoleName']}"
    for built in (workspace / "release/build").glob("*.zip"):
        place = aws.kept[hashlib.sha256(built.read_bytes()).hexdigest()]
        assert place.startswith(f"/{made['Archives']['BucketName']}/task-api-staging/")
    count = sum(name.endswith(".ParameterKey") for name in sent)
    names = [sent[f"Parameters.member.{number}.ParameterKey"] for number in range(1, count + 1)]
    values = [sent[f"Parameters.member.{number}.ParameterValue"] for number in range(1, count + 1)]
    handed = yaml.safe_load((workspace / "release/parameters.yaml").read_text("utf-8"))
    assert dict(zip(names, values, strict=True)) == handed, "SAM drops a parameter that the template does not have"
    assert set(read(ROOT / "infra/template.yaml")["Parameters"]) - set(handed) == LEFT, "hand it over, or name it here"
    assert handed["PermissionsBoundary"] == f"arn:aws:iam::{ACCOUNT}:policy/{made['Boundary']['ManagedPolicyName']}"
    assert handed["CorsOrigins"] == variables["CORS_ORIGINS"]
    assert handed["SmokeSecretId"] == SMOKE
    assert handed["DatabaseSecretId"] == f"task-api/staging/{ROLES['DATABASE_URL'][1]}"
    assert handed["DatabaseSecretIdJobs"] == f"task-api/staging/{ROLES['DATABASE_URL_JOBS'][1]}"


def test_the_role_that_a_job_takes_is_the_one_that_trusts_it() -> None:
    made = Stack(read(ROOT / "infra/bootstrap.yaml"), Environment="preview", Repository="a/b").resources
    taken = [
        step["with"]
        for step in ACTION["runs"]["steps"] + steps(job("preview", "tear-down"))
        if "role" in step.get("with", {}).get("role-to-assume", "")
    ]
    roles = [
        one["role-to-assume"].partition(":role/")[2].replace("${{ inputs.environment }}", "preview") for one in taken
    ]
    assert roles == [made["DeployRole"]["RoleName"]] * 2
    assert all(one["allowed-account-ids"] in one["role-to-assume"] for one in taken)
