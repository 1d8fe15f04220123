"""`sort=relevance`: the best of what `q` finds comes first."""

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow

from tests.support.stack import User
from tests.support.tasks import TASKS, errors, ids, make, page, titles, walk

MANY = """
    insert into task (user_id, id, title, description, created_at)
    select %s, gen_random_uuid(), case when n %% 7 = 0 then 'Buy milk ' else 'Some ' end || n, 'and milk',
           now() - make_interval(secs => n)
    from generate_series(1, %s) n"""


def test_titles_come_before_descriptions_and_more_before_less(api: httpx.Client) -> None:
    best_first = [
        ("Oat milk, and oat milk again", ""),
        ("Oat milk", ""),
        ("Oat or almond or cow or goat milk", ""),
        ("Milk", "of oat"),
        ("Milk", "of any kind, as long as it grows in a field, such as rice, spelt or oat"),
        ("Groceries", "oat milk, oat flakes, milk"),
        ("Shopping", "oat milk"),
        ("Things", "milk, and something that is quite far away from it: oat"),
    ]
    for title, description in reversed(best_first):
        make(api, title=title, description=description)
    make(api, title="Oat", description="no")
    found = page(api, "q=oat milk&sort=relevance")["items"]
    assert [(item["title"], item["description"]) for item in found] == best_first
    walked = [item for items in walk(api, "q=oat milk&sort=relevance&limit=1") for item in items]
    assert walked == found


def test_ties_go_by_creation_the_newest_first(
    api: httpx.Client, admin: psycopg.Connection[DictRow], user: User
) -> None:
    made = [make(api, title="Buy milk")["id"] for _ in range(6)]
    for limit in (1, 2, 50):
        found = [item for items in walk(api, f"q=milk&sort=relevance&limit={limit}") for item in items]
        assert ids(found) == made[::-1]
    admin.execute("update task set created_at = now() where user_id = %s", [user.id])
    found = [item for items in walk(api, "q=milk&sort=relevance&limit=2") for item in items]
    assert ids(found) == sorted(made, reverse=True)


def test_the_other_filters_hold_as_well(api: httpx.Client) -> None:
    for priority in ("low", "high"):
        make(api, title=f"Milk {priority}", priority=priority, due={"date": "2026-03-01"})
    make(api, title="Milk without due", priority="high")
    assert titles(api, "q=milk&sort=relevance&priority=high&due_from=2026-01-01") == ["Milk high"]
    assert titles(api, "q=milk -high&sort=relevance&due_before=2027-01-01") == ["Milk low"]


@pytest.mark.parametrize("q", ["", "!", "-tea", '-"green tea" -oat'])
def test_what_asks_for_no_word_shows_the_newest_first(api: httpx.Client, q: str) -> None:
    made = [make(api, title=f"Milk {n}")["id"] for n in range(5)]
    make(api, title="Green tea with oat")
    expected = made[::-1]
    found = [item for items in walk(api, f"q={q}&sort=relevance&limit=2") for item in items]
    assert ids(found)[-5:] == expected
    assert len(found) == (5 if "-" in q else 6)


def test_relevance_needs_q(api: httpx.Client) -> None:
    assert errors(api.get(f"{TASKS}?sort=relevance")) == ["sort"]
    assert errors(api.get(f"{TASKS}?sort=-relevance&q=milk")) == ["sort"]


@pytest.mark.parametrize(("count", "ranked"), [(3000, True), (3001, False)])
def test_more_than_3000_are_not_ranked(
    api: httpx.Client, admin: psycopg.Connection[DictRow], user: User, count: int, ranked: bool
) -> None:
    """A walk that began ranked stays so, and one that did not as well, whatever is written meanwhile."""
    admin.execute(MANY, [user.id, count])
    newest = titles(api, "q=milk&limit=200")
    expected = [title for title in newest if title.startswith("Buy")] if ranked else newest
    first = page(api, "q=milk&sort=relevance&limit=20")
    assert [item["title"] for item in first["items"]] == expected[:20]
    if ranked:
        make(api, title="Nothing", description="milk")
    else:
        assert api.delete(f"{TASKS}/{first['items'][0]['id']}").status_code == 204
    second = page(api, f"q=milk&sort=relevance&limit=5&cursor={first['next_cursor']}")
    assert [item["title"] for item in second["items"]] == expected[20:25]
