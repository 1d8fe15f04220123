"""/docs in headless Chromium, on a phone's screen: it shows all, takes a token, sends a request, shows the answer."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.operations import operations
from tests.client.conftest import Folder
from tests.support.api_server import Server

PHONE, WIDER = 390, {844, 1024}
"""Widths of screens: a phone, the phone on its side, a tablet."""
MOMENTS = {"start", "list_tasks", "authorize", "create_task", "operations", "schemas"}
UNAUTHORIZED = "error: Failed to load resource: the server responded with a status of 401 (Unauthorized)"

Seen = dict[str, Any]


@pytest.fixture(scope="module")
def seen(folder: Folder, chromium: str, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    picture = tmp_path_factory.mktemp("docs") / "create_task.png"
    report: Seen = json.loads(folder.run("node", "docs.mjs", server.url, server.token(), chromium, str(picture)))
    return report | {"base": server.url}


def test_every_operation_is_shown(seen: Seen) -> None:
    shown = {block.rpartition("-")[2] for block in seen["operations"]}

    assert shown == {operation.endpoint for operation in operations() if not operation.is_default}


def test_a_request_without_a_token_shows_the_problem(seen: Seen) -> None:
    assert seen["anonymous"]["status"] == 401
    assert json.loads(seen["anonymous"]["text"])["title"] == "Unauthorized"


def test_a_token_is_taken_and_a_task_created_and_listed(seen: Seen) -> None:
    task = json.loads(seen["created"]["text"])

    assert seen["created"]["status"] == 201
    assert (task["title"], task["due"]) == ("From the page", {"date": "2026-03-01"})
    assert seen["listed"]["status"] == 200
    assert json.loads(seen["listed"]["text"])["items"] == [task]


def test_nothing_is_asked_of_another_host(seen: Seen) -> None:
    base = urlsplit(seen["base"])

    assert {urlsplit(url)[:2] for url in seen["requests"]} == {base[:2]}


def test_nothing_fails_but_the_request_without_a_token(seen: Seen) -> None:
    assert [urlsplit(url).path for url in seen["failures"]] == ["/v1/tasks"]
    assert seen["messages"] == [UNAUTHORIZED]


@pytest.mark.parametrize("font", ["installed", "narrow", "wide"])
def test_the_page_never_scrolls_sideways(seen: Seen, font: str) -> None:
    measured = [each for each in seen["widths"] if each["font"] == font]

    assert {each["screen"] for each in measured} == {PHONE} | WIDER
    assert {each["moment"] for each in measured} == MOMENTS
    assert [each for each in measured if each["needed"] != each["screen"]] == []


def test_a_schema_is_as_wide_as_the_phone_allows(seen: Seen) -> None:
    assert seen["schemas"]
    assert min(seen["schemas"]) > PHONE / 2


def test_the_browser_keeps_no_token(seen: Seen) -> None:
    assert seen["stored"] == '[{},{},""]'
