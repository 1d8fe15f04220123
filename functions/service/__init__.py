"""Operations on the service itself. Anyone may call them."""

import shared.lean  # noqa: F401 - before an operation imports FastAPI
