import httpx

from tests.support.lists import FULL, new_list, path_of
from tests.support.tasks import NOBODYS, without_instance


def test_a_list_is_read_and_known_again_by_its_tag(either_api: httpx.Client) -> None:
    made = new_list(either_api, **FULL)
    answer = either_api.get(path_of(made))
    assert (answer.status_code, answer.json(), answer.headers["ETag"]) == (200, made, '"1"')
    again = either_api.get(path_of(made), headers={"If-None-Match": '"1"'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", '"1"')
    assert either_api.get(path_of(made), headers={"If-None-Match": '"2"'}).json() == made


def test_its_tag_stays_while_tasks_come_and_go(api: httpx.Client) -> None:
    made = new_list(api)
    task = api.post("/v1/tasks", json={"title": "Buy milk", "list_id": made["id"]}).headers["Location"]
    assert api.post(f"{task}/complete").status_code == 200
    assert api.get(path_of(made)).json() == made


def test_what_does_not_exist_or_is_not_ours_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = new_list(stranger_api)
    answers = [api.get(path_of(name)) for name in (NOBODYS, theirs["id"], theirs["id"].upper(), "1")]
    assert {answer.status_code for answer in answers} == {404}
    assert all(without_instance(answer) == without_instance(answers[0]) for answer in answers)
