"""Labels in tests: finding them by name, and what is true of them."""

import httpx
import psycopg
from psycopg.rows import DictRow

from tests.support.lists import every
from tests.support.stack import User
from tests.support.tasks import Json

LABELS = "/v1/labels"
BOUND = 500
FILL = """
    insert into label (user_id, name)
    select %s, 'Label ' || n from generate_series(1, %s) n"""
COUNTED = """
    select l.name, count(*) as tasks from task t cross join unnest(t.labels) given
    join label l on l.user_id = t.user_id and l.name = given where t.user_id = %s group by 1"""
LINKED = """
    select l.name, count(*) as tasks from task_label tl
    join label l on l.user_id = tl.user_id and l.id = tl.label_id
    join task t on t.user_id = tl.user_id and t.id = tl.task_id and t.created_at = tl.created_at
    where tl.user_id = %s group by 1"""


def path_of(label: Json | str) -> str:
    """The path of a label, or of an id."""
    return f"{LABELS}/{label if isinstance(label, str) else label['id']}"


def counts(api: httpx.Client) -> dict[str, int]:
    """How many tasks carry each label, by its name, in the order of the list."""
    return {label["name"]: label["tasks"] for label in every(api, LABELS, limit=200)}


def label_of(api: httpx.Client, name: str) -> Json:
    (found,) = (label for label in every(api, LABELS, limit=200) if label["name"] == name)
    return found


def assert_true(api: httpx.Client, user: User, admin: psycopg.Connection[DictRow]) -> None:
    """The counters and the links are what the tasks say."""
    said = {name: tasks for name, tasks in counts(api).items() if tasks}
    for query in (COUNTED, LINKED):
        assert {row["name"]: row["tasks"] for row in admin.execute(query, [user.id])} == said
    stray = "select from task_label where user_id = %s and (user_id, task_id) not in (select user_id, id from task)"
    assert admin.execute(stray, [user.id]).rowcount == 0
