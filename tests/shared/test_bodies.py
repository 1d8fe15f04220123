"""JSON bodies, read strictly: the media type, the size, the text; through every operation that takes one."""

import gzip
import json

import httpx
import pytest

from tests.support.collect_failures import for_each

CANARY = "canary-71c3"
LARGEST = 262_144
JSON = {"Content-Type": "application/json"}
MERGE = {"Content-Type": "application/merge-patch+json"}
TASKS = "/v1/tasks"
METHODS = ("POST", "PUT", "PATCH")


@pytest.fixture
def task(api: httpx.Client) -> str:
    """The path of a task."""
    path: str = api.post(TASKS, json={"title": "there"}).headers["location"]
    return path


def write(api: httpx.Client, method: str, task: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
    """Create, replace or update a task with this body."""
    return api.request(
        method, TASKS if method == "POST" else task, content=content, headers={"If-Match": "*"} | headers
    )


MEDIA_TYPES = {
    "none": {},
    "empty": {"Content-Type": ""},
    "text": {"Content-Type": "text/plain"},
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "multipart": {"Content-Type": "multipart/form-data; boundary=x"},
    "any": {"Content-Type": "*/*"},
    "another JSON": {"Content-Type": "application/vnd.api+json"},
    "a JSON patch": {"Content-Type": "application/json-patch+json"},
    "a longer name": {"Content-Type": "application/jsonp"},
    "two of them": {"Content-Type": "application/json, application/json"},
    "Latin-1": {"Content-Type": "application/json; charset=iso-8859-1"},
    "UTF-16": {"Content-Type": 'application/json;charset="utf-16"'},
    "half a quote": {"Content-Type": 'application/json; charset="utf-8'},
    "two charsets": {"Content-Type": "application/json; charset=utf-8; charset=utf-7"},
    "gzip": {**JSON, "Content-Encoding": "gzip"},
    "brotli": {**JSON, "Content-Encoding": "br"},
    "two codings": {**JSON, "Content-Encoding": "identity, gzip"},
}


@for_each("method", METHODS)
@for_each("kind", MEDIA_TYPES)
def test_a_body_of_another_media_type_is_415(kind: str, method: str, api: httpx.Client, task: str) -> None:
    headers = MEDIA_TYPES[kind]
    body = json.dumps({"title": CANARY}).encode()
    content = gzip.compress(body) if kind == "gzip" else body
    answer = write(api, method, task, content, headers)
    assert answer.status_code == 415
    assert CANARY not in answer.text
    assert api.get(task).json()["title"] == "there"


@pytest.mark.parametrize("name", ["Content-Type", "Content-Encoding"])
def test_a_header_given_twice_is_read_whole(name: str, either_api: httpx.Client) -> None:
    lines = {"Content-Type": ["application/json", "text/plain"], "Content-Encoding": ["identity", "gzip"]}[name]
    headers = [*({} if name == "Content-Type" else JSON).items(), *((name, line) for line in lines)]
    assert either_api.post(TASKS, content=b'{"title":"x"}', headers=headers).status_code == 415


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_merge_patch_is_for_patch_alone(method: str, api: httpx.Client, task: str) -> None:
    assert write(api, method, task, b'{"title":"x"}', MERGE).status_code == 415
    assert write(api, "PATCH", task, b'{"title":"x"}', MERGE).json()["title"] == "x"


@for_each(
    "headers",
    [
        JSON,
        {"Content-Type": "application/json;charset=utf-8"},
        {"Content-Type": 'Application/JSON; Charset="UTF-8"'},
        {"Content-Type": "application/json ; profile=x"},
        {**JSON, "Content-Encoding": "identity"},
    ],
)
def test_json_in_utf_8_has_many_spellings(headers: dict[str, str], either_api: httpx.Client) -> None:
    answer = either_api.post(TASKS, content='{"title":"Köln"}'.encode(), headers=headers)
    assert answer.status_code == 201
    assert answer.json()["title"] == "Köln"


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


NOT_JSON: dict[str, bytes] = {
    "empty": b"",
    "white space": b" \n",
    "cut short": b'{"title":"x"',
    "two values": b'{"title":"x"}{}',
    "text behind": b'{"title":"x"};',
    "a comma at the end": b'{"title":"x",}',
    "single quotes": b"{'title':'x'}",
    "a name without quotes": b'{title:"x"}',
    "a comment": b'{"title":"x"/**/}',
    "NaN": b'{"title":NaN}',
    "Infinity": b'{"title":Infinity}',
    "-Infinity": b'{"title":-Infinity}',
    "NaN in the depth": b'{"due":{"date":[{"x":NaN}]}}',
    "1e400": b'{"title":1e400}',
    "-1e400": b'{"title":-1e400}',
    "a leading zero": b'{"title":01}',
    "a plus": b'{"title":+1}',
    "a bare fraction": b'{"title":.5}',
    "hexadecimal": b'{"title":0x10}',
    "Python's True": b'{"title":True}',
    "a control character": b'{"title":"a\nb"}',
    "a raw NUL": b'{"title":"a\0b"}',
    "an escape of three digits": b'{"title":"\\u12"}',
    "an unknown escape": b'{"title":"\\x41"}',
    "a name twice": b'{"title":"x","title":"x"}',
    "a name twice, once escaped": b'{"title":"x","\\u0074itle":"x"}',
    "an unknown name twice": b'{"title":"x","no":1,"no":2}',
    "a name twice in due": b'{"title":"x","due":{"date":"2026-03-01","date":"2026-03-01"}}',
    "a name twice in the depth": b'{"title":"x","a":[[{"b":{"c":1,"c":1}}]]}',
    "the empty name twice": b'{"title":"x","":1,"":1}',
    "a BOM": b'\xef\xbb\xbf{"title":"x"}',
    "UTF-16": '{"title":"x"}'.encode("utf-16"),
    "UTF-16 LE": '{"title":"x"}'.encode("utf-16-le"),
    "UTF-16 BE": '{"title":"x"}'.encode("utf-16-be"),
    "UTF-32": '{"title":"x"}'.encode("utf-32"),
    "UTF-32 BE": '{"title":"x"}'.encode("utf-32-be"),
    "Latin-1": '{"title":"Köln"}'.encode("latin-1"),
    "UTF-7": b'{"title":"x"}+AGEAYg-',
    "a raw surrogate": b'{"title":"\xed\xa0\x80"}',
    "a raw pair of surrogates": b'{"title":"\xed\xa0\xbd\xed\xb8\x80"}',
    "an overlong slash": b'{"title":"\xc0\xaf"}',
    "beyond Unicode": b'{"title":"\xf4\x90\x80\x80"}',
    "a character cut short": b'{"title":"\xe2\x82"}',
    "100,000 lists": b"[" * 100_000 + b"]" * 100_000,
    "25,000 objects": b'{"due":' * 25_000 + b"1" + b"}" * 25_000,
    "5,000 digits": b'{"title":' + b"9" * 5000 + b"}",
    "5,000 digits and a minus": b'{"title":-' + b"9" * 5000 + b"}",
}


@for_each("method", METHODS)
@for_each("kind", NOT_JSON)
def test_what_is_not_json_in_utf_8_is_400(kind: str, method: str, api: httpx.Client, task: str) -> None:
    answer = write(api, method, task, NOT_JSON[kind], JSON)
    assert answer.status_code == 400
    assert api.get(task).json()["title"] == "there"


@for_each("depth", [1, 100, 900, 1000, 1100, 3000, 10_000, 20_000])
def test_depth_is_no_fault_of_ours(depth: int, either_api: httpx.Client) -> None:
    """What can be read is no due; how deep one can read is the parser's affair."""
    for text in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        answer = either_api.post(TASKS, content=f'{{"title":"x","due":{text}}}', headers=JSON)
        assert answer.status_code == 422 or (answer.status_code == 400 and depth > 900)
