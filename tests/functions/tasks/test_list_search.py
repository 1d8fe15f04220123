"""`q`: every word of it begins a word of the title or description, without case."""

import httpx
import pytest

from tests.support.tasks import TASKS, change, errors, make, titles

TEXTS = {
    "Buy milk": "and two litres of water",
    "Call Ada Lovelace": "re: the engine's first program",
    "Gr\u00f6\u00dfe pr\u00fcfen": "",
    "\u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3": "",
    "Don't panic": "",
    "E-mail invoice #42": "foo_bar/baz <b>bold</b> path\\to",
    "\u65e5\u672c\u8a9e \u30c6\u30b9\u30c8": "",
    "Na\u00efve caf\u00e9": "",
    "\N{SHOPPING TROLLEY} list": "",
    "line": "one\r\ntwo\tthree\u00a0four\u2028five",
    "x" * 500: "y" * 10_000,
}
SEARCHES: dict[str, list[str]] = {
    "milk": ["Buy milk"],
    "MILK": ["Buy milk"],
    "mil bu": ["Buy milk"],
    "  mil,\tbu!  ": ["Buy milk"],
    "buy water": ["Buy milk"],
    "buy tea": [],
    "ilk": [],
    "milks": [],
    "buymilk": [],
    "milkand": [],
    "love engine prog": ["Call Ada Lovelace"],
    "engine's": ["Call Ada Lovelace"],
    "RE:": ["Call Ada Lovelace"],
    "gr\u00f6sse": ["Gr\u00f6\u00dfe pr\u00fcfen"],
    "GR\u00d6\u1e9eE PR\u00dc": ["Gr\u00f6\u00dfe pr\u00fcfen"],
    "grosse": ["Gr\u00f6\u00dfe pr\u00fcfen"],
    "gro\u0308\u00dfe": ["Gr\u00f6\u00dfe pr\u00fcfen"],
    "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2": ["\u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3"],
    "\u03c3\u03b9\u03c3\u03c5\u03c6\u03bf\u03c2": ["\u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3"],
    "don't": ["Don't panic"],
    "don t": ["Don't panic"],
    "dont": [],
    "e-mail": ["E-mail invoice #42"],
    "mail": ["E-mail invoice #42"],
    "#4": ["E-mail invoice #42"],
    "bar baz bold to": ["E-mail invoice #42"],
    "\u65e5\u672c": ["\u65e5\u672c\u8a9e \u30c6\u30b9\u30c8"],
    "\u30c6\u30b9": ["\u65e5\u672c\u8a9e \u30c6\u30b9\u30c8"],
    "NA\u00cfV": ["Na\u00efve caf\u00e9"],
    "\N{SHOPPING TROLLEY}": ["\N{SHOPPING TROLLEY} list"],
    "five four three two one line": ["line"],
    "x" * 150: ["x" * 500],
    "y" * 150: ["x" * 500],
    "milk:*": ["Buy milk"],
    "milk & !water": ["Buy milk"],
    "milk | panic": [],
    "(milk <-> buy)": ["Buy milk"],
    "mi%": ["Buy milk"],
    "m_lk": [],
    "milk'; drop table task; --": [],
    "'milk'": ["Buy milk"],
    '"milk"': ["Buy milk"],
    "\\milk\\": ["Buy milk"],
    "E'milk": [],
    "$$milk$$": ["Buy milk"],
    "%s %(q)s {task}": [],
    "null": [],
    "\x01milk\x7f": ["Buy milk"],
}


def test_every_word_of_q_begins_a_word_of_title_or_description(either_api: httpx.Client) -> None:
    for title, description in TEXTS.items():
        make(either_api, title=title, description=description)
    for q, expected in SEARCHES.items():
        answer = either_api.get(TASKS, params={"q": q})
        assert answer.status_code == 200
        assert [item["title"] for item in answer.json()["items"]] == expected, q


@pytest.mark.parametrize("q", ["", " ", "%", "* * *", "'", "\\", "&|!()<->:*", "_", "\u00a0\u2028\t", "\u3002\uff01"])
def test_without_a_single_word_q_filters_nothing(api: httpx.Client, q: str) -> None:
    make(api, title="Buy milk")
    assert len(api.get(TASKS, params={"q": q}).json()["items"]) == 1


def test_q_has_150_characters_at_most(api: httpx.Client) -> None:
    text = "\N{GRINNING FACE}"
    make(api, title=text * 200)
    assert len(api.get(TASKS, params={"q": text * 150}).json()["items"]) == 1
    assert errors(api.get(TASKS, params={"q": text * 151})) == ["q"]
    assert len(api.get(TASKS, params={"q": "x " * 75}).json()["items"]) == 0


def test_q_finds_what_a_task_says_now(api: httpx.Client) -> None:
    task = make(api, title="Buy milk")
    change(api, "update", task)
    assert titles(api, "q=three") == ["Buy milk"]
    change(api, "replace", task, {"If-Match": "*"})
    assert (titles(api, "q=milk"), titles(api, "q=three"), titles(api, "q=bread")) == ([], [], ["Buy bread"])
    change(api, "delete", task)
    assert titles(api, "q=bread") == []
