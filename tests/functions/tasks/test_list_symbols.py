"""`q`: words right beside a symbol, or within marks that turn the direction of writing; symbols themselves."""

import unicodedata

import httpx
import psycopg
from psycopg.rows import DictRow

from tests.support.collect_failures import for_each
from tests.support.tasks import TASKS, make

PARTY, PRICE, ARROW, TURNED, FAMILY = TEXTS = [
    "\U0001f389party\U0001f389 tonight",
    "\u20ac100 or \u00a35, 20\u20ac",
    "a\u2192b 1\u00d72 \u2705done",
    "\u2066hello\u2069 \u200e\u05e9\u05dc\u05d5\u05dd\u200f",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f44d\U0001f3fd",
]
SEARCHES = {
    "party": [PARTY],
    '"party"': [PARTY],
    '"party tonight"': [],
    '"party\U0001f389 tonight"': [PARTY],
    "-party": [PRICE, ARROW, TURNED, FAMILY],
    "\U0001f389": [PARTY],
    "\U0001f389party": [PARTY],
    "\U0001f389tonight": [PARTY],
    '"\U0001f389tonight"': [PARTY],  # adjacent, whatever white space says
    '"tonight\U0001f389"': [],
    "100": [PRICE],
    "\u20ac100": [PRICE],
    "$100": [PRICE],
    "\u00a3": [PRICE],
    "\u00a3100": [PRICE],
    '"\u00a3100"': [],
    "20 5": [PRICE],
    "b": [ARROW],
    '"a\u2192b"': [ARROW],
    "2 done": [ARROW],
    "hello": [TURNED],
    "\u05e9\u05dc\u05d5\u05dd": [TURNED],
    "\u2066hell\u2069": [TURNED],
    "\U0001f469": [FAMILY],
    "\u2764": [FAMILY],
    "\U0001f44d": [FAMILY],
    "\U0001f44e": [],
}


def test_a_word_is_found_whatever_symbol_it_touches(api: httpx.Client) -> None:
    for title in TEXTS:
        make(api, title=title)
    for q, expected in SEARCHES.items():
        found = api.get(TASKS, params={"q": q, "sort": "created_at"}).json()["items"]
        assert [item["title"] for item in found] == expected, q


COMMON = [
    range(0x00A2, 0x0100),
    range(0x20A0, 0x20C1),
    range(0x2100, 0x2C00),
    range(0x4DC0, 0x4E00),
    range(0x1F000, 0x1FC00),
]
"""Blocks of symbols that people type; those of old scripts and of notation stay parts of words."""


def test_every_common_symbol_parts_words_and_is_one(admin: psycopg.Connection[DictRow]) -> None:
    symbols = [
        chr(code)
        for block in COMMON
        for code in block
        if unicodedata.category(chr(code))[0] == "S"
        and unicodedata.normalize("NFKD", chr(code).casefold()) == chr(code)
    ]
    assert len(symbols) > 3000
    rows = admin.execute(
        """
        select symbol from unnest(%s::text[]) symbol
        where array['a', symbol, 'b'] is distinct from (
            select array_agg(lexeme order by place) from app.lexemes('a' || symbol || 'b'))""",
        [symbols],
    ).fetchall()
    assert [f"{ord(row['symbol']):x}" for row in rows] == []


@for_each("letter", ["\u0915\u094d\u0937", "\u0e01\u0e33", "na\u00efve", "\u0436\u0301", "\u05d0\u05b8"])
def test_what_is_written_on_a_letter_is_no_symbol(letter: str, admin: psycopg.Connection[DictRow]) -> None:
    row = admin.execute("select count(*) filter (where kind = 'word') as words from app.lexemes(%s)", [letter])
    found = row.fetchone()
    assert found
    assert found["words"] == (0 if letter.startswith("\u0e01") else 1)  # Thai is indexed by pairs
