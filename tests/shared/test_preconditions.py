"""If-Match and If-None-Match on every write (RFC 9110 8.8.3, 13.1), and the grammar of both.

Every spelling goes through PATCH; every other write gets a few of each kind, since one module reads the headers.
"""

from itertools import product
from uuid import uuid4

import httpx
import pytest

from shared.preconditions import Tags
from shared.problems import BadRequest
from tests.support.collect_failures import for_each
from tests.support.tasks import CHANGES, NOBODYS, TASKS, change, make, path_of, read, without_instance

SUCCESS = {name: 204 if name == "delete" else 200 for name in CHANGES}

# Against a task in version 3.
MATCHING = (
    '"3"',
    "*",
    '"1", "3"',
    '"3","3"',
    '"x" ,\t"3"',
    ' "3" ',
    ',, "3",,',
    '"a,b", "3"',
    '"*", "3"',
    'W/"2", "3"',
)
NOT_MATCHING = (
    '"2"',
    '"4"',
    '"33"',
    '"03"',
    '"+3"',
    '"3.0"',
    'W/"3", "2"',
    'W/"3"',
    '""',
    '"*"',
    '"W/3"',
    '"\\3"',
    '"99999999999999999999999999"',
    '"9223372036854775808"',
    '"1", "2", W/"3"',
)
MALFORMED = (
    "",
    " ",
    ",",
    "3",
    '"3',
    '3"',
    "'3'",
    "**",
    '*, "3"',
    '"3", *',
    '"3" "4"',
    '"3";"4"',
    'w/"3"',
    'W"3"',
    "W/3",
    'W/ "3"',
    '"3 4"',
    '"3""',
    '"3", x',
    "%223%22",
)


KEYED = (False, True)


def some(table: tuple[str, ...], count: int = 4) -> list[tuple[str, str]]:
    """Pairs of a write and a text: all of the table for PATCH, `count` spread over the table for every other write."""
    return [(name, text) for name in CHANGES for text in (table if name == "update" else table[:: len(table) // count])]


def keyed(headers: dict[str, str], key: bool) -> dict[str, str]:
    """The headers, with a new Idempotency-Key or without one."""
    return headers | ({"Idempotency-Key": uuid4().hex} if key else {})


def at_version_3(api: httpx.Client, name: str = "update") -> str:
    """A task that each of `CHANGES` would change."""
    task = make(api)
    change(api, "complete", task)
    if name == "reopen":
        api.patch(path_of(task), json={"title": "Buy oat milk"})
    else:
        change(api, "reopen", task)
    assert read(api, task)["version"] == 3
    return str(task["id"])


@for_each("name, tags", some(MATCHING))
def test_a_write_goes_on_where_if_match_holds(api: httpx.Client, name: str, tags: str) -> None:
    task = at_version_3(api, name)
    answer = change(api, name, task, {"If-Match": tags})
    assert answer.status_code == SUCCESS[name]
    if name != "delete":
        assert answer.headers["ETag"] == '"4"'


@for_each("name, tags", some(NOT_MATCHING))
def test_a_write_is_412_with_current_where_if_match_fails(api: httpx.Client, name: str, tags: str) -> None:
    task = at_version_3(api, name)
    before = read(api, task)
    answer = change(api, name, task, {"If-Match": tags})
    assert answer.status_code == 412
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["ETag"] == '"3"'
    assert answer.json()["current"] == before == read(api, task)


@for_each("name, tags", some(('"3"', 'W/"3"', "*", '"1", W/"3"', '"x","3"')))
def test_a_write_is_412_with_current_where_if_none_match_fails(api: httpx.Client, name: str, tags: str) -> None:
    for key in KEYED:
        task = at_version_3(api, name)
        before = read(api, task)
        answer = change(api, name, task, keyed({"If-None-Match": tags}, key))
        assert (answer.status_code, answer.headers["ETag"]) == (412, '"3"')
        assert answer.json()["current"] == before == read(api, task)


@for_each("name, tags", some(('"2"', 'W/"2"', '"1", W/"4"', '"*"', '""', '"99999999999999999999999999"'), 3))
def test_a_write_goes_on_where_if_none_match_holds(api: httpx.Client, name: str, tags: str) -> None:
    for key in KEYED:
        answer = change(api, name, at_version_3(api, name), keyed({"If-None-Match": tags}, key))
        assert answer.status_code == SUCCESS[name]


@for_each(
    "match, unless, goes_on",
    [
        ('"3"', '"2"', True),
        ("*", '"2"', True),
        ('"3"', '"3"', False),
        ('"2"', '"1"', False),
        ('"3"', "*", False),
        ("*", "*", False),
        ('W/"3"', '"2"', False),
        ('"3"', 'W/"3"', False),
    ],
)
@for_each("name", CHANGES)
def test_of_two_preconditions_both_must_hold(
    api: httpx.Client, name: str, match: str, unless: str, goes_on: bool
) -> None:
    for key in KEYED:
        headers = keyed({"If-Match": match, "If-None-Match": unless}, key)
        answer = change(api, name, at_version_3(api, name), headers)
        assert answer.status_code == (SUCCESS[name] if goes_on else 412)


@for_each("name, header", product(sorted(CHANGES.keys() - {"replace"}), ("If-Match", "If-None-Match")))
def test_on_a_task_that_does_not_exist_a_precondition_changes_nothing(
    api: httpx.Client, name: str, header: str
) -> None:
    without = without_instance(change(api, name, NOBODYS))
    for key, tags in product(KEYED, ("*", '"1"', 'W/"1"')):
        answer = change(api, name, NOBODYS, keyed({header: tags}, key))
        assert answer.status_code == 404
        assert without_instance(answer) == without


@for_each("tags", ["*", '"1"', 'W/"1"'])
def test_replacing_what_does_not_exist_is_412_without_current(either_api: httpx.Client, tags: str) -> None:
    for key, unless in product(KEYED, ({}, {"If-None-Match": "*"}, {"If-None-Match": '"7"'})):
        answer = change(either_api, "replace", NOBODYS, keyed({"If-Match": tags} | unless, key))
        assert answer.status_code == 412
        assert "current" not in without_instance(answer)
        assert "ETag" not in answer.headers
    assert either_api.get(path_of(NOBODYS)).status_code == 404


@for_each("header", ["If-Match", "If-None-Match"])
@for_each("name, tags", some(MALFORMED, 5))
def test_a_malformed_precondition_is_400(api: httpx.Client, name: str, header: str, tags: str) -> None:
    answer = change(api, name, NOBODYS, {header: tags})
    assert answer.status_code == 400
    assert header in answer.json()["detail"]


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_a_malformed_precondition_is_400_on_create_as_well(either_api: httpx.Client, header: str) -> None:
    for tags in ("1", '"1', '*, "1"'):
        assert either_api.post(TASKS, json={"title": "x"}, headers={header: tags}).status_code == 400
    assert either_api.get(TASKS).json()["items"] == []


@for_each("name", CHANGES)
def test_two_header_lines_are_one_list(api: httpx.Client, http_api: httpx.Client, name: str) -> None:
    method, suffix, body = CHANGES[name]
    for client in (api, http_api):
        for lines, status in [
            (['"1"', '"3"'], SUCCESS[name]),
            (['"1"', '"2"'], 412),
            (['"3"', "*"], 400),
            (["*", "*"], 400),
        ]:
            headers = [("If-Match", line) for line in lines]
            task = at_version_3(client, name)
            answer = client.request(method, path_of(task) + suffix, json=body, headers=headers)
            assert answer.status_code == status, lines


def test_a_tag_may_hold_what_the_grammar_allows_and_nothing_else() -> None:
    """etagc = %x21 / %x23-7E / obs-text (RFC 9110 8.8.3)."""
    for code in range(256):
        text = f'"{chr(code)}"'
        if code == 0x21 or 0x23 <= code <= 0x7E or code >= 0x80:
            digits = [int(chr(code))] if chr(code) in "123456789" else []
            assert Tags.parse("If-Match", [text]) == Tags(any=False, strong=digits, weak=[])
        else:
            with pytest.raises(BadRequest):
                Tags.parse("If-Match", [text])


def test_no_header_is_no_condition() -> None:
    assert Tags.parse("If-Match", []) is None


def test_a_long_list_is_read_in_a_blink() -> None:
    """Time linear in the length: no grammar that a header could make explode."""
    tags = Tags.parse("If-Match", [", ," * 2000 + ", ".join(f'W/"{n}"' for n in range(1, 2000))])
    assert tags is not None
    assert len(tags.weak) == 1999
    with pytest.raises(BadRequest):
        Tags.parse("If-Match", ['"' * 8001])
