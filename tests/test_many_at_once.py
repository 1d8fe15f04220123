"""What changes thousands of tasks in one request ends within the time of a statement: it could never be done else."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from tests.conftest import BASE_URL
from tests.gateway import Gateway
from tests.labels import assert_true, counts, label_of
from tests.labels import path_of as path_of_label
from tests.stack import Stack, User
from tests.tasks import make, page, path_of, read

MANY = 8000
FILL = """
    insert into task (user_id, id, title, description, parent_id, labels)
    select %s, gen_random_uuid(), 'Milk ' || n, 'A description of a few words', %s, array['Home']
    from generate_series(1, %s) n"""


@pytest.fixture(scope="module")
def user(stack: Stack) -> User:
    return stack.user()


@pytest.fixture(scope="module")
def api(user: User) -> Iterator[httpx.Client]:
    with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers) as client:
        yield client


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[psycopg.Connection[DictRow]]:
    with psycopg.connect(stack.admin_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def test_many_tasks_are_renamed_deleted_restored_and_unlabelled_at_once(
    api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]
) -> None:
    parent = make(api, labels=["Home"])
    admin.execute(FILL, [user.id, parent["id"], MANY])
    assert counts(api) == {"Home": MANY + 1}

    renamed = api.patch(path_of_label(label_of(api, "Home")), json={"name": "House"})
    assert renamed.status_code == 200, renamed.text
    assert counts(api) == {"House": MANY + 1}
    before = page(api, "q=hous milk&limit=200&sort=position")["items"]
    assert {(task["version"], *task["labels"]) for task in before} == {(2, "House")}

    assert api.delete(path_of(parent)).status_code == 204
    assert page(api)["items"] == []
    restored = api.post(f"{path_of(parent)}/restore")
    assert restored.status_code == 200, restored.text
    assert page(api, "q=hous milk&limit=200&sort=position")["items"] == before
    assert_true(api, user, admin)

    assert api.delete(path_of_label(label_of(api, "House"))).status_code == 204
    assert counts(api) == {}
    assert read(api, parent)["labels"] == []
    assert page(api, "q=house")["items"] == []
