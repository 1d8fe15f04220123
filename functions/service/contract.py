"""GET /openapi.json: read the contract of this API, OpenAPI 3.1."""

from fastapi import Response

from shared.answers import CACHED
from shared.files import FileRequest, sent
from shared.http import on_lambda
from shared.routing import anonymous

router = anonymous()


@router.get("/openapi.json", response_class=Response, responses=sent("application/json"), openapi_extra=CACHED)
async def get_contract(call: FileRequest) -> Response:
    """Send the contract as it was written; the code of one function knows only a part of it."""
    return call.send("shared", "openapi.json", "application/json", {})


handler = on_lambda(router)
