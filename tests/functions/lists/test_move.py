import random

import httpx
import pytest

from tests.support.lists import LISTS, conflict, every, names, new_list, path_of, read
from tests.support.lock_races import racing
from tests.support.stack import Stack
from tests.support.tasks import NOBODYS, Json, errors

type Lists = dict[str, Json]


def lists_of(api: httpx.Client, letters: str) -> Lists:
    return {letter: new_list(api, name=letter) for letter in letters}


def move(api: httpx.Client, moved: Json, **beside: str) -> httpx.Response:
    return api.post(f"{path_of(moved)}/move", json=beside)


def test_a_list_moves_before_or_after_another_or_to_the_end(either_api: httpx.Client) -> None:
    made = lists_of(either_api, "abcd")
    before = {found["id"]: found for found in every(either_api)}
    for moved, beside, order in [
        ("d", {"before": "a"}, "dabc"),
        ("a", {"after": "b"}, "dbac"),
        ("d", {}, "bacd"),
        ("c", {"before": "a"}, "bcad"),
        ("b", {"after": "d"}, "cadb"),
    ]:
        answer = move(either_api, made[moved], **{side: made[name]["id"] for side, name in beside.items()})
        assert answer.status_code == 200
        now = answer.json()
        assert "".join(names(either_api)) == order
        was, before[now["id"]] = before[now["id"]], now
        assert now == was | {name: now[name] for name in ("position", "updated_at", "version")}
        assert now["version"] == was["version"] + 1
        assert answer.headers["ETag"] == f'"{now["version"]}"'
        assert {found["id"]: found for found in every(either_api)} == before  # no neighbour has changed


def test_any_moves_leave_the_order_of_a_list_in_memory(api: httpx.Client) -> None:
    made, order, chance = lists_of(api, "abcdefgh"), list("abcdefgh"), random.Random(7)  # noqa: S311 - a shuffle
    for _ in range(60):
        moved, neighbour = chance.sample(order, 2)
        side = chance.choice(["before", "after", "end"])
        order.remove(moved)
        order.insert(len(order) if side == "end" else order.index(neighbour) + (side == "after"), moved)
        beside = {} if side == "end" else {side: made[neighbour]["id"]}
        assert move(api, made[moved], **beside).status_code == 200
        assert names(api) == order


def test_movers_at_once_leave_an_order_that_they_would_have_left_in_turn(http_api: httpx.Client, stack: Stack) -> None:
    made = lists_of(http_api, "abcdef")
    with racing(stack) as race:
        answers = race.at_once(
            *(lambda name=name: move(http_api, made[name], before=made["a"]["id"]) for name in "bcdef")
        )
    assert {answer.status_code for answer in answers} == {200}
    found = names(http_api)
    assert sorted(found) == list("abcdef")
    assert found[-1] == "a"
    assert len({each["position"] for each in every(http_api)}) == 6


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_neighbour_that_is_not_there_is_a_conflict_whosever_it_is(
    api: httpx.Client, stranger_api: httpx.Client, side: str
) -> None:
    made, theirs = new_list(api), new_list(stranger_api)
    for neighbour in (NOBODYS, theirs["id"], made["id"]):
        assert conflict(move(api, made, **{side: neighbour})) == f"/{side}"
    assert read(api, made) == made


def test_what_is_not_valid_is_named(api: httpx.Client) -> None:
    made = new_list(api)
    assert errors(move(api, made, before=NOBODYS, after=NOBODYS)) == [""]
    assert errors(move(api, made, before=NOBODYS.upper(), list_id="x")) == ["/before", "/list_id"]
    assert errors(api.post(f"{path_of(made)}/move", json={"after": None})) == ["/after"]


def test_a_stale_tag_is_412_and_what_is_not_ours_404(api: httpx.Client, stranger_api: httpx.Client) -> None:
    made, theirs = new_list(api), new_list(stranger_api)
    stale = api.post(f"{path_of(made)}/move", json={}, headers={"If-Match": '"2"'})
    assert (stale.status_code, stale.json()["current"]) == (412, made)
    assert [move(api, {"id": name}).status_code for name in (NOBODYS, theirs["id"], "1")] == [404] * 3
    assert stranger_api.get(LISTS).json()["items"] == [theirs]
