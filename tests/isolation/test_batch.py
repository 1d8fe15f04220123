"""Within a batch, too, what is another's answers like what never existed, byte for byte, wherever an item names it."""

from uuid import uuid4

import httpx
import pytest
from psycopg import Connection
from psycopg.rows import DictRow

from infra.operations import Operation
from tests.rules.test_every_operation import TARGETED, WRITING, as_item, new_task, target, twin
from tests.support.batches import everything, post, send
from tests.support.stack import User
from tests.support.tasks import TASKS, make

NAMING = ("parent_id", "list_id")
"""Members by which a body names another object; a move names siblings, too."""


@pytest.mark.parametrize("key", ["", "k"])
@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("operation", [one for one in WRITING if one in TARGETED], ids=lambda one: one.name)
def test_what_belongs_to_another_answers_like_what_never_existed(
    operation: Operation,
    atomic: bool,
    key: str,
    api: httpx.Client,
    stranger_api: httpx.Client,
    user: User,
    admin: Connection[DictRow],
) -> None:
    foreign = target(api, operation)
    before = everything(admin, user)
    answers = [
        send(stranger_api, post(), as_item(operation, task), key=key and f"{key}{task}", atomic=atomic)
        for task in (foreign, uuid4())
    ]
    if atomic:
        assert twin(answers[0]) == twin(answers[1])
        assert answers[0].json()["index"] == 1
    else:
        texts = [answer.text.partition("},{")[2] for answer in answers]
        told = [text.replace(answer.headers["X-Request-Id"], "") for text, answer in zip(texts, answers, strict=True)]
        assert told[0] == told[1] != ""
    assert everything(admin, user) == before


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("member", [*NAMING, "before", "after"])
def test_what_a_body_names_of_another_answers_like_what_never_existed(
    member: str, atomic: bool, api: httpx.Client, stranger_api: httpx.Client, admin: Connection[DictRow], user: User
) -> None:
    foreign = str(new_task(api))
    if member == "list_id":
        foreign = str(uuid4())
        admin.execute("insert into list (user_id, id, name) values (%s, %s, 'Shopping')", [user.id, foreign])
    mine = make(stranger_api)["id"]
    before = everything(admin, user)

    def asked(named: str) -> httpx.Response:
        items = [{"method": "POST", "path": f"{TASKS}/{mine}/move", "body": {member: named}}]
        items += [post(**{member: named})] if member in NAMING else []
        return send(stranger_api, *items, atomic=atomic)

    answers = [asked(foreign), asked(str(uuid4()))]
    assert twin(answers[0]) == twin(answers[1])
    assert "409" in answers[0].text
    assert everything(admin, user) == before
