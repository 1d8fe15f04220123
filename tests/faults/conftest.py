"""What every test of a fault leaves behind is looked at: open transactions, and what was logged."""

import io
import logging
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from shared.logs import LOGGER
from tests.faults.invariants import nothing_left_over
from tests.faults.scene import Scene
from tests.support.postgres_proxy import Proxy
from tests.support.stack import APP, Stack, User


@pytest.fixture(autouse=True)
def log(stack: Stack, user: User) -> Iterator[io.StringIO]:
    """All that is logged; nothing in it may be a bug, a secret, a token, a name of a user or SQL."""
    written = io.StringIO()
    ours, others = logging.StreamHandler(written), logging.StreamHandler(written)
    ours.setFormatter(LOGGER.registered_formatter)
    LOGGER.addHandler(ours)
    logging.getLogger("psycopg").addHandler(others)
    yield written
    LOGGER._logger.removeHandler(ours)
    logging.getLogger("psycopg").removeHandler(others)
    text = written.getvalue()
    assert '"level":"ERROR"' not in text
    assert '"level":"CRITICAL"' not in text
    for secret in (stack.cluster.password(APP), user.token, user.id, "select ", "insert ", "Buy milk"):
        assert secret not in text, text


@pytest.fixture(autouse=True)
def aftermath(stack: Stack, proxy: Proxy) -> Iterator[None]:
    """After the fault is over, nothing of it may remain."""
    yield
    proxy.reset()
    with psycopg.connect(stack.admin_url, autocommit=True, row_factory=dict_row) as connection:
        nothing_left_over(connection, stack.pooler)


@pytest.fixture
def scene(api: httpx.Client, user: User, proxy: Proxy, admin: psycopg.Connection[DictRow], stack: Stack) -> Scene:
    return Scene(api, user, proxy, admin, stack)
