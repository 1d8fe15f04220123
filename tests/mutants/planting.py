"""The project with one thing broken, in a copy: `planted` makes it, whoever runs something in it sees the break.

    with planted(Edit("shared/tokens.py", "LEEWAY = 30", "LEEWAY = 3000")) as folder:
        subprocess.run([sys.executable, "-m", "pytest", "tests/shared/test_tokens.py"], cwd=folder)

`python -m` puts the working directory first on the path, so the copy's modules are the ones that are found; a program
that is started otherwise needs PYTHONPATH=folder.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from infra.operations import ROOT

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "node_modules")
"""What git ignores, and git's own: nothing that a test or a server reads."""
GENERATED = shutil.ignore_patterns(".*")


class Unplantable(Exception):  # noqa: N818 - the state of an edit
    """The edit does not fit the code, which has changed since it was written: mend the edit, or the mutant is lost."""


class Edit(NamedTuple):
    """Replace `old`, which stands in the file at `path` (from the root) exactly once, by `new`."""

    path: str
    old: str
    new: str


@contextmanager
def planted(*edits: Edit) -> Iterator[Path]:
    """Give a folder with a copy of the project in which `edits` were made; it is gone afterwards.

    Any account may read it, as PostgreSQL and PgBouncer run as another one where we are root. Raises `Unplantable`.
    """
    with _copied(lambda folder: shutil.copytree(ROOT, folder, ignore=LEFT_OUT)) as folder:
        for edit in edits:
            _apply(edit, folder)
        yield folder


@contextmanager
def linked(copy: Path, *edits: Edit) -> Iterator[Path]:
    """Do the same from another copy, with its compiled modules; files that are not edited are hard links to it."""
    with _copied(lambda folder: shutil.copytree(copy, folder, ignore=GENERATED, copy_function=os.link)) as folder:
        for edit in edits:
            _apply(edit, folder)
        yield folder


@contextmanager
def _copied(copy: Callable[[Path], object]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="task-api-mutant-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        folder = Path(home) / "copy"
        copy(folder)
        yield folder


def _apply(edit: Edit, folder: Path) -> None:
    file = folder / edit.path
    text = file.read_text("utf-8") if file.is_file() else ""
    if (count := text.count(edit.old)) != 1:
        raise Unplantable(f"{edit.path} holds this {count} times, not once: {edit.old!r}")
    file.unlink()  # it may be a link
    file.write_text(text.replace(edit.old, edit.new), "utf-8")
    # Python takes a compiled module for the file's own where size and second of change are the same.
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        compiled.unlink()
