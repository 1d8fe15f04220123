"""Operations on lists. All need the database and the issuer's keys."""

import shared.early  # noqa: F401 - both are asked while the rest is importing
