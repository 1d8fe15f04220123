"""GET /docs/{asset}: one file of the reference page."""

from importlib.util import find_spec
from pathlib import Path

from fastapi import Request, Response

import shared
from shared.files import send_file
from shared.http import anonymous, on_lambda
from shared.problems import NotFound

OURS = Path(shared.__path__[0]) / "docs"
# Swagger UI's own build, from a package that carries it. The package is found but not imported: we want its files alone.
SWAGGER = Path(find_spec("fastapi_swagger").origin).parent / "resources"
ASSETS = {
    "page.css": (OURS, "text/css"),
    "page.js": (OURS, "text/javascript"),
    "swagger-ui.css": (SWAGGER, "text/css"),
    "swagger-ui-bundle.js": (SWAGGER, "text/javascript"),
    "favicon-32x32.png": (SWAGGER, "image/png"),
}

router = anonymous()


@router.get("/docs/{asset}")
async def get_docs_asset(asset: str, request: Request) -> Response:
    """Answer with a file of the list above; no other name reaches the disk."""
    if asset not in ASSETS:
        raise NotFound
    folder, media_type = ASSETS[asset]
    return send_file(request, folder / asset, media_type, {"Cache-Control": "public, max-age=86400"})


handler = on_lambda(router)
