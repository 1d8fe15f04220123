"""Begun while an operation is still importing, once in a process: the connection to the database, the issuer's keys."""

from shared.database import DATABASE

DATABASE.open_early()

from shared.issuer import KEYS  # noqa: E402

KEYS.ask_early()

import shared.lean  # noqa: E402, F401 - before an operation imports FastAPI
