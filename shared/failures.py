"""What an error of the database means for a request: a problem, an answer, or that it may be tried again."""

from typing import Any

import psycopg

from shared.logs import LOGGER
from shared.problems import Conflict, KeyInUse, Unavailable

# SQLSTATEs (PostgreSQL, appendix A), by what they mean here.
KEY_TAKEN, KEY_IN_USE = "KEY01", "KEY02"  # raised by app.claim
REFUSED = "CONF1"  # raised by app.refuse: its text is for the caller, and names no value
ITEM_FAILED = "ITEM1"  # raised by app.go_on
UNDONE = ("40001", "40P01", "23503")  # serialization failure, deadlock, what it hangs on was deleted just now
STALE_PLAN = "0A000"  # "cached plan must not change result type", where statements are prepared
OUT_OF_REACH = (
    "08P01",  # PgBouncer's query_wait_timeout and server_login_retry
    "25006",  # a read-only server: a standby after a failover
    "25P03", "25P04", "55P03", "57014",  # our own timeouts: idle, transaction, lock, statement
    "53", "58",  # out of resources, system errors
)  # fmt: skip
ENDED = ("08", "57P")  # the connection or its server went away


class KeyTaken(Exception):  # noqa: N818 - an answer of the database's, not a failure
    """The claimed idempotency key has an answer already; nothing was done."""


class Lost(Exception):  # noqa: N818 - names the state of the write
    """The connection ended after the statements were sent: whether they took effect is unknown."""


class Halted(Exception):  # noqa: N818 - the state of the statements
    """One of several statements ended them all; nothing was done. `before` holds the rows of those before it."""

    before: list[list[dict[str, Any]]]


class Refused(Halted, Conflict):
    """The data forbids what the statement was to do."""


class Failed(Halted):
    """An operation of a batch has answered with a failure: the last row of `before`."""


class Undone(Exception):  # noqa: N818 - the state of the statements, not a failure
    """Nothing has taken effect, surely: the statements may run again."""


def meaning(failure: psycopg.Error, read_only: bool) -> Exception:  # noqa: PLR0911 - a table, read from top to bottom
    """What an error of a pipeline means for the request; the error itself where it is a fault of ours."""
    state = sqlstate(failure)
    if state in {KEY_TAKEN, KEY_IN_USE}:
        return KeyTaken() if state == KEY_TAKEN else KeyInUse()
    if state == REFUSED:
        member, told = failure.diag.column_name, failure.diag.message_primary
        return Refused([{"pointer": f"/{member}" if member else "", "detail": told or ""}])
    if state == ITEM_FAILED:
        return Failed()
    if state in UNDONE:
        return Undone()
    if state.startswith(OUT_OF_REACH):
        LOGGER.warning("the database could not answer: %s", kind(failure))
        return Unavailable()
    if state.startswith(ENDED) or (not state and not isinstance(failure, psycopg.ProgrammingError | psycopg.DataError)):
        LOGGER.warning("the connection ended: %s", kind(failure))
        return Undone() if read_only else Lost()
    return failure


def sqlstate(failure: BaseException | None) -> str:
    """The SQLSTATE of an error; empty where there is none."""
    # At the end of a pipeline psycopg raises an error without a state; the server's own is in its context. What is
    # no error of psycopg's ends the search: behind it stands another request to the database.
    while isinstance(failure, psycopg.Error):
        if failure.sqlstate:
            return failure.sqlstate
        failure = failure.__context__
    return ""


def kind(failure: BaseException) -> str:
    """What a log may say of an error."""
    # The message of a connection error holds host and user names: the class and the state say enough.
    return f"{type(failure).__name__} {sqlstate(failure)}".rstrip()
