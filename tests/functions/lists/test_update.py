import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functions.lists.test_create import WRONG
from tests.functions.tasks.test_update import MERGE_PATCH, TEXTS
from tests.support.collect_failures import for_each
from tests.support.lists import FULL, names, new_list, path_of, read
from tests.support.tasks import NOBODYS, Json, errors, moment

MEMBERS: dict[str, st.SearchStrategy[object]] = {
    "name": TEXTS.filter(str.strip),
    "description": st.just("") | TEXTS,
    "color": st.none() | st.sampled_from(["#1e90ff", "#000000"]),
    "archived_at": st.none() | st.sampled_from(["2026-03-01T09:00:00Z", "2026-03-01T09:00:00.000001Z"]),
}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.fixed_dictionaries(MEMBERS), body=st.fixed_dictionaries({}, optional=MEMBERS))
def test_a_patch_touches_its_members_and_nothing_else(api: httpx.Client, before: Json, body: Json) -> None:
    made = new_list(api, **before)
    answer = api.patch(path_of(made), json=body)
    written = answer.json()
    said = body | ({"name": body["name"].strip()} if "name" in body else {})
    changes = any(made[name] != value for name, value in said.items())
    assert answer.status_code == 200
    assert answer.headers["ETag"] == f'"{1 + changes}"'
    assert written == made | said | {"version": 1 + changes, "updated_at": written["updated_at"]}
    assert (moment(written["updated_at"]) > moment(made["updated_at"])) == changes
    assert read(api, made) == written
    assert api.delete(path_of(made)).status_code == 204


def test_both_media_types_say_the_same_and_null_clears(either_api: httpx.Client) -> None:
    made = new_list(either_api, **FULL)
    answer = either_api.patch(path_of(made), json={"color": None, "archived_at": None}, headers=MERGE_PATCH)
    assert answer.json() == read(either_api, made)
    assert (answer.json()["color"], answer.json()["archived_at"]) == (None, None)


@for_each("members, named", WRONG)
def test_what_is_not_valid_is_named(api: httpx.Client, members: Json, named: list[str]) -> None:
    made = new_list(api, **FULL)
    assert errors(api.patch(path_of(made), json=members)) == named
    assert read(api, made) == made


def test_archiving_hides_neither_the_list_nor_its_tasks(api: httpx.Client) -> None:
    made = new_list(api)
    task = api.post("/v1/tasks", json={"title": "Buy milk", "list_id": made["id"]}).json()
    assert api.patch(path_of(made), json={"archived_at": "2026-03-01T09:00:00Z"}).status_code == 200
    assert api.get("/v1/tasks").json()["items"] == [task]
    assert names(api) == ["Groceries"]
    assert api.post("/v1/tasks", json={"title": "Buy bread", "list_id": made["id"]}).status_code == 201


def test_a_stale_tag_is_412_with_the_list_as_it_truly_is(either_api: httpx.Client) -> None:
    made = new_list(either_api)
    current = either_api.patch(path_of(made), json={"name": "Newer"}).json()
    answer = either_api.patch(path_of(made), json={"name": "Mine"}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
    assert answer.json()["current"] == current == read(either_api, made)


def test_what_does_not_exist_or_is_not_ours_is_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = new_list(stranger_api)
    for name in (NOBODYS, theirs["id"], theirs["id"].upper(), "1"):
        assert api.patch(path_of(name), json={"name": "Taken"}).status_code == 404
    assert read(stranger_api, theirs) == theirs
