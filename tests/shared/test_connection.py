"""Connections: the one that opens early, and which authorities one trusts that verifies whom it talks to."""

import asyncio
from itertools import product
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from shared import connection as connections
from shared.connection import CA_FILES, Secret, verifying
from shared.database import CONNECT_LIMIT, Database
from shared.problems import Unavailable
from tests.shared.test_database import INSERT, Door, asynchronous, run
from tests.support.postgres_proxy import Proxy
from tests.support.stack import APP, Stack

HERE = "postgresql://api:secret@db.example.com/tasks"


@pytest.fixture
def door(stack: Stack, proxy: Proxy) -> Door:
    del proxy  # as new, with nothing counted
    return Door(stack.url(APP))


class TestEarly:
    """The connection that opens while the operation is importing."""

    def test_it_is_used(self, door: Door, proxy: Proxy) -> None:
        door.database.open_early()
        door.database.open_early()
        run(door, door.rows)
        assert proxy.connects == 1

    def test_its_failure_is_its_own(self, door: Door, proxy: Proxy) -> None:
        proxy.refuse()
        door.database.open_early()
        assert door.database._early
        assert door.database._early.exception()
        proxy.listen()
        run(door, door.rows)

    def test_it_is_replaced_if_it_ended_before_the_first_request(self, door: Door, proxy: Proxy) -> None:
        door.database.open_early()
        assert door.database._early
        connection, _ = door.database._early.result()
        proxy.cut()
        run(door, lambda: door.rows(INSERT, read_only=False))
        assert connection.closed

    @asynchronous
    async def test_nobody_waits_for_it_beyond_the_deadline(self, door: Door, proxy: Proxy) -> None:
        proxy.freeze()
        door.database.open_early()
        early = door.database._early
        assert early
        with pytest.raises(Unavailable):
            await door.rows(seconds=0.2)
        proxy.thaw()
        await door.rows()
        connection, _ = await asyncio.wait_for(asyncio.wrap_future(early), 2 * CONNECT_LIMIT)
        await connection.close()

    def test_a_secret_is_not_read_for_it(self) -> None:
        unread = Database(Secret(None, "never/read"), None)
        unread.open_early()
        assert unread._early is None


def test_a_url_that_verifies_nothing_or_names_its_authority_stays_as_it_is() -> None:
    for query in ("", "?sslmode=require", "?sslmode=verify-full&sslrootcert=/my/ca.pem"):
        assert conninfo_to_dict(verifying(HERE + query)) == conninfo_to_dict(HERE + query)


def test_a_url_that_verifies_gets_the_first_ca_file_of_the_system_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "ca.pem"
    there.touch()
    monkeypatch.setattr(connections, "CA_FILES", (str(tmp_path / "missing.pem"), str(there), "/never/reached.pem"))
    for mode, named in product(("verify-full", "verify-ca"), ("", "&sslrootcert=system")):
        found = conninfo_to_dict(verifying(f"{HERE}?sslmode={mode}{named}&channel_binding=require"))
        changed = {"sslmode": mode, "channel_binding": "require", "sslrootcert": str(there)}
        assert found == conninfo_to_dict(HERE) | changed, (mode, named)


def test_where_no_ca_file_is_known_libpq_looks_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CA_FILES", ())
    assert conninfo_to_dict(verifying(f"{HERE}?sslmode=verify-full"))["sslrootcert"] == "system"


def test_amazon_linux_comes_first() -> None:
    assert CA_FILES[0] == "/etc/pki/tls/certs/ca-bundle.crt"
