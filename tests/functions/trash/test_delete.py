from uuid import uuid4

import httpx

from tests.support.tasks import NOBODYS, change, ids, make, without_instance
from tests.support.trash import TRASH, restore, trash


def test_what_is_deleted_for_good_does_not_come_back(either_api: httpx.Client) -> None:
    gone, other = make(either_api), make(either_api)
    for task in (gone, other):
        change(either_api, "delete", task)
    answer = either_api.delete(f"{TRASH}/{gone['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "ETag" not in answer.headers
    assert ids(trash(either_api)) == [other["id"]]
    assert restore(either_api, gone).status_code == 404
    assert either_api.delete(f"{TRASH}/{gone['id']}").status_code == 404


def test_the_subtree_that_was_deleted_along_with_it_goes_as_well(api: httpx.Client) -> None:
    top = make(api)
    child = make(api, parent_id=top["id"])
    make(api, parent_id=child["id"])
    before = make(api, parent_id=child["id"])
    change(api, "delete", before)
    change(api, "delete", top)
    assert api.delete(f"{TRASH}/{child['id']}").status_code == 204
    assert ids(trash(api)) == [top["id"], before["id"]]


def test_a_task_that_is_alive_never_was_or_is_anothers_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    alive, theirs = make(api), make(stranger_api)
    change(stranger_api, "delete", theirs)
    asked = (NOBODYS, alive["id"], theirs["id"], theirs["id"].upper())
    answers = [api.delete(f"{TRASH}/{name}") for name in asked]
    assert {answer.status_code for answer in answers} == {404}
    assert len({str(without_instance(answer)) for answer in answers}) == 1
    assert ids(trash(stranger_api)) == [theirs["id"]]
    assert change(api, "update", alive).status_code == 200


def test_a_stale_tag_is_412_with_the_entry_as_it_is(either_api: httpx.Client) -> None:
    task = make(either_api)
    change(either_api, "update", task)
    change(either_api, "delete", task)
    for headers in ({"If-Match": '"1"'}, {"If-None-Match": '"2"'}, {"If-None-Match": "*"}):
        answer = either_api.delete(f"{TRASH}/{task['id']}", headers=headers)
        assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
        assert [answer.json()["current"]] == trash(either_api)
    assert either_api.delete(f"{TRASH}/{task['id']}", headers={"If-Match": '"2"'}).status_code == 204


def test_a_key_deletes_once(api: httpx.Client) -> None:
    task, key = make(api), {"Idempotency-Key": str(uuid4())}
    change(api, "delete", task)
    assert api.delete(f"{TRASH}/{task['id']}", headers=key).status_code == 204
    api.put(f"/v1/tasks/{task['id']}", json={"title": "Again"})
    change(api, "delete", task)
    again = api.delete(f"{TRASH}/{task['id']}", headers=key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (204, "true")
    assert ids(trash(api)) == [task["id"]]
