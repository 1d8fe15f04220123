"""infra/bootstrap.yaml: who may deploy, to the letter, and how far that goes."""

import json
import os
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from infra.operations import ROOT
from tests.support.cloudformation import ACCOUNT, REGION, Stack, read
from tests.support.timeouts import PROCESS_TIMEOUT

FILE = ROOT / "infra/bootstrap.yaml"
TEMPLATE = read(FILE)
ENVIRONMENTS = TEMPLATE["Parameters"]["Environment"]["AllowedValues"]
ISSUER = "token.actions.githubusercontent.com"
# What has no name of ours: GitHub's tokens, what AWS owns, and what API Gateway numbers itself.
NAMELESS = (
    *("arn of ", "arn:aws:apigateway:", "*", f"arn:aws:cloudformation:{REGION}:aws:transform/"),
    f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:deploymentconfig:CodeDeployDefault.",
)


def bootstrap(environment: str, **parameters: str) -> Stack:
    return Stack(TEMPLATE, **{"Environment": environment, "Repository": "ada/task-api", **parameters})


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(stack: Stack) -> list[tuple[str, dict[str, Any]]]:
    """Every statement that says what a role may do, with the resource that it is of."""
    found = []
    for name, properties in stack.resources.items():
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        found += [(name, statement) for document in documents for statement in document["Statement"]]
    return found


def allowed(stack: Stack, name: str) -> list[tuple[str, str]]:
    """The actions and the resources that `name` allows, as pairs."""
    return [
        (action, resource)
        for owner, one in statements(stack)
        if owner == name and one["Effect"] == "Allow"
        for action in many(one["Action"])
        for resource in many(one["Resource"])
    ]


def test_one_environment_of_one_repository_may_take_the_role_and_nothing_else_may() -> None:
    numbers = {"OwnerId": "1024", "RepositoryId": "65536"}
    for environment in ENVIRONMENTS:
        for given, prefix in (({}, "repo:ada/task-api"), (numbers, "repo:ada@1024/task-api@65536")):
            subject = f"{prefix}:environment:{environment}"
            trust = bootstrap(environment, **given).resources["DeployRole"]["AssumeRolePolicyDocument"]
            assert trust["Statement"] == [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Principal": {"Federated": "arn of Provider"},
                    "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject}},
                }
            ]


def test_one_number_without_the_other_is_refused() -> None:
    assert bootstrap("staging").rules == {"BothNumbersOrNone": True}
    assert bootstrap("staging", OwnerId="1", RepositoryId="2").rules == {"BothNumbersOrNone": True}
    assert bootstrap("staging", OwnerId="1").rules == {"BothNumbersOrNone": False}
    assert bootstrap("staging", RepositoryId="1").rules == {"BothNumbersOrNone": False}


OTHER_SUBJECTS = [
    *({"Repository": name} for name in ("ada/*", "ada", "ada/task-api:ref:refs/heads/main", "ada/task-api@1")),
    *({"OwnerId": "*"}, {"RepositoryId": "1?"}, {"Environment": "*"}),
]


def test_a_subject_that_would_be_another_is_refused() -> None:
    assert bootstrap("staging").refused == []
    for given in OTHER_SUBJECTS:
        stack = Stack(TEMPLATE, **{"Environment": "staging", "Repository": "a/b", **given})
        assert stack.refused == [*given], given


def test_the_provider_is_githubs_and_made_once_in_an_account() -> None:
    assert bootstrap("staging").resources["Provider"] == {
        "Url": f"https://{ISSUER}",
        "ClientIdList": ["sts.amazonaws.com"],
    }
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    taken = bootstrap("staging", ProviderArn=arn).resources
    assert "Provider" not in taken
    assert taken["DeployRole"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Federated": arn}


def test_nothing_is_allowed_by_a_wildcard_but_what_knows_no_resource_and_says_so() -> None:
    allows = [(name, one) for name, one in statements(bootstrap("staging")) if one["Effect"] == "Allow"]
    assert not [one["Sid"] for _, one in allows for action in many(one["Action"]) if "*" in action]
    assert not [one["Sid"] for _, one in allows if "NotAction" in one or "NotResource" in one]
    open_ones = {f"{name}.{one['Sid']}" for name, one in allows if "*" in many(one["Resource"])}
    assert open_ones == {"CloudFormationRole.AccessLogs", "Boundary.Traces"}
    lines = [line.strip() for line in FILE.read_text("utf-8").splitlines() if 'Resource: "*"' in line]
    assert len(lines) == len(open_ones)
    assert all(line.partition(" # ")[2] for line in lines), "the reason stands beside it"


def test_an_environment_reaches_no_other_ones_resources() -> None:
    for environment in ENVIRONMENTS:
        stack = bootstrap(environment)
        patterns = {resource for name in stack.resources for _, resource in allowed(stack, name)}
        ours = {pattern for pattern in patterns if not pattern.startswith(NAMELESS)}
        assert len(ours) > 15
        for other in ENVIRONMENTS:
            names = [pattern.replace(environment, other).replace("*", "-12-x") for pattern in ours]
            reached = [name for name in names for pattern in ours if fnmatchcase(name, pattern)]
            assert bool(reached) is (other == environment), (environment, reached)


def test_a_role_that_a_release_makes_is_bound_and_the_bound_holds() -> None:
    stack = bootstrap("staging")
    found = [one for name, one in statements(stack) if name == "CloudFormationRole"]
    bound = {"StringEquals": {"iam:PermissionsBoundary": "arn of Boundary"}}
    codedeploy = f"arn:aws:iam::{ACCOUNT}:role/task-api-staging*-CodeDeployServiceRole-*"
    shaping = {"iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"}
    for one in found:
        if one["Effect"] == "Deny" or not shaping & set(many(one["Action"])) or one.get("Condition") == bound:
            continue
        # SAM's role for CodeDeploy has no boundary: it gets AWS's own policy for that, and no other.
        assert one["Resource"] == codedeploy
        if one["Action"] != "iam:CreateRole":
            own = "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"
            assert one["Condition"] == {"ArnEquals": {"iam:PolicyARN": own}}
    granted = {action for action, _ in allowed(stack, "CloudFormationRole")}
    assert not granted & {"iam:DeleteRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy", "iam:CreateUser"}
    denied = next(one for one in found if one["Effect"] == "Deny")
    assert set(denied["Resource"]) >= {
        "arn of Boundary",
        f"arn:aws:iam::{ACCOUNT}:role/task-api-staging-cloudformation",
    }
    assert {"iam:CreatePolicyVersion", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PassRole"} <= set(
        denied["Action"]
    )


def test_a_function_may_write_its_log_read_its_secrets_and_little_more() -> None:
    assert {action for action, _ in allowed(bootstrap("production"), "Boundary")} == {
        "codedeploy:GetDeployment",
        "codedeploy:PutLifecycleEventHookExecutionStatus",
        "lambda:InvokeFunction",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "secretsmanager:GetSecretValue",
        "ssm:GetParameter",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_the_policies_are_as_short_as_iam_wants_them() -> None:
    resources = bootstrap("production", Repository="a-long-owner/a-long-name").resources
    arn = "arn:aws:s3:::task-api-production-123456789012-ap-southeast-1"
    for name, longest in (("CloudFormationRole", 10_240), ("DeployRole", 10_240), ("Boundary", 6_144)):
        documents = resources[name].get("Policies", [resources[name]])
        text = "".join(json.dumps(one["PolicyDocument"], separators=(",", ":")) for one in documents)
        assert len(re.sub("arn of [A-Za-z]+", arn, text).replace(REGION, "ap-southeast-1")) < longest, name


def test_who_hands_a_template_over_and_who_makes_it_may_both_have_it_transformed() -> None:
    stack = bootstrap("production")
    transform = "cloudformation:CreateChangeSet", f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31"
    for role in ("DeployRole", "CloudFormationRole"):
        assert transform in allowed(stack, role)


def test_an_archive_that_a_stack_may_go_back_to_never_expires() -> None:
    (rule,) = bootstrap("production").resources["Archives"]["LifecycleConfiguration"]["Rules"]
    assert {name for name in rule if "Expiration" in name} == {"NoncurrentVersionExpiration"}


def test_a_workflow_does_nothing_but_by_cloudformation() -> None:
    pairs = allowed(bootstrap("production"), "DeployRole")
    assert {action.partition(":")[0] for action, _ in pairs} == {"cloudformation", "iam", "s3", "secretsmanager"}
    assert [pair for pair in pairs if pair[0].startswith("iam:")] == [("iam:PassRole", "arn of CloudFormationRole")]


TRANSFORM = """
import json, sys
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

class NoPolicies:
    load = staticmethod(dict)

template = yaml_parse(sys.stdin.read())
for part in [template["Globals"]["Function"], *(one["Properties"] for one in template["Resources"].values())]:
    if "CodeUri" in part:
        part["CodeUri"] = "s3://bucket/key"
made = transform(template, {"AuthIssuer": "https://auth.example.com"}, NoPolicies())
print(json.dumps(sorted({one["Type"] for one in made["Resources"].values()})))
"""
# What AWS's schemas name for parts of a resource that no template of ours has, or that a release is not to change.
UNASKED = (
    *("kms:", "ec2:", "elasticfilesystem:", "s3files:", "firehose:", "s3:REST.PUT.OBJECT"),
    *("iam:AttachGroup", "iam:AttachUser", "iam:DetachGroup", "iam:DetachUser"),
    *("iam:DeleteRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"),
    *("lambda:AssociateRuntimeAlias", "lambda:GetLayerVersion", "lambda:PassCapacityProvider"),
    *("lambda:PutFunctionScalingConfig", "lambda:PutProvisionedConcurrency", "lambda:DeleteProvisionedConcurrency"),
    *("lambda:DeleteFunctionCodeSigning", "lambda:GetCodeSigning", "lambda:PutFunctionCodeSigning"),
    *("logs:AssociateKmsKey", "logs:DisassociateKmsKey", "logs:DeleteDataProtection", "logs:PutDataProtection"),
    *("logs:DeleteIndexPolicy", "logs:PutIndexPolicy", "logs:DeleteResourcePolicy", "logs:PutBearerToken"),
    *("logs:PutLogGroupDeletionProtection", "codedeploy:RegisterOnPremisesInstance"),
)


def test_cloudformation_may_do_what_awss_own_schemas_ask_for_the_templates_resources() -> None:
    sam = ROOT / ".venv/sam/bin/python"
    if not sam.exists():
        pytest.skip("AWS SAM is not installed: run `make ci-tools`")
    template = (ROOT / "infra/template.yaml").read_bytes()
    env = os.environ | {"AWS_DEFAULT_REGION": REGION}
    done = subprocess.run(
        [sam, "-c", TRANSFORM], input=template, env=env, capture_output=True, timeout=PROCESS_TIMEOUT, check=True
    )
    types = json.loads(done.stdout)
    assert {"AWS::Lambda::Alias", "AWS::CodeDeploy::DeploymentGroup", "AWS::ApiGatewayV2::Stage"} <= set(types)
    granted = {action.lower() for action, _ in allowed(bootstrap("staging"), "CloudFormationRole")}
    missing = set()
    for name in types:
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, name).schema["handlers"]
        asked = {action for step, one in handlers.items() if step != "list" for action in one["permissions"]}
        missing |= {f"{name}: {one}" for one in asked if one.lower() not in granted and not one.startswith(UNASKED)}
    assert missing == set()


def test_cfn_lint_finds_nothing_in_it() -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), str(FILE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PROCESS_TIMEOUT, check=False)
    assert (done.returncode, done.stdout) == (0, "")
