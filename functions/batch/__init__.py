"""Operations on many objects at once. All need the database and the issuer's keys, as tasks do."""

from shared.database import DATABASE

DATABASE.open_early()

from shared.issuer import KEYS  # noqa: E402

KEYS.ask_early()

import shared.lean  # noqa: E402, F401 - before an operation imports FastAPI
