"""$default: answer 404 or 405 to what no route matches."""

from shared.http import on_lambda
from shared.routing import anonymous

router = anonymous()
handler = on_lambda(router)
