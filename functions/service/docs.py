"""GET /docs: read the reference of this API and try each operation."""

from fastapi import Response

from shared.answers import CACHED
from shared.files import FileRequest, sent
from shared.http import on_lambda
from shared.routing import anonymous

HEADERS = {
    "Cache-Control": "no-cache",
    # What the page may load and whom it may call: this host alone. A page that takes a token runs no inline script.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}

SENT = sent("text/html", headers=("Content-Security-Policy",))
router = anonymous()


@router.get("/docs", response_class=Response, responses=SENT, openapi_extra=CACHED)
async def get_docs(call: FileRequest) -> Response:
    """Send the page; it fetches the contract and its own files from this host."""
    return call.send("shared", "docs/page.html", "text/html", HEADERS)


handler = on_lambda(router)
