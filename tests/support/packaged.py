"""The archives of `make package`, each built once per test session."""

import platform
from pathlib import Path

from infra.package import ARCHITECTURES, ARCHIVES, Archive, build
from tests.support.built_once import built_once

HERE = "x86_64" if platform.machine() == "x86_64" else "arm64"
"""The architecture whose archives run on this machine."""


class Packaged:
    """Archives in `folder`, which several processes may share. Nothing may write to them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def zip(self, archive: Archive, architecture: str = HERE) -> Path:
        """Return the path of an archive; build it first unless a process of this session has."""
        found = self._build(archive, architecture, wait=True)
        if found is None:
            raise AssertionError("built_once waits")
        return found

    def all(self) -> list[Path]:
        """Return the paths of all archives; build those first that no other process is building."""
        pairs = [(archive, architecture) for archive in ARCHIVES for architecture in ARCHITECTURES]
        for pair in pairs:
            self._build(*pair, wait=False)
        return [self.zip(*pair) for pair in pairs]

    def _build(self, archive: Archive, architecture: str, *, wait: bool) -> Path | None:
        name = f"{archive.name}-{architecture}"
        folder = built_once(self._folder / name, lambda folder: build(archive, architecture, folder), wait=wait)
        return folder and folder / f"{name}.zip"
