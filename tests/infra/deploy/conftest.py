"""What `make package` builds, and what CloudFormation gets: made once for all who look into it or run from it."""

from pathlib import Path

import pytest

from infra.package import ARCHITECTURES, ARCHIVES, build
from tests.support.generated_templates import OSLS, SAM, Generated, by_osls, by_sam


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all archives, and beside each the folder that it is of."""
    folder = tmp_path_factory.mktemp("packaged")
    for archive in ARCHIVES:
        for architecture in ARCHITECTURES:
            build(archive, architecture, folder)
    return folder


@pytest.fixture(scope="session")
def osls(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    """What osls makes of serverless.yml."""
    return by_osls(tmp_path_factory.mktemp("osls"), OSLS)


@pytest.fixture(scope="session")
def sam() -> Generated:
    """What SAM's transform makes of infra/template.yaml."""
    return by_sam(SAM)
