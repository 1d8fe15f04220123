"""GET /docs/{asset}: fetch one file of the reference page."""

from fastapi import Response

from shared.answers import CACHED, NOT_FOUND
from shared.files import FileRequest, sent
from shared.http import on_lambda
from shared.problems import NotFound
from shared.routing import anonymous

SWAGGER_UI = "fastapi_swagger"  # carries Swagger UI's own build, byte for byte
CSS, JAVASCRIPT, PNG = "text/css", "text/javascript", "image/png"
ASSETS = {
    "page.css": ("shared", "docs/page.css", CSS),
    "page.js": ("shared", "docs/page.js", JAVASCRIPT),
    "swagger-ui.css": (SWAGGER_UI, "resources/swagger-ui.css", CSS),
    "swagger-ui-bundle.js": (SWAGGER_UI, "resources/swagger-ui-bundle.js", JAVASCRIPT),
    "favicon-32x32.png": (SWAGGER_UI, "resources/favicon-32x32.png", PNG),
}
# The names hold no version: with a function for each operation, a new page may meet the old function of its files.
HEADERS = {"Cache-Control": "public, max-age=86400"}

router = anonymous()


@router.get(
    "/docs/{asset}", response_class=Response, responses=sent(CSS, JAVASCRIPT, PNG) | NOT_FOUND, openapi_extra=CACHED
)
async def get_docs_asset(asset: str, call: FileRequest) -> Response:
    """Send a file of the list above; no other name reaches the disk."""
    if asset not in ASSETS:
        raise NotFound
    return call.send(*ASSETS[asset], HEADERS)


handler = on_lambda(router)
