"""The metrics in a line are those that Powertools' own serializer would write, and tell nobody apart but operations."""

import json
import logging
from io import StringIO
from typing import Any

import pytest
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from shared.logs import JOB, LOGGER, NAMESPACE, REQUEST, Metrics, Scope, log_job, log_request

SCOPE: Scope = {"operation": "tasks_create", "request_id": "JKJaXmPLvHcESHA=", "caller": "alice"}


def written(write: Any) -> dict[str, Any]:
    """The line that `write` leaves."""
    heard = StringIO()
    handler = logging.StreamHandler(heard)
    handler.setFormatter(LOGGER.registered_formatter)
    LOGGER.addHandler(handler)
    try:
        write()
    finally:
        LOGGER._logger.removeHandler(handler)
    return dict(json.loads(heard.getvalue()))


def of_a_request() -> None:
    log_request(SCOPE, 500, 0.0125)


def of_a_job() -> None:
    with log_job("jobs_delete_expired_keys") as line:
        line["deleted"] = 7


@pytest.mark.parametrize(("metrics", "write"), [(REQUEST, of_a_request), (JOB, of_a_job)], ids=["request", "job"])
def test_powertools_would_write_the_same(metrics: Metrics, write: Any) -> None:
    line = written(write)
    # One `Metrics` of Powertools for each directive: it has one list of dimensions for all its metrics.
    for directive, (sets, units) in zip(line["_aws"]["CloudWatchMetrics"], metrics, strict=True):
        theirs = AmazonCloudWatchEMFProvider(namespace=NAMESPACE)
        for name in sets[0]:
            theirs.add_dimension(name, line[name])
        for more in sets[1:]:
            theirs.add_dimensions(**{name: line[name] for name in more})
        for name, unit in units.items():
            theirs.add_metric(name, unit, line[name])
        expected: Any = theirs.serialize_metric_set()
        assert [directive] == expected["_aws"]["CloudWatchMetrics"]
        for name, value in expected.items():
            if name != "_aws":
                assert value == (line[name] if isinstance(value, str) else [line[name]])
        assert abs(line["_aws"]["Timestamp"] - expected["_aws"]["Timestamp"]) < 60_000


def test_a_fault_is_what_a_release_could_mend() -> None:
    faults = dict.fromkeys((0, 500, 502, 504), (1, 0))
    expected = dict.fromkeys((200, 304, 404, 499), (0, 0)) | faults | {503: (0, 1)}
    found = {status: written(lambda status=status: log_request(SCOPE, status, 0.1)) for status in expected}
    assert {status: (line["faults"], line["unavailable"]) for status, line in found.items()} == expected
    assert {line["requests"] for line in found.values()} == {1}


def test_metrics_are_told_apart_by_nothing_that_a_caller_chooses() -> None:
    told_by = {name for sets, _ in REQUEST + JOB for dimensions in sets for name in dimensions}
    assert told_by == {"service", "operation", "version"}
    line = written(of_a_request)
    assert {name: line[name] for name in told_by} == {
        "service": "task-api",
        "operation": "tasks_create",
        "version": "$LATEST",
    }
    unknown = written(lambda: log_request({"request_id": "x", "path": "/nowhere"}, 404, 0.1))
    assert unknown["operation"] == "service_default"


def a_job_that_fails() -> None:
    with log_job("jobs_trial") as line:
        line["deleted"] = 3
        raise ValueError("no")


def test_a_job_that_fails_says_so_and_still_fails() -> None:
    def fail() -> None:
        with pytest.raises(ValueError, match="no"):
            a_job_that_fails()

    line = written(fail)
    assert (line["operation"], line["deleted"], line["failures"]) == ("jobs_trial", 3, 1)
    assert written(of_a_job)["failures"] == 0
