"""`make check`: what can be judged of a change in a minute, before `make test` runs.

python -m tests.support.check                 formatter, linter, types, structure, contract, deployment lists, and
                                              the tests of the files that differ from `main`, or from the commit
                                              before the last one where `main` is checked out and nothing differs
python -m tests.support.check tasks_create    the same linters, and every test that judges that operation
"""

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from infra.operations import ROOT, operations

LINTERS = (("ruff", "format", "--check"), ("ruff", "check"), ("mypy",))
ALWAYS = tuple(f"tests/rules/test_{name}.py" for name in ("structure", "contract", "deployment_lists"))
GENERATED = ("tests/rules", "tests/isolation", "tests/properties")
"""Where the tests are that are generated for every operation."""
SLOW = "tests/infra/deploy/"
"""These build archives and start servers; `make test-deploy` runs them."""


def git(*words: str) -> str:
    """Return what git prints; raises CalledProcessError where it fails."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def changed_files() -> list[str]:
    """The files that differ from `main`, or else from the commit before the last, and those that git does not know."""
    base = git("merge-base", "HEAD", "main").strip()
    untracked = git("ls-files", "--others", "--exclude-standard").split()
    return (
        sorted({*git("diff", "--name-only", base).split(), *untracked}) or git("diff", "--name-only", "HEAD~1").split()
    )


def choose_tests(changed: Iterable[str], tests: Sequence[str]) -> list[str]:
    """Choose from `tests` the changed ones and those that carry the name of a changed module.

    `shared/paging.py` has tests/shared/test_paging.py and test_paging_*.py; `functions/tasks/create.py` has
    tests/functions/tasks/test_create.py.
    """
    names = [Path(file) for file in changed]
    prefixes = tuple(f"tests/{file.parent}/test_{file.stem}" for file in names if file.suffix == ".py")
    return [test for test in tests if test in changed or test.removesuffix(".py").startswith(prefixes)]


def arguments_for(operation: str) -> list[str]:
    """Return pytest's arguments for every test that judges one operation. Raises KeyError for an unknown one."""
    files = {one.name: Path(one.file) for one in operations()}
    file = files[operation]
    own = f"tests/{file.parent}/test_{file.stem}.py"
    rules = " or ".join(Path(rule).stem for rule in ALWAYS)
    return [own, *GENERATED, "-k", f"{operation} or test_{file.stem} or {rules}"]


def main(words: Sequence[str]) -> int:
    """Run the checks for the words of a command line; return the exit status."""
    started = time.monotonic()
    tests = git("ls-files", "--cached", "--others", "--exclude-standard", "tests/**/test_*.py").split()
    if words:
        try:
            arguments = arguments_for(words[0])
        except KeyError:
            names = ", ".join(one.name for one in operations())
            sys.stderr.write(f"check: there is no operation {words[0]}: there are {names}\n")
            return 2
    else:
        found = [test for test in choose_tests(changed_files(), tests) if (ROOT / test).exists()]
        if slow := [test for test in found if test.startswith(SLOW)]:
            sys.stdout.write(f"check: left to `make test-deploy`: {' '.join(slow)}\n")
            sys.stdout.flush()
        arguments = sorted({*ALWAYS, *found} - {*slow})
    # The type checker uses one core, and the tests the other.
    environment = Path(sys.executable).parent
    linters = [subprocess.Popen([str(environment / one[0]), *one[1:]], cwd=ROOT) for one in LINTERS]
    pytest = [sys.executable, "-m", "pytest", "-q", "--no-header", *arguments]
    failed = subprocess.run(pytest, cwd=ROOT, check=False).returncode not in (0, 5)
    statuses = [linter.wait() for linter in linters]
    failed |= any(statuses)
    sys.stdout.write(f"check: {'failed' if failed else 'passed'} in {time.monotonic() - started:.0f} s\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
