"""Two users: what is one's is not there for the other."""

from uuid import uuid4

from tests.conformance.caller import Caller
from tests.support.collect_failures import for_each
from tests.support.tasks import CHANGES, TASKS, change, page, path_of, read, without_instance


@for_each("name", ["get", *(name for name in CHANGES if name != "replace")])
def test_anothers_task_is_404_like_one_that_never_was(caller: Caller, stranger: Caller, name: str) -> None:
    task = caller.make()
    answers = [
        stranger.api.get(path_of(it)) if name == "get" else change(stranger.api, name, it)
        for it in (task["id"], str(uuid4()))
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert without_instance(answers[0]) == without_instance(answers[1])
    assert read(caller.api, task) == task


def test_a_list_holds_nothing_of_others(caller: Caller, stranger: Caller) -> None:
    task = caller.make()
    assert task in page(caller.api, f"q={caller.word}")["items"]
    assert page(stranger.api, f"q={caller.word}")["items"] == []


def test_an_id_and_a_key_of_anothers_are_free(caller: Caller, stranger: Caller) -> None:
    key, path = {"Idempotency-Key": str(uuid4())}, path_of(str(uuid4()))
    mine, theirs = [
        [
            each.api.put(path, json={"title": each.called("Put")}),
            each.api.post(TASKS, json={"title": each.called("Post")}, headers=key),
        ]
        for each in (caller, stranger)
    ]
    assert [answer.status_code for answer in [*mine, *theirs]] == [201] * 4
    assert not [answer for answer in theirs if "idempotency-replayed" in answer.headers]
    assert read(caller.api, mine[0].json()) == mine[0].json()
    assert theirs[0].json()["title"] == stranger.called("Put")
