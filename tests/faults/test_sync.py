"""The connection breaks at the Sync, which is the commit: before it, after it, on the way back, for good or not."""

from functools import partial
from itertools import product

from tests.faults.invariants import as_answered, as_returned, converges, eventually, in_time, recovers, same_answer
from tests.faults.scene import Scene, impatiently
from tests.faults.writes import CREATE, WRITES
from tests.support.postgres_proxy import CUT_AFTER, CUT_BEFORE, FREEZE, SWALLOW
from tests.support.replays import new_key

CUTS = (CUT_BEFORE, CUT_AFTER)
SILENCES = (SWALLOW, FREEZE)
READS = ("/v1/tasks", "{task}", "/health/ready")


def twice(fate: str) -> list[str | None]:
    """Break twice. A first attempt that took effect is found, so the second break meets the look-up of its answer."""
    return [fate, *([None] if fate == CUT_AFTER else []), fate, fate]


def test_a_read_is_tried_again_and_503_if_it_breaks_twice(scene: Scene) -> None:
    task = scene.a_task()
    with scene.cases() as case:
        for read, fate in product(READS, CUTS):
            get = partial(scene.api.get, read.format(task=task))
            for fates, status in (([fate], 200), ([fate, fate], 503)):
                with case(read, *fates):
                    scene.proxy.at_sync(*fates)
                    assert in_time(get).status_code == status
                    assert in_time(get).status_code == 200


def test_a_read_without_a_reply_is_503(scene: Scene) -> None:
    task = scene.a_task()
    with scene.cases() as case:
        for read, fate in product(READS, SILENCES):
            get = partial(scene.api.get, read.format(task=task))
            with case(read, fate):
                scene.proxy.at_sync(fate)
                assert impatiently(get).status_code == 503
                scene.proxy.reset()
                assert in_time(get).status_code == 200


def test_an_unkeyed_write_of_unknown_fate_is_not_repeated(scene: Scene) -> None:
    with scene.cases() as case:
        for write, fate in product(WRITES, CUTS):
            with case(write, fate):
                send = scene.prepare(write)
                before = scene.tasks()
                scene.proxy.at_sync(fate)
                answer = in_time(send)
                # A create whose id we picked may be sent again: the conflict finds the row that it made.
                assert answer.status_code == (201 if write is CREATE else 503)
                expected = 1 if write is CREATE or fate == CUT_AFTER else 0
                eventually(partial(scene.has_effects, before, expected), f"{expected} effects")
                as_returned(scene.api, answer)
                recovers(scene.api)


def test_an_unkeyed_write_without_a_reply_is_503(scene: Scene) -> None:
    with scene.cases() as case:
        for write, fate in product(WRITES, SILENCES):
            with case(write, fate):
                send = scene.prepare(write)
                before = scene.tasks()
                scene.proxy.at_sync(fate)
                answer = impatiently(send)
                assert answer.status_code == 503
                as_answered(answer, before, scene.tasks())
                scene.proxy.reset()
                recovers(scene.api)


def test_a_keyed_write_has_its_one_effect_and_its_answer(scene: Scene) -> None:
    with scene.cases() as case:
        for write, fate in product(WRITES, CUTS):
            with case(write, fate):
                send, key = scene.prepare(write), new_key()
                before = scene.tasks()
                scene.proxy.at_sync(fate)
                answer = in_time(partial(send, key))
                assert answer.status_code == write.status
                as_answered(answer, before, scene.tasks())
                as_returned(scene.api, answer)
                same_answer(answer, converges(send, key))
                as_answered(answer, before, scene.tasks())


def test_a_keyed_write_that_is_503_converges(scene: Scene) -> None:
    """It breaks twice, or there is no reply."""
    with scene.cases() as case:
        for write, fate in product(WRITES, CUTS + SILENCES):
            with case(write, fate):
                send, key = scene.prepare(write), new_key()
                before = scene.tasks()
                scene.proxy.at_sync(*(twice(fate) if fate in CUTS else [fate]))
                answer = (in_time if fate in CUTS else impatiently)(partial(send, key))
                assert answer.status_code == 503
                if fate in SILENCES:
                    scene.proxy.reset()
                answer = converges(send, key)
                assert answer.status_code == write.status
                as_answered(answer, before, scene.tasks())


def test_a_create_that_breaks_twice_is_503_and_was_made_at_most_once(scene: Scene) -> None:
    with scene.cases() as case:
        for fate in CUTS:
            with case(fate):
                send = scene.prepare(CREATE)
                before = scene.tasks()
                scene.proxy.at_sync(*twice(fate))
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
    send, key = scene.prepare(CREATE), new_key()
    first = send(key)
    made = scene.tasks()
    for fates in [(CUT_BEFORE,), (CUT_AFTER,), (None, CUT_BEFORE), (None, CUT_AFTER)]:
        scene.proxy.at_sync(*fates)
        same_answer(first, in_time(lambda: send(key)))
    assert scene.tasks() == made
