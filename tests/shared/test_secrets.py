"""DATABASE_SECRET_ID: the URL in Secrets Manager or SSM, read at first use, and again when its password is refused.

moto stands for AWS; PostgreSQL, and the change of a password in it, are real.
"""

import io
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import moto
import psycopg
import pytest
from psycopg.rows import DictRow

from infra.local.postgres import ROOT
from infra.roles import APP as APP_GROUP
from shared.connection import refused
from shared.database import Database
from shared.logs import LOGGER
from shared.problems import Unavailable
from tests.shared.test_database import Door, run
from tests.support.api_gateway import make_event
from tests.support.postgres_proxy import Proxy
from tests.support.rotating_secret import REGION, Login, Reads, keep
from tests.support.stack import APP, Stack, User

KEPT = [
    ("secretsmanager", "tasks/database"),
    ("secretsmanager", "arn"),
    ("ssm", "/tasks/database"),
    ("ssm", "arn"),
]


@pytest.fixture
def login(stack: Stack, admin: psycopg.Connection[DictRow]) -> Iterator[Login]:
    made = Login(stack, admin, APP_GROUP)
    yield made
    made.drop()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with moto.mock_aws():
        yield


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    LOGGER.addHandler(handler)
    yield written
    LOGGER._logger.removeHandler(handler)


def door_for(secret_id: str) -> tuple[Door, Reads]:
    door, secret = Door(""), Reads(None, secret_id)
    door.database = Database(secret, None)
    return door, secret


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("service", "name"), KEPT)
def test_the_url_is_read_at_first_use_and_once(service: str, name: str, login: Login) -> None:
    door, secret = door_for(keep(service, name, login.url + "\n"))
    assert not secret.known

    async def work() -> None:
        await door.rows()
        await door.rows()

    run(door, work)
    assert secret.count == 1


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_a_changed_password_is_read_once_and_the_request_succeeds(service: str, login: Login) -> None:
    door, secret = door_for(keep(service, "", login.url))

    async def work() -> None:
        await door.rows()
        login.change()
        if service == "ssm":
            keep(service, "", login.url)
        else:
            boto3.client(service).put_secret_value(SecretId="tasks/database", SecretString=login.url)
        await door.rows()
        await door.rows()

    run(door, work)
    assert secret.count == 2


@pytest.mark.usefixtures("aws")
def test_a_password_that_the_secret_does_not_know_yet_is_unavailable(login: Login, log: io.StringIO) -> None:
    door, secret = door_for(keep("ssm", "", login.url))

    async def work() -> None:
        await door.rows()
        old = login.url
        login.change()
        with pytest.raises(Unavailable):
            await door.rows()
        assert secret.count == 2
        for url in (old, login.url):
            assert url.split(":")[2].split("@")[0] not in log.getvalue()
        assert login.name not in log.getvalue()
        keep("ssm", "", login.url)
        await door.rows()

    run(door, work)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("canary-no-url", "DATABASE_SECRET_ID is malformed"),
        ('{"url": "postgresql://canary"}', "DATABASE_SECRET_ID is malformed"),
        ("postgresql://canary:%zz@[", "DATABASE_SECRET_ID is malformed"),
        (None, "DATABASE_SECRET_ID can't be read: ResourceNotFoundException"),
    ],
)
def test_a_secret_without_a_url_is_unavailable_and_the_log_names_the_variable(
    value: str | None, said: str, log: io.StringIO, login: Login
) -> None:
    door, _ = door_for(keep("secretsmanager", "", value) if value else "tasks/database")

    async def work() -> None:
        with pytest.raises(Unavailable):
            await door.rows()
        assert said in log.getvalue()
        assert "canary" not in log.getvalue()
        if value:  # put right, it works without a restart
            boto3.client("secretsmanager").put_secret_value(SecretId="tasks/database", SecretString=login.url)
            await door.rows()

    run(door, work)


@contextmanager
def endpoint(silent: bool) -> Iterator[str]:
    """Where AWS would be: a port that takes connections and says nothing, or one that refuses them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if silent:
            listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("silent", [False, True], ids=["refusing", "silent"])
def test_aws_out_of_reach_is_unavailable_within_the_budget(silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)
    door, secret = door_for("tasks/database")

    async def work() -> None:
        with endpoint(silent) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            with pytest.raises(Unavailable):
                await door.rows(seconds=2)
        assert not secret.known

    run(door, work)


def test_without_a_region_aws_is_out_of_reach(log: io.StringIO) -> None:
    door, _ = door_for("tasks/database")

    async def work() -> None:
        with pytest.raises(Unavailable):
            await door.rows()

    run(door, work)
    assert "DATABASE_SECRET_ID can't be read: NoRegionError" in log.getvalue()


@pytest.mark.parametrize("pooled", [False, True], ids=["server", "pooler"])
def test_a_refused_password_is_told_from_other_failures(pooled: bool, stack: Stack, proxy: Proxy) -> None:
    port = proxy.port if pooled else stack.cluster.port
    url = stack.cluster.url(APP, port=port)
    with pytest.raises(psycopg.OperationalError) as wrong:
        psycopg.connect(url.replace(stack.cluster.password(APP), "wrong"))
    assert refused(wrong.value)
    proxy.refuse()
    with pytest.raises(psycopg.OperationalError) as down:
        psycopg.connect(stack.url(APP))
    assert not refused(down.value)


HANDLER = """
import json, os, sys
from functions.tasks import create
assert not {"boto3", "botocore.session", "aws_lambda_powertools.utilities.parameters"} & sys.modules.keys()
import boto3, moto
events = json.load(sys.stdin)
class Context: aws_request_id = function_name = "x"
with moto.mock_aws():
    print(create.handler(events[0], Context)["statusCode"])
    boto3.client("secretsmanager").create_secret(Name="tasks/database", SecretString=os.environ["TRIAL_URL"])
    for event in events:
        print(create.handler(event, Context)["statusCode"])
"""


def test_a_handler_reads_nothing_at_import_and_its_secret_when_it_is_asked(stack: Stack, user: User) -> None:
    headers = [*user.headers.items(), ("Content-Type", "application/json")]
    events = [make_event("POST", "/v1/tasks", headers=headers, body=b'{"title": "Buy milk"}') for _ in range(2)]
    env = {
        "PATH": os.environ["PATH"],
        "AUTH_ISSUER": stack.environment["AUTH_ISSUER"],
        "DATABASE_SECRET_ID": "tasks/database",
        "AWS_DEFAULT_REGION": REGION,
        "TRIAL_URL": stack.url(APP),
        "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    }
    done = subprocess.run(
        [sys.executable, "-c", HANDLER],
        cwd=ROOT,
        env=env,
        input=json.dumps(events),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["503", "201", "201"], done.stderr
