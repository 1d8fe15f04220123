"""Callers that are not Python: they need Node, and what `npm ci` puts into this folder."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Folder:
    """This folder, to run commands in."""

    def run(self, *command: str) -> str:
        """What the command prints; where it fails, so does the test, with all that it said."""
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command[0]}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def folder() -> Folder:
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not (HERE / "node_modules").is_dir():
        pytest.skip("tests/client has no node_modules: npm ci there")
    return Folder()


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or pytest.skip("Chromium is not installed")
