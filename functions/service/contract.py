"""GET /openapi.json: the contract of this API, as OpenAPI 3.1."""

from fastapi import Request, Response

from shared.files import send_file
from shared.http import anonymous, on_lambda

router = anonymous()


@router.get("/openapi.json")
async def get_contract(request: Request) -> Response:
    """Answer with the contract as it was written; one function's code knows only a part of it."""
    return send_file(request, ("shared", "openapi.json"), "application/json", {})


handler = on_lambda(router)
