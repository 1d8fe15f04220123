"""Both deployments, as CloudFormation gets them: routes, roles, logs, concurrency; no wildcard; no secret."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.operations import ROOT, Function, jobs, operations
from tests.mutants.planting import Edit, planted
from tests.support.generated_templates import ORIGINS, SAM, SECRETS, URL, Generated, by_osls, by_sam, many, wildcards

OPERATIONS, JOBS = operations(), jobs()
GET = next(operation for operation in OPERATIONS if operation.name == "tasks_get")
HOOK = "infra/hook.handler"
EXPOSED = ["ETag", "Location", "Link", "Retry-After", "X-Request-Id", "Idempotency-Replayed"]
POOL = 93
"""Transactions at once at Neon's pooler at 0.25 CU: nine tenths of 104 connections."""
SLOWEST_START = 2
"""Seconds of the first request at 512 MB, all of it on that share of a CPU: specs/004-deployment/research.md."""
LONGEST_ANSWER = 10
DOMAIN = "api.example.com", "arn:aws:acm:eu-central-1:123456789012:certificate/a"
ARNS = {
    "DATABASE_SECRET_ID": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-AbCdEf",
    "DATABASE_SECRET_ID_JOBS": "arn:aws:ssm:eu-central-1:123456789012:parameter/b",
}
FUNCTION, DEPLOYMENT = (
    "arn:aws:lambda:eu-central-1:123456789012:function",
    "arn:aws:codedeploy:eu-central-1:123456789012",
)
ALLOWED = [
    # SAM makes this role for CodeDeploy, by AWS's own policy, which infra/bootstrap.yaml holds to its name.
    "CodeDeployServiceRole: arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda",
    # The hook may invoke what is in its own stack, whose functions it can't name: each of them names the hook.
    f"PreTrafficRole: Resource {FUNCTION}:arn of AWS::StackName-*",
    # CodeDeploy hands out the numbers of deployments as it goes.
    f"PreTrafficRole: Resource {DEPLOYMENT}:deploymentgroup:arn of ServerlessDeploymentApplication/*",
]


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> list[Generated]:
    """Both with what a stage may set: a domain, no bound of concurrency, secrets by their ARNs."""
    env = {"DOMAIN_NAME": DOMAIN[0], "CERTIFICATE_ARN": DOMAIN[1], "RESERVED_CONCURRENCY": "-1", **ARNS}
    parameters = {"DomainName": DOMAIN[0], "CertificateArn": DOMAIN[1], "ReservedConcurrency": "-1"}
    secrets = zip(("DatabaseSecretId", "DatabaseSecretIdJobs"), ARNS.values(), strict=True)
    return [by_osls(tmp_path_factory.mktemp("others"), env), by_sam(parameters | dict(secrets))]


@pytest.fixture(params=["osls", "sam"])
def made(request: pytest.FixtureRequest) -> Generated:
    """What each of the two makes."""
    generated: Generated = request.getfixturevalue(request.param)
    return generated


def test_there_is_a_route_for_every_operation_and_no_other(made: Generated) -> None:
    assert made.routes == sorted(operation.route for operation in OPERATIONS)


def test_there_is_a_function_for_every_file_on_arm64_and_python_313(made: Generated) -> None:
    assert set(made.functions) - {HOOK} == {function.handler for function in OPERATIONS + JOBS}
    assert {(one["Runtime"], *one["Architectures"]) for one in made.functions.values()} == {("python3.13", "arm64")}


@pytest.mark.parametrize(("functions", "archive"), [(OPERATIONS, "http"), (JOBS, "jobs")], ids=["http", "jobs"])
def test_a_function_gets_the_archive_of_its_kind(made: Generated, functions: list[Function], archive: str) -> None:
    keys = [made.functions[function.handler]["Code"]["S3Key"] for function in functions]
    assert [key.rpartition("/")[2] for key in keys] == [f"{archive}-arm64.zip"] * len(functions)


def test_every_function_has_a_role_and_a_log_of_its_own_kept_for_a_bounded_time(made: Generated) -> None:
    functions = made.functions.values()
    assert len({made.role(one) for one in functions}) == len({made.log(one) for one in functions}) == len(functions)
    assert {one["RetentionInDays"] for one in made.of_type("Logs::LogGroup").values()} <= {30, "30"}


def test_a_function_may_write_its_log_and_read_the_secret_that_it_needs_and_nothing_else(made: Generated) -> None:
    for function in [*OPERATIONS, *JOBS]:
        deployed = made.functions[function.handler]
        statements = made.statements(made.role(deployed))
        assert {one["Effect"] for one in statements} == {"Allow"}
        first, *rest = [(set(many(one["Action"])), one["Resource"]) for one in statements]
        assert first == ({"logs:CreateLogStream", "logs:PutLogEvents"}, f"arn of {made.log(deployed)}")
        assert {action for actions, _ in rest for action in actions} <= {
            "secretsmanager:GetSecretValue",
            "ssm:GetParameter",
        }
        assert bool(rest) is (function.secret is not None), function.name
        assert {SECRETS[str(function.secret)] in resource for _, resource in rest} <= {True}


def test_a_secret_may_be_named_by_its_arn(others: list[Generated]) -> None:
    for made in others:
        for function in (GET, JOBS[0]):
            _, *rest = made.statements(made.role(made.functions[function.handler]))
            assert {one["Resource"] for one in rest} == {ARNS[str(function.secret)]}


def test_a_release_by_sam_bounds_every_role_of_a_function(sam: Generated) -> None:
    roles = {sam.role(one) for one in sam.functions.values()}
    assert {sam.resources[role]["PermissionsBoundary"] for role in roles} == {SAM["PermissionsBoundary"]}


def test_nothing_is_allowed_by_a_wildcard(made: Generated) -> None:
    assert [line for line in wildcards(made.resources) if line not in ALLOWED] == []


def connections(made: Generated) -> int:
    """How many connections all functions together may hold: an instance holds one."""
    deployed = [made.functions.get(function.handler) for function in OPERATIONS + JOBS if function.secret]
    return sum(int(one["ReservedConcurrentExecutions"]) for one in deployed if one)


def test_all_connections_together_stay_below_the_pooler(made: Generated) -> None:
    bounds = [one["ReservedConcurrentExecutions"] for handler, one in made.functions.items() if handler != HOOK]
    assert min(map(int, bounds)) >= 1
    assert connections(made) <= POOL, "lower the default of ReservedConcurrency and of RESERVED_CONCURRENCY"


def test_an_account_with_less_than_the_pooler_reserves_nothing(others: list[Generated]) -> None:
    for made in others:
        assert not [one for one in made.functions.values() if "ReservedConcurrentExecutions" in one]


def test_a_function_has_time_for_a_start_and_the_longest_answer_and_less_than_the_gateway(made: Generated) -> None:
    for operation in OPERATIONS:
        assert SLOWEST_START + LONGEST_ANSWER <= int(made.functions[operation.handler]["Timeout"]) < 30
    assert {one["MemorySize"] for one in made.functions.values()} == {512}


def test_the_gateway_turns_away_what_is_too_much_and_writes_down_each_request(made: Generated) -> None:
    (stage,) = made.of_type("ApiGatewayV2::Stage").values()
    throttle = {name: int(value) for name, value in stage["DefaultRouteSettings"].items()}
    assert throttle == {"ThrottlingRateLimit": 100, "ThrottlingBurstLimit": 50}
    assert {"requestId", "route", "status", "latency"} <= set(
        re.findall(r'"(\w+)":', stage["AccessLogSettings"]["Format"])
    )


def test_access_logs_go_where_api_gateway_needs_one_permission_for_all(osls: Generated, sam: Generated) -> None:
    """Else each stack that ever was stays in the account's one policy, which is full after some forty."""
    for made in (osls, sam):
        (stage,) = made.of_type("ApiGatewayV2::Stage").values()
        assert stage["AccessLogSettings"]["DestinationArn"].removeprefix("arn of ") == "HttpApiLogGroup"
        assert made.resources["HttpApiLogGroup"]["LogGroupName"].startswith("/aws/vendedlogs/")


def test_versions_that_get_no_traffic_any_more_leave_lambdas_room(sam: Generated) -> None:
    versions = [one for one in sam.template["Resources"].values() if one["Type"] == "AWS::Lambda::Version"]
    assert {one["DeletionPolicy"] for one in versions} == {"Delete"}
    assert len(versions) == len(sam.functions)


def test_the_api_is_open_to_the_listed_origins_alone(osls: Generated, sam: Generated) -> None:
    origins = ORIGINS.replace(" ", "").split(",")
    (ours,) = osls.of_type("ApiGatewayV2::Api").values()
    assert (ours["CorsConfiguration"]["AllowOrigins"], ours["CorsConfiguration"]["ExposeHeaders"]) == (origins, EXPOSED)
    (theirs,) = sam.of_type("ApiGatewayV2::Api").values()
    cors = theirs["Body"]["x-amazon-apigateway-cors"]
    assert (cors["allowOrigins"], cors["exposeHeaders"]) == (origins, EXPOSED)


def test_a_domain_of_ones_own_is_there_where_it_is_named(made: Generated, others: list[Generated]) -> None:
    assert not made.of_type("ApiGatewayV2::DomainName")
    for other in others:
        (domain,) = other.of_type("ApiGatewayV2::DomainName").values()
        assert (domain["DomainName"], domain["DomainNameConfigurations"][0]["CertificateArn"]) == DOMAIN
        (mapping,) = other.of_type("ApiGatewayV2::ApiMapping").values()
        assert mapping["DomainName"] == "arn of Domain"


def test_no_variable_of_a_function_is_another_ones(made: Generated) -> None:
    for function in JOBS:
        variables = made.functions[function.handler]["Environment"]["Variables"]
        assert {name for name in variables if variables[name]} == {
            "DATABASE_SECRET_ID_JOBS",
            "POWERTOOLS_METRICS_NAMESPACE",
        }
    for operation in OPERATIONS:
        variables = made.functions[operation.handler]["Environment"]["Variables"]
        assert not [name for name in variables if name.endswith("_JOBS")]
        assert variables["DATABASE_SECRET_ID"] == SECRETS["DATABASE_SECRET_ID"]


def test_no_password_is_in_a_template(osls: Generated, sam: Generated) -> None:
    assert "never-in-a-template" not in str(osls.template)
    urls = {
        name: one for name, one in sam.template["Parameters"].items() if "Url" in name and name.startswith("Database")
    }
    assert {(one["NoEcho"], one["Default"]) for one in urls.values()} == {(True, "")}
    assert len(urls) == 2
    assert not re.search(r"postgres(ql)?://\S*:\S*@", str(osls.template) + str(sam.template))


DEPLOY = """
    const Own = require(process.argv[1]);
    const serverless = {getProvider: () => ({}), configSchemaHandler: {defineFunctionProperties() {}}};
    new Own(serverless).hooks["before:deploy:deploy"]();"""


def test_osls_deploys_nothing_without_the_secrets() -> None:
    node = shutil.which("node")
    if not node:
        pytest.skip("Node.js is missing")
    command = [node, "-e", DEPLOY, str(ROOT / "infra/osls.cjs")]
    assert subprocess.run(command, env=SECRETS, check=False).returncode == 0
    one = {"DATABASE_SECRET_ID": "a", "DATABASE_URL_JOBS": URL}
    refused = subprocess.run(command, env=one, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "Error: DATABASE_SECRET_ID_JOBS: name the secret" in refused.stderr
    assert URL not in refused.stderr


PLANTED = {
    "template": (
        Edit("infra/template.yaml", "Resource: !GetAtt TasksListLogs.Arn", 'Resource: "*"'),
        Edit("infra/template.yaml", GET.template_lines[0], ""),
        Edit("infra/template.yaml", "    Default: 3\n", "    Default: 12\n"),
    ),
    "serverless.yml": (
        Edit("infra/osls.cjs", '["logs:CreateLogStream", "logs:PutLogEvents"], {', '["logs:PutLogEvents"], "*" ?? {'),
        Edit("serverless.yml", GET.deploy_line, ""),
        Edit("serverless.yml", "${env:RESERVED_CONCURRENCY, '3'}", "12"),
    ),
}


@pytest.mark.parametrize("where", PLANTED)
def test_what_is_planted_is_caught(where: str, tmp_path: Path) -> None:
    with planted(*PLANTED[where]) as root:
        made = by_sam(SAM, root) if where == "template" else by_osls(tmp_path, SECRETS, root)
    assert [operation.route for operation in OPERATIONS if operation.route not in made.routes] == [GET.route]
    assert {line.partition(":")[2] for line in wildcards(made.resources) if line not in ALLOWED} == {" Resource *"}
    assert connections(made) > POOL


def test_every_form_of_a_wildcard_is_one() -> None:
    def allowing(**what: Any) -> dict[str, Any]:
        return {"Role": {"Policies": [{"PolicyDocument": {"Statement": {"Effect": "Allow", **what}}}]}}

    assert [*wildcards(allowing(Action="s3:GetObject", Resource="arn:aws:s3:::bucket/key"))] == []
    for what in (
        {"Action": "s3:*"},
        {"Action": ["s3:GetObject", "s3:Get*"]},
        {"NotAction": "iam:*"},
        {"Resource": "*"},
        {"Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/?"]},
        {"Principal": {"AWS": "*"}},
    ):
        assert len([*wildcards(allowing(**what))]) == 1, what
    assert [*wildcards({"Role": {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}})]
