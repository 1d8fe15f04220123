"""One row of the matrix: load, fault, load, quiet; then every unknown fate is settled and the checker judges."""

import threading
import time
from collections import Counter
from dataclasses import dataclass

from tests.faults.answers import OURS, RECOVERY, recovery
from tests.faults.audit import truth
from tests.faults.checker import findings
from tests.faults.evidence import Evidence, Finding, asked
from tests.faults.fault import Fault
from tests.faults.invariants import nothing_left_over
from tests.faults.load import Load, settle
from tests.faults.world import PEOPLE, World
from tests.support.stack import APP


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of load before, during and after a fault."""

    before: float
    during: float
    after: float


FULL, SHORT = Times(3, 12, 5), Times(0.5, 2, 0.5)


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a fault. `attempts` are those of the load; `worst` the slowest answer, in seconds."""

    fault: Fault
    requests: int
    acknowledged: int
    hits: int
    worst: float
    recovery: float | None
    statuses: dict[int, int]
    findings: list[Finding]
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether any number that must be 0 is not."""
        return bool(self.findings)

    def count(self, kind: str) -> int:
        """How many findings of a kind there are."""
        return sum(finding.kind == kind for finding in self.findings)


def run(world: World, fault: Fault, times: Times) -> Row:
    """Let `fault` happen and judge what came of it."""
    begun = time.monotonic()
    world.begin(fault.number)
    logs = _Logs(world)
    for _ in range(PEOPLE):
        world.person()
    with Load(world.people, world.dice):
        _pause(times.before)
        injected = time.monotonic()
        broken = ""
        try:
            with fault.inject(world):
                _pause(max(times.during, fault.seconds))
        except AssertionError as failure:
            broken = str(failure)
        over = time.monotonic()
        cleared = world.cleared or over
        hits = world.hits
        world.p1.reset()
        world.p2.reset()
        _pause(times.after)
        _until_recovered(world, cleared)
    settle(world.people, world.history)
    evidence = _evidence(world, fault, cleared, logs)
    met = [one for one in evidence.attempts if one.status >= 500 and one.started < over and one.ended > injected]
    found = list(findings(evidence))
    if broken:
        found.append(Finding("I6", "other", f"what the fault itself expects: {broken}"))
    if fault.silent and met:
        log = [line for line in evidence.logs[OURS].splitlines() if '"WARNING"' in line]
        found.append(Finding("I6", "other", f"callers noticed it: {[one.status for one in met]} {log[:5]}"))
    if not hits and (fault.silent or not met):
        found.append(Finding("I10", "other", "the fault did not bite: nothing was hit"))
    requests = asked(evidence.attempts)
    return Row(
        fault=fault,
        requests=len(requests) + sum(not attempt.writes for attempt in evidence.attempts),
        acknowledged=sum(request.acknowledged for request in requests),
        hits=hits + len(met),
        worst=max((attempt.seconds for attempt in evidence.attempts), default=0.0),
        recovery=recovery(evidence.people, evidence.attempts, cleared),
        statuses=dict(sorted(Counter(attempt.status for attempt in evidence.attempts).items())),
        findings=found,
        seconds=time.monotonic() - begun,
    )


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def _until_recovered(world: World, cleared: float) -> None:
    while time.monotonic() < cleared + RECOVERY:
        if recovery(world.people, world.history.attempts[:], cleared) is not None:
            return
        _pause(0.05)


class _Logs:
    """What the pieces log from now on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._files = {"PostgreSQL": world.cluster.log, "PgBouncer": world.pooler.log}
        self._read = {name: file.stat().st_size for name, file in self._files.items()}
        world.fleet.news()

    def news(self) -> dict[str, str]:
        """All of it, by piece."""
        news = {OURS: self._world.fleet.news()}
        for name, file in self._files.items():
            with file.open("rb") as log:
                log.seek(self._read[name])
                news[name] = log.read().decode("utf-8", "replace")
        return news


def _evidence(world: World, fault: Fault, cleared: float, logs: _Logs) -> Evidence:
    left_over = ""
    with world.admin() as admin:
        try:
            nothing_left_over(admin, world.pooler)
        except AssertionError as failure:
            left_over = str(failure)
        happened = truth(admin, [person.id for person in world.people])
    return Evidence(
        people=world.people,
        attempts=world.history.attempts,
        truth=happened,
        cleared=cleared,
        gateway=fault.gateway,
        secrets={"the password of the database": world.cluster.password(APP)},
        logs=logs.news(),
        left_over=left_over,
    )
