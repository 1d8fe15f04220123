"""$default: answer 404 or 405 to what no route matches."""

from shared.http import anonymous, on_lambda

router = anonymous()
handler = on_lambda(router)
