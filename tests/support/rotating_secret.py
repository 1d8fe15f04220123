"""A secret in AWS, for which moto stands, and a role in PostgreSQL whose password it holds and which changes."""

from typing import Any
from uuid import uuid4

import boto3
import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from shared.connection import Secret
from tests.support.output_leaks import note
from tests.support.stack import Stack

REGION = "eu-central-1"


class Login:
    """A role of its own with a password that changes, straight at the server."""

    def __init__(self, stack: Stack, admin: psycopg.Connection[DictRow], group: str) -> None:
        self.name, self._stack, self._admin = f"rotating_{uuid4().hex}", stack, admin
        self.url = ""
        names = sql.Identifier(self.name), sql.Identifier(group)
        admin.execute(sql.SQL("create role {} login in role {}").format(*names))
        self.change()

    def change(self) -> None:
        """Give it another password, end its backends, and know the URL with the new one."""
        password = uuid4().hex
        note("the password of a role", password)
        role = sql.Identifier(self.name)
        self._admin.execute(sql.SQL("alter role {} password {}").format(role, sql.Literal(password)))
        self._admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [self.name])
        self.url = (
            f"postgresql://{self.name}:{password}@127.0.0.1:{self._stack.cluster.port}/{self._stack.cluster.database}"
        )

    def drop(self) -> None:
        """End what is still connected, and take it away."""
        self.change()
        self._admin.execute(sql.SQL("drop role {}").format(sql.Identifier(self.name)))


def keep(service: str, name: str, value: str) -> str:
    """Store `value`; give the id to read it by, which is its ARN where `name` says so."""
    client: Any = boto3.client(service)
    if service == "ssm":
        path = "/tasks/database"
        client.put_parameter(Name=path, Value=value, Type="SecureString", Overwrite=True)
        return path if name != "arn" else str(client.get_parameter(Name=path)["Parameter"]["ARN"])
    stored = client.create_secret(Name="tasks/database", SecretString=value)
    return str(stored["ARN"]) if name == "arn" else "tasks/database"


class Reads(Secret):
    """Counts how often AWS is asked."""

    count = 0

    def _read(self) -> str:
        self.count += 1
        return super()._read()
