"""The helper that collects the failures of checks in a loop: it must lose none of them."""

from inspect import signature

import pytest

from tests.support.collect_failures import collect_failures, for_each

FAILED = pytest.fail.Exception("text of a failure")


def run_checks(*outcomes: BaseException | None, after: Exception | None = None) -> None:
    """Run a check for each outcome, which raises it; then raise `after` outside of the checks."""
    with collect_failures() as check:
        for number, outcome in enumerate(outcomes):
            with check("check", number):
                if outcome:
                    raise outcome
        if after:
            raise after


def compare(*numbers: int) -> None:
    """Check that each number is even."""
    with collect_failures() as check:
        for number in numbers:
            with check("number", number):
                assert number % 2 == 0


def test_every_failed_check_is_reported_with_its_description() -> None:
    with pytest.raises(AssertionError) as raised:
        compare(0, 1, 2, 3)
    assert str(raised.value).startswith("2 of 4 checks failed: number 1: assert (1 % 2) == 0")
    assert "\nnumber 3: assert (3 % 2) == 0" in str(raised.value)
    assert isinstance(raised.value.__cause__, AssertionError)


def test_an_error_beside_a_failed_assertion_is_reported_too() -> None:
    with pytest.raises(AssertionError, match="2 of 3 checks failed: check 0: KeyError: 'x'\ncheck 2: text of"):
        run_checks(KeyError("x"), None, FAILED)


def test_errors_alone_are_no_failed_assertion() -> None:
    with pytest.raises(ExceptionGroup, match="1 of 2 checks failed: check 0: KeyError"):
        run_checks(KeyError("x"), None)


def test_an_error_between_the_checks_hides_no_failed_check() -> None:
    with pytest.raises(AssertionError, match="check 0: text of a failure\nbetween the checks: KeyError"):
        run_checks(FAILED, after=KeyError("x"))


def test_a_block_without_a_check_fails() -> None:
    with pytest.raises(AssertionError, match="no check was run"):
        run_checks()


def test_checks_that_pass_raise_nothing() -> None:
    compare(0, 2, 4)


def test_each_case_of_a_test_is_run_and_described() -> None:
    seen = []

    @for_each("left, right", [(1, 1), (2, 3)])
    @for_each("sign", ["+", "-"], ["plus", "minus"])
    def compare(fixture: str, left: int, right: int, sign: str) -> None:
        seen.append((fixture, left, right, sign))
        assert left == right or sign == "+"

    assert list(signature(compare).parameters) == ["fixture"]
    with pytest.raises(AssertionError, match=r"1 of 2 checks failed: 2 3: 1 of 2 checks failed: minus: "):
        compare(fixture="x")
    assert seen == [("x", 1, 1, "+"), ("x", 1, 1, "-"), ("x", 2, 3, "+"), ("x", 2, 3, "-")]


def test_a_test_that_does_not_take_the_argument_is_refused() -> None:
    with pytest.raises(AssertionError, match="compare does not take other"):
        for_each("other", [1])(compare)
