"""What the workers of a session share is built by one of them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.built_once import built_once


def test_one_of_many_callers_builds(tmp_path: Path) -> None:
    place, builds = tmp_path / "place", list[Path]()

    def build(folder: Path) -> None:
        builds.append(folder)
        (folder / "file").write_text("built", "utf-8")

    with ThreadPoolExecutor(8) as callers:
        found = [*callers.map(lambda _: built_once(place, build), range(8))]
    assert found == [place] * 8
    assert len(builds) == 1
    assert [file.name for file in place.iterdir()] == ["file"]


def test_a_build_that_fails_is_no_build(tmp_path: Path) -> None:
    place = tmp_path / "place"

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ValueError("no wheel")

    with pytest.raises(ValueError, match="no wheel"):
        built_once(place, fail)
    assert not place.exists()
    built_once(place, lambda folder: (folder / "whole").touch())
    assert [file.name for file in place.iterdir()] == ["whole"]


def test_who_does_not_wait_gets_none_while_another_builds(tmp_path: Path) -> None:
    place, seen = tmp_path / "place", list[Path | None]()
    built_once(place, lambda _: seen.append(built_once(place, lambda _: None, wait=False)))
    assert seen == [None]
    assert built_once(place, lambda _: None, wait=False) == place
