"""What is built once per session for all workers: what `make package` builds, and what CloudFormation gets."""

from pathlib import Path

import pytest

from tests.support.built_once import built_once, session_folder
from tests.support.generated_templates import OSLS, SAM, Generated, read_osls, read_sam, run_osls, run_sam
from tests.support.packaged import Packaged

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as one of `make test-deploy`."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.deploy)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what is built once."""
    return session_folder(tmp_path_factory)


@pytest.fixture(scope="session")
def packaged(shared: Path) -> Packaged:
    """All archives."""
    return Packaged(shared)


@pytest.fixture(scope="session")
def osls(shared: Path) -> Generated:
    """What osls makes of serverless.yml."""
    place = shared / "osls"
    built_once(place, lambda folder: run_osls(folder, OSLS))
    return read_osls(place)


@pytest.fixture(scope="session")
def sam(shared: Path) -> Generated:
    """What SAM's transform makes of infra/template.yaml."""
    place = shared / "sam"
    built_once(place, lambda folder: (folder / "template.json").write_text(run_sam(SAM), "utf-8"))
    return read_sam((place / "template.json").read_text("utf-8"), SAM)
