"""The script that plants mutants, on a few of its own, which need no database; `make test-mutants` runs it on all."""

import re

import pytest

from infra.operations import ROOT
from tests.mutants.__main__ import MUTANTS, main
from tests.mutants.mutant import mutant
from tests.mutants.planting import Edit, Unplantable, planted
from tests.mutants.witness import words
from tests.support.collect_failures import collect_failures

LONG_LEEWAY = Edit("shared/tokens.py", "LEEWAY = 30 ", "LEEWAY = 300 ")
FILE = "tests/shared/test_tokens.py"
SEES = f"{FILE}::test_it_is_refused_without_a_request_to_the_issuer"
DIES = mutant("dies", LONG_LEEWAY, SEES)
LIVES = mutant("lives", Edit("shared/tokens.py", "LEEWAY = 30 ", "LEEWAY = 20 + 10 "), SEES)
BLUNDERS = mutant("blunders", Edit("shared/tokens.py", "LEEWAY = 30 ", "LEEWAY = undefined "), SEES)
UNFIT = mutant("unfit", Edit("shared/tokens.py", "LEEWAY = 29 ", "LEEWAY = 300 "), SEES)
ASLEEP = mutant("asleep", LONG_LEEWAY, f"{SEES}_and_more")


def test_a_copy_holds_the_edit_and_the_project_does_not() -> None:
    with planted(LONG_LEEWAY) as folder:
        assert "LEEWAY = 300 " in (folder / "shared/tokens.py").read_text("utf-8")
        assert "LEEWAY = 30 " in (ROOT / "shared/tokens.py").read_text("utf-8")
    assert not folder.exists()


def test_an_edit_that_does_not_fit_exactly_once_is_refused() -> None:
    twice, often, no_file = [LONG_LEEWAY] * 2, [Edit("shared/tokens.py", "LEEWAY", "")], [Edit("shared/no.py", "x", "")]
    for edits in (twice, often, no_file):
        with pytest.raises(Unplantable, match=r"holds this \d times, not once"), planted(*edits):
            pass


def test_each_mutant_fits_the_code_and_its_tests_are_there() -> None:
    with collect_failures() as check:
        for one in MUTANTS:
            with check(one.name):
                texts = {edit.path: (ROOT / edit.path).read_text("utf-8") for edit in one.edits}
                for edit in one.edits:
                    assert texts[edit.path].count(edit.old) == 1, edit
                    texts[edit.path] = texts[edit.path].replace(edit.old, edit.new)
                assert one.tests
                for test in one.tests:
                    file, *_, name = test.partition("[")[0].split("::")
                    assert f"def {name}(" in (ROOT / file).read_text("utf-8"), test


def test_each_mutant_has_a_name_of_its_own() -> None:
    assert len({one.name for one in MUTANTS}) == len(MUTANTS)


def test_a_run_fails_for_all_that_did_not_die_or_live_as_declared(capsys: pytest.CaptureFixture[str]) -> None:
    alive = DIES._replace(name="declared to live", lives=True)
    assert main([], [DIES, LIVES, BLUNDERS, UNFIT, alive, ASLEEP]) == 1
    shown = capsys.readouterr().out
    assert "6 mutants (1 declared to live)" in shown
    faults = sorted(
        re.sub(r"(not found: ).*|(died: ).*: ", r"\1\2", line) for line in shown.rpartition("faults\n")[2].splitlines()
    )
    assert faults == [
        f"asleep: {ASLEEP.tests[0]} was not run: ERROR: not found: ",
        f"blunders: {SEES} was not run: ERROR {FILE} - NameError: name 'undefined' is not defined",
        f"declared to live: {SEES} died: DID NOT RAISE InvalidToken",
        f"lives: SURVIVED {SEES}",
        "unfit: can't be planted: shared/tokens.py holds this 0 times, not once: 'LEEWAY = 29 '",
        "with nothing broken, a test was not run: ERROR: not found: ",
    ]


def test_a_run_succeeds_where_each_dies_or_lives_as_declared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], [DIES, LIVES._replace(lives=True)]) == 0
    assert f"| dies | `{SEES.rpartition('/')[2]}` |" in capsys.readouterr().out


def test_a_run_without_any_mutant_fails() -> None:
    assert main(["-k", "of no such name"], [DIES]) == 1


def test_a_failure_that_did_not_come_again_is_told_with_what_it_was() -> None:
    def fail() -> None:
        raise ExceptionGroup("unreliable", [AssertionError("assert 1 == 2\n +  where 1 = one()")])

    told = words(pytest.CallInfo.from_call(fail, "call"))
    assert told == "unreliable (1 sub-exception); AssertionError: assert 1 == 2"
