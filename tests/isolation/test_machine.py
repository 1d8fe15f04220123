"""The state machine of three users, through pools of one and of two; and that it sees what it is there to see."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz import examples
from tests.isolation.machine import Caught, Users
from tests.isolation.machine_house import House
from tests.mutants.planting import Edit, planted
from tests.support.stack import Stack

STEPS = 25
OTHER_RULES: dict[str, None] = dict.fromkeys(("ask", "repeat", "walk", "go_on"))
"""Left out where a bug is planted: contention alone finds each of them, and soonest."""
DATABASE = "shared/database.py"
SESSION = "SCOPE = \"select set_config('app.user_id', $1, false)"
ONCE = """\
                if vars(connection).get("scope") != user:
                    pipeline.enter_scope(user, read_only=False)
                    vars(connection)["scope"] = user
"""
BUGS: dict[str, tuple[int, tuple[str, ...], list[Edit]]] = {
    # As some samples do it: behind a pooler the session is another user's when the connection's next request comes.
    "the scope is set once for a connection": (
        1,
        ("is told of", "no order explains"),  # as it happens: another's task seen, or one's own not
        [
            Edit(DATABASE, "SCOPE = \"select set_config('app.user_id', $1, true)", SESSION),
            Edit(DATABASE, "                pipeline.enter_scope(user, read_only=read_only)\n", ONCE),
            Edit(DATABASE, 'if row.pop("user_id") != user:', 'if row.pop("user_id") == "":'),
        ],
    ),
    "a write decides on a row that it has not locked": (
        2,
        ("no order explains",),
        [Edit("shared/statements.py", "where id = %(id)s for no key update", "where id = %(id)s")],
    ),
}
"""Each with the size of the pool that shows it, and how the machine's complaint begins, one way or another."""


def run(house: House, count: int, **changes: Any) -> None:
    """Run the machine. A failure that the threads bring about may be gone when Hypothesis looks again: it is noted."""
    machine = type("UsersHere", (Users,), {"house": house, **changes})
    how = settings(max_examples=count, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck))
    try:
        run_state_machine_as_test(machine, settings=how)
    except Exception as failure:
        failure.add_note("\n\n".join(house.failures[:1]))
        raise


@pytest.mark.usefixtures("pooler")
@pytest.mark.parametrize("pool_size", [1, 2])
def test_three_users_at_once_learn_nothing_of_each_other_and_lose_nothing(stack: Stack, pool_size: int) -> None:
    with House(stack, pool_size) as house:
        run(house, examples(6))
        house.secrets = [uuid4().hex]
        for name, log in house.logs.items():
            with log.path.open("a") as file:
                file.write(f"{house.secrets}\n")
            with pytest.raises(AssertionError, match=f"the log of the {name} tells"):
                house.listen(name)


@pytest.mark.usefixtures("pooler")
@pytest.mark.parametrize("bug", BUGS)
def test_the_machine_sees_a_planted_bug(bug: str, stack: Stack) -> None:
    pool_size, signs, edits = BUGS[bug]
    with planted(*edits) as folder, House(stack, pool_size, folder) as house, pytest.raises((Caught, Flaky)):
        run(house, 100, is_to_fail=True, **OTHER_RULES)
    assert any(sign in house.failures[0] for sign in signs), house.failures[0]
