"""DATABASE_SECRET_ID_JOBS: the jobs' own secret, read when a job runs, and again when its password is refused."""

from collections.abc import Iterator

import boto3
import moto
import psycopg
import pytest
import sqlalchemy.exc
from psycopg.rows import DictRow

from functions.jobs import delete_expired_keys
from infra.roles import JOBS
from shared.connection import Secret
from shared.problems import Unavailable
from shared.settings import jobs_database
from tests.support.rotating_secret import REGION, Login, Reads, keep
from tests.support.stack import Stack

NAME = "DATABASE_SECRET_ID_JOBS"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with moto.mock_aws():
        yield


@pytest.fixture
def login(stack: Stack, admin: psycopg.Connection[DictRow]) -> Iterator[Login]:
    made = Login(stack, admin, JOBS)
    yield made
    made.drop()


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_a_job_reads_its_own_secret_and_a_changed_password_in_it(
    service: str, login: Login, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DATABASE_URL_JOBS", "")
    monkeypatch.setenv(NAME, keep(service, "", login.url))
    secret = Reads(*jobs_database(), NAME)
    monkeypatch.setattr("shared.purging.SECRET", secret)
    assert delete_expired_keys.handler({}, None)["done"] is True
    login.change()
    with pytest.raises(sqlalchemy.exc.OperationalError, match="password authentication failed"):
        delete_expired_keys.handler({}, None)
    if service == "ssm":
        keep(service, "", login.url)
    else:
        boto3.client(service).put_secret_value(SecretId="tasks/database", SecretString=login.url)
    assert delete_expired_keys.handler({}, None)["done"] is True
    assert secret.count == 3
    assert login.url not in caplog.text


def test_a_job_without_its_secret_fails_and_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = Secret(None, "tasks/nowhere", NAME)
    monkeypatch.setattr("shared.purging.SECRET", secret)
    with pytest.raises(Unavailable):
        delete_expired_keys.handler({}, None)
    assert f"{NAME} can't be read: ResourceNotFoundException" in caplog.text
