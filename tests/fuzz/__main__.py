"""`python -m tests.fuzz`: look for unthought-of requests for about 10 minutes; `--short`: for about 2, as CI does.

Other arguments go to pytest, files in the place of ours among them. A failure prints what repeats it: the blob of
Hypothesis, or seed and request of Schemathesis.
"""

import subprocess
import sys

FILES = [
    "tests/fuzz",
    "tests/isolation/test_machine.py",
    "tests/properties/test_hostile_events.py",
    "tests/properties/test_list_pages.py",
]


def main(arguments: list[str]) -> int:
    """Run the tests that know a longer form, in it; give pytest's exit status."""
    profile = "ci" if "--short" in arguments else "long"
    others = [argument for argument in arguments if argument != "--short"]
    chosen = [] if any(not argument.startswith("-") for argument in others) else FILES
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", f"--hypothesis-profile={profile}", *others, *chosen]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
