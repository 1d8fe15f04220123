"""The archives, unpacked into an empty directory and run by AWS's runtime client with nothing else to import from."""

import importlib.metadata
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest

from infra.hook import ANSWERS
from infra.local.runtime_api import LambdaFunction, lambda_function
from infra.operations import Function, jobs, operations
from infra.package import HTTP, JOBS, RUNTIME, Archive
from tests.infra.deploy.test_runtime_client import event_of
from tests.support.packaged import Packaged
from tests.support.stack import Stack, User
from tests.support.timeouts import PROCESS_TIMEOUT

# Lambda's image has the runtime client beside the standard library, and beside that only what the archive brings.
IMAGE = ("awslambdaric", "simplejson", "snapshot-restore-py")
ALONE = """
import sys
sys.path[:] = [place for place in sys.path if "site-packages" not in place]
"""

pytestmark = pytest.mark.skipif(
    f"{sys.version_info.major}.{sys.version_info.minor}" != RUNTIME, reason=f"the archives are for Python {RUNTIME}"
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the runtime client, and a start of the interpreter that forgets all other packages."""
    folder = tmp_path_factory.mktemp("image")
    installed = Path(sysconfig.get_path("platlib"))
    for package in IMAGE:
        for file in importlib.metadata.files(package) or []:
            top = file.parts[0]
            if not (folder / top).exists() and (installed / top).exists():
                (folder / top).symlink_to(installed / top)
    (folder / "sitecustomize.py").write_text(ALONE)
    return folder


def unpacked(archive: Archive, packaged: Packaged, factory: pytest.TempPathFactory) -> Path:
    """The archive for this machine, unpacked."""
    folder = factory.mktemp(archive.name)
    with ZipFile(packaged.zip(archive)) as opened:
        opened.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def http(packaged: Packaged, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operations' archive, unpacked."""
    return unpacked(HTTP, packaged, tmp_path_factory)


@pytest.fixture(scope="module")
def scheduled(packaged: Packaged, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The jobs' archive, unpacked."""
    return unpacked(JOBS, packaged, tmp_path_factory)


@contextmanager
def running(function: Function, stack: Stack, folder: Path, image: Path) -> Iterator[LambdaFunction]:
    """The function, out of `folder`."""
    known = {name: stack.environment[name] for name in ("DATABASE_URL", "DATABASE_URL_JOBS", "AUTH_ISSUER")}
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}:{image}", "PYTHONDONTWRITEBYTECODE": "1", **known}
    with lambda_function(function.name, function.handler, env, folder, PROCESS_TIMEOUT) as started:
        yield started


def test_every_operation_answers_out_of_the_archive(stack: Stack, user: User, http: Path, image: Path) -> None:
    before = sorted(http.rglob("*"))
    by_name = {operation.name: operation for operation in operations()}
    for name, status in ANSWERS.items():
        with running(by_name[name], stack, http, image) as function:
            answer = function.invoke(event_of(by_name[name], user))
            assert answer["statusCode"] == status, f"{name}: {answer}\n{function.log}"
            assert [json.loads(line)["status"] for line in function.log.splitlines()] == [status]
    assert sorted(http.rglob("*")) == before  # nothing had to be compiled


@pytest.mark.parametrize("job", jobs(), ids=lambda job: job.name)
def test_every_job_runs_out_of_its_archive(
    job: Function, stack: Stack, user: User, scheduled: Path, image: Path
) -> None:
    with running(job, stack, scheduled, image) as function:
        assert function.invoke(event_of(job, user))["done"] is True


def test_a_secret_can_be_read_with_what_the_archive_holds_and_boto3_of_the_image(
    http: Path, image: Path, tmp_path: Path
) -> None:
    for top in ("boto3", "botocore", "s3transfer", "dateutil", "six.py", "urllib3"):
        (tmp_path / top).symlink_to(Path(sysconfig.get_path("platlib")) / top)
    (tmp_path / "reads.py").write_text(
        "import aws_lambda_powertools\n"
        "from aws_lambda_powertools.utilities import parameters\n"
        "def handler(event, context):\n"
        "    stores = [parameters.SSMProvider(), parameters.SecretsProvider()]\n"
        "    return [aws_lambda_powertools.__file__, *(type(store).__name__ for store in stores)]\n"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{http}:{image}:{tmp_path}"}
    env["AWS_DEFAULT_REGION"] = "eu-central-1"
    with lambda_function("reads", "reads.handler", env, tmp_path, PROCESS_TIMEOUT) as function:
        place, *stores = function.invoke({})
    assert place.startswith(str(http))
    assert stores == ["SSMProvider", "SecretsProvider"]
