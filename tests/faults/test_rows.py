"""The fault runner, end to end: a row that keeps every promise, one that hits nothing, and what the command refuses."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.faults.__main__ import main
from tests.faults.fault import Fault
from tests.faults.fleet import TIMEOUT, Environment
from tests.faults.invariants import eventually
from tests.faults.matrix_connections import FAULTS
from tests.faults.report import table, write
from tests.faults.row import SHORT, Row, Times, run
from tests.faults.world import World
from tests.support.tasks import TASKS

MOMENT = Times(0.1, 0.1, 0.1)


@contextmanager
def nothing(_: World) -> Iterator[None]:
    yield


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(seed=1) as running:
        running.warm(each=1)
        yield running


def test_a_row_is_run_and_judged(world: World, tmp_path: Path) -> None:
    fault = next(fault for fault in FAULTS if fault.number == "F2")
    row = run(world, fault, SHORT)
    assert row.findings == []
    assert row.hits > 0
    assert row.acknowledged > 0
    assert row.recovery is not None
    write([row], tmp_path / "faults.md")
    assert "| F2 " in (tmp_path / "faults.md").read_text("utf-8")


def test_a_fault_that_hits_nothing_fails(world: World) -> None:
    row: Row = run(world, Fault("F0", "nothing", nothing), MOMENT)
    assert [finding.invariant for finding in row.findings] == ["I10"]
    assert row.failed
    assert "F0 nothing" in table([row])


def test_what_is_written_without_a_request_is_found(world: World) -> None:
    @contextmanager
    def somebody_else_writes(world: World) -> Iterator[None]:
        with world.admin() as admin:
            admin.execute("update task set version = version + 2 where user_id = %s", [world.people[0].id])
            world.hit()
        yield

    row = run(world, Fault("F0", "somebody else writes", somebody_else_writes), Times(0.5, 0.1, 0.1))
    assert {"I1", "I8"} <= {finding.invariant for finding in row.findings}
    assert row.count("duplicated") > 0


def test_an_environment_that_dies_or_is_late_is_replaced_and_the_gateway_says_so(world: World) -> None:
    world.begin("environments")
    api = world.person().api
    for status, why, end in ((502, "crashed", True), (504, "timed out", False)):
        assert api.get(TASKS).status_code == 200
        world.p1.freeze()
        world.fleet.timeout = TIMEOUT if end else 0.5
        asked = time.monotonic()
        with ThreadPoolExecutor(1) as threads:
            answer = threads.submit(api.get, TASKS)
            busy: list[Environment] = []

            def taken(asked: float = asked, busy: list[Environment] = busy) -> bool:
                busy[:] = [one for one in world.fleet.environments if one.function.taken > asked]
                return bool(busy)

            eventually(taken, "an environment has the event")
            if end:
                busy[0].function.crash()
        world.p1.thaw()
        world.fleet.timeout = TIMEOUT
        assert (answer.result().status_code, answer.result().extensions["gateway"]) == (status, why)
        assert busy[0] not in world.fleet.environments
    assert api.get(TASKS).status_code == 200
    assert [attempt.gateway for attempt in world.history.attempts] == ["", "crashed", "", "timed out", ""]


def test_a_frozen_environment_goes_on_where_it_was(world: World) -> None:
    api = world.person().api
    with ThreadPoolExecutor(1) as threads:
        world.fleet.freeze()
        frozen = [psutil.Process(one.function._process.pid) for one in world.fleet.environments]
        answer = threads.submit(api.get, TASKS)
        # A stop takes effect a moment after it was asked for.
        eventually(lambda: {process.status() for process in frozen} == {psutil.STATUS_STOPPED}, "all stand still")
        world.fleet.thaw()
        assert answer.result().status_code == 200


def test_a_row_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "F99"])
    assert "there is no such row: F99" in capsys.readouterr().err
