"""The README's session, as a reader would paste it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.readme import README, form, session
from tests.support.make_dev import Dev, copy


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    with copy(tmp_path) as folder, Dev(folder) as running:
        yield running


def test_every_line_of_the_session_prints_what_is_written(dev: Dev) -> None:
    folder = dev.output.parent
    (folder / "README.md").write_bytes(README.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "infra.readme", dev.url], cwd=folder, capture_output=True, text=True, check=False
    )
    steps = len(session(README.read_text("utf-8")))
    assert steps > 10
    assert (done.returncode, done.stdout) == (0, f"{steps} of {steps} lines of the README's session do what it says\n")


def test_a_wrong_line_is_found() -> None:
    assert form("id 0199d3c8-7b1a-7c3e-9f0e-2b5d1c4a6e70 404") == form("id 11111111-7b1a-7c3e-9f0e-2b5d1c4a6e70 404")
    assert form("200") != form("404")
