"""`python -m infra.stage`: passwords in Secrets Manager, roles that have them, a schema; again, and with new ones.

moto stands for AWS; PostgreSQL is real.
"""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import moto
import psycopg
import pytest
from psycopg import sql

from infra import stage
from infra.local.postgres import OWNER, Cluster, throwaway
from infra.migrate import MigrationError
from infra.synthetic import SignInError
from shared.settings import SettingsError

APP, JOBS = "task-api/staging/database-url", "task-api/staging/database-url-jobs"
Run = Callable[..., list[str]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with throwaway() as cluster:
        yield cluster


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager, empty."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with moto.mock_aws():
        yield boto3.client("secretsmanager", region_name="eu-central-1")


@pytest.fixture
def run(cluster: Cluster, keeper: Any) -> Run:
    """Bring staging up; gives what it said."""

    def bring_up(owner: str = cluster.url(OWNER), *, rotate: bool = False) -> list[str]:
        said: list[str] = []
        stage.bring_up("staging", {"DATABASE_URL_UNPOOLED": owner}, keeper, said.append, rotate=rotate)
        return said

    return bring_up


def secret(keeper: Any, name: str) -> str:
    return str(keeper.get_secret_value(SecretId=name)["SecretString"])


def count(url: str, table: str) -> tuple[Any, ...] | None:
    with psycopg.connect(url) as connection:
        query = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
        return connection.execute(query).fetchone()


def test_the_first_run_makes_roles_whose_passwords_are_in_the_secrets_alone(run: Run, keeper: Any) -> None:
    said = run()
    assert {f"secret {APP} is made", f"secret {JOBS} is made", "role api is ready, as a member of task_app"} <= set(
        said
    )
    assert count(secret(keeper, APP), "task") == (0,)
    assert count(secret(keeper, JOBS), "idempotency_key") == (0,)
    passwords = {urlsplit(secret(keeper, name)).password or "" for name in (APP, JOBS)}
    assert min(map(len, passwords)) >= 43, "256 bits"
    assert len(passwords) == 2
    assert not [line for line in said for password in passwords if password in line]


def test_a_second_run_keeps_the_passwords(run: Run, keeper: Any) -> None:
    run()
    before = secret(keeper, APP), secret(keeper, JOBS)
    assert not [line for line in run() if line.startswith("secret")]
    assert (secret(keeper, APP), secret(keeper, JOBS)) == before
    assert count(before[0], "task") == (0,)


def test_new_passwords_take_the_place_of_the_old_ones(run: Run, keeper: Any) -> None:
    run()
    old = secret(keeper, APP), secret(keeper, JOBS)
    said = run(rotate=True)
    assert said[:2] == [f"secret {APP} has a new value", f"secret {JOBS} has a new value"]
    new = secret(keeper, APP), secret(keeper, JOBS)
    assert count(new[0], "task") == (0,)
    assert count(new[1], "idempotency_key") == (0,)
    for url in old:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url)


def test_a_run_that_broke_off_is_mended_by_the_next(run: Run, keeper: Any) -> None:
    run()
    with pytest.raises(MigrationError):
        run("postgresql://owner@127.0.0.1:1/tasks", rotate=True)
    run()
    assert count(secret(keeper, APP), "task") == (0,)


def test_on_neon_the_functions_get_the_pooled_host_with_every_option_of_the_owners_url() -> None:
    owner = "postgresql://neondb_owner:secret@ep-cool-1a2b.eu-central-1.aws.neon.tech/neondb"
    options = "sslmode=verify-full&channel_binding=require&sslnegotiation=direct"
    assert stage._pooled(f"{owner}?{options}", "api", "pass") == (
        f"postgresql://api:pass@ep-cool-1a2b-pooler.eu-central-1.aws.neon.tech/neondb?{options}"
    )
    assert (
        stage._pooled("postgresql://o:x@db.example.com:6432/d", "api", "p")
        == "postgresql://api:p@db.example.com:6432/d"
    )


def test_no_owner_is_refused_before_a_secret_is_made(keeper: Any) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL_UNPOOLED is missing"):
        stage.bring_up("staging", {}, keeper, print)
    assert keeper.list_secrets()["SecretList"] == []


def test_an_unknown_stage_or_option_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], ["prod"], ["preview-"], ["staging", "--rotat"], ["../production"]):
        monkeypatch.setattr("sys.argv", ["stage", *arguments])
        assert stage.main() == 2, arguments
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("usage: python -m infra.stage ")


def test_synthetic_users_are_kept_for_the_hook_and_refused_where_they_are_none(cluster: Cluster, keeper: Any) -> None:
    given = '[{"email": "smoke@example.com", "password": "made-up-5f2c"}]'
    env = {"DATABASE_URL_UNPOOLED": cluster.url(OWNER), "SMOKE_USERS": given}
    said: list[str] = []
    stage.bring_up("staging", env, keeper, said.append)
    assert secret(keeper, "task-api/staging/smoke-users") == given
    assert "secret task-api/staging/smoke-users is made" in said
    assert not [line for line in said if "made-up" in line]
    with pytest.raises(SignInError):
        stage.bring_up("staging", env | {"SMOKE_USERS": "x"}, keeper, said.append)
    assert secret(keeper, "task-api/staging/smoke-users") == given
