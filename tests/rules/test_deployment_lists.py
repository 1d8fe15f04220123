"""What is deployed is what is on disk: serverless.yml, infra/template.yaml and infra/events/ against functions/."""

import json
from typing import Any

import pytest
import yaml

from infra.operations import DEFAULT, ROOT, jobs, operations
from tests.support.cloudformation import read
from tests.support.collect_failures import collect_failures

OPERATIONS, JOBS = operations(), jobs()
EXPOSED = ["ETag", "Location", "Link", "Retry-After", "X-Request-Id", "Idempotency-Replayed"]
HOOK = "PreTraffic"
NOT_A_JOBS = {"DATABASE_URL", "DATABASE_SECRET_ID", "AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_JWKS_URL", "AUTH_ALGORITHMS"}


@pytest.fixture(scope="module")
def serverless() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "serverless.yml").read_text("utf-8")))


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read(ROOT / "infra/template.yaml")


def route(http_api: Any) -> str:
    return DEFAULT if http_api == "*" else f"{http_api['method']} {http_api['path']}"


def test_every_operation_is_one_line_of_serverless_yml() -> None:
    lines = (ROOT / "serverless.yml").read_text("utf-8").splitlines()
    missing = [operation.deploy_line for operation in OPERATIONS if operation.deploy_line not in lines]
    assert not missing, "add to `functions:` in serverless.yml:\n" + "\n".join(missing)


def test_serverless_yml_deploys_nothing_else(serverless: dict[str, Any]) -> None:
    assert set(serverless["functions"]) == {function.name for function in OPERATIONS + JOBS}
    deployed = [
        route(event["httpApi"])
        for function in serverless["functions"].values()
        for event in function["events"]
        if "httpApi" in event
    ]
    assert sorted(deployed) == sorted(operation.route for operation in OPERATIONS)


def test_every_job_of_serverless_yml_is_scheduled_with_an_artefact_and_a_secret_of_its_own(
    serverless: dict[str, Any],
) -> None:
    for job in JOBS:
        function = serverless["functions"][job.name]
        assert function["handler"] == job.handler
        assert "schedule" in function["events"][0]
        assert function["package"] == {"artifact": "build/jobs-${self:provider.architecture}.zip"}
        assert function["reads"] == job.secret


def test_every_operation_is_three_lines_of_the_template() -> None:
    lines = (ROOT / "infra/template.yaml").read_text("utf-8").splitlines()
    wanted = [line for operation in OPERATIONS for line in operation.template_lines]
    wanted += [line for job in JOBS for line in job.own_lines]
    missing = [line for line in wanted if line not in lines]
    assert not missing, "add to `Resources:` in infra/template.yaml:\n" + "\n".join(missing)


def test_every_guard_is_one_line_of_the_template() -> None:
    lines = (ROOT / "infra/template.yaml").read_text("utf-8").splitlines()
    missing = [line for operation in OPERATIONS for line in operation.guard_lines if line not in lines]
    assert not missing, "add to `Resources:` in infra/template.yaml:\n" + "\n".join(missing)


def test_the_template_deploys_nothing_else(template: dict[str, Any]) -> None:
    functions = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert set(functions) == {function.logical_id for function in OPERATIONS + JOBS} | {HOOK}
    for job in JOBS:
        function = functions[job.logical_id]
        assert function["Handler"] == job.handler
        assert [event["Type"] for event in function["Events"].values()] == ["Schedule"]
        assert function["CodeUri"] == "../build/jobs-arm64.zip"
        variables = function["Environment"]["Variables"]
        assert {name for name, value in variables.items() if value == {"Ref": "AWS::NoValue"}} == NOT_A_JOBS
        assert set(variables) - NOT_A_JOBS == {"DATABASE_URL_JOBS", "DATABASE_SECRET_ID_JOBS"}


def test_the_template_allows_the_origins_and_headers_of_the_contract(template: dict[str, Any]) -> None:
    condition, cors, otherwise = template["Resources"]["Api"]["Properties"]["CorsConfiguration"]["Fn::If"]
    assert template["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "CorsOrigins"}, ""]}]}
    assert cors["exposeHeaders"] == EXPOSED
    assert otherwise == {"Ref": "AWS::NoValue"}


def test_the_template_and_serverless_yml_say_the_same(template: dict[str, Any], serverless: dict[str, Any]) -> None:
    ours, theirs = template["Globals"]["Function"], serverless["provider"]
    assert [ours["Runtime"], ours["Architectures"]] == [theirs["runtime"], [theirs["architecture"]]]
    assert [ours["MemorySize"], ours["Timeout"]] == [theirs["memorySize"], theirs["timeout"]]
    assert set(ours["Environment"]["Variables"]) - {"DATABASE_URL"} == set(theirs["environment"])
    cors = template["Resources"]["Api"]["Properties"]["CorsConfiguration"]["Fn::If"][1]
    other = serverless["resources"]["extensions"]["HttpApi"]["Properties"]["CorsConfiguration"]["Fn::If"][1]
    for name in ("AllowMethods", "AllowHeaders", "ExposeHeaders", "MaxAge"):
        assert cors[name[0].lower() + name[1:]] == other[name]


def test_every_new_version_is_invoked_before_it_gets_traffic_by_a_hook_that_may_do_that_alone(
    template: dict[str, Any],
) -> None:
    assert template["Globals"]["Function"]["DeploymentPreference"]["Hooks"] == {HOOK: {"Ref": HOOK}}
    for one in OPERATIONS:  # what SAM makes of both together: tests/infra/deploy/test_watching.py
        assert set(template["Resources"][one.logical_id]["Properties"]["DeploymentPreference"]) == {"Alarms"}
    hook = template["Resources"][HOOK]["Properties"]
    assert hook["FunctionName"] == {"Fn::Sub": "CodeDeployHook_${AWS::StackName}"}, "CodeDeploy may call no other name"
    assert hook["CodeUri"] == "../build/hook-arm64.zip"
    variables = hook["Environment"]["Variables"]
    assert {name for name, value in variables.items() if value == {"Ref": "AWS::NoValue"}} == NOT_A_JOBS - {
        "AUTH_ISSUER"
    }
    role = template["Resources"][f"{HOOK}Role"]["Properties"]
    _, invoke, deploy, secret = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert (invoke["Action"], deploy["Action"]) == (
        "lambda:InvokeFunction",
        ["codedeploy:GetDeployment", "codedeploy:PutLifecycleEventHookExecutionStatus"],
    )
    assert invoke["Resource"]["Fn::Sub"].endswith(":function:${AWS::StackName}-*")
    assert deploy["Resource"]["Fn::Sub"].endswith(":deploymentgroup:${ServerlessDeploymentApplication}/*")
    condition, read, otherwise = secret["Fn::If"]
    assert template["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "SmokeSecretId"}, ""]}]}
    assert (read["Action"], otherwise) == ("secretsmanager:GetSecretValue", {"Ref": "AWS::NoValue"})
    assert read["Resource"]["Fn::Sub"].endswith(":secret:${SmokeSecretId}-??????")


def test_every_function_has_an_event() -> None:
    files = {file.stem for file in (ROOT / "infra/events").glob("*.json")}
    assert files == {function.name for function in OPERATIONS + JOBS}


def test_an_event_is_what_the_gateway_sends_for_its_route() -> None:
    with collect_failures() as check:
        for operation in OPERATIONS:
            with check(operation.name):
                event = json.loads((ROOT / f"infra/events/{operation.name}.json").read_text("utf-8"))
                http = event["requestContext"]["http"]
                assert event["version"] == "2.0"
                assert event["routeKey"] == event["requestContext"]["routeKey"] == operation.route
                assert event["rawPath"] == http["path"]
                assert ("authorization" in event["headers"]) is not operation.anonymous
                if not operation.is_default:
                    assert http["method"] == operation.method
                    assert event["rawPath"] == operation.path.format(**event.get("pathParameters", {}))
                if "body" in event:
                    assert event["headers"]["content-length"] == str(len(event["body"].encode()))
