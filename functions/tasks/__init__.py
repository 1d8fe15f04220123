"""Operations on tasks. All need the database: the connection opens while the rest of the operation is importing."""

from shared.database import DATABASE

DATABASE.open_early()

import shared.lean  # noqa: E402, F401 - before an operation imports FastAPI
