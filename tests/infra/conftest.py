"""What `make package` builds, built once for all who look into it or run from it."""

from pathlib import Path

import pytest

from infra.package import ARCHITECTURES, ARCHIVES, build


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all archives, and beside each the folder that it is of."""
    folder = tmp_path_factory.mktemp("packaged")
    for archive in ARCHIVES:
        for architecture in ARCHITECTURES:
            build(archive, architecture, folder)
    return folder
