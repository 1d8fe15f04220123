"""The checker of effects, on histories written by hand: each promise that is broken once is found."""

from dataclasses import replace
from uuid import uuid4

import pytest

from tests.faults.audit import Truth
from tests.faults.evidence import Evidence
from tests.faults.histories import ALICE, Breaks, Story, again, answer, change, task
from tests.support.tasks import TASKS, path_of

BREAKS = Breaks()


@BREAKS.finds("I1 lost")
def an_acknowledged_create_is_not_there(story: Story) -> Evidence:
    made = task()
    story.ask("POST", TASKS, answer(201, made), key="new", body={"title": made["title"]})
    return story.evidence()


@BREAKS.finds("I1 lost")
def an_unkeyed_acknowledged_create_is_not_there(story: Story) -> Evidence:
    made = task()
    story.ask("POST", TASKS, answer(201, made), body={"title": made["title"]})
    return story.evidence()


@BREAKS.finds("I1 lost")
def a_task_is_completed_by_nobody(story: Story) -> Evidence:
    made = task()
    story.create(made, "new")
    story.ask("POST", path_of(made) + "/complete", answer(200, made | {"completed_at": made["created_at"]}), key="c")
    return story.evidence()


@BREAKS.finds("I1 lost")
def a_delete_is_acknowledged_and_not_done(story: Story) -> Evidence:
    made = task()
    story.create(made, "new")
    story.ask("DELETE", path_of(made), answer(204), key="delete")
    return story.evidence()


@BREAKS.finds("I1 lost")
def an_answer_is_not_what_was_done(story: Story) -> Evidence:
    made = task()
    story.create(made, "new", answer(201, made | {"title": f"{ALICE.canary} otherwise"}))
    return story.evidence()


@BREAKS.finds("I1 lost")
def an_answer_is_what_was_before(story: Story) -> Evidence:
    made = task()
    later = made | {"version": 2, "title": f"{ALICE.canary} later"}
    story.create(made, "new")
    story.ask("PATCH", path_of(made), answer(200, made), key="later", body={"title": later["title"]})
    story.changes.append(change("UPDATE", later, "later"))
    return story.evidence()


@BREAKS.finds("I1 lost")
def a_change_is_acknowledged_and_not_done(story: Story) -> Evidence:
    made = task()
    story.create(made, "new")
    story.ask("PATCH", path_of(made), answer(200, made), key="later", body={"title": f"{ALICE.canary} later"})
    return story.evidence()


@BREAKS.finds("I1 lost")
def an_older_version_than_the_acknowledged_is_shown(story: Story) -> Evidence:
    made = task()
    later = made | {"version": 2, "title": f"{ALICE.canary} later"}
    story.create(made, "new")
    story.ask("PATCH", path_of(made), answer(200, later), key="later", body={"title": later["title"]})
    story.changes.append(change("UPDATE", later, "later"))
    story.ask("GET", path_of(made), answer(200, made))
    return story.evidence()


@BREAKS.finds("I1 lost")
def an_acknowledged_task_is_not_found(story: Story) -> Evidence:
    made = task()
    story.create(made, "new")
    story.ask("GET", path_of(made), answer(404))
    return story.evidence()


@BREAKS.finds("I1 lost")
def what_never_was_is_listed(story: Story) -> Evidence:
    story.ask("GET", TASKS, answer(200, {"items": [task()], "next_cursor": None}))
    return story.evidence()


@BREAKS.finds("I1 duplicated")
def a_keyed_create_is_done_twice(story: Story) -> Evidence:
    story.create(task(), "new")
    story.changes.append(change("INSERT", task(), "new"))
    return story.evidence()


@BREAKS.finds("I1 duplicated")
def an_unkeyed_create_is_done_twice(story: Story) -> Evidence:
    made = task()
    story.create(made, None)
    story.changes.append(change("INSERT", made | {"id": str(uuid4())}, None))
    return story.evidence()


@BREAKS.finds("I1 duplicated")
def a_keyed_create_claims_no_key(story: Story) -> Evidence:
    story.create(task(), "new")
    story.changes[-1] = replace(story.changes[-1], key=None)
    return story.evidence()


@BREAKS.finds("I2 duplicated")
def a_refused_write_has_an_effect(story: Story) -> Evidence:
    made = task()
    story.create(made, "new", answer(404))
    return story.evidence()


@BREAKS.finds("I2 duplicated")
def a_write_without_a_token_has_an_effect(story: Story) -> Evidence:
    story.create(task(), "new", answer(401))
    return story.evidence()


@BREAKS.finds("I3 other")
def a_key_never_comes_to_an_answer(story: Story) -> Evidence:
    story.ask("POST", TASKS, answer(503), key="new", body={"title": f"{ALICE.canary} in doubt"})
    return story.evidence()


@BREAKS.finds("I3 other")
def a_replay_answers_otherwise(story: Story) -> Evidence:
    made = task()
    story.create(made, "new")
    other = again(answer(201, made | {"title": f"{ALICE.canary} otherwise"}))
    story.ask("POST", TASKS, other, key="new", body={"title": made["title"]})
    return story.evidence()


@BREAKS.finds("I3 duplicated")
def a_key_is_carried_out_afresh(story: Story) -> Evidence:
    made = task()
    story.create(made, "new")
    story.ask("POST", TASKS, answer(201, made), key="new", body={"title": made["title"]})
    return story.evidence()


@BREAKS.finds("I8 other")
def a_version_is_left_out(story: Story) -> Evidence:
    made = task()
    later = made | {"version": 3, "title": f"{ALICE.canary} later"}
    story.create(made, "new")
    story.ask("PATCH", path_of(made), answer(200, later), key="later", body={"title": later["title"]})
    story.changes.append(change("UPDATE", later, "later"))
    return story.evidence()


@BREAKS.finds("I8 other")
def a_version_does_not_go_up(story: Story) -> Evidence:
    made = task()
    later = made | {"title": f"{ALICE.canary} later"}
    story.create(made, "new")
    story.ask("PATCH", path_of(made), answer(200, later), key="later", body={"title": later["title"]})
    story.changes.append(change("UPDATE", later, "later"))
    return story.evidence()


@BREAKS.finds("I8 lost")
def a_task_is_gone_without_a_change(story: Story) -> Evidence:
    evidence = story.evidence()
    return replace(evidence, truth=Truth(evidence.truth.changes, evidence.truth.tasks[1:], []))


@BREAKS.finds("I8 other")
def a_task_is_otherwise_than_its_last_change_left_it(story: Story) -> Evidence:
    evidence = story.evidence()
    evidence.truth.tasks[0]["version"] += 1
    return evidence


@pytest.mark.parametrize("name", BREAKS.planted)
def test_each_broken_promise_is_found(name: str) -> None:
    BREAKS.is_found(name)
