"""A list's count of open tasks, which triggers keep, is what counting them gives: after any writes, and at once."""

from collections.abc import Iterator

import httpx
import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from tests.support.lists import LISTS, every, new_list
from tests.support.lists import path_of as path_of_list
from tests.support.lock_races import racing
from tests.support.stack import Stack, User
from tests.support.tasks import TASKS, Json, make, path_of

COUNT = """
    select list_id::text as id, count(*) as open_tasks from task
    where user_id = %s and completed_at is null and list_id is not null group by 1"""
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["create", "create", "below", "complete", "reopen", "edit", "change list", "move", "hang", "delete", "drop"]
        ),
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    min_size=10,
    max_size=30,
)


def counted(api: httpx.Client) -> dict[str, int]:
    return {found["id"]: found["open_tasks"] for found in every(api, counts="true") if found["open_tasks"]}


def true_counts(admin: psycopg.Connection[DictRow], user: User) -> dict[str, int]:
    return {row["id"]: row["open_tasks"] for row in admin.execute(COUNT, [user.id])}


def request(step: str, task: str, other: str | None, place: str | None) -> tuple[str, str, Json | None]:
    path = path_of(task)
    return {
        "below": ("POST", TASKS, {"title": "Below", "parent_id": task}),
        "complete": ("POST", f"{path}/complete", None),
        "reopen": ("POST", f"{path}/reopen", None),
        "edit": ("PATCH", path, {"title": "Edited"}),
        "change list": ("PATCH", path, {"list_id": place}),
        "move": ("POST", f"{path}/move", {"list_id": place}),
        "hang": ("POST", f"{path}/move", {"parent_id": other}),
        "delete": ("DELETE", path, None),
    }[step]


def ids(api: httpx.Client, path: str) -> Iterator[str]:
    return (item["id"] for item in api.get(path, params={"limit": 200}).json()["items"])


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_writes_leave_the_right_counts(
    api: httpx.Client, user: User, admin: psycopg.Connection[DictRow], steps: list[tuple[str, int, int]]
) -> None:
    for name in ids(api, LISTS):
        assert api.delete(path_of_list(name)).status_code == 204
    for _ in range(3):
        new_list(api)
    for step, one, two in steps:
        tasks, lists = sorted(ids(api, TASKS)), sorted(ids(api, LISTS))
        place = [*lists, None][two % (len(lists) + 1)]
        if step == "create" or not tasks:
            make(api, list_id=place)
        elif step == "drop":
            if place:
                assert api.delete(path_of_list(place)).status_code == 204
        else:
            method, path, body = request(step, tasks[one % len(tasks)], tasks[two % len(tasks)], place)
            answer = api.request(method, path, json=body)
            assert answer.status_code in {200, 201, 204, 409}, answer.text
        assert counted(api) == true_counts(admin, user), step


def test_writes_at_once_leave_the_right_counts(
    http_api: httpx.Client, user: User, stack: Stack, admin: psycopg.Connection[DictRow]
) -> None:
    lists = [new_list(http_api)["id"] for _ in range(2)]
    tasks = [make(http_api, list_id=lists[n % 2])["id"] for n in range(8)]
    with racing(stack) as race:
        answers = race.at_once(
            *(lambda t=t: http_api.post(f"{path_of(t)}/complete") for t in tasks[:4]),
            *(lambda t=t: http_api.patch(path_of(t), json={"list_id": lists[0]}) for t in tasks[4:6]),
            *(lambda t=t: http_api.delete(path_of(t)) for t in tasks[6:]),
            *(lambda i=i: http_api.post(TASKS, json={"title": "New", "list_id": i}) for i in lists),
        )
    assert all(answer.is_success for answer in answers), [answer.text for answer in answers]
    assert counted(http_api) == true_counts(admin, user)
