"""What looks for requests that nobody thought of.

Hypothesis has three profiles (tests/conftest.py): `short`, always the same examples, for `make test`; `long`, new ones
each time, for `make test-fuzz`; `ci`, the long one cut to what CI has time for.
"""

from hypothesis import settings

EFFORT = {"short": 1, "ci": 3, "long": 15}


def examples(short: int) -> int:
    """How many examples to try under the profile in force, where the short one tries `short`."""
    return short * EFFORT[settings.get_current_profile_name()]
