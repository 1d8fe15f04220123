"""Run many checks in one test and report every check that failed, not only the first.

    with collect_failures() as check:
        for operation in OPERATIONS:
            with check(operation.name):
                assert api.get(operation.path).status_code == 401

pytest's own `subtests` captures output for each subtest apart, where `output_leaks` and the mutants' `witness` do not
look, and writes a report for each; the isolation matrix has thousands of checks.
"""

import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

type Check = Callable[..., AbstractContextManager[None]]
FAILURES = (Exception, pytest.fail.Exception)


@contextmanager
def collect_failures() -> Iterator[Check]:
    """Give a function that wraps a check; its arguments describe the check. Raise one error for all that failed.

    The error is an `AssertionError` if a check failed by an assertion, else an `ExceptionGroup`: an exception that
    nobody asserted anything about. A block without any check fails.
    """
    failures: list[tuple[str, BaseException]] = []
    count = 0

    @contextmanager
    def check(*about: object) -> Iterator[None]:
        nonlocal count
        count += 1
        try:
            yield
        except FAILURES as failure:
            failures.append((" ".join(map(str, about)), failure))

    try:
        yield check
    except FAILURES as failure:
        failures.append(("between the checks", failure))
    if failures:
        _raise(failures, count)
    assert count, "no check was run"


def _raise(failures: list[tuple[str, BaseException]], count: int) -> None:
    message = f"{len(failures)} of {count} checks failed: " + "\n".join(
        f"{about}: {_describe(failure)}" for about, failure in failures
    )
    errors = [failure for _, failure in failures]
    asserted = next((error for error in errors if isinstance(error, (AssertionError, pytest.fail.Exception))), None)
    if asserted is None:
        raise BaseExceptionGroup(message, errors)
    raise AssertionError(message) from asserted


def _describe(failure: BaseException) -> str:
    """The text of a failure, led by its type unless it is an assertion; the failing line if it has no text."""
    text = str(failure) or (traceback.extract_tb(failure.__traceback__)[-1].line or "")
    return text if isinstance(failure, (AssertionError, pytest.fail.Exception)) else f"{type(failure).__name__}: {text}"
