"""The archives, unpacked into an empty directory and run by AWS's runtime client with nothing else to import from."""

import importlib.metadata
import json
import os
import platform
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
from infra.package import RUNTIME
from tests.infra.deploy.test_runtime_client import event_of
from tests.support.stack import Stack, User

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


def unpacked(name: str, packaged: Path, folder: Path) -> Path:
    """The archive `name` for this machine, unpacked."""
    architecture = "x86_64" if platform.machine() == "x86_64" else "arm64"
    with ZipFile(packaged / f"{name}-{architecture}.zip") as archive:
        archive.extractall(folder)
    return folder


@contextmanager
def running(function: Function, stack: Stack, folder: Path, image: Path) -> Iterator[LambdaFunction]:
    """The function, out of `folder`."""
    known = {name: stack.environment[name] for name in ("DATABASE_URL", "DATABASE_URL_JOBS", "AUTH_ISSUER")}
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}:{image}", "PYTHONDONTWRITEBYTECODE": "1", **known}
    with lambda_function(function.name, function.handler, env, folder) as started:
        yield started


def test_every_operation_answers_out_of_the_archive(
    stack: Stack, user: User, packaged: Path, image: Path, tmp_path: Path
) -> None:
    folder = unpacked("http", packaged, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    by_name = {operation.name: operation for operation in operations()}
    for name, status in ANSWERS.items():
        with running(by_name[name], stack, folder, image) as function:
            answer = function.invoke(event_of(by_name[name], user))
            assert answer["statusCode"] == status, f"{name}: {answer}\n{function.log}"
            assert [json.loads(line)["status"] for line in function.log.splitlines()] == [status]
    assert sorted(tmp_path.rglob("*")) == before  # nothing had to be compiled


@pytest.mark.parametrize("job", jobs(), ids=lambda job: job.name)
def test_every_job_runs_out_of_its_archive(
    job: Function, stack: Stack, user: User, packaged: Path, image: Path, tmp_path: Path
) -> None:
    with running(job, stack, unpacked("jobs", packaged, tmp_path), image) as function:
        assert function.invoke(event_of(job, user))["done"] is True


def test_a_secret_can_be_read_with_what_the_archive_holds_and_boto3_of_the_image(
    packaged: Path, image: Path, tmp_path: Path
) -> None:
    folder = unpacked("http", packaged, tmp_path / "unpacked")
    (tmp_path / "image").mkdir()
    for top in ("boto3", "botocore", "s3transfer", "dateutil", "six.py", "urllib3"):
        (tmp_path / "image" / top).symlink_to(Path(sysconfig.get_path("platlib")) / top)
    (tmp_path / "image" / "reads.py").write_text(
        "import aws_lambda_powertools\n"
        "from aws_lambda_powertools.utilities import parameters\n"
        "def handler(event, context):\n"
        "    stores = [parameters.SSMProvider(), parameters.SecretsProvider()]\n"
        "    return [aws_lambda_powertools.__file__, *(type(store).__name__ for store in stores)]\n"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}:{image}:{tmp_path / 'image'}"}
    env["AWS_DEFAULT_REGION"] = "eu-central-1"
    with lambda_function("reads", "reads.handler", env, tmp_path / "image") as function:
        place, *stores = function.invoke({})
    assert place.startswith(str(folder))
    assert stores == ["SSMProvider", "SecretsProvider"]
