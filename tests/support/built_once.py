"""Build a folder once per test session, however many workers of pytest-xdist ask for it."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def session_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder that every worker of this session uses, and no other session."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built-once"
    folder.mkdir(exist_ok=True)
    return folder


def built_once(place: Path, build: Callable[[Path], Any], *, wait: bool = True) -> Path | None:
    """Return `place`, a folder that exactly one process of the session fills with `build`.

    `build` gets an empty folder, which becomes `place` when it returns. Where it raises, the caller gets the error and
    the next caller builds again. While another process builds, wait for it; without `wait`, return None at once.
    """
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if not place.exists():
            unfinished = place.with_name(f"{place.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            build(unfinished)
            unfinished.rename(place)
    return place
