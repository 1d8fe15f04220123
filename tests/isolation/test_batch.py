"""In a batch, too, a foreign object gets the response of one that never existed, wherever an item names it."""

from itertools import product
from uuid import uuid4

import httpx
from psycopg import Connection
from psycopg.rows import DictRow

from tests.support.batches import everything, post, send
from tests.support.calls import WITH_ID, WRITES, batch_item, comparable, make_target, make_task
from tests.support.collect_failures import collect_failures
from tests.support.stack import User
from tests.support.tasks import TASKS, make

NAMING = ("parent_id", "list_id")
"""Members by which a body names a second object; a move has also `before` and `after`."""


def second_result(answer: httpx.Response) -> str:
    """The result of the second item as it was sent, without the id of the request."""
    return answer.text.partition("},{")[2].replace(answer.headers["X-Request-Id"], "")


def test_what_belongs_to_another_answers_like_what_never_existed(
    api: httpx.Client, stranger_api: httpx.Client, user: User, admin: Connection[DictRow]
) -> None:
    with collect_failures() as check:
        for operation, atomic, key in product(WRITES, (True, False), ("", "k")):
            if operation not in WITH_ID:
                continue
            with check(operation.name, "atomic" if atomic else "each by itself", "with a key" if key else "no key"):
                foreign = make_target(api, operation)
                before = everything(admin, user)
                answers = [
                    send(
                        *(stranger_api, post(), batch_item(operation, target)),
                        key=key and f"{key}{target}",
                        atomic=atomic,
                    )
                    for target in (foreign, uuid4())
                ]
                if atomic:
                    assert comparable(answers[0]) == comparable(answers[1])
                    assert answers[0].json()["index"] == 1
                else:
                    assert second_result(answers[0]) == second_result(answers[1]) != ""
                assert everything(admin, user) == before


def test_a_foreign_object_in_a_body_answers_like_one_that_never_existed(
    api: httpx.Client, stranger_api: httpx.Client, admin: Connection[DictRow], user: User
) -> None:
    foreign = dict.fromkeys(("parent_id", "before", "after"), str(make_task(api))) | {"list_id": str(uuid4())}
    admin.execute("insert into list (user_id, id, name) values (%s, %s, 'Shopping')", [user.id, foreign["list_id"]])
    own = make(stranger_api)["id"]
    before = everything(admin, user)
    with collect_failures() as check:
        for member, atomic in product(foreign, (True, False)):
            with check(member, "atomic" if atomic else "each by itself"):
                answers = []
                for target in (foreign[member], str(uuid4())):
                    items = [{"method": "POST", "path": f"{TASKS}/{own}/move", "body": {member: target}}]
                    items += [post(**{member: target})] if member in NAMING else []
                    answers.append(send(stranger_api, *items, atomic=atomic))
                assert comparable(answers[0]) == comparable(answers[1])
                assert "409" in answers[0].text
                assert everything(admin, user) == before
