"""The checker of answers, on histories written by hand: a sound one passes, each promise broken once is found."""

from dataclasses import replace

import httpx
import pytest

from tests.faults.checker import findings
from tests.faults.evidence import Evidence
from tests.faults.histories import ALICE, BOB, CLEARED, Breaks, Story, answer, sound, task
from tests.support.tasks import TASKS

PASSWORD = {"the password": "hunter2"}
BREAKS = Breaks()


def test_a_sound_history_passes() -> None:
    evidence = sound().evidence(
        secrets=PASSWORD, logs={"environments": '{"level":"INFO","status":200}', "PostgreSQL": "update task set"}
    )
    assert list(findings(evidence)) == []


@BREAKS.finds("I4 leaked")
def another_users_text_is_shown(story: Story) -> Evidence:
    story.ask("GET", TASKS, answer(200, {"items": [task(BOB)], "next_cursor": None}))
    return story.evidence()


@BREAKS.finds("I5 other")
def a_transaction_is_left_open(story: Story) -> Evidence:
    return story.evidence(left_over="idle in transaction")


@BREAKS.finds("I5 other")
def a_key_is_stuck(story: Story) -> Evidence:
    evidence = story.evidence()
    return replace(evidence, truth=replace(evidence.truth, stuck=["k1"]))


@BREAKS.finds("I6 other")
def an_answer_comes_too_late(story: Story) -> Evidence:
    story.ask("GET", TASKS, answer(503), seconds=10.5)
    return story.evidence()


@BREAKS.finds("I6 other")
def an_answer_is_500(story: Story) -> Evidence:
    story.ask("GET", TASKS, answer(500))
    return story.evidence()


@BREAKS.finds("I6 other")
def a_503_does_not_say_when_to_come_back(story: Story) -> Evidence:
    response = answer(503)
    response.headers["Retry-After"] = "0"
    story.ask("GET", TASKS, response)
    return story.evidence()


@BREAKS.finds("I6 other")
def a_503_is_no_problem_document(story: Story) -> Evidence:
    story.ask("GET", TASKS, httpx.Response(503, headers={"Retry-After": "1"}, text="Service Unavailable"))
    return story.evidence()


@BREAKS.finds("I6 other")
def there_is_no_answer(story: Story) -> Evidence:
    story.ask("GET", TASKS, None)
    return story.evidence()


@BREAKS.finds("I6 other")
def a_function_dies_where_none_should(story: Story) -> Evidence:
    story.ask("GET", TASKS, httpx.Response(502, json={"message": "no"}, extensions={"gateway": "crashed"}))
    return story.evidence()


@BREAKS.finds("I6 other")
def an_answer_is_not_the_contracts(story: Story) -> Evidence:
    response = answer(200, {"items": [], "next_cursor": None})
    del response.headers["X-Request-Id"]
    story.ask("GET", TASKS, response)
    return story.evidence()


@BREAKS.finds("I7 other")
def nobody_has_a_success_after_the_fault(story: Story) -> Evidence:
    return story.evidence(cleared=story.attempts[-1].ended)


@BREAKS.finds("I7 other")
def the_first_success_comes_too_late(story: Story) -> Evidence:
    return story.evidence(cleared=CLEARED - 5)  # Bob's only write comes some 20 s after the beginning


@BREAKS.finds("I9 leaked")
def a_problem_document_quotes_its_caller(story: Story) -> Evidence:
    story.ask("GET", TASKS, answer(404, {"detail": f"no {ALICE.canary}"}))
    return story.evidence()


@BREAKS.finds("I9 leaked")
def a_password_stands_in_an_answer(story: Story) -> Evidence:
    story.ask("GET", TASKS, answer(503, {"detail": "postgresql://api:hunter2@127.0.0.1"}))
    return story.evidence(secrets=PASSWORD)


@BREAKS.finds("I9 leaked")
def a_statement_stands_in_an_answer(story: Story) -> Evidence:
    story.ask("GET", TASKS, answer(503, {"detail": "in: select id from task"}))
    return story.evidence()


@BREAKS.finds("I9 leaked")
def a_token_stands_in_a_log(story: Story) -> Evidence:
    return story.evidence(logs={"PgBouncer": f"refused {BOB.token}"})


@BREAKS.finds("I9 leaked")
def a_callers_text_stands_in_a_log(story: Story) -> Evidence:
    return story.evidence(logs={"PostgreSQL": f"DETAIL: Key (title)=({BOB.canary})"})


@BREAKS.finds("I9 leaked")
def a_callers_id_stands_in_our_log(story: Story) -> Evidence:
    return story.evidence(logs={"environments": f"user={ALICE.id}"})


@BREAKS.finds("I9 leaked")
def a_statement_stands_in_our_log(story: Story) -> Evidence:
    return story.evidence(logs={"environments": "update task set title = $1"})


@BREAKS.finds("I9 other")
def a_failure_stands_in_our_log(story: Story) -> Evidence:
    return story.evidence(logs={"environments": '{"level":"ERROR"}'})


@pytest.mark.parametrize("name", BREAKS.planted)
def test_each_broken_promise_is_found(name: str) -> None:
    BREAKS.is_found(name)
