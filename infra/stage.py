"""`python -m infra.stage STAGE`: bring a stage's database up to date, with passwords that nobody has to know.

A stage is `production`, `staging` or one preview (`preview-12`). The URLs of its application role and of its jobs role
are secrets in Secrets Manager, which the functions read; one that is missing is made. Then `infra.migrate` applies what
is missing of the schema and gives the roles these passwords. Read are DATABASE_URL_UNPOOLED, the owner's URL on the
direct endpoint, and AWS's credentials; no password is printed. A second run changes nothing; with `--rotate` the
passwords are new ones, which running functions read as soon as their own is refused. SMOKE_USERS, where it is set, is
kept as a secret as well, for the hook that asks new versions as a synthetic user (infra/hook.py).
"""

import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3

from infra.migrate import MigrationError, migrate
from infra.roles import RoleError
from infra.synthetic import SignInError, users
from shared.settings import SettingsError, libpq_url

STAGE = re.compile(r"production|staging|preview-\d+")
OWNER = "DATABASE_URL_UNPOOLED"
# Which variable of `infra.migrate` names which role, and the end of its secret's name.
ROLES = {"DATABASE_URL": ("api", "database-url"), "DATABASE_URL_JOBS": ("jobs", "database-url-jobs")}
USERS = "smoke-users"
SECRETS = (*(name for _, name in ROLES.values()), USERS)
"""The ends of the names of all secrets that a stage may have."""


def bring_up(
    stage: str, env: Mapping[str, str], keeper: Any, say: Callable[[str], None], *, rotate: bool = False
) -> None:
    """Keep the URLs of `stage` in `keeper`, a client of Secrets Manager, and migrate; `say` is told what was done.

    The secret is written first: where the migration then fails, another run gives the roles what it holds. Raises
    `SettingsError`, `RoleError`, `MigrationError` or `SignInError`.
    """
    owner = libpq_url(OWNER, env.get(OWNER, ""))
    urls = {}
    for variable, (role, name) in ROLES.items():
        secret = f"task-api/{stage}/{name}"
        kept = _read(keeper, secret)
        password = urlsplit(kept).password if kept and not rotate else None
        urls[variable] = url = _pooled(owner, role, password or secrets.token_urlsafe(32))
        _write(keeper, secret, kept, url, say)
    if synthetic := env.get("SMOKE_USERS"):
        users(synthetic)
        secret = f"task-api/{stage}/{USERS}"
        _write(keeper, secret, _read(keeper, secret), synthetic, say)
    migrate({OWNER: owner, **urls}, say)


def _read(keeper: Any, secret: str) -> str | None:
    try:
        return str(keeper.get_secret_value(SecretId=secret)["SecretString"])
    except keeper.exceptions.ResourceNotFoundException:
        return None


def _write(keeper: Any, secret: str, kept: str | None, value: str, say: Callable[[str], None]) -> None:
    if kept is None:
        keeper.create_secret(Name=secret, SecretString=value)
        say(f"secret {secret} is made")
    elif kept != value:
        keeper.put_secret_value(SecretId=secret, SecretString=value)
        say(f"secret {secret} has a new value")


def _pooled(owner: str, role: str, password: str) -> str:
    """Give the owner's URL for another role, on Neon by the pooler."""
    parts = urlsplit(owner)
    host, dot, domain = (parts.hostname or "").partition(".")
    pooler = "-pooler" if domain.endswith("neon.tech") else ""
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{role}:{password}@{host}{pooler}{dot}{domain}{port}").geturl()


def main() -> int:
    """Run for the environment of this process; give the exit status."""
    match sys.argv[1:]:
        case [stage, *options] if STAGE.fullmatch(stage) and options in ([], ["--rotate"]):
            pass
        case _:
            print("usage: python -m infra.stage production|staging|preview-NUMBER [--rotate]", file=sys.stderr)
            return 2
    try:
        keeper = boto3.client("secretsmanager")
        bring_up(stage, os.environ, keeper, lambda line: print(f"stage: {line}", flush=True), rotate=bool(options))
    except (SettingsError, RoleError, MigrationError, SignInError) as failure:
        print(f"stage: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
