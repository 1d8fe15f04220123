"""If-Match and If-None-Match on every write (RFC 9110 8.8.3, 13.1), and the grammar of both.

Every spelling goes through PATCH and PUT; every other write gets a few of each kind: one module reads the headers.
"""

from collections.abc import Sequence
from itertools import product

import httpx
import pytest

from shared.preconditions import Tags
from shared.problems import BadRequest
from tests.support.collect_failures import collect_failures, for_each
from tests.support.replays import new_key
from tests.support.tasks import CHANGES, NOBODYS, TASKS, Json, change, make, path_of, read, without_instance

SUCCESS = {name: 204 if name == "delete" else 200 for name in CHANGES}

# Against a task in version 3.
MATCHING = [
    *('"3"', "*", '"1", "3"', '"3","3"', '"x" ,\t"3"'),
    *(' "3" ', ',, "3",,', '"a,b", "3"', '"*", "3"', 'W/"2", "3"'),
]
NOT_MATCHING = [
    *('"2"', '"4"', '"33"', '"03"', '"+3"', '"3.0"', 'W/"3", "2"', 'W/"3"', '""', '"*"', '"W/3"', '"\\3"'),
    *('"99999999999999999999999999"', '"9223372036854775808"', '"1", "2", W/"3"'),
]
MALFORMED = [
    *("", " ", ",", "3", '"3', '3"', "'3'", "**", '*, "3"', '"3", *', '"3" "4"', '"3";"4"', 'w/"3"', 'W"3"', "W/3"),
    *('W/ "3"', '"3 4"', '"3""', '"3", x', "%223%22"),
]
BOTH = [
    *(('"3"', '"2"', True), ("*", '"2"', True), ('"3"', '"3"', False), ('"3"', "*", False), ('"2"', '"1"', False)),
    *(("*", "*", False), ('W/"3"', '"2"', False), ('"3"', 'W/"3"', False)),
]
"""If-Match, If-None-Match, and whether the write goes on."""
KEYED = (False, True)


def some[T](table: Sequence[T], count: int = 4) -> list[tuple[str, T]]:
    """Pairs of a write and a row: the whole table for PATCH and PUT, `count` rows spread over it for every other."""
    whole, rows = {"update", "replace"}, table[:: len(table) // count]
    return [(name, row) for name in CHANGES for row in (table if name in whole else rows)]


def at_version_3(api: httpx.Client, name: str = "update") -> Json:
    """A task that each of `CHANGES` would change."""
    task = make(api)
    change(api, "complete", task)
    title = {"title": "Buy oat milk"}
    answer = api.patch(path_of(task), json=title) if name == "reopen" else change(api, "reopen", task)
    found: Json = answer.json()
    assert found["version"] == 3
    return found


@for_each("name, tags", some(MATCHING))
def test_a_write_goes_on_where_if_match_holds(api: httpx.Client, name: str, tags: str) -> None:
    answer = change(api, name, at_version_3(api, name), {"If-Match": tags})
    assert answer.status_code == SUCCESS[name]
    assert answer.headers.get("ETag") == (None if name == "delete" else '"4"')


@for_each("key, case", product(KEYED, some(['"2"', 'W/"2"', '"1", W/"4"', '"*"', '""', f'"{"9" * 26}"'], 3)))
def test_a_write_goes_on_where_if_none_match_holds(api: httpx.Client, key: bool, case: tuple[str, str]) -> None:
    name, tags = case
    answer = change(api, name, at_version_3(api, name), {"If-None-Match": tags} | new_key(key))
    assert answer.status_code == SUCCESS[name]


def hold_refused(api: httpx.Client, cases: list[tuple[str, dict[str, str]]], keyed: Sequence[bool] = KEYED) -> None:
    """Send writes with preconditions that fail: each is 412 with the task, which stays as it is."""
    tasks = {name: at_version_3(api, name) for name in CHANGES}
    with collect_failures() as check:
        for key, (name, headers) in product(keyed, cases):
            with check(name, headers, "with a key" if key else ""):
                answer, before = change(api, name, tasks[name], headers | new_key(key)), tasks[name]
                assert (answer.status_code, answer.headers["ETag"]) == (412, '"3"')
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert answer.json()["current"] == before == read(api, before)


def test_a_write_is_412_with_current_where_if_match_fails(api: httpx.Client) -> None:
    hold_refused(api, [(name, {"If-Match": tags}) for name, tags in some(NOT_MATCHING)], keyed=[False])


def test_a_write_is_412_with_current_where_if_none_match_fails(api: httpx.Client) -> None:
    failing = some(['"3"', 'W/"3"', "*", '"1", W/"3"', '"x","3"'])
    hold_refused(api, [(name, {"If-None-Match": tags}) for name, tags in failing])


def test_of_two_preconditions_both_must_hold(api: httpx.Client) -> None:
    cases = [
        (name, {"If-Match": match, "If-None-Match": unless}, goes_on) for name, (match, unless, goes_on) in some(BOTH)
    ]
    hold_refused(api, [(name, headers) for name, headers, goes_on in cases if not goes_on])
    with collect_failures() as check:
        for key, (name, headers, goes_on) in product(KEYED, cases):
            if goes_on:
                with check(name, headers, "with a key" if key else ""):
                    answer = change(api, name, at_version_3(api, name), headers | new_key(key))
                    assert answer.status_code == SUCCESS[name]


@for_each("name, header", product(sorted(CHANGES.keys() - {"replace"}), ("If-Match", "If-None-Match")))
def test_on_a_task_that_does_not_exist_a_precondition_changes_nothing(
    api: httpx.Client, name: str, header: str
) -> None:
    without = without_instance(change(api, name, NOBODYS))
    for key, tags in product(KEYED, ("*", '"1"', 'W/"1"')):
        answer = change(api, name, NOBODYS, {header: tags} | new_key(key))
        assert answer.status_code == 404
        assert without_instance(answer) == without


@for_each("tags", ["*", '"1"', 'W/"1"'])
def test_replacing_what_does_not_exist_is_412_without_current(either_api: httpx.Client, tags: str) -> None:
    for key, unless in product(KEYED, ({}, {"If-None-Match": "*"}, {"If-None-Match": '"7"'})):
        answer = change(either_api, "replace", NOBODYS, {"If-Match": tags} | unless | new_key(key))
        assert answer.status_code == 412
        assert "current" not in without_instance(answer)
        assert "ETag" not in answer.headers
    assert either_api.get(path_of(NOBODYS)).status_code == 404


@for_each("header, case", product(("If-Match", "If-None-Match"), some(MALFORMED, 5)))
def test_a_malformed_precondition_is_400(api: httpx.Client, header: str, case: tuple[str, str]) -> None:
    name, tags = case
    answer = change(api, name, NOBODYS, {header: tags})
    assert answer.status_code == 400
    assert header in answer.json()["detail"]


@for_each("header, tags", product(("If-Match", "If-None-Match"), ("1", '"1', '*, "1"')))
def test_a_malformed_precondition_is_400_on_create_as_well(either_api: httpx.Client, header: str, tags: str) -> None:
    assert either_api.post(TASKS, json={"title": "x"}, headers={header: tags}).status_code == 400
    assert either_api.get(TASKS).json()["items"] == []


@for_each("name", CHANGES)
def test_two_header_lines_are_one_list(api: httpx.Client, http_api: httpx.Client, name: str) -> None:
    method, suffix, body = CHANGES[name]
    for client in (api, http_api):
        task = at_version_3(client, name)
        for lines, status in [
            *((['"1"', '"2"'], 412), (['"3"', "*"], 400), (["*", "*"], 400)),
            (['"1"', '"3"'], SUCCESS[name]),
        ]:
            headers = [("If-Match", line) for line in lines]
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
