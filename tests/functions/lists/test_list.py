import httpx

from tests.support.collect_failures import for_each
from tests.support.lists import LISTS, every, names, new_list, pages, path_of
from tests.support.tasks import TASKS, errors, make, page


def test_items_are_the_whole_lists_in_their_order(either_api: httpx.Client) -> None:
    made = [new_list(either_api, name=name) for name in "bac"]
    assert every(either_api) == made
    assert every(either_api, limit=1) == made
    answer = either_api.get(f"{LISTS}?limit=2")
    cursor = answer.json()["next_cursor"]
    assert answer.headers["Link"] == f'<{LISTS}?limit=2&cursor={cursor}>; rel="next"'
    assert [len(items) for items in pages(either_api, limit=2)] == [2, 1]


def test_a_list_that_stays_where_it_is_is_seen_once_whatever_else_moves(api: httpx.Client) -> None:
    made = {name: new_list(api, name=name) for name in "abcdef"}
    seen = []
    for number, items in enumerate(pages(api, limit=2)):
        seen += [item["name"] for item in items]
        if number == 0:  # behind the cursor: gone, come, and moved to the end
            assert api.delete(path_of(made["a"])).status_code == 204
            assert api.post(f"{path_of(made['b'])}/move", json={}).status_code == 200
            new_list(api, name="g")
    assert [name for name in seen if name in "acdef"] == list("acdef")


def test_archived(either_api: httpx.Client) -> None:
    new_list(either_api, name="Open")
    new_list(either_api, name="Archived", archived_at="2026-03-01T09:00:00Z")
    assert names(either_api, archived="true") == ["Archived"]
    assert names(either_api, archived="false") == ["Open"]
    assert names(either_api) == ["Open", "Archived"]


def test_counts_only_where_they_are_asked_for(either_api: httpx.Client) -> None:
    made = new_list(either_api)
    make(either_api, list_id=made["id"])
    assert every(either_api) == every(either_api, counts="false") == [made]
    assert every(either_api, counts="true") == [made | {"open_tasks": 1}]


def test_a_list_holds_nothing_of_others(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = new_list(stranger_api)
    assert every(api) == every(api, counts="true") == []
    assert every(stranger_api) == [theirs]


@for_each(
    "query, named",
    [
        ("archived=yes", ["archived"]),
        ("counts=1", ["counts"]),
        ("counts=true&counts=true", ["counts"]),
        ("limit=0", ["limit"]),
        ("limit=201", ["limit"]),
        ("sort=name&q=x&user_id=me", ["q", "sort", "user_id"]),
    ],
)
def test_a_bad_or_unknown_parameter_is_named(either_api: httpx.Client, query: str, named: list[str]) -> None:
    assert errors(either_api.get(f"{LISTS}?{query}")) == named


def test_a_cursor_belongs_to_its_filters_and_to_lists(api: httpx.Client) -> None:
    for name in "ab":
        new_list(api, name=name)
        make(api, title=name)
    cursor = api.get(f"{LISTS}?limit=1").json()["next_cursor"]
    other = page(api, "limit=1")["next_cursor"]
    assert api.get(f"{LISTS}?limit=2&cursor={cursor}").status_code == 200
    for path in (
        f"{LISTS}?archived=false&cursor={cursor}",
        f"{LISTS}?counts=true&cursor={cursor}",
        f"{TASKS}?cursor={cursor}",
        f"{LISTS}?cursor={other}",
        f"{LISTS}?cursor={cursor[:-1]}",
    ):
        assert api.get(path).status_code == 400, path
