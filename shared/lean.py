"""FastAPI, imported without what no request needs. Operations come through here before they import it."""

import sys

from pydantic import BaseModel

# FastAPI asks of every annotation whether it is a model of Pydantic 1, and loads all of that to ask, at a cold start,
# for what nobody here has.
sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type]  # how Python spells "not importable"

# Its models of OpenAPI documents, some fifty, are compiled when one is first used; on Lambda none ever is.
BaseModel.model_config["defer_build"] = True
import fastapi.routing  # noqa: E402

del BaseModel.model_config["defer_build"]

__all__ = ["fastapi"]
