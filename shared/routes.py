"""The table of routes, out of the contract: what `$default` answers 404 and 405 by."""

import json
import re
from functools import cache
from importlib.resources import files

METHODS = ("get", "put", "post", "patch", "delete")


@cache
def _table() -> list[tuple[re.Pattern[str], list[str]]]:
    paths = json.loads(files("shared").joinpath("openapi.json").read_bytes())["paths"]
    return [
        (
            re.compile("[^/]+".join(re.escape(part) for part in re.split(r"\{[^}]*\}", path))),
            [method.upper() for method in METHODS if method in operations],
        )
        for path, operations in paths.items()
    ]


def allowed_methods(path: str) -> list[str]:
    """The methods that `path` knows, for `Allow` (RFC 9110 10.2.1); none where no route matches."""
    return [method for pattern, methods in _table() if pattern.fullmatch(path) for method in methods]
