"""JSON texts as bodies: those of RFC 8259 are read, all others are 400, and what the standard leaves open is recorded.

JSONTestSuite, from its package, and what it lacks: tests/support/text_corpora.py.
"""

import json
from itertools import product

import httpx

from tests.support.collect_failures import collect_failures
from tests.support.text_corpora import INVALID, REFUSED, VALID, documents

TASKS = "/v1/tasks"
JSON = {"Content-Type": "application/json"}


def test_the_suite_is_whole() -> None:
    kinds = [name[0] for name in documents()]
    assert (kinds.count("y"), kinds.count("n"), kinds.count("i")) == (95, 188, 35)


def test_nul_and_lone_surrogates_are_refused_however_they_are_written(api: httpx.Client) -> None:
    with collect_failures() as check:
        for text, member in product(REFUSED, ("title", "description")):
            with check(ascii(text), member):
                task = {"title": "x", member: text}
                escaped = api.post(TASKS, content=json.dumps(task), headers=JSON)
                assert escaped.status_code == 422
                assert [error["pointer"] for error in escaped.json()["errors"]] == [f"/{member}"]
                raw = json.dumps(task, ensure_ascii=False).encode("utf-8", "surrogatepass")
                # Raw surrogates are no UTF-8; a raw NUL is escaped by every writer of JSON.
                assert status_of(api, raw) == (422 if "\0" in text else 400)
    assert api.get(TASKS).json()["items"] == []


def status_of(api: httpx.Client, body: bytes) -> int:
    """What a body answers that is no task whatever it holds: 422 where it was read, 400 where not."""
    return api.post(TASKS, content=body, headers=JSON).status_code


def test_json_of_every_form_is_read(api: httpx.Client) -> None:
    for family, text in VALID.items():
        assert status_of(api, text.encode()) == 422, family


def wrapped(body: bytes) -> list[bytes]:
    """The body, alone and where a value is due."""
    return [body, b'{"title":%b}' % body, b'{"title":"x","due":[0,%b]}' % body]


def test_what_is_no_json_is_refused_wherever_it_stands(api: httpx.Client) -> None:
    for family, texts in INVALID.items():
        for body in (whole for text in texts for whole in wrapped(text.encode())):
            assert status_of(api, body) == 400, (family, body)


def test_every_document_of_the_suite_is_judged_as_its_name_says(api: httpx.Client) -> None:
    for name, body in documents().items():
        if name.startswith("y_"):
            # Duplicate names, which RFC 8259 only advises against, are 400 by our contract.
            read = {201, 422} if name == "y_object_string_unicode.json" else {422}  # which happens to be a task
            assert status_of(api, body) in ({400} if "duplicated_key" in name else read), name
        elif name.startswith("n_"):
            assert {status_of(api, whole) for whole in wrapped(body)} == {400}, name


NOT_READ = {
    *("number_huge_exp", "number_neg_int_huge_exp", "number_pos_double_huge_exp"),  # infinite, once they are numbers
    *("number_real_neg_overflow", "number_real_pos_overflow"),
    *("string_UTF-16LE_with_BOM", "string_utf16BE_no_BOM", "string_utf16LE_no_BOM", "structure_UTF-8_BOM_empty_object"),
    *("string_UTF-8_invalid_sequence", "string_UTF8_surrogate_U+D800", "string_invalid_utf-8", "string_iso_latin_1"),
    *("string_lone_utf8_continuation_byte", "string_not_in_unicode_range", "string_truncated-utf-8"),
    *("string_overlong_sequence_2_bytes", "string_overlong_sequence_6_bytes", "string_overlong_sequence_6_bytes_null"),
}
READ = {
    *("number_double_huge_neg_exp", "number_real_underflow"),  # zero
    *("number_too_big_neg_int", "number_too_big_pos_int", "number_very_big_negative_int"),  # of any size
    "structure_500_nested_arrays",
    # Lone surrogates: read, and refused where they stand.
    *("object_key_lone_2nd_surrogate", "string_1st_surrogate_but_2nd_missing"),
    "string_1st_valid_surrogate_2nd_invalid",
    *("string_incomplete_surrogate_and_escape_valid", "string_incomplete_surrogate_pair"),
    *("string_incomplete_surrogates_escape_valid", "string_invalid_lonely_surrogate", "string_invalid_surrogate"),
    *("string_inverted_surrogates_U+1D11E", "string_lone_second_surrogate"),
}
"""What RFC 8259 leaves to the parser, as ours decides: a new one that decides otherwise is noticed."""


def test_what_the_standard_leaves_open_is_decided_as_recorded(api: httpx.Client) -> None:
    decided: dict[int, set[str]] = {400: set(), 422: set()}
    for name, body in documents().items():
        if name.startswith("i_"):
            decided[status_of(api, body)].add(name.removeprefix("i_").removesuffix(".json"))
    assert decided == {400: NOT_READ, 422: READ}
