"""Every alarm and widget watches what comes, and a failing handler moves the alarm that takes its release back."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from infra.operations import ROOT, jobs, operations
from tests.infra.deploy.test_runtime_client import OPERATIONS, event_of, running
from tests.support.cloudformation import read
from tests.support.collect_failures import collect_failures
from tests.support.generated_templates import Generated
from tests.support.stack import Stack, User
from tests.support.watched_metrics import STACK, Metric, Resources, dead, emitted, watched

TEMPLATE = read(ROOT / "infra/template.yaml")
RESOURCES: Resources = TEMPLATE["Resources"]
SEVEN = ["Faults", "Unavailable", "SlowRequests", "Throttles", "KeyFetchFailures", "JobFailures", "PurgeFailures"]
LOGICAL_IDS = [operation.logical_id for operation in operations()]
GUARDS = {f"{name}{kind}" for name in LOGICAL_IDS for kind in ("Faults", "Crashes")}
VALUES = {
    "service": {"task-api"},
    "operation": {function.name for function in (*operations(), *jobs())},
    "version": {f"{name}.Version.Version" for name in LOGICAL_IDS},
    "ExecutedVersion": {f"{name}.Version.Version" for name in LOGICAL_IDS},
    "FunctionName": set(LOGICAL_IDS),
    "Resource": {f"${{{name}}}:live" for name in LOGICAL_IDS},
}


def alarms(resources: Resources) -> dict[str, dict[str, Any]]:
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == "AWS::CloudWatch::Alarm"}


@pytest.fixture(scope="module")
def lines(stack: Stack) -> list[dict[str, Any]]:
    """What an operation and the job write under Lambda's runtime client."""
    heard = []
    for function in (OPERATIONS["service_health"], *jobs()):
        with running(function, stack, POWERTOOLS_METRICS_NAMESPACE=STACK) as environment:
            environment.invoke(event_of(function, stack.user()))
            heard += [json.loads(line) for line in environment.log.splitlines()]
    return heard


def test_nothing_that_is_watched_is_dead(lines: list[dict[str, Any]]) -> None:
    assert dead(RESOURCES, lines, VALUES) == []


def test_all_that_is_emitted_is_on_the_dashboard(lines: list[dict[str, Any]]) -> None:
    shown = {metric.name for metric in watched({"Dashboard": RESOURCES["Dashboard"]})}
    assert {metric.name for metric in emitted(lines)} <= shown


def another_name(resources: Resources) -> None:
    resources["Unavailable"]["Properties"]["MetricName"] = "Unavailable"


def another_namespace(resources: Resources) -> None:
    resources["SlowRequests"]["Properties"]["Namespace"] = "task-api"


def a_dimension_more(resources: Resources) -> None:
    resources["KeyFetchFailures"]["Properties"]["Dimensions"].append({"Name": "operation", "Value": "tasks_get"})


def a_dimension_less(resources: Resources) -> None:
    del resources["Unavailable"]["Properties"]["Dimensions"]


def another_value(resources: Resources) -> None:
    resources["JobFailures"]["Properties"]["Dimensions"][1]["Value"] = "jobs_delete_keys"


def a_metric_that_aws_has_not(resources: Resources) -> None:
    resources["Throttles"]["Properties"]["MetricName"] = "Throttled"


def a_filter_that_is_gone(resources: Resources) -> None:
    del resources["FaultCount"]


def a_filter_for_what_is_not_logged(resources: Resources) -> None:
    resources["FaultCount"]["Properties"]["FilterPattern"] = "{ $.code = 500 }"


def a_guard_of_no_version(resources: Resources) -> None:
    resources["TasksCreateFaults"]["Properties"]["Dimensions"].pop()


def a_dead_line_of_the_dashboard(resources: Resources) -> None:
    body = resources["Dashboard"]["Properties"]["DashboardBody"]
    body["Fn::Sub"] = body["Fn::Sub"].replace('"retries"', '"repeats"')


def a_dead_search_of_the_dashboard(resources: Resources) -> None:
    body = resources["Dashboard"]["Properties"]["DashboardBody"]
    body["Fn::Sub"] = body["Fn::Sub"].replace("service,operation,version}", "service,version}")


PLANTS: list[Callable[[Resources], None]] = [
    *(another_name, another_namespace, a_dimension_more, a_dimension_less, another_value, a_metric_that_aws_has_not),
    *(a_filter_that_is_gone, a_filter_for_what_is_not_logged, a_guard_of_no_version),
    *(a_dead_line_of_the_dashboard, a_dead_search_of_the_dashboard),
]


def test_a_dead_one_that_is_planted_is_found(lines: list[dict[str, Any]]) -> None:
    with collect_failures() as check:
        for plant in PLANTS:
            copied = copy.deepcopy(RESOURCES)
            plant(copied)
            with check(plant.__name__):
                assert dead(copied, lines, VALUES)


def test_a_metric_that_the_code_no_longer_emits_is_found(lines: list[dict[str, Any]]) -> None:
    without: list[dict[str, Any]] = copy.deepcopy(lines)
    for line in without:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            directive["Metrics"] = [one for one in directive["Metrics"] if one["Name"] != "key_fetch_failures"]
    assert {metric.place for metric in dead(RESOURCES, without, VALUES)} == {"KeyFetchFailures", "The issuer's keys"}


def test_there_are_seven_alarms_beside_the_guards_and_each_tells_the_topic() -> None:
    assert set(alarms(RESOURCES)) == {*SEVEN, *GUARDS}
    told = {name for name, one in alarms(RESOURCES).items() if "AlarmActions" in one}
    assert told == set(SEVEN)


def test_every_job_has_an_alarm() -> None:
    named = {dict(metric.dimensions).get("operation") for metric in watched(RESOURCES) if metric.place in SEVEN}
    assert {job.name for job in jobs()} <= named


def test_osls_deploys_the_same_alarms_and_dashboard(osls: Generated) -> None:
    made: Resources = osls.template["Resources"]
    kinds = ("AWS::CloudWatch::", "AWS::Logs::MetricFilter")
    theirs, ours = (
        {name: one for name, one in resources.items() if one["Type"].startswith(kinds)}
        for resources in (made, RESOURCES)
    )
    assert theirs == {name: one for name, one in ours.items() if name not in GUARDS}  # it has no canary to guard
    named = re.findall(r"\$\{(\w+)\.\w+\}|'Ref': '(\w+)'", str(theirs))
    assert {one or other for one, other in named} - {"AlarmTopic"} <= set(made)
    functions = [one["Properties"] for one in made.values() if one["Type"] == "AWS::Lambda::Function"]
    assert {one["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] for one in functions} == {"task-api-dev"}


def test_a_release_is_taken_back_by_its_own_version_alone(sam: Generated) -> None:
    """What SAM's own transformation makes of it: a group has the two guards of its function's new version, no more."""
    made: Resources = sam.template["Resources"]
    for name in LOGICAL_IDS:
        group = made[f"{name}DeploymentGroup"]["Properties"]
        assert group["AlarmConfiguration"] == {
            "Enabled": True,
            "Alarms": [{"Name": {"Ref": f"{name}Faults"}}, {"Name": {"Ref": f"{name}Crashes"}}],
        }
        assert group["AutoRollbackConfiguration"]["Enabled"] is True
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        alias = made[f"{name}Aliaslive"]
        shift = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert shift["BeforeAllowTrafficHook"] == {"Ref": "PreTraffic"}
        new = alias["Properties"]["FunctionVersion"]
        for guard, dimension in ((f"{name}Faults", "version"), (f"{name}Crashes", "ExecutedVersion")):
            pairs = {one["Name"]: one["Value"] for one in made[guard]["Properties"]["Dimensions"]}
            assert pairs[dimension] == new


@pytest.fixture
def broken(admin: psycopg.Connection[DictRow]) -> Iterator[None]:
    """No task can be stored, for a reason that no operation knows: a bug of ours, as the handler sees it."""
    admin.execute("alter table task add constraint broken check (false) not valid")
    yield
    admin.execute("alter table task drop constraint broken")


def faults_of(line: dict[str, Any]) -> set[Metric]:
    return {metric for metric in emitted([line]) if metric.name == "faults" and len(metric.dimensions) > 1}


def selected_by(metric: Metric, version: str) -> set[str]:
    """The alarms that watch this metric while `version` is being released."""
    return {
        one.place
        for one in watched(RESOURCES)
        if (one.namespace, one.name) == (metric.namespace, metric.name)
        and {(name, version if name == "version" else value) for name, value in one.dimensions}
        == set(metric.dimensions)
    }


def test_a_failing_handler_moves_the_guard_of_its_operation_and_version(
    stack: Stack, user: User, request: pytest.FixtureRequest
) -> None:
    create = OPERATIONS["tasks_create"]
    variables = {"AWS_LAMBDA_FUNCTION_VERSION": "7", "POWERTOOLS_METRICS_NAMESPACE": STACK}
    with running(create, stack, **variables) as function:
        statuses = [function.invoke(event_of(create, user))["statusCode"]]
        request.getfixturevalue("broken")
        # Mangum has answered for the exception: the invocation itself is none of Lambda's Errors.
        statuses.append(function.invoke(event_of(create, stack.user()))["statusCode"])
        lines = [json.loads(line) for line in function.log.splitlines()]
    assert statuses == [201, 500]
    good, bad = (line for line in lines if line["message"] == "request")
    assert (good["faults"], bad["faults"]) == (0, 1)
    (moved,) = faults_of(bad)
    assert dict(moved.dimensions) == {"service": "task-api", "operation": "tasks_create", "version": "7"}
    assert selected_by(moved, "7") == {"TasksCreateFaults"}
    assert selected_by(moved, "8") == set()  # a fault of another version stops no release
    guard = RESOURCES["TasksCreateFaults"]["Properties"]
    assert (guard["Statistic"], guard["ComparisonOperator"]) == ("Sum", "GreaterThanOrEqualToThreshold")
    assert good["faults"] < guard["Threshold"] <= bad["faults"]
