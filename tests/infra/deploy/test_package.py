"""The archives that `make package` builds, built here and looked into."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from infra.contract import as_json
from infra.operations import JOBS as JOBS_FOLDER
from infra.operations import ROOT, Function, jobs, operations
from infra.package import ARCHITECTURES, HOOK, HTTP, JOBS, LARGEST, RUNTIME, Archive, build, compiler, copy, pack
from tests.support.packaged import HERE, Packaged

MACHINES = {"arm64": 183, "x86_64": 62}  # e_machine of an ELF header
LARGEST_ZIP = 15_000_000
UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552


@pytest.fixture(
    scope="module",
    params=[(archive, architecture) for archive in (HTTP, JOBS) for architecture in ARCHITECTURES],
    ids=lambda pair: f"{pair[0].name}-{pair[1]}",
)
def built(request: pytest.FixtureRequest, packaged: Packaged) -> Path:
    """One archive after the other, as `make package` builds them."""
    archive, architecture = request.param
    return packaged.zip(archive, architecture)


def names(archive: Path) -> list[str]:
    with ZipFile(archive) as opened:
        return opened.namelist()


def test_nothing_of_tests_tools_or_local_runs_is_packaged(built: Path) -> None:
    ours = [name for name in names(built) if name.split("/")[0] in {"functions", "shared", "infra", "tests", "specs"}]
    assert ours
    assert {name.split("/")[0] for name in ours} == {"functions", "shared"}
    everywhere = {part for name in names(built) for part in name.split("/")}
    assert not everywhere & {"tests", "pip", "bin", ".local", ".env", "boto3", "botocore"}
    assert not [name for name in names(built) if name.endswith((".pem", ".key", ".pyi"))]


def test_every_module_is_bytecode_of_the_runtime_and_only_ours_has_its_source(built: Path) -> None:
    with ZipFile(built) as opened:
        compiled = {name: opened.read(name)[:8] for name in opened.namelist() if name.endswith(".pyc")}
        sources = {name for name in opened.namelist() if name.endswith(".py")}
    magic = subprocess.check_output([compiler(), "-c", "import importlib.util as u; print(u.MAGIC_NUMBER.hex())"])
    assert set(compiled.values()) == {bytes.fromhex(magic.decode()) + UNCHECKED_HASH}
    assert {name.split("/")[0] for name in sources} == {"functions", "shared"}
    tag = f".cpython-{RUNTIME.replace('.', '')}.pyc"
    kept = {name.replace("__pycache__/", "").replace(tag, ".py") for name in compiled if tag in name}
    assert kept == sources


def test_what_nothing_reads_is_left_out(built: Path) -> None:
    unread = ("RECORD", "METADATA", "WHEEL", "INSTALLER", ".h", ".pyi", "py.typed")
    assert not [name for name in names(built) if name.endswith(unread)]
    packages = {name.split("/")[0] for name in names(built)}
    assert not packages & {"boto3", "botocore", "cffi", "pycparser"}
    assert ("sqlalchemy" in packages) == ("sqlmodel" in packages) == built.name.startswith("jobs")
    assert ("cryptography" in packages) == ("fastapi" in packages) == built.name.startswith("http")


def test_every_extension_is_for_its_architecture(built: Path) -> None:
    with ZipFile(built) as opened:
        extensions = [name for name in opened.namelist() if name.endswith(".so")]
        machines = {int.from_bytes(opened.read(name)[18:20], "little") for name in extensions}
    assert machines == {MACHINES[built.stem.split("-")[1]]}


def test_an_archive_is_small(built: Path) -> None:
    assert built.stat().st_size <= LARGEST_ZIP
    with ZipFile(built) as opened:
        assert sum(entry.file_size for entry in opened.infolist()) < LARGEST


def test_two_builds_give_the_same_bytes(packaged: Packaged, tmp_path: Path) -> None:
    assert build(HTTP, HERE, tmp_path).read_bytes() == packaged.zip(HTTP, HERE).read_bytes()


def test_without_the_runtimes_python_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.package.RUNTIME", "3.99")
    with pytest.raises(SystemExit, match=r"python3\.99, the runtime's own, is needed"):
        compiler()


def test_the_same_files_with_other_times_give_the_same_bytes(tmp_path: Path) -> None:
    built = build(HOOK, HERE, tmp_path)
    before = built.read_bytes()
    for file in built.with_suffix("").rglob("*"):
        os.utime(file, (0, 0))
    assert pack(built.with_suffix("")).read_bytes() == before


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return code(HTTP, tmp_path_factory)


def code(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own files of `archive`, as they lie in it."""
    target = tmp_path_factory.mktemp(archive.name)
    copy(archive, target)
    return target


def test_the_http_archive_holds_the_contract_and_no_table(http: Path) -> None:
    assert (http / "shared/openapi.json").read_text("utf-8") == as_json()
    assert not (http / "shared/tables.py").exists()
    assert not (http / "functions" / JOBS_FOLDER).exists()
    assert (http / "shared/docs").is_dir()


def test_the_jobs_archive_holds_jobs_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    target = code(JOBS, tmp_path_factory)
    assert (target / "shared/tables.py").exists()
    assert [folder.name for folder in (target / "functions").iterdir() if folder.is_dir()] == [JOBS_FOLDER]


def imported(functions: list[Function], folder: Path) -> list[str]:
    """The files that the functions' modules come from, in an interpreter that sees `folder` and installed packages."""
    env = {"PATH": os.environ["PATH"], "AUTH_ISSUER": "https://auth.example.com"}
    env |= {
        "DATABASE_URL": "postgresql://app@127.0.0.1:1/app",
        "DATABASE_URL_JOBS": "postgresql://jobs@127.0.0.1:1/app",
    }
    modules = [function.module for function in functions]
    code = f"import importlib\nfor name in {modules}: print(importlib.import_module(name).__file__)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_operation_imports_from_what_is_packaged(http: Path) -> None:
    assert imported([*operations()], http) == [str(http / operation.file) for operation in operations()]


def test_every_job_imports_from_what_is_packaged(tmp_path_factory: pytest.TempPathFactory) -> None:
    target = code(JOBS, tmp_path_factory)
    assert imported(jobs(), target) == [str(target / job.file) for job in jobs()]


def test_the_hooks_archive_holds_the_hook_and_its_events_and_imports_nothing_else_of_ours(
    packaged: Packaged, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sources = {name for name in names(packaged.zip(HOOK, "arm64")) if not name.endswith(".pyc")}
    events = {f"infra/events/{file.name}" for file in (ROOT / "infra/events").iterdir()}
    assert sources == events | {"infra/__init__.py", "infra/hook.py", "infra/synthetic.py"}
    target = code(HOOK, tmp_path_factory)
    assert imported([Function("hook", "infra.hook")], target) == [str(target / "infra/hook.py")]


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pins = (ROOT / "requirements/runtime.txt").read_text("utf-8")
    wrong = tmp_path / "requirements.txt"
    wrong.write_text(pins.splitlines()[0] + f"\n    --hash=sha256:{'0' * 64}\n", "utf-8")
    archive = Archive("wrong", (), (), str(wrong))
    with pytest.raises(subprocess.CalledProcessError):
        build(archive, "arm64", tmp_path)
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err
