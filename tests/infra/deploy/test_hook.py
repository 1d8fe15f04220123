"""The hook before traffic: it invokes the very version that is deployed, and CodeDeploy is told the truth.

A small server stands for AWS: Lambda's Invoke, behind which every version is a process of AWS's runtime client against
the real database, and CodeDeploy's two calls. moto stands for Secrets Manager (it knows no lifecycle events).
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import psycopg
import pytest
from moto import mock_aws
from psycopg.rows import DictRow

from infra import hook
from infra.local.runtime_api import FunctionError, LambdaFunction, lambda_function
from infra.operations import ROOT, Operation, operations
from tests.support.collect_failures import collect_failures
from tests.support.stack import Stack, User
from tests.support.timeouts import PROCESS_TIMEOUT

OPERATIONS = {operation.name: operation for operation in operations()}
NEW, BAD = "7", "8"
BROKEN = """
import functions.tasks.{name} as ours
def handler(event, context):
    answer = ours.handler(event, context)
    {then}
"""
RAISES, FAILS, LIES = (
    "raise ValueError(answer['body'])",
    "return answer | {'statusCode': 500}",
    "return answer | {'body': '{}'}",
)


def name_of(operation: Operation) -> str:
    """The name that CloudFormation gives its function."""
    return f"task-api-preview-12-{operation.logical_id}-1A2B3C4D5E6F"


class Aws(ThreadingHTTPServer):
    """Lambda and CodeDeploy. `invoked` are functions and versions as they were called, `told` the reports."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.exits, self.lock = ExitStack(), threading.Lock()
        self.stack, self.running = stack, dict[tuple[str, str], LambdaFunction]()
        self.invoked: list[tuple[str, str]] = []
        self.told: list[dict[str, str]] = []
        self.revision: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def environment(self, handler: str, folder: Path) -> LambdaFunction:
        names = ("DATABASE_URL", "AUTH_ISSUER")
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | {n: self.stack.environment[n] for n in names}
        return self.exits.enter_context(lambda_function(handler, handler, env, folder, PROCESS_TIMEOUT))

    def function(self, name: str, version: str) -> LambdaFunction:
        """The environment of a version. All good ones are one: what runs is what is in the checkout."""
        key = (name, version if version == BAD else NEW)
        with self.lock:
            if key not in self.running:
                operation = next(each for each in OPERATIONS.values() if name_of(each) == name)
                self.running[key] = self.environment(operation.handler, ROOT)
        return self.running[key]

    def deploy(self, name: str, version: str, kind: str = "appSpecContent") -> None:
        """What a deployment of a function by CloudFormation is."""
        properties = {"Name": name, "Alias": "live", "CurrentVersion": "6", "TargetVersion": version}
        resources = [{name: {"Type": "AWS::Lambda::Function", "Properties": properties}}]
        content = json.dumps({"version": 0.0, "Resources": resources, "Hooks": [{"BeforeAllowTraffic": "hook"}]})
        self.revision = {"revisionType": "AppSpecContent", kind: {"content": content, "sha256": "x"}}


class _Handler(BaseHTTPRequestHandler):
    server: Aws

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        parts, headers = urlsplit(self.path), {}
        match self.headers.get("x-amz-target", "").partition(".")[2]:
            case "GetDeployment":
                answer: Any = {
                    "deploymentInfo": {"deploymentId": body["deploymentId"], "revision": self.server.revision}
                }
            case "PutLifecycleEventHookExecutionStatus":
                self.server.told.append(body)
                answer = {"lifecycleEventHookExecutionId": body["lifecycleEventHookExecutionId"]}
            case _:
                name, (version,) = parts.path.split("/")[3], parse_qs(parts.query)["Qualifier"]
                self.server.invoked.append((name, version))
                try:
                    answer = self.server.function(name, version).invoke(body)
                except FunctionError as failure:
                    answer, headers = json.loads(str(failure)), {"X-Amz-Function-Error": "Unhandled"}
        text = json.dumps(answer).encode()
        self.send_response(200)
        for header, value in (headers | {"Content-Length": str(len(text))}).items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def servers(stack: Stack) -> Iterator[Aws]:
    with Aws(stack) as server, server.exits:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def aws(servers: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """AWS as the hook sees it, with nothing called yet."""
    for name in ("LAMBDA", "CODEDEPLOY"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", servers.url)
    monkeypatch.setenv("REPLACE_FUNCTION", name_of(OPERATIONS["tasks_replace"]))
    monkeypatch.setenv("DELETE_FUNCTION", name_of(OPERATIONS["tasks_delete"]))
    monkeypatch.setenv("DELETE_LIST_FUNCTION", name_of(OPERATIONS["lists_delete"]))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    servers.invoked.clear()
    servers.told.clear()
    with mock_aws():
        yield servers


@pytest.fixture
def synthetic(aws: Aws, user: User, monkeypatch: pytest.MonkeyPatch) -> User:
    """The user that the secret names; how one signs in is tried in tests/better_auth/test_synthetic.py."""
    secret = json.dumps([{"email": "smoke@example.com", "password": "made-up-5f2c"}])
    boto3.client("secretsmanager").create_secret(Name="task-api/preview-12/smoke-users", SecretString=secret)
    monkeypatch.setenv("SMOKE_SECRET_ID", "task-api/preview-12/smoke-users")
    asked = {("https://auth.example.com", "smoke@example.com", "made-up-5f2c"): user.token}
    monkeypatch.setenv("AUTH_ISSUER", "https://auth.example.com/")
    monkeypatch.setattr(hook, "sign_in", lambda *who: asked[who])
    assert aws.told == []
    return user


def run(aws: Aws, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Call the hook as CodeDeploy does; give what it logged, after it reported the same."""
    status = hook.handler({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}, None)
    report = {"deploymentId": "d-1", "lifecycleEventHookExecutionId": "e-1", "status": status}
    assert aws.told == [report]
    logged: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert logged["status"] == status
    return logged


def left_behind(admin: psycopg.Connection[DictRow], user: User) -> int:
    left = "select user_id from task union all select user_id from list"
    return admin.execute(f"select from ({left}) every where user_id = %s".encode(), [user.id]).rowcount


def test_every_operation_has_its_answer_here() -> None:
    assert set(hook.ANSWERS) == set(OPERATIONS)
    assert {hook.operation_of(name_of(operation)) for operation in OPERATIONS.values()} == set(OPERATIONS)


def test_the_new_version_is_invoked_for_real_and_nothing_stays(
    aws: Aws, synthetic: User, admin: psycopg.Connection[DictRow], capsys: pytest.CaptureFixture[str]
) -> None:
    with collect_failures() as check:
        for name, operation in OPERATIONS.items():
            aws.invoked.clear()
            aws.told.clear()
            function = name_of(operation)
            aws.deploy(function, NEW, "string" if name == "service_health" else "appSpecContent")
            with check(name):
                logged = run(aws, capsys)
                assert logged["status"] == "Succeeded", logged
                assert (logged["operation"], logged["version"]) == (name, NEW)
                assert logged["as"] == ("nobody" if operation.anonymous else "a synthetic user")
                assert aws.invoked.count((function, NEW)) == 1
                assert {version for called, version in aws.invoked if called != function} <= {"live"}
                assert left_behind(admin, synthetic) == 0
                if name == "tasks_replace":  # it did write: the row was there between the two
                    assert aws.invoked == [(function, NEW), (name_of(OPERATIONS["tasks_delete"]), "live")]


@pytest.mark.parametrize(
    ("name", "then", "reason"),
    [
        ("create", RAISES, "tasks_create, version 8, failed: ValueError"),
        ("create", FAILS, "tasks_create, version 8, answers 500, not 201"),
        ("replace", LIES, "tasks_replace, version 8, answers 201 with another title, priority, due"),
        ("get", LIES, "tasks_get, version 8, answers 200 with another id"),
        ("list", LIES, "tasks_list, version 8, answers 200 with another items"),
        ("delete", FAILS, "tasks_delete, version 8, answers 500, not 204"),
    ],
)
def test_a_version_that_fails_stops_the_release_and_leaves_nothing(
    name: str,
    then: str,
    reason: str,
    aws: Aws,
    synthetic: User,
    admin: psycopg.Connection[DictRow],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    function = name_of(OPERATIONS[f"tasks_{name}"])
    (tmp_path / "broken.py").write_text(BROKEN.format(name=name, then=then), "utf-8")
    aws.running[function, BAD] = aws.environment("broken.handler", tmp_path)
    aws.deploy(function, BAD)
    logged = run(aws, capsys)
    assert (logged["status"], logged["reason"]) == ("Failed", f"WrongError: {reason}")
    assert left_behind(admin, synthetic) == 0


def test_without_a_secret_the_version_has_to_refuse_nobody(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    function = name_of(OPERATIONS["tasks_create"])
    aws.deploy(function, NEW)
    logged = run(aws, capsys)
    assert (logged["status"], logged["as"]) == ("Succeeded", "nobody")
    assert aws.invoked == [(function, NEW)]


def test_what_can_not_be_checked_is_failed_and_never_left_waiting(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.deploy("task-api-preview-12-Unknown-1A2B3C4D5E6F", NEW)
    assert run(aws, capsys)["status"] == "Failed"
    assert aws.invoked == []


def test_no_token_is_failed_without_the_password(
    aws: Aws, synthetic: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMOKE_SECRET_ID", "task-api/preview-12/none")
    aws.deploy(name_of(OPERATIONS["tasks_get"]), NEW)
    logged = run(aws, capsys)
    assert logged["status"] == "Failed"
    assert "ResourceNotFoundException" in logged["reason"]
    assert synthetic.token not in str(logged)
    assert httpx.get(aws.stack.issuer.jwks_url, timeout=PROCESS_TIMEOUT).status_code == 200
