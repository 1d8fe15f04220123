"""A plugin of pytest: what became of each test of `--witness-test`, as JSON lines in the file `--witness`.

Of a test with many parameters one that dies is enough: the rest of them are passed over.
"""

import json
import re
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

DIED, PASSED, FAILED, SKIPPED = "died", "passed", "failed", "skipped"
BLUNDERS = re.compile(r'"failure":"(NameError|AttributeError|UnboundLocalError|ImportError)"')
"""What an edit that is no good leaves in the log of a request, which would look like a mutant's death: a 500."""
UNNEEDED = {Phase.shrink, Phase.explain}
"""What Hypothesis does with an example that fails: it takes most of the time of such a test."""
DEAD = pytest.StashKey[set[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--witness", help="where to write what became of the tests")
    parser.addoption("--witness-test", action="append", default=[], help="a test to tell of")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[DEAD] = set()
    phases = [phase for phase in Phase if phase not in UNNEEDED]
    name = settings.get_current_profile_name()
    settings.register_profile(name, settings(phases=phases))
    settings.load_profile(name)


def _test_of(item: pytest.Item) -> str:
    return item.nodeid if item.nodeid in item.config.option.witness_test else item.nodeid.partition("[")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if _test_of(item) in item.config.stash[DEAD]:
        pytest.skip("another of its items died")


def words(call: pytest.CallInfo[None]) -> str:
    """The first line of what a test that failed said, and of what that holds; where it said nothing, what it asserted.

    Hypothesis wraps a failure that did not come again, and says of it no more than that.
    """
    if call.excinfo is None:
        return ""
    said = str(call.excinfo.value) or str(call.excinfo.traceback[-1].statement).strip()
    told = [said.splitlines()[0]]
    if isinstance(call.excinfo.value, BaseExceptionGroup):
        told += [f"{type(one).__name__}: {str(one).partition('\n')[0]}" for one in call.excinfo.value.exceptions]
    return "; ".join(told)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    verdict = PASSED
    if call.excinfo is not None:
        asserted = call.when == "call" and call.excinfo.errisinstance((AssertionError, pytest.fail.Exception))
        blunder = any(BLUNDERS.search(text) for _, text in report.sections)
        skipped = call.excinfo.errisinstance(pytest.skip.Exception)
        verdict = DIED if asserted and not blunder else SKIPPED if skipped else FAILED
    if call.when == "call" or verdict != PASSED:
        test = _test_of(item)
        if verdict == DIED:
            item.config.stash[DEAD].add(test)
        line = {"test": test, "item": item.nodeid, "verdict": verdict, "message": words(call)}
        with Path(item.config.option.witness).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return report
