"""GET /health: tell that the function answers."""

from shared.answers import HEALTHY, INVALID
from shared.http import on_lambda
from shared.routing import anonymous
from shared.schemas.service import Health

router = anonymous()


@router.get("/health", responses=HEALTHY | INVALID)
async def health() -> Health:
    """Answer without asking the database: a monitor must not keep it awake."""
    return Health(status="ok")


handler = on_lambda(router)
