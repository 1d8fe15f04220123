"""`make check` chooses the tests of what changed, and every test of one operation."""

import pytest

from tests.support.check import ALWAYS, arguments_for, choose_tests, main

TESTS = [
    "tests/shared/test_paging.py",
    "tests/shared/test_keys.py",
    "tests/functions/tasks/test_create.py",
    "tests/functions/tasks/test_list.py",
    "tests/functions/tasks/test_list_search.py",
    "tests/functions/lists/test_list.py",
]


def test_a_changed_file_chooses_its_tests() -> None:
    lists = ["tests/functions/tasks/test_list.py", "tests/functions/tasks/test_list_search.py"]
    chosen = {
        "shared/paging.py": ["tests/shared/test_paging.py"],
        "functions/tasks/list.py": lists,
        "tests/shared/test_keys.py": ["tests/shared/test_keys.py"],
        "README.md": [],
    }
    assert {changed: choose_tests([changed], TESTS) for changed in chosen} == chosen


def test_an_operation_chooses_its_own_file_and_the_generated_tests() -> None:
    own, *folders, _, words = arguments_for("tasks_create")
    assert own == "tests/functions/tasks/test_create.py"
    assert all(any(rule.startswith(folder) for folder in folders) for rule in ALWAYS)
    assert words == "tasks_create or test_create or test_structure or test_contract or test_deployment_lists"


def test_an_unknown_operation_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks_paint"]) == 2
    assert capsys.readouterr().err.startswith("check: there is no operation tasks_paint: there are ")
