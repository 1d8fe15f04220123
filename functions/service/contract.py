"""GET /openapi.json: the contract of this API, as OpenAPI 3.1."""

from pathlib import Path

from fastapi import Request, Response

import shared
from shared.files import send_file
from shared.http import anonymous, on_lambda

CONTRACT = Path(shared.__path__[0]) / "openapi.json"

router = anonymous()


@router.get("/openapi.json")
async def get_contract(request: Request) -> Response:
    """Answer with the contract."""
    return send_file(request, CONTRACT, "application/json", {"Cache-Control": "no-cache"})


handler = on_lambda(router)
