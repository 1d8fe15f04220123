"""POST /v1/batch: run up to a hundred writes."""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import Response

import functions
from shared.answers import BATCHED, CONDITIONAL, FAILING, WRITING
from shared.auth import authenticated
from shared.batches import Batching, writes
from shared.http import on_lambda
from shared.schemas.batch import Batch, BatchResults

APART = {"batch", "jobs", "service"}
"""Resources without a write that a batch may name."""


class Writes(Batching):
    """A request made of this API's writes: the one place where an operation imports others."""

    routes = writes(
        import_module(f"functions.{package.name}.{module.name}").router
        for package in iter_modules(functions.__path__)
        if package.name not in APART
        for module in iter_modules([f"{functions.__path__[0]}/{package.name}"])
    )


router = authenticated()


@router.post("/v1/batch", responses=BATCHED | WRITING | FAILING, openapi_extra=CONDITIONAL, response_model=BatchResults)
async def run_batch(body: Batch, tx: Writes) -> Response:
    """Run operations in order: all or nothing, or each on its own."""
    return await (tx.at_once() if body.atomic else tx.one_by_one())


handler = on_lambda(router)
