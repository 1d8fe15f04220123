"""GET /docs/{asset}: one file of the reference page."""

from fastapi import Request, Response

from shared.files import send_file
from shared.http import anonymous, on_lambda
from shared.problems import NotFound

SWAGGER_UI = "fastapi_swagger"  # carries Swagger UI's own build, byte for byte
ASSETS = {
    "page.css": (("shared", "docs/page.css"), "text/css"),
    "page.js": (("shared", "docs/page.js"), "text/javascript"),
    "swagger-ui.css": ((SWAGGER_UI, "resources/swagger-ui.css"), "text/css"),
    "swagger-ui-bundle.js": ((SWAGGER_UI, "resources/swagger-ui-bundle.js"), "text/javascript"),
    "favicon-32x32.png": ((SWAGGER_UI, "resources/favicon-32x32.png"), "image/png"),
}
# The names hold no version: with a function for each operation, a new page may meet the old function of its files.
HEADERS = {"Cache-Control": "public, max-age=86400"}

router = anonymous()


@router.get("/docs/{asset}")
async def get_docs_asset(asset: str, request: Request) -> Response:
    """Answer with a file of the list above; no other name reaches the disk."""
    if asset not in ASSETS:
        raise NotFound
    file, media_type = ASSETS[asset]
    return send_file(request, file, media_type, HEADERS)


handler = on_lambda(router)
