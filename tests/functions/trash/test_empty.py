from uuid import uuid4

import httpx

from tests.support.tasks import change, ids, make, without_instance
from tests.support.trash import TRASH, trash


def test_all_is_gone_and_it_is_safe_to_repeat(either_api: httpx.Client, stranger_api: httpx.Client) -> None:
    alive, theirs = make(either_api), make(stranger_api)
    change(stranger_api, "delete", theirs)
    for _ in range(3):
        change(either_api, "delete", make(either_api))
    for _ in range(2):
        answer = either_api.delete(TRASH)
        assert (answer.status_code, answer.content) == (204, b"")
        assert "ETag" not in answer.headers
        assert trash(either_api) == []
    assert either_api.get(f"/v1/tasks/{alive['id']}").json() == alive
    assert ids(trash(stranger_api)) == [theirs["id"]]


def test_the_trash_has_no_tag_that_could_match(either_api: httpx.Client) -> None:
    change(either_api, "delete", make(either_api))
    for headers in ({"If-Match": '"1"'}, {"If-None-Match": "*"}):
        for key in ({}, {"Idempotency-Key": str(uuid4())}):
            answer = either_api.delete(TRASH, headers=headers | key)
            assert answer.status_code == 412
            assert "ETag" not in answer.headers
            assert "current" not in without_instance(answer)
    assert len(trash(either_api)) == 1
    assert either_api.delete(TRASH, headers={"If-Match": "*", "If-None-Match": '"1"'}).status_code == 204
    assert trash(either_api) == []


def test_a_key_empties_once(api: httpx.Client) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    change(api, "delete", make(api))
    first = api.delete(TRASH, headers=key)
    change(api, "delete", make(api))
    again = api.delete(TRASH, headers=key)
    assert (first.status_code, again.status_code) == (204, 204)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(trash(api)) == 1
