"""`limit`, `Link` and the end of a page."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller
from psycopg.rows import DictRow

from tests.support.api_gateway import invoke, make_event
from tests.support.stack import User
from tests.support.tasks import TASKS, ids, make, page, walk

FOUR_MIB = 4 * 1024 * 1024
SIX_MB = 6 * 1024 * 1024  # Lambda's limit on what a function answers
MANY = """
    insert into task (user_id, id, title, description, words)
    select %s, gen_random_uuid(), 'Task ' || n, repeat(%s, 10000), '' from generate_series(1, %s) n"""


def test_a_page_has_50_items_unless_told_otherwise(api: httpx.Client) -> None:
    for _ in range(51):
        make(api)
    assert len(page(api)["items"]) == 50
    assert [len(items) for items in walk(api, "limit=50")] == [50, 1]
    assert [len(items) for items in walk(api, "limit=17")] == [17, 17, 17]
    assert [len(items) for items in walk(api, "limit=51")] == [51]
    assert len(page(api, "limit=200")["items"]) == 51


def test_a_page_may_have_200_items_and_no_more(
    api: httpx.Client, admin: psycopg.Connection[DictRow], user: User
) -> None:
    admin.execute(MANY, [user.id, "", 201])
    assert [len(items) for items in walk(api, "limit=200")] == [200, 1]


def test_an_empty_list_is_one_empty_page(either_api: httpx.Client) -> None:
    answer = either_api.get(TASKS)
    assert (answer.status_code, answer.json()) == (200, {"items": [], "next_cursor": None})
    assert "Link" not in answer.headers


def test_link_names_the_next_page_as_next_cursor_does(either_api: httpx.Client) -> None:
    for n in range(5):
        make(either_api, title=f"Bread & {n}", priority="high", due={"date": "2026-03-01"})
    where = "/v1/tasks?q=bread%20%26&sort=-title&priority=high&priority=low&due_from=2026-01-01&limit=2"
    given_query = parse_qs(urlsplit(where).query)
    seen, path = [], where
    for _ in range(2):
        answer = either_api.get(path)
        link, cursor = answer.headers["Link"], answer.json()["next_cursor"]
        assert link.startswith("</v1/tasks?")
        assert link.endswith('>; rel="next"')
        path = link[1 : link.index(">")]
        assert parse_qs(urlsplit(path).query) == given_query | {"cursor": [cursor]}
        assert answer.links["next"]["url"] == path
        seen += answer.json()["items"]
    last = either_api.get(path)
    assert "Link" not in last.headers
    assert last.json()["next_cursor"] is None
    assert ids(seen + last.json()["items"]) == ids(page(either_api, "sort=-title")["items"])


@pytest.mark.parametrize("text", ["x", "\N{GRINNING FACE}", '"', "\\", "\x01", "\u00e9"])
def test_a_page_ends_before_4_mib_and_before_lambdas_limit(
    api: httpx.Client, admin: psycopg.Connection[DictRow], user: User, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")  # so that it writes UTF-8, as it does there
    marshaller = LambdaMarshaller()
    admin.execute("set session_replication_role = replica")  # no trigger: nobody searches for these words
    admin.execute(MANY, [user.id, text, 200])
    seen: list[str] = []
    sizes, query = [], "limit=200"
    while query:
        event = make_event("GET", TASKS, query=query, headers=[("Authorization", f"Bearer {user.token}")])
        answer = invoke("tasks_list", event)
        assert answer["statusCode"] == 200
        assert len(answer["body"].encode()) < FOUR_MIB
        assert len(marshaller.marshal_response(answer)[0].encode()) < SIX_MB
        body = json.loads(answer["body"])
        seen += ids(body["items"])
        sizes.append(len(body["items"]))
        query = f"limit=200&cursor={body['next_cursor']}" if body["next_cursor"] else ""
    assert len(seen) == len(set(seen)) == 200
    small = len(json.dumps(text, ensure_ascii=False).encode()) - 2 == 1
    assert (len(sizes) == 1) == (small or text == "\u00e9")
    assert seen == ids([item for items in walk(api, "limit=40") for item in items])
