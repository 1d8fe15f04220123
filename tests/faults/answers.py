"""Every answer by itself, and what is left behind: I4, I5, I6, I7, I9."""

import re
from collections.abc import Iterator
from typing import Any

from tests.faults.evidence import Evidence, Finding
from tests.faults.history import Attempt, Person
from tests.faults.invariants import LATEST_ANSWER
from tests.support.openapi_validator import PROBLEM, Breach, hold

RECOVERY = 20.0
"""Seconds after the end of a fault within which everybody has had a success."""
SQL = re.compile(
    r"\b(select .{1,200} from|insert into|update \w+ set|delete from|set_config)\b", re.IGNORECASE | re.DOTALL
)
OURS = "environments"
"""The piece whose log is our own."""
FAILED = re.compile(r'"level":"(ERROR|CRITICAL)"|Traceback')


def answers(evidence: Evidence) -> Iterator[Finding]:
    """What was answered too late, with the wrong status or form, and what stands in answers and logs but must not."""
    for attempt in evidence.attempts:
        yield from _in_form(attempt, evidence.gateway)
        yield from _discreet(attempt, evidence)
    yield from _logs(evidence)
    yield from _recovered(evidence)
    if evidence.left_over:
        yield Finding("I5", "other", evidence.left_over)
    for key in evidence.truth.stuck:
        yield Finding("I5", "other", f"a key without an answer is left: {key}")


def recovery(people: list[Person], attempts: list[Attempt], cleared: float) -> float | None:
    """Seconds from the end of the fault until everybody has had a write done; None where somebody never had."""
    first = {person.id: float("inf") for person in people}
    for attempt in attempts:
        if attempt.writes and attempt.status in range(200, 300) and attempt.ended >= cleared:
            first[attempt.person] = min(first[attempt.person], attempt.ended - cleared)
    slowest = max(first.values(), default=0.0)
    return None if slowest == float("inf") else slowest


def _in_form(attempt: Attempt, gateway: tuple[str, ...]) -> Iterator[Finding]:
    what = f"{attempt.request.method} {attempt.request.url.path} → {attempt.status}"
    response = attempt.response
    if response is None:
        yield Finding("I6", "other", f"{what}: no answer at all")
        return
    if attempt.gateway:
        if attempt.gateway not in gateway:
            why = response.extensions.get("failure", "")
            yield Finding("I6", "other", f"{what}: the function {attempt.gateway}: {str(why)[-500:]}")
        return
    if attempt.seconds > LATEST_ANSWER:
        yield Finding("I6", "other", f"{what} after {attempt.seconds:.1f} s")
    if attempt.status >= 500:
        later = response.headers.get("Retry-After", "")
        kind = response.headers.get("Content-Type")
        if attempt.status != 503 or kind != PROBLEM or not later.isdecimal() or int(later) == 0:
            yield Finding("I6", "other", f"{what} {kind} Retry-After={later!r}: {response.text[:300]}")
    try:
        hold(attempt.request, response)
    except Breach as breach:
        yield Finding("I6", "other", str(breach))


def _discreet(attempt: Attempt, evidence: Evidence) -> Iterator[Finding]:
    if attempt.response is None:
        return
    text = f"{attempt.response.headers} {attempt.response.text}"
    for person in evidence.people:
        if person.id != attempt.person and person.canary in text:
            yield Finding("I4", "leaked", f"{attempt.request.method} {attempt.request.url.path} shows another's text")
        elif person.canary in text and attempt.status >= 400 and not _may_quote(attempt.body):
            yield Finding("I9", "leaked", f"a problem document quotes its caller: {attempt.response.text[:300]}")
    told = attempt.response.text if attempt.status >= 400 else ""
    for name in _secrets_in(text, evidence):
        yield Finding("I9", "leaked", f"{name} in an answer: {text[:300]}")
    if SQL.search(told):
        yield Finding("I9", "leaked", f"SQL in an answer: {told[:300]}")


def _may_quote(body: Any) -> bool:
    """Whether a problem document holds the caller's own task, as it is now."""
    return isinstance(body, dict) and "current" in body


def _secrets_in(text: str, evidence: Evidence) -> Iterator[str]:
    for name, value in evidence.secrets.items():
        if value in text:
            yield name
    for person in evidence.people:
        if person.token in text:
            yield "a token"


def _logs(evidence: Evidence) -> Iterator[Finding]:
    for piece, text in evidence.logs.items():
        for name in _secrets_in(text, evidence):
            yield Finding("I9", "leaked", f"{name} in the log of {piece}")
        for person in evidence.people:
            if person.canary in text:
                yield Finding("I9", "leaked", f"a caller's text in the log of {piece}: {_line(text, person.canary)}")
            if piece == OURS and person.id in text:
                yield Finding("I9", "leaked", f"a caller's id in the log of {piece}: {_line(text, person.id)}")
        if piece == OURS:
            for pattern, kind in ((SQL, "leaked"), (FAILED, "other")):
                if found := pattern.search(text):
                    yield Finding("I9", kind, f"in the log of {piece}: {_line(text, found[0])}")


def _line(text: str, part: str) -> str:
    return next((line for line in text.splitlines() if part.splitlines()[0] in line), "")[:600]


def _recovered(evidence: Evidence) -> Iterator[Finding]:
    seconds = recovery(evidence.people, evidence.attempts, evidence.cleared)
    if seconds is None:
        yield Finding("I7", "other", "somebody has had no success after the fault")
    elif seconds > RECOVERY:
        yield Finding("I7", "other", f"the first success came {seconds:.1f} s after the fault")
