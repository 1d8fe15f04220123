import httpx
import pytest

from tests.support.labels import LABELS, counts
from tests.support.lists import every, names, pages
from tests.support.tasks import TIME, change, errors, make


def test_labels_are_listed_by_name_without_case_with_how_many_tasks_carry_them(either_api: httpx.Client) -> None:
    make(either_api, labels=["b", "C", "\u00e4", "a"])
    make(either_api, labels=["B", "Z"])
    assert counts(either_api) == {"a": 1, "b": 2, "C": 1, "Z": 1, "\u00e4": 1}
    assert list(counts(either_api)) == ["a", "b", "C", "Z", "\u00e4"]
    (label, *_) = every(either_api, LABELS)
    assert set(label) == {"id", "name", "color", "created_at", "updated_at", "version", "tasks"}
    assert (label["color"], label["version"]) == (None, 1)
    assert TIME.fullmatch(label["created_at"])


def test_pages_hold_each_label_once(either_api: httpx.Client) -> None:
    make(either_api, labels=[f"label {n:02}" for n in range(7)])
    assert [len(items) for items in pages(either_api, LABELS, limit=3)] == [3, 3, 1]
    assert names(either_api, LABELS, limit=1) == [f"label {n:02}" for n in range(7)]
    cursor = either_api.get(f"{LABELS}?limit=1").json()["next_cursor"]
    assert either_api.get(f"/v1/lists?cursor={cursor}").status_code == 400


def test_a_label_that_no_task_carries_any_more_stays(api: httpx.Client) -> None:
    task = make(api, labels=["home"])
    assert change(api, "delete", task).status_code == 204
    assert counts(api) == {"home": 0}


def test_a_list_holds_nothing_of_others(api: httpx.Client, stranger_api: httpx.Client) -> None:
    make(stranger_api, labels=["home"])
    assert every(api, LABELS) == []
    assert make(api, labels=["HOME"])["labels"] == ["HOME"]
    assert counts(stranger_api) == {"home": 1}


@pytest.mark.parametrize(
    ("query", "named"), [("limit=0", ["limit"]), ("q=x&sort=name&counts=true", ["counts", "q", "sort"])]
)
def test_a_bad_or_unknown_parameter_is_named(either_api: httpx.Client, query: str, named: list[str]) -> None:
    assert errors(either_api.get(f"{LABELS}?{query}")) == named
