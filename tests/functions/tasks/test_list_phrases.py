"""`q`: phrases, what is excluded, accents, and scripts that put no white space between words."""

import httpx
import pytest

from tests.support.tasks import TASKS, make, page

TEXTS = {
    "Buy milk": "and fresh bread, fresh cream",
    "Milk, buy some": "the bread is fresh",
    "Caf\u00e9 cr\u00e8me": "\u00c5ngstr\u00f6m \u0141\u00f3d\u017a \u0130stanbul na\u00efve",
    "\u6771\u4eac\u90fd\u306b\u884c\u304f": "\u725b\u4e73\u3092\u8cb7\u3046 at 7 o'clock",  # to Tokyo; buy milk
    "\u30ac\u30c3\u30c4": "\uff76\uff9e\uff8a\uff9e\uff65iPhone\u624b\u673a",  # half width: the same kana, and a mark
    "\uc6b0\uc720\ub97c \uc0ac\ub2e4": "",  # Korean: buy milk
    "\u0e0b\u0e37\u0e49\u0e2d\u0e19\u0e21": "",  # Thai: buy milk
    "\u05d7\u05b8\u05dc\u05b8\u05d1": "\u062d\u064e\u0644\u0650\u064a\u0628",  # Hebrew and Arabic milk, with points
    "\u0935\u093f\u0936\u094d\u0935": "",  # Hindi: vowels and virama are no accents
    "a-b c": "x.y",
}
MILK, BUY, CAFE, TOKYO, KANA, KOREAN, THAI, POINTS, HINDI, LETTERS = TEXTS
SEARCHES: dict[str, list[str]] = {
    # Phrases: whole words, adjacent, in order, within one of the two texts.
    '"buy milk"': [MILK],
    '"BUY  MILK"': [MILK],
    '"buy mil"': [],
    '"milk buy"': [BUY],
    '"fresh bread"': [MILK],
    '"bread fresh"': [MILK],  # across a comma
    '"milk and"': [],
    '"some the"': [],
    '"buy"': [MILK, BUY],
    '"bu"': [],
    '"fresh bread" crea': [MILK],
    'crea"fresh bread"': [MILK],
    '"fresh bread': [MILK],
    '"fresh bread" "is fresh': [],
    "\u201cfresh bread\u201d": [MILK],
    "\u201efresh cream\u201c": [MILK],
    '"a b c"': [LETTERS],
    '"a c"': [],
    '"x y"': [LETTERS],
    '""': list(TEXTS),
    '"': list(TEXTS),
    '"!" buy': [MILK, BUY],
    # Exclusion.
    "buy -some": [MILK],
    "buy -so": [MILK],
    'buy -"so"': [MILK, BUY],
    'fresh -"fresh cream"': [BUY],
    '-"fresh bread" buy': [BUY],
    "-buy fresh": [],
    "buy -some -cream": [],
    "buy - some": [BUY],
    "buy -": [MILK, BUY],
    "buy --some": [MILK],
    "-buy -caf -a -7": [KANA, KOREAN, THAI, POINTS, HINDI],
    "buy-some": [BUY],
    "-x-z": list(TEXTS),
    "-x-y": [text for text in TEXTS if text != LETTERS],
    '-"': list(TEXTS),
    # Case and accents.
    "cafe creme": [CAFE],
    '"CAFE CREME"': [CAFE],
    "cafe\u0301": [CAFE],
    "angstrom lodz istanbul naive": [CAFE],
    "\u212bngstr\u00f6m": [CAFE],  # the sign for the unit
    "\u05d7\u05dc\u05d1 \u062d\u0644\u064a\u0628": [POINTS],
    "\u0935\u093f": [HINDI],
    "\u0935": [HINDI],
    '"\u0935"': [],
    "\u0935\u0936": [],
    # Whatever stands within a text, where no white space does.
    "\u4eac": [TOKYO],
    "\u90fd\u306b": [TOKYO],
    "\u6771\u90fd": [],
    "\u4eac\u90fd \u4e73": [TOKYO],
    '"\u4eac\u90fd"': [TOKYO],
    '"\u6771\u4eac \u90fd\u306b"': [TOKYO],  # in a row, whatever white space says
    '"\u6771\u4eac \u306b"': [],
    "-\u4eac\u90fd \u30ac": [KANA],
    "\u725b\u4e73\u3092\u8cb7\u3046": [TOKYO],
    '"\u8cb7\u3046 at 7"': [TOKYO],
    '"\u8cb7 at"': [],
    "\u30c3\u30c4": [KANA],
    "\u30cf": [],
    "\u30d0": [KANA],
    "\u30ab": [],
    "iphone\u624b\u673a": [KANA],
    "\u673a": [KANA],
    "\uc720\ub97c": [KOREAN],
    "\ub2e4": [KOREAN],
    "\u0e19\u0e21": [THAI],
    "\u0e21": [THAI],
}


@pytest.fixture
def filled(api: httpx.Client) -> httpx.Client:
    for title, description in TEXTS.items():
        make(api, title=title, description=description)
    return api


def test_q_finds_phrases_leaves_out_and_folds(filled: httpx.Client) -> None:
    for q, expected in SEARCHES.items():
        found = filled.get(TASKS, params={"q": q, "sort": "created_at"}).json()["items"]
        assert [item["title"] for item in found] == expected, q


def test_a_word_and_its_exclusion_part_the_tasks(filled: httpx.Client) -> None:
    for term in ("buy", "fr", '"fresh bread"', "\u4eac", "cafe", "a-b", "zzz"):
        found = [
            {item["title"] for item in filled.get(TASKS, params={"q": q}).json()["items"]} for q in (term, f"-{term}")
        ]
        assert found[0] | found[1] == set(TEXTS)
        assert not found[0] & found[1]


@pytest.mark.parametrize("sort", ["", "&sort=relevance", "&sort=title"])
def test_no_q_is_malformed(filled: httpx.Client, sort: str) -> None:
    """What means something to PostgreSQL's queries, or to nobody."""
    for q in (
        "' ",
        "\\",
        "a'b:*",
        "!!a",
        "a <-> b",
        "a <2> b",
        "((",
        ")",
        "&",
        "|",
        "-!a",
        '-"',
        '"""',
        '""a""b""',
        ":A",
    ):
        answer = filled.get(f"{TASKS}?limit=5{sort}", params={"q": q})
        assert answer.status_code == 200, q


def test_a_run_without_white_space_is_found_from_its_first_to_its_last_character(api: httpx.Client) -> None:
    """Where every character follows many others, and the longest text of one run."""
    text = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(10_000))
    task = make(api, title="\u4e00", description=text)
    for q in (text[:2], text[:150], text[5000:5040], text[-150:], text[-1]):
        assert page(api, f"q={q}")["items"] == [task]
    assert page(api, f"q={text[1] + text[0]}")["items"] == []
