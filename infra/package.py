"""`python -m infra.package`: build the deployable archives, build/http-arm64.zip and its like.

One for HTTP operations and one for scheduled functions, each for both of Lambda's architectures, whose wheels collide
in one. Each holds our code, its pinned dependencies and bytecode for the runtime. Lambda can't write into the place it
unpacks an archive to, so without that bytecode every start compiles every module: 2.5 s of import, not 1.1. The same
sources give the same bytes, so that nothing is released when nothing changed.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from infra.contract import as_json
from infra.operations import ROOT

RUNTIME = "3.13"
ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's names, and those of wheels."""
# psycopg's wheels are built for the newer of the two, pydantic's for the older; Amazon Linux 2023 runs both.
PLATFORMS = ("manylinux_2_28_{machine}", "manylinux2014_{machine}")
# What nothing reads: tests, types, what tells of the installation (licences stay, and the entry points by which
# OpenTelemetry's API finds its context), the source that bytecode stands for, and what no operation imports.
STRIPPED = re.compile(
    r"(^|/)(tests?|bin|__pycache__)/|\.(pyi|h|c|md|pxd|pyx)$|(^|/)py\.typed$"
    r"|\.dist-info/(?!licenses/|LICEN|COPYING|NOTICE|entry_points\.txt$)"
    r"|^(cffi|pycparser|pydantic/v1|aws_lambda_powertools/event_handler)/|^anyio/_backends/_trio|^pydantic/mypy"
    r"|^aws_lambda_powertools/utilities/(?!__init__|parameters/|typing/|jmespath_utils/|serialization)"
)
LARGEST = 250 * 1024 * 1024  # what Lambda unpacks at most


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive: the globs, from the root of the repository, of what is ours in it, and what it is not to hold."""

    name: str
    ours: tuple[str, ...]
    never: tuple[str, ...]
    requirements: str | None

    def sources(self) -> list[Path]:
        """Our own files in the archive. `never` is relative to the root, as are the globs."""
        found = {file for glob in self.ours for file in ROOT.glob(glob)}
        return sorted(found - {file for glob in self.never for file in ROOT.glob(glob)})


HTTP = Archive(
    name="http",
    ours=("functions/**/*.py", "shared/**/*.py", "shared/openapi.json", "shared/docs/*"),
    # SQLAlchemy stays off the request path, and so do the tables that are made of it.
    never=("functions/jobs/*", "shared/purging.py", "shared/tables.py"),
    requirements="requirements/runtime.txt",
)
JOBS = Archive(
    name="jobs",
    ours=("functions/__init__.py", "functions/jobs/*.py", "shared/**/*.py"),
    never=(),
    requirements="requirements/jobs.txt",
)
# What CodeDeploy calls: nothing but the standard library, and boto3 of Lambda's image.
HOOK = Archive(
    name="hook",
    ours=("infra/__init__.py", "infra/hook.py", "infra/synthetic.py", "infra/events/*.json"),
    never=(),
    requirements=None,
)
ARCHIVES = (HTTP, JOBS, HOOK)


def build(archive: Archive, architecture: str, folder: Path) -> Path:
    """Build `archive` for `architecture` in `folder` and give the path of its zip.

    Of packages it holds the bytecode alone, in the place of the source; our code keeps its source, which the console
    shows. Raises `subprocess.CalledProcessError` where a wheel can't be had or its hash differs, `ValueError` where the
    whole is larger than Lambda takes.
    """
    target = folder / f"{archive.name}-{architecture}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    if archive.requirements:
        install(target, archive.requirements, architecture)
    strip(target)
    compile_to_bytecode(target, "-b")
    for source in target.rglob("*.py"):
        source.unlink()
    copy(archive, target)
    compile_to_bytecode(target)
    unpacked = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    if unpacked > LARGEST:
        raise ValueError(f"{target} holds {unpacked} bytes; Lambda takes {LARGEST}")
    packed = pack(target)
    print(f"{packed}: {packed.stat().st_size / 1e6:.1f} MB, unpacked {unpacked / 1e6:.1f} MB")
    return packed


def install(target: Path, requirements: str, architecture: str) -> None:
    """Install the pinned wheels for Lambda's machine, whatever this one is; each must have the hash of its pin."""
    machine = ARCHITECTURES[architecture]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform.format(machine=machine))]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--implementation", "cp"]
    command += ["--python-version", RUNTIME, *platforms, "--target", str(target), "--requirement", requirements]
    subprocess.run(command, cwd=ROOT, check=True)


def copy(archive: Archive, target: Path) -> None:
    """Copy what is ours."""
    if archive is HTTP and (ROOT / "shared/openapi.json").read_text("utf-8") != as_json():
        raise ValueError("shared/openapi.json is not the contract: run `python -m infra.contract`")
    for source in archive.sources():
        place = target / source.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)


def strip(target: Path) -> None:
    """Remove what no function reads. Licences stay."""
    for file in target.rglob("*"):
        if file.is_file() and STRIPPED.search(file.relative_to(target).as_posix()):
            file.unlink()


def compile_to_bytecode(target: Path, *options: str) -> None:
    """Compile every module with the runtime's own minor version; unchecked, since an archive never changes."""
    command = [compiler(), "-m", "compileall", "-qq", *options, "--invalidation-mode", "unchecked-hash"]
    # The paths in tracebacks are those on Lambda, and the bytes don't depend on where they were made.
    command += ["-s", str(target), "-p", "/var/task", str(target)]
    subprocess.run(command, check=True)


def compiler() -> str:
    """A Python of the runtime's minor version. Raises `SystemExit`: without bytecode nothing is built."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}" == RUNTIME
    python = sys.executable if here else shutil.which(f"python{RUNTIME}")
    if not python:
        raise SystemExit(f"make package: python{RUNTIME}, the runtime's own, is needed to compile for it")
    return python


def pack(target: Path) -> Path:
    """Zip `target` beside itself, in order of name and without times."""
    packed = target.with_name(f"{target.name}.zip")
    with ZipFile(packed, "w") as archive:
        for file in sorted(file for file in target.rglob("*") if file.is_file()):
            entry = ZipInfo(file.relative_to(target).as_posix())
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, file.read_bytes(), compresslevel=9)
    return packed


if __name__ == "__main__":
    compiler()
    for each in ARCHIVES:
        for architecture in ARCHITECTURES:
            build(each, architecture, ROOT / "build")
