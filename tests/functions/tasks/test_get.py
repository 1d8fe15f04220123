from collections.abc import Callable

import httpx

from tests.support.collect_failures import for_each
from tests.support.tasks import NOBODYS, TIME, WHOLE, change, errors, make, path_of, without_instance


def test_a_task_is_read_with_its_tag(either_api: httpx.Client) -> None:
    task = make(either_api, **WHOLE)
    answer = either_api.get(path_of(task))
    assert answer.status_code == 200
    assert answer.json() == task
    assert answer.headers["ETag"] == '"1"'


def test_the_tag_is_the_version_in_quotes_after_every_write(api: httpx.Client) -> None:
    task = make(api)
    for name in ("update", "complete", "reopen"):
        written = change(api, name, task)
        found = api.get(path_of(task))
        assert found.json() == written.json()
        assert written.headers["ETag"] == found.headers["ETag"] == f'"{found.json()["version"]}"'
    assert found.json()["version"] == 4


def test_times_are_in_utc_with_z(api: httpx.Client) -> None:
    task = make(api)
    completed = change(api, "complete", task).json()
    for name in ("created_at", "updated_at", "completed_at"):
        assert TIME.fullmatch(completed[name])


@for_each(
    "held", ['"2"', 'W/"2"', "*", '"1", "2"', 'W/"7","x" , W/"2"', ', "2",', '"1",\t"2"', '"*", "2"', '"a,b", "2"']
)
def test_a_tag_that_is_still_right_is_304_without_a_body(either_api: httpx.Client, held: str) -> None:
    task = make(either_api)
    change(either_api, "update", task)
    answer = either_api.get(path_of(task), headers={"If-None-Match": held})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["ETag"] == '"2"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert "X-Request-Id" in answer.headers


@for_each("held", ['"1"', 'W/"1"', '"22"', '"02"', '"*"', '""', '"1", "3"', '"W/2"'])
def test_a_tag_that_is_not_right_any_more_is_200(either_api: httpx.Client, held: str) -> None:
    task = make(either_api)
    change(either_api, "update", task)
    answer = either_api.get(path_of(task), headers={"If-None-Match": held})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)


def test_two_header_lines_are_one_list(http_api: httpx.Client, api: httpx.Client) -> None:
    for client in (http_api, api):
        task = make(client)
        lines = [("If-None-Match", '"9"'), ("If-None-Match", 'W/"1"')]
        assert client.get(path_of(task), headers=lines).status_code == 304


def test_a_malformed_precondition_is_400(api: httpx.Client) -> None:
    task = make(api)
    for held in ("1", "", ",", '"1', '* , "1"', 'w/"1"'):
        assert api.get(path_of(task), headers={"If-None-Match": held}).status_code == 400


def test_what_does_not_exist_is_404_whatever_the_tag(api: httpx.Client) -> None:
    for headers in ({}, {"If-None-Match": "*"}, {"If-None-Match": '"1"'}):
        assert api.get(path_of(NOBODYS), headers=headers).status_code == 404


FORMS: dict[str, Callable[[str], str]] = {
    "in upper case": str.upper,
    "without hyphens": lambda text: text.replace("-", ""),
    "in braces": lambda text: f"{{{text}}}",
    "as an urn": lambda text: f"urn:uuid:{text}",
    "with a space": lambda text: f"{text}%20",
    "with NUL": lambda text: f"{text}%00",
    "with a comma": lambda text: f"{text},",
    "cut short": lambda text: text[:-1],
    "as a number": lambda _: "1",
    "as no text": lambda _: "%FF",
    "as SQL": lambda _: "'%20or%20true--",
}


@for_each("form", FORMS)
def test_a_malformed_id_is_404_like_one_that_does_not_exist(either_api: httpx.Client, form: str) -> None:
    task = make(either_api)
    random, malformed = (either_api.get(path_of(text)) for text in (NOBODYS, FORMS[form](task["id"])))
    assert random.status_code == malformed.status_code == 404
    assert without_instance(random) == without_instance(malformed)


def test_another_users_task_is_404_like_one_that_does_not_exist(api: httpx.Client, stranger_api: httpx.Client) -> None:
    theirs = make(stranger_api)
    random, foreign = (api.get(path_of(task)) for task in (NOBODYS, theirs))
    assert foreign.status_code == 404
    assert without_instance(random) == without_instance(foreign)
    assert len(random.content) == len(foreign.content)


def test_a_query_parameter_is_not_known_here(api: httpx.Client) -> None:
    assert errors(api.get(f"{path_of(make(api))}?fields=title")) == ["fields"]
