"""JSON bodies, read strictly: media type, size, text. All cases by creating a task, a sample by every operation."""

import gzip
import json
from uuid import UUID

import httpx

from infra.operations import Operation
from tests.support.calls import AUTHENTICATED, CALLS, make_target, path_of
from tests.support.collect_failures import collect_failures

CANARY = "canary-71c3"
LARGEST = 262_144
JSON = {"Content-Type": "application/json"}
MERGE = {"Content-Type": "application/merge-patch+json"}
TASKS = "/v1/tasks"
WITH_BODY = [operation for operation in AUTHENTICATED if CALLS[operation.name].body is not None]

OTHER_MEDIA_TYPES = """text/plain | application/x-www-form-urlencoded | multipart/form-data; boundary=x | */*
    | application/vnd.api+json | application/json-patch+json | application/jsonp | application/json, application/json"""
OTHER_CHARSETS = ["; charset=iso-8859-1", ';charset="utf-16"', '; charset="utf-8', "; charset=utf-8; charset=utf-7"]
UNSUPPORTED: dict[str, list[dict[str, str]]] = {
    "media type": [{"Content-Type": name.strip()} for name in OTHER_MEDIA_TYPES.split("|")],
    "no media type": [{}, {"Content-Type": ""}],
    "charset": [{"Content-Type": f"application/json{charset}"} for charset in OTHER_CHARSETS],
    "coding": [JSON | {"Content-Encoding": name} for name in ("gzip", "br", "identity, gzip")],
}
"""Headers of each kind; the first of a kind is the sample that goes to every operation."""


def send(
    api: httpx.Client, operation: Operation, target: UUID, content: bytes, headers: dict[str, str]
) -> httpx.Response:
    """Send an operation's call with another body."""
    headers = CALLS[operation.name].headers | headers
    return api.request(operation.method, path_of(operation, target), content=content, headers=headers)


def test_a_body_of_another_media_type_is_415(api: httpx.Client) -> None:
    body = json.dumps({"title": CANARY}).encode()
    with collect_failures() as check:
        for headers in [headers for kind in UNSUPPORTED.values() for headers in kind]:
            with check(headers):
                content = gzip.compress(body) if headers.get("Content-Encoding") == "gzip" else body
                answer = api.post(TASKS, content=content, headers=headers)
                assert answer.status_code == 415
                assert CANARY not in answer.text
    assert api.get(TASKS).json()["items"] == []


def test_a_header_given_twice_is_read_whole(either_api: httpx.Client) -> None:
    lines = {"Content-Type": ["application/json", "text/plain"], "Content-Encoding": ["identity", "gzip"]}
    for name, values in lines.items():
        headers = [*({} if name == "Content-Type" else JSON).items(), *((name, value) for value in values)]
        assert either_api.post(TASKS, content=b'{"title":"x"}', headers=headers).status_code == 415, name


def test_a_merge_patch_is_for_patch_alone(api: httpx.Client) -> None:
    with collect_failures() as check:
        for operation in WITH_BODY:
            with check(operation.name):
                call = CALLS[operation.name]
                answer = send(api, operation, make_target(api, operation), json.dumps(call.body).encode(), MERGE)
                assert answer.status_code == (call.status if operation.method == "PATCH" else 415)


def test_json_in_utf_8_has_many_spellings(either_api: httpx.Client) -> None:
    media_types = [
        *("application/json", "application/json;charset=utf-8"),
        *('Application/JSON; Charset="UTF-8"', "application/json ; profile=x"),
    ]
    for headers in ({}, {"Content-Encoding": "identity"}, *({"Content-Type": name} for name in media_types)):
        answer = either_api.post(TASKS, content='{"title":"Köln"}'.encode(), headers=JSON | headers)
        assert (answer.status_code, answer.json().get("title")) == (201, "Köln"), headers


def padded(size: int) -> bytes:
    """A body of `size` bytes."""
    return b'{"title":"x"}' + b" " * (size - 13)


def test_a_body_over_256_kib_is_413(either_api: httpx.Client) -> None:
    assert either_api.post(TASKS, content=padded(LARGEST), headers=JSON).status_code == 201
    assert either_api.post(TASKS, content=padded(LARGEST + 1), headers=JSON).status_code == 413
    assert either_api.post(TASKS, content=b"[" * (LARGEST + 1), headers=JSON).status_code == 413


def test_the_size_counts_bytes_also_where_they_came_in_base64(api: httpx.Client) -> None:
    # Bytes that are no UTF-8 reach the handler in base64.
    assert api.post(TASKS, content=b"\xff" * LARGEST, headers=JSON).status_code == 400
    assert api.post(TASKS, content=b"\xff" * (LARGEST + 1), headers=JSON).status_code == 413
    assert api.post(TASKS, content="é".encode() * (LARGEST // 2 + 1), headers=JSON).status_code == 413


X = '{"title":"x"}'
OTHER_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")
NOT_JSON: dict[str, list[bytes]] = {
    "empty": [b"", b" \n"],
    "not one value": [b'{"title":"x"', b'{"title":"x"}{}', b'{"title":"x"};', b'{"title":"x",}'],
    "not quoted": [b"{'title':'x'}", b'{title:"x"}', b'{"title":True}', b'{"title":"x"/**/}'],
    "NaN": [b'{"title":NaN}', b'{"due":{"date":[{"x":NaN}]}}'],
    "infinity": [b'{"title":%s}' % number for number in (b"Infinity", b"-Infinity", b"1e400", b"-1e400")],
    "not a number": [b'{"title":%s}' % number for number in (b"01", b"+1", b".5", b"0x10")],
    "control characters": [b'{"title":"a\nb"}', b'{"title":"a\0b"}'],
    "escapes": [b'{"title":"\\u12"}', b'{"title":"\\x41"}'],
    "a name twice": [b'{"title":"x","title":"x"}', b'{"title":"x","\\u0074itle":"x"}'],
    "an unknown name twice": [b'{"title":"x","no":1,"no":2}', b'{"title":"x","":1,"":1}'],
    "a name twice in due": [b'{"title":"x","due":{"date":"2026-03-01","date":"2026-03-01"}}'],
    "a name twice in the depth": [b'{"title":"x","a":[[{"b":{"c":1,"c":1}}]]}'],
    "another encoding": [X.encode(name) for name in OTHER_ENCODINGS],
    "Latin-1, UTF-7": ['{"title":"Köln"}'.encode("latin-1"), b'{"title":"x"}+AGEAYg-'],
    "surrogates": [b'{"title":"\xed\xa0\x80"}', b'{"title":"\xed\xa0\xbd\xed\xb8\x80"}'],
    "not UTF-8": [b'{"title":"%s"}' % raw for raw in (b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82")],
    "depth": [b"[" * 100_000 + b"]" * 100_000, b'{"due":' * 25_000 + b"1" + b"}" * 25_000],
    "digits": [b'{"title":%s}' % (sign + b"9" * 5000) for sign in (b"", b"-")],
}


def test_what_is_not_json_in_utf_8_is_400(api: httpx.Client) -> None:
    with collect_failures() as check:
        for kind, contents in NOT_JSON.items():
            for content in contents:
                with check(kind, content[:60]):
                    assert api.post(TASKS, content=content, headers=JSON).status_code == 400
    assert api.get(TASKS).json()["items"] == []


def test_every_operation_reads_its_body_strictly(api: httpx.Client) -> None:
    samples = [(415, headers[0], b"{}") for headers in UNSUPPORTED.values()]
    samples += [(400, JSON, contents[0]) for contents in NOT_JSON.values()]
    with collect_failures() as check:
        for operation in WITH_BODY:
            target = make_target(api, operation)
            for status, headers, content in samples:
                with check(operation.name, headers, content[:60]):
                    assert send(api, operation, target, content, headers).status_code == status
    assert {item["version"] for item in api.get(TASKS).json()["items"]} == {1}


def test_depth_is_no_fault_of_ours(either_api: httpx.Client) -> None:
    """What can be read is no due; how deep one can read is the parser's affair."""
    for depth in (1, 100, 900, 1000, 1100, 3000, 10_000, 20_000):
        for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
            answer = either_api.post(TASKS, content=f'{{"title":"x","due":{text}}}', headers=JSON)
            assert answer.status_code == 422 or (answer.status_code == 400 and depth > 900), depth
