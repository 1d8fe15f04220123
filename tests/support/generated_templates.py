"""What CloudFormation gets: what osls makes of serverless.yml, and SAM's transform of infra/template.yaml.

Both without a network or credentials, and both reckoned for parameters that a stage might have.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from infra.operations import DEFAULT, ROOT
from tests.support.cloudformation import Stack
from tests.support.timeouts import PROCESS_TIMEOUT

ISSUER, ORIGINS = "https://auth.example.com", "https://app.example.com, https://admin.example.com"
SECRETS = {"DATABASE_SECRET_ID": "task-api/staging/database-url", "DATABASE_SECRET_ID_JOBS": "/task-api/staging/jobs"}
URL = "postgresql://api:never-in-a-template@db.example.com/app"
OSLS = {**SECRETS, "CORS_ORIGINS": ORIGINS, "DATABASE_URL": URL, "DATABASE_URL_JOBS": URL}
SAM = {
    "DatabaseSecretId": SECRETS["DATABASE_SECRET_ID"],
    "DatabaseSecretIdJobs": SECRETS["DATABASE_SECRET_ID_JOBS"],
    "CorsOrigins": ORIGINS,
    "PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
}
"""What a stage gives to each."""
DEFAULTS = {"AuthIssuer": ISSUER}
# SAM's own transform, which the service runs as well; it knows archives by their place in S3 alone.
TRANSFORM = """
import json, re, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse
text = re.sub(r"\\.\\./build/([\\w-]+\\.zip)", r"s3://archives/\\1", sys.stdin.read())
json.dump(Translator({}, Parser()).translate(yaml_parse(text), json.loads(sys.argv[1])), sys.stdout)
"""


class Generated:
    """A template's resources, of which each is looked at as CloudFormation would see it."""

    def __init__(self, template: dict[str, Any], **parameters: str) -> None:
        self.template = template
        self._types = {name: one["Type"] for name, one in template["Resources"].items()}
        self.resources = Stack(template, **parameters).resources

    def of_type(self, name: str) -> dict[str, dict[str, Any]]:
        """The properties of every resource of a type, by their names."""
        return {one: self.resources[one] for one in self.resources if self._types[one] == f"AWS::{name}"}

    @cached_property
    def functions(self) -> dict[str, dict[str, Any]]:
        """Every function, by its handler."""
        return {one["Handler"]: one for one in self.of_type("Lambda::Function").values()}

    @property
    def routes(self) -> list[str]:
        """The key of every route of the API."""
        routes = [one["RouteKey"] for one in self.of_type("ApiGatewayV2::Route").values()]
        for api in self.of_type("ApiGatewayV2::Api").values():
            for path, methods in api.get("Body", {}).get("paths", {}).items():
                routes += [DEFAULT if path.strip("/") == DEFAULT else f"{method.upper()} {path}" for method in methods]
        return sorted(routes)

    def log(self, function: dict[str, Any]) -> str:
        """The name of the resource that is a function's log group."""
        if "LoggingConfig" in function:
            return str(function["LoggingConfig"]["LogGroup"]).removeprefix("arn of ")
        groups = self.of_type("Logs::LogGroup").items()
        (name,) = [name for name, one in groups if one.get("LogGroupName") == f"/aws/lambda/{function['FunctionName']}"]
        return name

    def role(self, function: dict[str, Any]) -> str:
        """The name of the resource that is a function's role."""
        return str(function["Role"]).removeprefix("arn of ")

    def statements(self, role: str) -> list[dict[str, Any]]:
        """What a role may do, by policies of its own and by those of the template that it names."""
        named = [arn.removeprefix("arn of ") for arn in self.resources[role].get("ManagedPolicyArns", [])]
        policies = self.resources[role].get("Policies", []) + [self.resources[name] for name in named]
        return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def many(value: Any) -> list[Any]:
    """A list, of which one member may stand alone."""
    return value if isinstance(value, list) else [value]


def wildcards(resources: dict[str, Any]) -> Iterator[str]:
    """Name each thing that is allowed by a pattern, or by a policy that isn't here to be looked at."""
    for name, one in resources.items():
        for arn in one.get("ManagedPolicyArns", []):
            if arn.startswith("arn:"):
                yield f"{name}: {arn}"
        for statement in _allowed(one):
            for part in ("Action", "NotAction", "Resource", "NotResource", "Principal"):
                words = statement.get(part, [])
                for word in many(list(words.values()) if isinstance(words, dict) else words):
                    if "*" in str(word) or "?" in str(word).removesuffix("-??????"):
                        yield f"{name}: {part} {word}"


def _allowed(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield from [one for one in many(part.get("Statement", [])) if one["Effect"] == "Allow"]
        for member in part.values():
            yield from _allowed(member)
    elif isinstance(part, list):
        for member in part:
            yield from _allowed(member)


def archives(folder: Path) -> None:
    """Put archives where `make package` would."""
    folder.mkdir()
    for name in ("http", "jobs", "hook"):
        with ZipFile(folder / f"{name}-arm64.zip", "w") as archive:
            archive.writestr("placeholder", "")


def by_osls(folder: Path, env: Mapping[str, str], root: Path = ROOT) -> Generated:
    """What osls makes of serverless.yml in `root`; it works in `folder`, which is empty."""
    run_osls(folder, env, root)
    return read_osls(folder)


def run_osls(folder: Path, env: Mapping[str, str], root: Path = ROOT) -> None:
    """Run `osls package` on serverless.yml of `root` in `folder`, which is empty."""
    osls = ROOT / "node_modules/.bin/osls"
    if not osls.exists():
        pytest.skip("node_modules is missing: run `npm ci`")
    shutil.copy(root / "serverless.yml", folder)
    for name in ("infra", "node_modules"):
        (folder / name).symlink_to((root if name == "infra" else ROOT) / name)
    archives(folder / "build")
    known = {"PATH": os.environ["PATH"], "HOME": str(folder), "SLS_TELEMETRY_DISABLED": "1", "AUTH_ISSUER": ISSUER}
    command = [str(osls), "package", "--package", "out"]
    done = subprocess.run(
        command, cwd=folder, env={**known, **env}, capture_output=True, text=True, timeout=PROCESS_TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def read_osls(folder: Path) -> Generated:
    """The template that `run_osls` has left in `folder`."""
    return Generated(json.loads((folder / "out/cloudformation-template-update-stack.json").read_text("utf-8")))


def by_sam(parameters: Mapping[str, str], root: Path = ROOT) -> Generated:
    """What SAM's transform makes of infra/template.yaml in `root`, for the parameters of a stage."""
    return read_sam(run_sam(parameters, root), parameters)


def run_sam(parameters: Mapping[str, str], root: Path = ROOT) -> str:
    """The JSON of the template that SAM's transform makes of infra/template.yaml in `root`."""
    python = ROOT / ".venv/sam/bin/python"
    if not python.exists():
        pytest.skip("AWS SAM's command line is not installed: run `make ci-tools`")
    done = subprocess.run(
        [str(python), "-c", TRANSFORM, json.dumps({**DEFAULTS, **parameters})],
        input=(root / "infra/template.yaml").read_text("utf-8"),
        cwd=root,
        env={"AWS_DEFAULT_REGION": "eu-central-1"},
        capture_output=True,
        text=True,
        timeout=PROCESS_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_sam(template: str, parameters: Mapping[str, str]) -> Generated:
    """The template that `run_sam` gave for the same parameters."""
    return Generated(json.loads(template), **{**DEFAULTS, **parameters})
