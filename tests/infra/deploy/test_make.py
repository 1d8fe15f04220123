"""`make install` finds a Python that works, or says in one line that there is none; and does nothing twice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.postgres import ROOT
from tests.support.timeouts import PROCESS_TIMEOUT

TOOLS = ("make", "sh", "touch", "cat", "grep")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A Makefile whose list of packages is empty, and a folder `bin` that is all there is to find programs in."""
    shutil.copy2(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/dev.txt").write_text("# nothing\n", "utf-8")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or "/nowhere")
    return tmp_path


def program(checkout: Path, name: str, text: str) -> None:
    file = checkout / "bin" / name
    file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    file.chmod(0o755)


def install(checkout: Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(checkout / "bin"), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        ["make", "install"], cwd=checkout, env=env, capture_output=True, text=True, timeout=PROCESS_TIMEOUT, check=False
    )


def test_a_python_that_fails_or_is_too_old_is_passed_over(checkout: Path) -> None:
    program(checkout, "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    program(checkout, "python3.12", "exit 1")
    program(checkout, "python3", f'exec {sys.executable} "$@"')
    done = install(checkout)
    assert done.returncode == 0, done.stderr
    assert "a new .venv with Python 3." in done.stderr
    assert (checkout / ".venv/bin/python").exists()


def test_no_python_is_said_in_one_line(checkout: Path) -> None:
    program(checkout, "python3", "exit 1")
    done = install(checkout)
    assert done.returncode != 0
    ours = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert ours == ["make: Python 3.12 or newer, with venv, is needed: install it, or name one with PYTHON="]


def test_a_second_install_does_nothing(checkout: Path) -> None:
    program(checkout, "python3", f'exec {sys.executable} "$@"')
    assert install(checkout).returncode == 0
    before = (checkout / ".venv/installed").stat().st_mtime_ns
    done = install(checkout)
    assert done.returncode == 0
    assert "installing" not in done.stderr
    assert (checkout / ".venv/installed").stat().st_mtime_ns == before
