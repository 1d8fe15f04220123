"""GET /docs: the reference of this API, with a form to try each operation."""

from pathlib import Path

from fastapi import Request, Response

import shared
from shared.files import send_file
from shared.http import anonymous, on_lambda

PAGE = Path(shared.__path__[0]) / "docs" / "page.html"
# What the page may load and whom it may call: this host alone. A page that takes tokens gets no inline script.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = anonymous()


@router.get("/docs")
async def get_docs(request: Request) -> Response:
    """Answer with the page; it fetches the contract and its files from this host."""
    return send_file(request, PAGE, "text/html", {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY})


handler = on_lambda(router)
