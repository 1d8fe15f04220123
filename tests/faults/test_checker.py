"""The checker, on histories written by hand: a sound one passes, each promise broken once is found."""

from dataclasses import replace
from uuid import uuid4

import httpx

from tests.faults.audit import Truth
from tests.faults.checker import findings
from tests.faults.evidence import Evidence
from tests.faults.histories import ALICE, BOB, CLEARED, Breaks, Story, again, answer, change, later, sound, task
from tests.support.tasks import TASKS, path_of

PASSWORD = {"the password": "hunter2"}
BREAKS = Breaks()


def test_a_sound_history_passes() -> None:
    evidence = sound().evidence(
        secrets=PASSWORD, logs={"environments": '{"level":"INFO","status":200}', "PostgreSQL": "update task set"}
    )
    assert list(findings(evidence)) == []


@BREAKS.finds("I1 lost")
def an_acknowledged_create_is_not_there(story: Story) -> None:
    made = task()
    story.ask("POST", TASKS, answer(201, made), key="new", body={"title": made["title"]})


@BREAKS.finds("I1 lost")
def an_unkeyed_acknowledged_create_is_not_there(story: Story) -> None:
    made = task()
    story.ask("POST", TASKS, answer(201, made), body={"title": made["title"]})


@BREAKS.finds("I1 lost")
def a_task_is_completed_by_nobody(story: Story) -> None:
    made = story.made()
    story.ask("POST", path_of(made) + "/complete", answer(200, made | {"completed_at": made["created_at"]}), key="c")


@BREAKS.finds("I1 lost")
def a_delete_is_acknowledged_and_not_done(story: Story) -> None:
    made = story.made()
    story.ask("DELETE", path_of(made), answer(204), key="delete")


@BREAKS.finds("I1 lost")
def an_answer_is_not_what_was_done(story: Story) -> None:
    made = task()
    story.create(made, "new", answer(201, made | {"title": f"{ALICE.canary} otherwise"}))


@BREAKS.finds("I1 lost")
def an_answer_is_what_was_before(story: Story) -> None:
    made = story.made()
    changed = later(made)
    story.patch(made, answer(200, made), changed)


@BREAKS.finds("I1 lost")
def a_change_is_acknowledged_and_not_done(story: Story) -> None:
    made = story.made()
    story.ask("PATCH", path_of(made), answer(200, made), key="later", body={"title": f"{ALICE.canary} later"})


@BREAKS.finds("I1 lost")
def an_older_version_than_the_acknowledged_is_shown(story: Story) -> None:
    made = story.made()
    changed = later(made)
    story.patch(made, answer(200, changed), changed)
    story.ask("GET", path_of(made), answer(200, made))


@BREAKS.finds("I1 lost")
def an_acknowledged_task_is_not_found(story: Story) -> None:
    made = story.made()
    story.ask("GET", path_of(made), answer(404))


@BREAKS.finds("I1 lost")
def what_never_was_is_listed(story: Story) -> None:
    story.ask("GET", TASKS, answer(200, {"items": [task()], "next_cursor": None}))


@BREAKS.finds("I1 duplicated")
def a_keyed_create_is_done_twice(story: Story) -> None:
    story.create(task(), "new")
    story.changes.append(change("INSERT", task(), "new"))


@BREAKS.finds("I1 duplicated")
def an_unkeyed_create_is_done_twice(story: Story) -> None:
    made = task()
    story.create(made, None)
    story.changes.append(change("INSERT", made | {"id": str(uuid4())}, None))


@BREAKS.finds("I1 duplicated")
def a_keyed_create_claims_no_key(story: Story) -> None:
    story.create(task(), "new")
    story.changes[-1] = replace(story.changes[-1], key=None)


@BREAKS.finds("I2 duplicated")
def a_refused_write_has_an_effect(story: Story) -> None:
    made = task()
    story.create(made, "new", answer(404))


@BREAKS.finds("I2 duplicated")
def a_write_without_a_token_has_an_effect(story: Story) -> None:
    story.create(task(), "new", answer(401))


@BREAKS.finds("I3 other")
def a_key_never_comes_to_an_answer(story: Story) -> None:
    story.ask("POST", TASKS, answer(503), key="new", body={"title": f"{ALICE.canary} in doubt"})


@BREAKS.finds("I3 other")
def a_replay_answers_otherwise(story: Story) -> None:
    made = story.made()
    other = again(answer(201, made | {"title": f"{ALICE.canary} otherwise"}))
    story.ask("POST", TASKS, other, key="new", body={"title": made["title"]})


@BREAKS.finds("I3 duplicated")
def a_key_is_carried_out_afresh(story: Story) -> None:
    made = story.made()
    story.ask("POST", TASKS, answer(201, made), key="new", body={"title": made["title"]})


@BREAKS.finds("I8 other")
def a_version_is_left_out(story: Story) -> None:
    made = story.made()
    changed = later(made, 3)
    story.patch(made, answer(200, changed), changed)


@BREAKS.finds("I8 other")
def a_version_does_not_go_up(story: Story) -> None:
    made = story.made()
    changed = later(made, 1)
    story.patch(made, answer(200, changed), changed)


@BREAKS.finds("I8 lost")
def a_task_is_gone_without_a_change(story: Story) -> Evidence:
    evidence = story.evidence()
    return replace(evidence, truth=Truth(evidence.truth.changes, evidence.truth.tasks[1:], []))


@BREAKS.finds("I8 other")
def a_task_is_otherwise_than_its_last_change_left_it(story: Story) -> Evidence:
    evidence = story.evidence()
    evidence.truth.tasks[0]["version"] += 1
    return evidence


@BREAKS.finds("I4 leaked")
def another_users_text_is_shown(story: Story) -> None:
    story.ask("GET", TASKS, answer(200, {"items": [task(BOB)], "next_cursor": None}))


@BREAKS.finds("I5 other")
def a_transaction_is_left_open(story: Story) -> Evidence:
    return story.evidence(left_over="idle in transaction")


@BREAKS.finds("I5 other")
def a_key_is_stuck(story: Story) -> Evidence:
    evidence = story.evidence()
    return replace(evidence, truth=replace(evidence.truth, stuck=["k1"]))


@BREAKS.finds("I6 other")
def an_answer_comes_too_late(story: Story) -> None:
    story.ask("GET", TASKS, answer(503), seconds=10.5)


@BREAKS.finds("I6 other")
def an_answer_is_500(story: Story) -> None:
    story.ask("GET", TASKS, answer(500))


@BREAKS.finds("I6 other")
def a_503_does_not_say_when_to_come_back(story: Story) -> None:
    response = answer(503)
    response.headers["Retry-After"] = "0"
    story.ask("GET", TASKS, response)


@BREAKS.finds("I6 other")
def a_503_is_no_problem_document(story: Story) -> None:
    story.ask("GET", TASKS, httpx.Response(503, headers={"Retry-After": "1"}, text="Service Unavailable"))


@BREAKS.finds("I6 other")
def there_is_no_answer(story: Story) -> None:
    story.ask("GET", TASKS, None)


@BREAKS.finds("I6 other")
def a_function_dies_where_none_should(story: Story) -> None:
    story.ask("GET", TASKS, httpx.Response(502, json={"message": "no"}, extensions={"gateway": "crashed"}))


@BREAKS.finds("I6 other")
def an_answer_is_not_the_contracts(story: Story) -> None:
    response = answer(200, {"items": [], "next_cursor": None})
    del response.headers["X-Request-Id"]
    story.ask("GET", TASKS, response)


@BREAKS.finds("I7 other")
def nobody_has_a_success_after_the_fault(story: Story) -> Evidence:
    return story.evidence(cleared=story.attempts[-1].ended)


@BREAKS.finds("I7 other")
def the_first_success_comes_too_late(story: Story) -> Evidence:
    return story.evidence(cleared=CLEARED - 5)  # Bob's only write comes some 20 s after the beginning


@BREAKS.finds("I9 leaked")
def a_problem_document_quotes_its_caller(story: Story) -> None:
    story.ask("GET", TASKS, answer(404, {"detail": f"no {ALICE.canary}"}))


@BREAKS.finds("I9 leaked")
def a_password_stands_in_an_answer(story: Story) -> Evidence:
    story.ask("GET", TASKS, answer(503, {"detail": "postgresql://api:hunter2@127.0.0.1"}))
    return story.evidence(secrets=PASSWORD)


@BREAKS.finds("I9 leaked")
def a_statement_stands_in_an_answer(story: Story) -> None:
    story.ask("GET", TASKS, answer(503, {"detail": "in: select id from task"}))


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


def test_each_broken_promise_is_found() -> None:
    assert BREAKS.planted
    assert BREAKS.not_found() == {}
