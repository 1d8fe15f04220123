import httpx
import psycopg
from psycopg.rows import DictRow

from tests.functions.tasks.test_update import MERGE_PATCH
from tests.support.collect_failures import for_each
from tests.support.labels import assert_true, counts, label_of, path_of
from tests.support.lists import conflict
from tests.support.lock_races import racing
from tests.support.replays import assert_replayed
from tests.support.stack import Stack, User
from tests.support.tasks import NOBODYS, Json, errors, make, moment, read, without_instance


def test_a_rename_shows_in_every_task_and_raises_their_versions(
    either_api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]
) -> None:
    tasks = [make(either_api, labels=labels) for labels in (["home", "work"], ["WORK"], ["home"], [])]
    label = label_of(either_api, "work")
    answer = either_api.patch(path_of(label), json={"name": " Office "})
    renamed = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert set(renamed) == set(label) - {"tasks"}
    assert renamed == {name: label[name] for name in renamed} | {
        "name": "Office",
        "version": 2,
        "updated_at": renamed["updated_at"],
    }
    after = [read(either_api, task) for task in tasks]
    assert [task["labels"] for task in after] == [["home", "Office"], ["Office"], ["home"], []]
    assert [task["version"] for task in after] == [2, 2, 1, 1]
    for was, task in zip(tasks[:2], after[:2], strict=True):
        assert moment(task["updated_at"]) > moment(was["updated_at"])
    assert after[2:] == tasks[2:]
    assert counts(either_api) == {"home": 2, "Office": 2}
    assert_true(either_api, user, admin)
    assert make(either_api, labels=["work"])["labels"] == ["work"]  # the old name is free again
    assert counts(either_api) == {"home": 2, "Office": 2, "work": 1}


def test_another_case_is_a_rename_too(api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]) -> None:
    task = make(api, labels=["home"])
    answer = api.patch(path_of(label_of(api, "home")), json={"name": "Home"})
    assert (answer.json()["name"], answer.json()["version"]) == ("Home", 2)
    assert (read(api, task)["labels"], read(api, task)["version"]) == (["Home"], 2)
    assert_true(api, user, admin)


def test_a_color_is_no_business_of_the_tasks(either_api: httpx.Client) -> None:
    task = make(either_api, labels=["home"])
    label = label_of(either_api, "home")
    for color, version in (("#1e90ff", 2), ("#1e90ff", 2), (None, 3), (None, 3)):
        answer = either_api.patch(path_of(label), json={"color": color}, headers=MERGE_PATCH)
        assert (answer.json()["color"], answer.json()["version"]) == (color, version)
    assert either_api.patch(path_of(label), json={}).json()["version"] == 3
    assert either_api.patch(path_of(label), json={"name": "home"}).json()["version"] == 3
    assert read(either_api, task) == task


def test_the_name_of_another_label_is_a_conflict_at_name(
    either_api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]
) -> None:
    task = make(either_api, labels=["home", "work", "Caf\u00e9"])
    label = label_of(either_api, "home")
    for name in ("work", "WORK", " Work ", "CAFE\u0301"):
        answer = either_api.patch(path_of(label), json={"name": name}, headers={"Idempotency-Key": name.strip()[:4]})
        assert conflict(answer) == "/name" or answer.headers.get("Idempotency-Replayed")
    assert label_of(either_api, "home") == label
    assert read(either_api, task) == task
    assert_true(either_api, user, admin)


def test_a_refusal_is_kept_under_its_key(api: httpx.Client) -> None:
    make(api, labels=["home", "work"])
    path = path_of(label_of(api, "home"))
    first = api.patch(path, json={"name": "work"}, headers={"Idempotency-Key": "k"})
    assert conflict(first) == "/name"
    assert api.delete(path_of(label_of(api, "work"))).status_code == 204
    assert_replayed(api.patch(path, json={"name": "work"}, headers={"Idempotency-Key": "k"}), first)
    assert api.patch(path, json={"name": "work"}).status_code == 200


def test_of_two_renames_to_one_name_at_once_one_is_refused(http_api: httpx.Client, stack: Stack) -> None:
    make(http_api, labels=["a", "b", "c"])
    paths = [path_of(label_of(http_api, name)) for name in "abc"]
    with racing(stack) as race:
        answers = race.at_once(*(lambda path=path: http_api.patch(path, json={"name": "One"}) for path in paths))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert [conflict(answer) for answer in answers if answer.status_code == 409] == ["/name"] * 2


WRONG: list[tuple[Json, list[str]]] = [
    ({"name": ""}, ["/name"]),
    ({"name": "\u3000"}, ["/name"]),
    ({"name": "x" * 61}, ["/name"]),
    ({"name": None}, ["/name"]),
    ({"name": "a\0"}, ["/name"]),
    ({"color": "red"}, ["/color"]),
    ({"color": "#FFFFFF", "tasks": 0, "key": "x", "id": "x"}, ["/color", "/id", "/key", "/tasks"]),
]


@for_each("body, named", WRONG)
def test_what_is_not_valid_is_named(api: httpx.Client, body: Json, named: list[str]) -> None:
    make(api, labels=["home"])
    label = label_of(api, "home")
    assert errors(api.patch(path_of(label), json=body)) == named
    assert label_of(api, "home") == label


def test_a_stale_tag_is_412_with_the_label_as_it_truly_is(either_api: httpx.Client) -> None:
    make(either_api, labels=["home"])
    path = path_of(label_of(either_api, "home"))
    current = either_api.patch(path, json={"color": "#000000"}).json()
    answer = either_api.patch(path, json={"name": "Mine"}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["ETag"], answer.json()["current"]) == (412, '"2"', current)
    assert either_api.patch(path, json={"name": "Mine"}, headers={"If-Match": '"2"'}).status_code == 200


def test_what_does_not_exist_or_is_not_ours_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    task = make(stranger_api, labels=["home"])
    theirs = label_of(stranger_api, "home")
    answers = [api.patch(path_of(name), json={"name": "x"}) for name in (NOBODYS, theirs["id"], "1")]
    assert {answer.status_code for answer in answers} == {404}
    assert all(without_instance(answer) == without_instance(answers[0]) for answer in answers)
    assert (label_of(stranger_api, "home"), read(stranger_api, task)) == (theirs, task)
