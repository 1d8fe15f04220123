"""The routes of operations: what is checked of a request, and in which order, before an operation sees it."""

import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, ClassVar
from urllib.parse import unquote_plus

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.utils import solve_dependencies
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo

from shared.bodies import JSON, read_json
from shared.problems import NotFound

SAFE = ("GET",)

# FastAPI asks of every annotation whether it is a model of Pydantic 1, and loads all of that to ask, at a cold start,
# for what nobody here has.
sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type]  # how Python spells "not importable"


class ParsedRequest(Request):
    """A request whose body was read, strictly, before FastAPI asks for it."""

    parsed: Any

    async def json(self) -> Any:
        """The body's value."""
        return self.parsed


class Operation(APIRoute):
    """A route that checks in the contract's order: token, media type, size, JSON, then members and parameters."""

    security: ClassVar[tuple[dict[str, list[str]], ...]] = ()

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["openapi_extra"] = {"security": list(self.security)} | (options.get("openapi_extra") or {})
        options["operation_id"] = endpoint.__name__
        # functions.tasks.create is tasks_create: the function's name in serverless.yml, and so in the log.
        options["name"] = "_".join(endpoint.__module__.split(".")[1:])
        super().__init__(path, endpoint, **options)
        extra = options["openapi_extra"].get("requestBody", {}).get("content", {})
        owners = (self.dependant, *self.dependant.dependencies)
        self.parameters = {field.alias: field.field_info for owner in owners for field in owner.query_params}
        self.media_types = (JSON, *(media_type for media_type in extra if media_type != JSON))

    async def admit(self, request: Request) -> None:
        """Let anyone in; a subclass may not."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind our checks."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            # Starlette's pattern ends with "$", which lets a line break follow.
            if not self.path_regex.fullmatch(request.scope["path"]):
                raise NotFound
            request.scope["operation"] = self.name
            await self.admit(request)
            parsed = ParsedRequest(request.scope, request.receive)
            parsed.parsed = await self._body(parsed)
            if errors := [*self._query_errors(request), *self._unwanted(parsed)]:
                raise RequestValidationError(errors + await self._other_errors(parsed))
            return await handle(parsed)

        return checked

    async def _body(self, request: Request) -> Any:
        if self.body_field:
            return await read_json(request, self.media_types)
        if request.method in SAFE or not await request.body():
            return {}
        return await read_json(request, self.media_types)

    def _unwanted(self, request: ParsedRequest) -> Iterator[dict[str, Any]]:
        """What stands in a body where none is wanted; an empty object is let pass, for clients that always send one."""
        if self.body_field or request.parsed == {}:
            return
        for name in request.parsed if isinstance(request.parsed, dict) else [None]:
            yield {"loc": ("body",) if name is None else ("body", name), "msg": "this operation takes no body"}

    def _query_errors(self, request: Request) -> Iterator[dict[str, Any]]:
        """What FastAPI lets pass: unknown names, a single value given twice, text that is not UTF-8."""
        raw = request.scope["query_string"]
        if not raw:
            return
        seen = set()
        for part in filter(None, raw.split(b"&")):
            name, _, value = part.partition(b"=")
            try:
                parameter = unquote_plus(name.decode("ascii"), errors="strict")
                unquote_plus(value.decode("ascii"), errors="strict")
            except UnicodeDecodeError:
                yield {"loc": ("query", unquote_plus(name.decode("ascii", "replace"))), "msg": "is not UTF-8"}
                continue
            if parameter not in self.parameters:
                yield {"loc": ("query", parameter), "msg": "is not known here"}
            elif parameter in seen and not _repeatable(self.parameters[parameter]):
                yield {"loc": ("query", parameter), "msg": "is given twice"}
            seen.add(parameter)

    async def _other_errors(self, request: ParsedRequest) -> list[Any]:
        """What FastAPI would have said, so that one answer names everything; a malformed header raises here."""
        solved = await solve_dependencies(
            request=request,
            dependant=self.dependant,
            body=request.parsed,
            async_exit_stack=request.scope["fastapi_inner_astack"],
            embed_body_fields=False,
        )
        return solved.errors


def _repeatable(parameter: FieldInfo) -> bool:
    return "list" in str(parameter.annotation)


def anonymous() -> APIRouter:
    """A router whose operation anyone may call."""
    return APIRouter(route_class=Operation)
