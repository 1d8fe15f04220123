"""Naughty strings by family, through every place that takes text: kept to the character, or refused; never a fault.

JSON texts by family as well: those of RFC 8259 are read, all others are 400. Both families follow what the Big List of
Naughty Strings and JSONTestSuite collect; the strings are our own.
"""

import json
import unicodedata
from typing import Any
from urllib.parse import quote

import httpx
import pytest

TASKS = "/v1/tasks"
JSON = {"Content-Type": "application/json"}

NAUGHTY: dict[str, list[str]] = {
    "empty words": ["undefined", "null", "NULL", "nil", "None", "NaN", "Infinity", "true", "\\N", "(null)", "#N/A"],
    "numbers": ["0", "-0", "1_000", "1e400", "0x1F", "\u0661\u0662", "\u00bd", "\u2167", "9" * 400, "2147483648"],
    "SQL": [
        "'; drop table task; --",
        '" or ""="',
        "1' or '1'='1",
        "') union select user_id from task --",
        "$$; select pg_sleep(1) $$",
        "E'\\x27'",
        "/* */ or 1=1",
        "%(id)s",
        "%s %% %b",
        "$1",
        ":id",
        "{task}",
        "{guard}",
        "copy task to program 'id'",
        "; set role postgres",
    ],
    "LIKE": ["%", "_", "%%", "\\%", "a%b_c", "\\", "\\\\", "[a-z]"],
    "tsquery": [
        "a & b",
        "a | !b",
        "'a':*",
        "a:*",
        "<->",
        "a <2> b",
        "!!",
        "()",
        "((a",
        "'",
        "''",
        "a''b",
        "\\'",
        ":ABCD",
        "*",
    ],
    "formats": ["%n%n%s", "%x%d", "{0.__class__}", "{{7*7}}", "${7*7}", "#{1}", "<%= 1 %>", "`id`", "$(id)", "$HOME"],
    "script": [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "</title><svg/onload=1>",
        "&lt;b&gt; &amp;",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
        "=cmd|' /C calc'!A1",
        "\u2028\u2029",
    ],
    "paths": ["../../etc/passwd", "..\\..", "C:\\", "file:///etc/passwd", "//evil.example", "con", ".", "..", "~", "/"],
    "header breaks": ["a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "a\x0b\x0cb"],
    "control characters": ["\x01\x02\x7f", "\x1b[31mred", "\x80\x85\x9f", "a\bb", "\ufff9\ufffb"],
    "white space": ["\u00a0x", "x\u3000", "\u1680\u2003\u202fx", "\u180ex\u2060", "a\tb", "\u200b"],
    "zero width": ["\u200b\u200c\u200d", "x\ufeff", "\u00adx", "a\u2060b", "\u061c"],
    "right to left": [
        "\u05e9\u05dc\u05d5\u05dd",
        "\u0645\u0631\u062d\u0628\u0627",
        "\u202eabc\u202c",
        "\u2066x\u2069",
        "a\u200fb",
    ],
    "zalgo": ["Z\u0351\u036b\u0343\u036a\u0302a\u0358\u0334lgo", "e" + "\u0301" * 400],
    "emoji": [
        "\U0001f600",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1e9\U0001f1ea",
        "\U0001f44d\U0001f3ff",
        "\u2764\ufe0f",
        "1\ufe0f\u20e3",
        "\U000e0041",
    ],
    "scripts": [
        "\u7530\u4e2d\u3055\u3093",
        "\ud55c\uad6d\uc5b4",
        "\u0928\u092e\u0938\u094d\u0924\u0947",
        "\U00020bb7\u91ce",
        "\u1e9e\u00df\u0149\ufb03",
    ],
    "Turkish": ["\u0130stanbul", "I\u0131\u0130i", "i\u0307", "\u1d35"],
    "normal forms": ["\u00e9", "e\u0301", "\u212b", "\u00c5", "\uf900", "\u1e9b\u0323", "\u2126"],
    "noncharacters": ["\ufffe", "\uffff", "\ufdd0", "\U0001fffe", "\U0010ffff", "\ue000", "\U000f0000"],
    "look-alikes": ["\u0430dmin", "\uff41\uff42", "\U0001d4d0", "\u2000a", "\u037e"],
    "long": ["x" * 500, "\U0001f600" * 500, "ab " * 166, "\u0390" * 500, "\\" * 500, '"' * 500],
}
STRINGS = [(family, text) for family, texts in NAUGHTY.items() for text in texts]
REFUSED = ["\0", "a\0b", "\ud800", "\udfff", "a\ud83d", "\ude00\ud83d"]


def every(test: Any) -> Any:
    """Run the test for each family."""
    return pytest.mark.parametrize("family", NAUGHTY)(test)


@every
def test_text_is_kept_to_the_character(family: str, either_api: httpx.Client) -> None:
    for text in NAUGHTY[family]:
        answer = either_api.post(TASKS, json={"title": f"|{text[:498]}|", "description": text})
        assert answer.status_code == 201, ascii(text)
        task = answer.headers["location"]
        assert either_api.patch(task, json={"description": f" {text}\n"}).status_code == 200
        read = either_api.get(task).json()
        assert (read["title"], read["description"]) == (f"|{text[:498]}|", f" {text}\n")
        either_api.delete(task)


@every
def test_a_search_for_any_text_finds_the_task_that_holds_it_or_is_refused(family: str, api: httpx.Client) -> None:
    for text in NAUGHTY[family]:
        task = api.post(TASKS, json={"title": "x", "description": text}).json()
        api.post(TASKS, json={"title": "other", "description": "words"})
        answer = api.get(TASKS, params={"q": text})
        if len(text) > 150:
            assert answer.status_code == 422
            continue
        assert answer.status_code == 200, ascii(text)
        assert task["id"] in [item["id"] for item in answer.json()["items"]], ascii(text)


@every
def test_a_walk_by_title_meets_every_text_once(family: str, api: httpx.Client) -> None:
    titles = {unicodedata.normalize("NFC", text): f"|{text[:498]}|" for text in NAUGHTY[family]}.values()
    for title in titles:
        assert api.post(TASKS, json={"title": title}).status_code == 201
    seen: list[str] = []
    path: str | None = f"{TASKS}?sort=title&limit=1"
    while path:
        page = api.get(path)
        assert page.status_code == 200
        seen += [item["title"] for item in page.json()["items"]]
        path = page.links.get("next", {}).get("url")
    assert sorted(seen) == sorted(titles)


@every
def test_any_text_elsewhere_is_refused_and_not_repeated(family: str, api: httpx.Client) -> None:
    for text in NAUGHTY[family]:
        sent = quote(text, safe="") or "%20"
        if sent.strip(".") and len(sent) < 9000:  # a client folds the segments . and .. away before it sends
            assert api.get(f"{TASKS}/{sent}").status_code in (404, 405)
            assert api.get(f"{TASKS}?cursor={sent}").status_code == 400
            for parameter in ("completed", "priority", "due_from", "sort"):
                if text not in ("true", "false"):
                    assert api.get(f"{TASKS}?{parameter}={sent}").status_code == 422, (parameter, ascii(text))
            assert api.get(f"{TASKS}?{sent}=1").status_code == 422
        for due in ({"date": text}, {"datetime": text}, {"datetime": "2026-03-01T09:00:00", "timezone": text}, text):
            answer = api.post(TASKS, json={"title": "x", "due": due})
            assert answer.status_code == 422
            assert len(text) < 4 or ascii(text)[1:-1] not in ascii(answer.text)
        assert api.post(TASKS, json={"title": "x", "priority": text}).status_code == 422
        assert api.post(TASKS, json={"title": "x", f"_{text}": text}).status_code == 422


HEADERS = b"if-match if-none-match idempotency-key content-type content-encoding accept x-other".split()


@every
def test_any_text_in_a_header_is_taken_or_refused(family: str, api: httpx.Client) -> None:
    task = api.post(TASKS, json={"title": "x"}).headers["location"]
    for text in NAUGHTY[family]:
        for name in HEADERS:
            value = text.replace("\r", " ").replace("\n", " ").encode()
            headers = {b"content-type": b"application/json"} | {name: value}
            answer = api.patch(task, content="{}", headers=headers)
            assert answer.status_code in (200, 400, 412, 415, 422), (name, ascii(text))


@pytest.mark.parametrize("text", REFUSED, ids=ascii)
@pytest.mark.parametrize("escape", [True, False])
def test_nul_and_lone_surrogates_are_refused_however_they_are_written(
    text: str, escape: bool, api: httpx.Client
) -> None:
    for member in ("title", "description"):
        body = json.dumps({"title": "x", member: text}, ensure_ascii=escape).encode("utf-8", "surrogatepass")
        answer = api.post(TASKS, content=body, headers=JSON)
        if escape:
            assert answer.status_code == 422
            assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{member}"]
        else:
            # Raw surrogates are no UTF-8; a raw NUL is escaped by every writer of JSON.
            assert answer.status_code == (422 if "\0" in text else 400)
    assert api.get(TASKS).json()["items"] == []


VALID = {
    "white space": '\t{\n"a"\r:\t[ ] ,  "b" : { }\n}\r',
    "escapes": '{"a":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\uD83D\\uDE00"}',
    "names": '{"":0,"\\u0000":0,"a b":0,"\\"":0,"é":0,"\U0001f600":0}',
    "numbers": '{"a":[0,-0,0.0,-0.0,1,-1,1.5,1e2,1E+2,1e-2,1.5E-10,123456789012345678901234567890,1e-400,1e308]}',
    "constants": '{"a":[true,false,null]}',
    "strings": '{"a":["","\x7f","\u2028","\uffff","\U0010ffff","\u0080"]}',
    "depth": '{"a":' + "[" * 400 + "]" * 400 + "}",
    "breadth": '{"a":[' + ",".join("0" * 40_000) + "]}",
    "4,300 digits": '{"a":' + "9" * 4300 + "}",
    "names that differ by case and form": '{"a":0,"A":0,"\u00e9":0,"e\u0301":0}',
}
INVALID = {
    "structures": [
        "{",
        "}",
        "[",
        "]",
        "[}",
        "{]",
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        "[1,]",
        "[,1]",
        "[1 2]",
        '{"a" 1}',
        "{,}",
    ],
    "more than one": ["{}{}", "{} []", "{}x", "{},", "[]]", "{}\0", "1 2"],
    "names": ["{a:1}", "{'a':1}", "{1:1}", "{null:1}", '{"a":1:2}', "{:1}", '{"a"::1}'],
    "numbers": [
        "01",
        "-01",
        "+1",
        "--1",
        "-",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "0x1",
        "1_0",
        "\u0661",
        "0b1",
        "1f",
        "00",
    ],
    "constants": [
        "True",
        "TRUE",
        "nul",
        "nulll",
        "undefined",
        "NaN",
        "-NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "1e999",
        "-1e999",
    ],
    "strings": [
        '"',
        '"a',
        "'a'",
        "a",
        '"\\"',
        '"\\x41"',
        '"\\a"',
        '"\\u00"',
        '"\\uD8"',
        '"\\U0041"',
        '"\t"',
        '"\n"',
        '"\x00"',
        '"\x1f"',
    ],
    "comments": ["/**/1", "1//", "#\n1", "<!-- -->1", "1 /* a */"],
    "white space": ["\u00a01", "\u30001", "\ufeff1", "\x0c1", "\x0b1", "\u20601", "1\x85"],
}


@pytest.mark.parametrize("family", VALID)
def test_json_of_every_form_is_read(family: str, api: httpx.Client) -> None:
    """Read, and found to be no task: 422, where what can't be read is 400."""
    assert api.post(TASKS, content=VALID[family].encode(), headers=JSON).status_code == 422


@pytest.mark.parametrize("family", INVALID)
def test_what_is_no_json_is_refused_wherever_it_stands(family: str, api: httpx.Client) -> None:
    for text in INVALID[family]:
        for whole in (text, f'{{"title":{text}}}', f'{{"title":"x","due":[{text}]}}'):
            if whole != text and family in ("more than one", "structures"):
                continue  # inside another value they may well be its ending
            answer = api.post(TASKS, content=whole.encode(), headers=JSON)
            assert answer.status_code == 400, ascii(whole)
