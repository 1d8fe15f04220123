"""The connection breaks at the Sync, which is the commit: before it, after it, on the way back, for good or not."""

from uuid import uuid4

import pytest

from tests.faults.invariants import as_answered, as_returned, converges, eventually, in_time, recovers, same_answer
from tests.faults.scene import Scene, impatiently
from tests.faults.writes import CREATE, WRITES, Write, effects
from tests.support.postgres_proxy import CUT_AFTER, CUT_BEFORE, FREEZE, SWALLOW

CUTS = pytest.mark.parametrize("fate", [CUT_BEFORE, CUT_AFTER], ids=["before", "after"])
SILENCES = pytest.mark.parametrize("fate", [SWALLOW, FREEZE], ids=["swallowed", "frozen"])
EACH = pytest.mark.parametrize("write", WRITES, ids=str)
READS = pytest.mark.parametrize("read", ["/v1/tasks", "{task}", "/health/ready"])


@CUTS
@READS
def test_a_read_is_tried_again(read: str, fate: str, scene: Scene) -> None:
    path = read.format(task=scene.a_task())
    scene.proxy.at_sync(fate)
    assert in_time(lambda: scene.api.get(path)).status_code == 200


@CUTS
@READS
def test_a_read_that_breaks_twice_is_503(read: str, fate: str, scene: Scene) -> None:
    path = read.format(task=scene.a_task())
    scene.proxy.at_sync(fate, fate)
    assert in_time(lambda: scene.api.get(path)).status_code == 503
    assert in_time(lambda: scene.api.get(path)).status_code == 200


@SILENCES
@READS
def test_a_read_without_a_reply_is_503(read: str, fate: str, scene: Scene) -> None:
    path = read.format(task=scene.a_task())
    scene.proxy.at_sync(fate)
    assert impatiently(lambda: scene.api.get(path)).status_code == 503
    scene.proxy.reset()
    assert in_time(lambda: scene.api.get(path)).status_code == 200


@CUTS
@EACH
def test_an_unkeyed_write_of_unknown_fate_is_not_repeated(write: Write, fate: str, scene: Scene) -> None:
    send = scene.prepare(write)
    before = scene.tasks()
    scene.proxy.at_sync(fate)
    answer = in_time(send)
    # A create whose id we picked may be sent again: the conflict finds the row that it made.
    assert answer.status_code == (201 if write is CREATE else 503)
    expected = 1 if write is CREATE or fate == CUT_AFTER else 0
    eventually(lambda: effects(before, scene.tasks()) == expected, "its effect")
    as_returned(scene.api, answer)
    recovers(scene.api)


@SILENCES
@EACH
def test_an_unkeyed_write_without_a_reply_is_503(write: Write, fate: str, scene: Scene) -> None:
    send = scene.prepare(write)
    before = scene.tasks()
    scene.proxy.at_sync(fate)
    answer = impatiently(send)
    assert answer.status_code == 503
    as_answered(answer, before, scene.tasks())
    scene.proxy.reset()
    recovers(scene.api)


@CUTS
@EACH
def test_a_keyed_write_has_its_one_effect_and_its_answer(write: Write, fate: str, scene: Scene) -> None:
    send, key = scene.prepare(write), {"Idempotency-Key": str(uuid4())}
    before = scene.tasks()
    scene.proxy.at_sync(fate)
    answer = in_time(lambda: send(key))
    assert answer.status_code == write.status
    as_answered(answer, before, scene.tasks())
    as_returned(scene.api, answer)
    same_answer(answer, converges(send, key))
    as_answered(answer, before, scene.tasks())


@SILENCES
@EACH
def test_a_keyed_write_without_a_reply_converges(write: Write, fate: str, scene: Scene) -> None:
    send, key = scene.prepare(write), {"Idempotency-Key": str(uuid4())}
    before = scene.tasks()
    scene.proxy.at_sync(fate)
    assert impatiently(lambda: send(key)).status_code == 503
    scene.proxy.reset()
    answer = converges(send, key)
    assert answer.status_code == write.status
    as_answered(answer, before, scene.tasks())


@CUTS
@EACH
def test_a_keyed_write_that_breaks_twice_is_503_and_converges(write: Write, fate: str, scene: Scene) -> None:
    send, key = scene.prepare(write), {"Idempotency-Key": str(uuid4())}
    before = scene.tasks()
    # A key whose first attempt took effect is found taken, so the second break meets the look-up of its answer.
    scene.proxy.at_sync(fate, *([None] if fate == CUT_AFTER else []), fate, fate)
    assert in_time(lambda: send(key)).status_code == 503
    answer = converges(send, key)
    assert answer.status_code == write.status
    as_answered(answer, before, scene.tasks())


@CUTS
def test_a_create_that_breaks_twice_is_503_and_was_made_at_most_once(fate: str, scene: Scene) -> None:
    send = scene.prepare(CREATE)
    before = scene.tasks()
    scene.proxy.at_sync(fate, *([None] if fate == CUT_AFTER else []), fate, fate)
    answer = in_time(send)
    assert answer.status_code == 503
    as_answered(answer, before, scene.tasks())


def test_a_made_task_is_found_though_the_look_up_breaks_once(scene: Scene) -> None:
    send = scene.prepare(CREATE)
    before = scene.tasks()
    scene.proxy.at_sync(CUT_AFTER, None, CUT_BEFORE)
    answer = in_time(send)
    assert answer.status_code == 201
    as_answered(answer, before, scene.tasks())
    as_returned(scene.api, answer)


def test_a_replay_survives_a_break_of_either_round_trip(scene: Scene) -> None:
    send, key = scene.prepare(CREATE), {"Idempotency-Key": str(uuid4())}
    first = send(key)
    made = scene.tasks()
    for fates in [(CUT_BEFORE,), (CUT_AFTER,), (None, CUT_BEFORE), (None, CUT_AFTER)]:
        scene.proxy.at_sync(*fates)
        same_answer(first, in_time(lambda: send(key)))
    assert scene.tasks() == made
