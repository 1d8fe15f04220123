"""What looks for requests that nobody thought of.

Hypothesis has three profiles (tests/conftest.py): `short`, for `make test`; `ci`, three times as many examples, for
`make test-fuzz ARGS=--short`; both always the same ones, so that the gate says the same of the same commit; `long`, for
`make test-fuzz`, new ones each time.
"""

from hypothesis import settings

EFFORT = {"short": 1, "ci": 3, "long": 15}


def examples(short: int) -> int:
    """How many examples to try under the profile in force, where the short one tries `short`."""
    return short * EFFORT[settings.get_current_profile_name()]
