"""Run many checks in one test and report every check that failed, not only the first.

    with collect_failures() as check:
        for operation in OPERATIONS:
            with check(operation.name):
                assert api.get(operation.path).status_code == 401

`for_each` does so for a whole test. pytest's own `subtests` captures output for each subtest apart, where
`output_leaks` and the mutants' `witness` do not look, and writes a report for each; the isolation matrix has thousands
of checks.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from inspect import signature
from typing import Any

import pytest

type Check = Callable[..., AbstractContextManager[None]]
type Test = Callable[..., None]
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


def for_each(names: str, cases: Iterable[Any], ids: Iterable[str] | None = None) -> Callable[[Test], Test]:
    """Call the test with each case, as one item of pytest's, and report every case that failed.

    Written like `pytest.mark.parametrize`: `names` are the arguments, with commas between them, and a case is a value,
    or a tuple of values for several names. `ids` describe the cases in a failure; without them their values do. All
    cases share the fixtures.
    """
    arguments = names.replace(",", " ").split()
    rows = [case if len(arguments) > 1 else [case] for case in cases]
    about = [[name] for name in ids] if ids else [[ascii(value)[:80] for value in row] for row in rows]

    def decorate(test: Test) -> Test:
        @wraps(test)
        def run(**fixtures: Any) -> None:
            with collect_failures() as check:
                for row, description in zip(rows, about, strict=True):
                    with check(*description):
                        test(**fixtures, **dict(zip(arguments, row, strict=True)))

        whole = signature(test)
        kept = [parameter for name, parameter in whole.parameters.items() if name not in arguments]
        assert len(kept) + len(arguments) == len(whole.parameters), f"{test.__name__} does not take {names}"
        run.__signature__ = whole.replace(parameters=kept)  # type: ignore[attr-defined]
        return run

    return decorate


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
