"""What alarms and dashboards watch, and what is there to be watched: both as metrics, so that a dead one shows."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

type Resources = dict[str, dict[str, Any]]

STACK = "AWS::StackName"
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html, and by what AWS tells them apart.
BY_VERSION = frozenset({"FunctionName", "Resource", "ExecutedVersion"})
AWS = {
    ("AWS/Lambda", "Errors"): {BY_VERSION},
    ("AWS/Lambda", "Throttles"): {frozenset[str]()},
    ("AWS/Lambda", "ConcurrentExecutions"): {frozenset[str]()},
}
SEARCH = re.compile(r"""SEARCH\('\{"([^"]+)",([\w,]+)\} MetricName="(\w+)"', '\w+', \d+\)""")


@dataclass(frozen=True)
class Metric:
    """One metric, or many where a dimension has any value (None). `place` is who watches it."""

    place: str
    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str | None]]

    @property
    def told_by(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.dimensions)


def text(value: Any) -> str:
    """A value of CloudFormation's as one text."""
    match value:
        case {"Ref": name}:
            return str(name)
        case {"Fn::Sub": name} | {"Fn::GetAtt": name}:
            return ".".join(name) if isinstance(name, list) else str(name)
    return str(value)


def watched(resources: Resources) -> Iterator[Metric]:
    """What every alarm and every widget of the dashboards watches. Raises `ValueError` for what can't be read."""
    for name, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            pairs = {(text(one["Name"]), text(one["Value"])) for one in properties.get("Dimensions", ())}
            yield Metric(name, text(properties["Namespace"]), properties["MetricName"], frozenset(pairs))
        if resource["Type"] == "AWS::CloudWatch::Dashboard":
            yield from _of_a_dashboard(
                json.loads(text(properties["DashboardBody"]).replace("${AWS::StackName}", STACK))
            )


def _of_a_dashboard(body: Any) -> Iterator[Metric]:
    for widget in body["widgets"]:
        place = widget["properties"]["title"]
        for line in widget["properties"].get("metrics", ()):
            words = [word for word in line if isinstance(word, str)]
            if words:
                pairs = zip(words[2::2], words[3::2], strict=True)
                yield Metric(place, words[0], words[1], frozenset(pairs))
                continue
            found = SEARCH.fullmatch(line[0]["expression"])
            if not found:
                raise ValueError(f"{place}: {line}")
            yield Metric(place, found[1], found[3], frozenset((name, None) for name in found[2].split(",")))


def emitted(lines: Iterable[dict[str, Any]]) -> Iterator[Metric]:
    """What lines of the log give as metrics (the embedded metric format). Raises `KeyError` for one without a value."""
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            for told_by in directive["Dimensions"]:
                pairs = frozenset((name, line[name]) for name in told_by)
                for metric in directive["Metrics"]:
                    if not isinstance(line[metric["Name"]], int | float):
                        raise KeyError(metric["Name"])
                    yield Metric("", directive["Namespace"], metric["Name"], pairs)


def filtered(resources: Resources) -> Iterator[Metric]:
    """What the metric filters make of the access log, whose format has to hold what they ask for."""
    formats = re.findall(r'"(\w+)":', json.dumps(resources).replace('\\"', '"'))
    for resource in resources.values():
        if resource["Type"] == "AWS::Logs::MetricFilter":
            properties = resource["Properties"]
            if not set(re.findall(r"\$\.(\w+)", properties["FilterPattern"])) <= set(formats):
                continue
            for one in properties["MetricTransformations"]:
                yield Metric("", text(one["MetricNamespace"]), one["MetricName"], frozenset())


def dead(resources: Resources, lines: list[dict[str, Any]], values: dict[str, set[str]]) -> list[Metric]:
    """What is watched and never comes: of another name or namespace, told apart by other dimensions or of other values.

    `lines` are of the stack that is named `AWS::StackName`; `values` are those that a dimension may have.
    """
    known = {(one.namespace, one.name, one.told_by) for one in (*emitted(lines), *filtered(resources))}
    known |= {(*name, told_by) for name, sets in AWS.items() for told_by in sets}
    return [
        metric
        for metric in watched(resources)
        if (metric.namespace, metric.name, metric.told_by) not in known
        or any(value not in values[name] for name, value in metric.dimensions if value is not None)
    ]
