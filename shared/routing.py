"""The routes of operations: what is checked of a request, and in which order, before an operation sees it."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, get_type_hints
from urllib.parse import unquote_plus

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from starlette.types import Receive, Scope

from shared.bodies import JSON, read_json
from shared.problems import NotFound

SAFE = ("GET",)


class Call(Request):
    """A request as its operation sees it: `parsed` is the body's value, read strictly.

    `status` and `extra` are what the operation says of its answer: a status other than the route's, and more headers.
    `wrong` is what `prepare` has found wrong with members.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self.parsed: Any = None
        self.status: int | None = None
        self.extra: dict[str, str] = {}
        self.wrong: list[Any] = []

    async def prepare(self) -> None:
        """Read the headers that the operation heeds; a subclass may raise `BadRequest`."""


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
        self.call = next((kind for kind in get_type_hints(endpoint).values() if _is_call(kind)), Call)
        if self.dependant.dependencies or self.dependant.header_params or self.dependant.cookie_params:
            raise TypeError(f"{self.name}: what needs more than parameters and a body takes a subclass of Call")
        self.parameters = {field.alias: field.field_info for field in self.dependant.query_params}
        self.media_types = (JSON, *(media_type for media_type in extra if media_type != JSON))

    async def admit(self, request: Request) -> None:
        """Let anyone in; a subclass may not."""

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Answer one request. Raises `Problem`s, and `RequestValidationError` with all that is wrong with members."""
        # Starlette's pattern ends with "$", which lets a line break follow.
        if not self.path_regex.fullmatch(scope["path"]):
            raise NotFound
        scope["operation"] = self.name
        call = self.call(scope, receive)
        await self.admit(call)
        call.parsed = await self._body(call)
        await call.prepare()
        return await self.respond(call, self.arguments(call))

    async def respond(self, call: Call, values: dict[str, Any]) -> Response:
        """The operation's answer to checked arguments. Raises `Problem`s."""
        result = await self.endpoint(**values)
        if isinstance(result, Response):
            return result
        # Not once more through validation: it is a model, made and checked by the operation.
        content = result.model_dump_json() if isinstance(result, BaseModel) else None
        return Response(content, call.status or self.status_code or 200, call.extra, JSON if content else None)

    def arguments(self, call: Call) -> dict[str, Any]:
        """What the operation is called with. Raises `RequestValidationError` with all that is wrong with it.

        FastAPI's own solving of dependencies, of which there are none here, takes longer than all that it solves.
        """
        values, errors = request_params_to_args(self.dependant.query_params, call.query_params)
        given: list[tuple[Any, Any, tuple[str, ...]]] = [
            (field, call.path_params[field.alias], ("path", field.alias)) for field in self.dependant.path_params
        ]
        if self.body_field:
            given.append((self.body_field, call.parsed, ("body",)))
        for field, value, location in given:
            values[field.name], wrong = field.validate(value, loc=location)
            errors += wrong
        if self.dependant.request_param_name:
            values[self.dependant.request_param_name] = call
        if errors := [*self._query_errors(call), *self._unwanted(call), *call.wrong, *errors]:
            raise RequestValidationError(errors)
        return values

    async def _body(self, request: Request) -> Any:
        if self.body_field:
            return await read_json(request, self.media_types)
        if request.method in SAFE or not await request.body():
            return {}
        return await read_json(request, self.media_types)

    def _unwanted(self, request: Call) -> Iterator[dict[str, Any]]:
        """What stands in a body where none is wanted; an empty object is let pass, for clients that always send one."""
        if self.body_field or request.parsed == {}:
            return
        for name in request.parsed if isinstance(request.parsed, dict) else [None]:
            yield {"loc": ("body",) if name is None else ("body", name), "msg": "this operation takes no body"}

    def _query_errors(self, request: Call) -> Iterator[dict[str, Any]]:
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


def _is_call(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Call)


def _repeatable(parameter: FieldInfo) -> bool:
    return "list" in str(parameter.annotation)


def anonymous() -> APIRouter:
    """A router whose operation anyone may call."""
    return APIRouter(route_class=Operation)
