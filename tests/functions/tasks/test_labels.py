"""What a task's labels are, however they are written: the names that are shown, and the labels they make."""

from collections.abc import Callable

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from tests.support.labels import BOUND, FILL, LABELS, assert_true, counts, label_of
from tests.support.labels import path_of as path_of_label
from tests.support.lists import conflict, new_list
from tests.support.lists import path_of as path_of_list
from tests.support.lock_races import racing
from tests.support.stack import APP, Stack, User
from tests.support.tasks import TASKS, change, errors, ids, make, page, path_of, read, titles, walk

type Send = Callable[[httpx.Client, str, list[object]], httpx.Response]
WRITES: dict[str, Send] = {
    "create": lambda api, _, labels: api.post(TASKS, json={"title": "x", "labels": labels}),
    "update": lambda api, task, labels: api.patch(task, json={"labels": labels}),
    "replace": lambda api, task, labels: api.put(
        task, json={"title": "x", "labels": labels}, headers={"If-Match": "*"}
    ),
}
written = pytest.mark.parametrize("write", WRITES)


@written
def test_labels_are_kept_in_the_callers_order_in_the_spelling_that_was_first(
    write: str, either_api: httpx.Client
) -> None:
    task = path_of(make(either_api, labels=["Zoo", "caf\u00e9", "stra\u00dfe"]))
    answer = WRITES[write](either_api, task, [" STRASSE ", "new", "ZOO", "CAFE\u0301"])
    assert answer.json()["labels"] == ["stra\u00dfe", "new", "Zoo", "caf\u00e9"]
    found = either_api.get(path_of(answer.json())).json()
    assert found == answer.json()
    assert found in page(either_api)["items"]


@written
def test_without_labels_there_are_none_but_a_patch_leaves_them(write: str, api: httpx.Client) -> None:
    task = make(api, labels=["home"])
    assert WRITES[write](api, path_of(task), []).json()["labels"] == []
    task = make(api, labels=["home"])
    assert api.patch(path_of(task), json={"title": "New"}).json()["labels"] == ["home"]
    assert api.put(path_of(task), json={"title": "x"}, headers={"If-Match": "*"}).json()["labels"] == []
    assert make(api)["labels"] == []


def test_what_changes_no_name_changes_no_version(api: httpx.Client) -> None:
    task = make(api, labels=["home", "work"])
    assert api.patch(path_of(task), json={"labels": ["HOME", " work"]}).json() == task
    assert api.patch(path_of(task), json={"labels": ["work", "home"]}).json()["version"] == 2
    assert api.patch(path_of(task), json={"labels": []}).json()["version"] == 3


LONGEST = "\N{GRINNING FACE}" * 60
WRONG: dict[str, tuple[list[object], list[str]]] = {
    "empty": (["a", ""], ["/labels/1"]),
    "white space": (["\u3000", "a"], ["/labels/0"]),
    "too long": (["a", LONGEST + "x"], ["/labels/1"]),
    "NUL": (["a\0"], ["/labels/0"]),
    "no text": ([5, None, "a", ["b"]], ["/labels/0", "/labels/1", "/labels/3"]),
    "twice": (["a", "b", "c", "A", "b "], ["/labels/3", "/labels/4"]),
    "twice, composed otherwise": (["Caf\u00e9", "x", "cafe\u0301"], ["/labels/2"]),
    "twice, folded": (["stra\u00dfe", "STRASSE", "\u03c3", "\u03c2"], ["/labels/1", "/labels/3"]),
    "too many": ([f"{n}" for n in range(51)], ["/labels"]),
}


@pytest.mark.parametrize("wrong", WRONG)
@written
def test_what_is_not_valid_is_named(write: str, wrong: str, api: httpx.Client) -> None:
    task = make(api, labels=["home"])
    labels, named = WRONG[wrong]
    assert errors(WRITES[write](api, path_of(task), labels)) == named
    assert counts(api) == {"home": 1}
    assert read(api, task) == task


@pytest.mark.parametrize("value", ["home", None, {"0": "home"}, 5])
def test_labels_are_a_list(value: object, api: httpx.Client) -> None:
    task = path_of(make(api))
    assert errors(api.post(TASKS, json={"title": "x", "labels": value})) == ["/labels"]
    assert errors(api.patch(task, json={"labels": value})) == ["/labels"]


def test_a_lone_surrogate_is_refused(api: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.post(TASKS, content=b'{"title": "x", "labels": ["a", "\\udfff"]}', headers=headers)
    assert errors(answer) == ["/labels/1"]


@written
def test_as_many_and_as_long_as_allowed(write: str, api: httpx.Client) -> None:
    labels: list[object] = [LONGEST[:-2] + f"{n:02}" for n in range(50)]
    assert WRITES[write](api, path_of(make(api)), labels).json()["labels"] == labels


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8).filter(
    str.strip
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
def test_the_database_and_the_check_of_a_body_agree_on_what_is_one_name(api: httpx.Client, name: str) -> None:
    kept = make(api, labels=[name])["labels"]
    for other in (name.upper(), name.lower(), name.swapcase(), name.casefold()):
        if other.strip() and len(other.strip()) <= 60:
            twice = api.post(TASKS, json={"title": "x", "labels": [name, other]})
            again = make(api, labels=[other])["labels"]
            assert (twice.status_code == 422) == (again == kept)


@written
def test_a_label_too_many_is_a_conflict_and_leaves_nothing(
    write: str, api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]
) -> None:
    admin.execute(FILL, [user.id, BOUND - 1])
    task = make(api)
    answer = WRITES[write](api, path_of(task), ["label 7", "new", "newer"])
    assert conflict(answer) == "/labels"
    assert len(counts(api)) == BOUND - 1
    assert read(api, task) == task
    assert WRITES[write](api, path_of(task), ["label 7", "new"]).json()["labels"] == ["Label 7", "new"]
    assert conflict(WRITES[write](api, path_of(task), ["newer"])) == "/labels"
    assert WRITES[write](api, path_of(task), ["NEW"]).json()["labels"] == ["new"]


@pytest.mark.parametrize("commit", [True, False])
def test_of_those_who_make_the_last_label_at_once_one_does(
    commit: bool, http_api: httpx.Client, user: User, stack: Stack, admin: psycopg.Connection[DictRow]
) -> None:
    admin.execute(FILL, [user.id, BOUND - 1])
    with racing(stack) as race:
        race.other.execute(
            "insert into task (user_id, id, title, labels) values (%s, gen_random_uuid(), 'x', array['new'])", [user.id]
        )
        answer = race.start(lambda: http_api.post(TASKS, json={"title": "x", "labels": ["newer"]}))
        race.end(commit=commit)
        assert answer.result().status_code == (409 if commit else 201)
    assert len(counts(http_api)) == BOUND


def test_those_who_use_one_new_name_at_once_make_one_label(
    http_api: httpx.Client, user: User, stack: Stack, admin: psycopg.Connection[DictRow]
) -> None:
    names = [["a", "b"], ["B", "A"], ["c", "b"], ["A", "C"], ["b"], ["C"]]
    with racing(stack) as race:
        answers = race.at_once(*(lambda n=n: http_api.post(TASKS, json={"title": "x", "labels": n}) for n in names))
    assert [answer.status_code for answer in answers] == [201] * len(names)
    assert sorted(name.casefold() for name in counts(http_api)) == ["a", "b", "c"]
    assert_true(http_api, user, admin)


def test_a_label_that_is_deleted_meanwhile_is_made_anew(http_api: httpx.Client, user: User, stack: Stack) -> None:
    make(http_api, labels=["home"])
    with racing(stack) as race:
        race.other.execute("select set_config('app.user_id', %s, true)", [user.id])
        race.other.execute("delete from label where user_id = %s", [user.id])
        answer = race.start(lambda: http_api.post(TASKS, json={"title": "x", "labels": ["HOME"]}))
        race.end(commit=True)
        assert answer.result().status_code == 201
    assert counts(http_api) == {"HOME": 1}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "create", "label", "replace", "complete", "delete", "rename", "forget", "drop"]),
        st.integers(0, 99),
        st.lists(st.sampled_from(["a", "B", "c", "D", "e"]), unique_by=str.casefold, max_size=4),
    ),
    min_size=8,
    max_size=25,
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_writes_leave_the_right_counts(
    api: httpx.Client,
    user: User,
    admin: psycopg.Connection[DictRow],
    steps: list[tuple[str, int, list[str]]],
) -> None:
    place = new_list(api)["id"]
    for step, one, names in steps:
        tasks, labels = page(api, "limit=200")["items"], api.get(LABELS).json()["items"]
        task = tasks[one % len(tasks)] if tasks else make(api, list_id=place)
        label = labels[one % len(labels)] if labels else None
        if step == "create":
            make(api, labels=names, list_id=place if one % 2 else None)
        elif step == "label":
            api.patch(path_of(task), json={"labels": names})
        elif step == "replace":
            api.put(path_of(task), json={"title": "x", "labels": names}, headers={"If-Match": "*"})
        elif step == "complete":
            api.post(f"{path_of(task)}/complete")
        elif step == "delete":
            api.delete(path_of(task))
        elif step == "drop":
            api.delete(path_of_list(place))
            place = new_list(api)["id"]
        elif label and step == "rename":
            renamed = api.patch(path_of_label(label), json={"name": f"{label['name']}x"[-3:]})
            assert renamed.status_code in {200, 409}
        elif label:
            assert api.delete(path_of_label(label)).status_code == 204
        assert_true(api, user, admin)


MANY = """
    insert into task (user_id, id, title, labels)
    select %s, gen_random_uuid(), 'Task', array['home', 'work'] from generate_series(1, %s)"""
WORK = """
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del)::int as rows,
           sum(n_tup_upd) filter (where relname = 'label')::int as counted
    from pg_stat_xact_user_tables"""


@pytest.mark.usefixtures("fresh_database")
@pytest.mark.parametrize(
    "statement", ["update label set name = 'House' where name = 'home'", "delete from label where name = 'home'"]
)
def test_the_work_for_a_label_grows_in_proportion_to_its_tasks(
    statement: str, stack: Stack, user: User, stranger: User, admin: psycopg.Connection[DictRow]
) -> None:
    done = []
    for someone, tasks in ((user, 200), (stranger, 2000)):
        admin.execute(MANY, [someone.id, tasks])
    admin.execute("analyze task, label, task_label")
    for someone in (user, stranger):
        with psycopg.connect(stack.admin_url, row_factory=psycopg.rows.dict_row) as other:
            other.execute("select set_config('app.user_id', %s, true), set_config('role', %s, true)", [someone.id, APP])
            other.execute(statement.encode())
            other.execute("reset role")
            done.append(other.execute(WORK).fetchone() or {})
            other.rollback()
    assert done[1]["counted"] == done[0]["counted"] <= 1  # not once for each task
    # A plan reads six or eight rows for each task, by the order of random ids on disk; quadratic work is 100 times.
    assert done[1]["rows"] <= 20 * done[0]["rows"]


def test_a_search_finds_labels_as_they_are_now(either_api: httpx.Client) -> None:
    task = make(either_api, title="Buy milk", labels=["Bio shop", "Caf\u00e9"])
    found = {
        query: len(page(either_api, f"q={query}")["items"]) for query in ("sho", "cafe", "bio%20milk", '"bio shop"')
    }
    assert found == dict.fromkeys(found, 1)
    assert page(either_api, 'q="shop cafe"')["items"] == []  # no phrase reaches from one into the next
    assert page(either_api, 'q="milk bio"')["items"] == []
    either_api.patch(path_of_label(label_of(either_api, "Bio shop")), json={"name": "Market"})
    assert (titles(either_api, "q=market"), titles(either_api, "q=shop")) == (["Buy milk"], [])
    either_api.delete(path_of_label(label_of(either_api, "Market")))
    assert (titles(either_api, "q=market"), titles(either_api, "q=milk")) == ([], ["Buy milk"])
    either_api.patch(path_of(task), json={"labels": []})
    assert titles(either_api, "q=cafe") == []


def test_a_list_of_a_label_holds_those_that_carry_it_without_case(
    either_api: httpx.Client, stranger_api: httpx.Client
) -> None:
    make(stranger_api, title="Theirs", labels=["home"])
    first, second, third = (
        make(either_api, title=title, labels=labels)
        for title, labels in (("a", ["Home", "work"]), ("b", ["caf\u00e9"]), ("c", ["home"]))
    )
    for name in ("home", "HOME", "%20home%20"):
        assert ids(page(either_api, f"label={name}")["items"]) == [third["id"], first["id"]]
        assert ids(page(either_api, f"label={name}&sort=title")["items"]) == [first["id"], third["id"]]
    assert titles(either_api, "label=CAFE%CC%81") == ["b"]
    assert titles(either_api, "label=homework") == titles(either_api, "label=Theirs") == []
    assert titles(either_api, "label=home&q=a") == ["a"]
    change(either_api, "complete", first)
    assert titles(either_api, "label=home&completed=false") == ["c"]
    either_api.patch(path_of_label(label_of(either_api, "Home")), json={"name": "House"})
    assert (titles(either_api, "label=house"), titles(either_api, "label=home")) == (["c", "a"], [])
    assert [len(found) for found in walk(either_api, "label=house&limit=1")] == [1, 1]
    for query in ("label=x%00", f"label={'x' * 61}", "label=a&label=b"):
        assert set(errors(either_api.get(f"{TASKS}?{query}"))) == {"label"}, query
    assert second["labels"] == ["caf\u00e9"]
