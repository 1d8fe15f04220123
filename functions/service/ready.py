"""GET /health/ready: tell that the database answers."""

from fastapi import Request

from shared.answers import HEALTHY, INVALID, UNAVAILABLE
from shared.database import DATABASE
from shared.http import on_lambda
from shared.routing import anonymous
from shared.schemas.service import Health

NOBODY = "nobody"
READY = "select app.user_id() as user_id"

router = anonymous()


@router.get("/health/ready", responses=HEALTHY | INVALID | UNAVAILABLE)
async def ready(request: Request) -> Health:
    """Run one statement that touches no row."""
    await DATABASE.run(NOBODY, [(READY, {})], deadline=request.scope["deadline"], read_only=True)
    return Health(status="ok")


handler = on_lambda(router)
