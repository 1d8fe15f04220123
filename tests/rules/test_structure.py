"""The shape of the code, held by its syntax trees: what a reviewer would otherwise have to look for.

Each rule yields what offends it. Below, each is shown to find what it forbids, then run over every file.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.operations import DEFAULT, JOBS, METHODS, ROOT, operations
from tests.support.collect_failures import collect_failures

OPERATIONS = operations()
IMPORTS = {"functions": {"shared"}, "shared": {"shared"}, "infra": {"functions", "infra", "shared"}}
OURS = {*IMPORTS, "tests"}
ELSEWHERE = (f"functions/{JOBS}/", "shared/purging.py", "infra/", "tests/")  # off the way of a request
BATCH = "functions/batch/run.py"  # the one operation that is made of others
MAY_IMPORT = {
    "psycopg": tuple(f"shared/{name}.py" for name in ("connection", "database", "failures", "settings", "transactions"))
    + ELSEWHERE,
    "sqlalchemy": ("shared/tables.py", *ELSEWHERE),
    "sqlmodel": ("shared/tables.py", *ELSEWHERE),
    "shared.tables": ELSEWHERE,
    "importlib.import_module": (BATCH, "infra/", "tests/"),
}
DOOR = "shared/database.py"
ROUTES = {*METHODS, "api_route", "head", "options", "route", "websocket"}
SQL = re.compile(r"\b(select|insert into|update \w+ set|delete from|where|order by|returning)\b", re.IGNORECASE)
LONGEST_OPERATION, LONGEST_FILE = 80, 300


@dataclass(frozen=True)
class File:
    """A source file: its path from the root, its text and its tree."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def room(self) -> str:
        return self.path.split("/")[0]

    @property
    def is_operation(self) -> bool:
        room, _, name = self.path.rpartition("/")
        return room.startswith("functions/") and room != f"functions/{JOBS}" and name != "__init__.py"

    @property
    def serves(self) -> bool:
        """Whether it is on the way of a request."""
        return self.room in {"functions", "shared"} and not self.path.startswith(ELSEWHERE)

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


FILES = [
    File(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    for room in sorted(OURS)
    for path in sorted((ROOT / room).rglob("*.py"))
    if "node_modules" not in path.parts
]


def imported(file: File) -> Iterator[str]:
    """Every name that `file` imports, wherever it stands: `shared.auth` and `shared.auth.authenticated`."""
    for node in ast.walk(file.tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=module, names=names, level=0):
                yield str(module)
                yield from (f"{module}.{name.name}" for name in names)
            case ast.ImportFrom():
                yield "a relative name"


def method_called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def imports_run_one_way(file: File) -> Iterator[str]:
    """functions → shared; infra → functions, shared; operations never import each other, but for the batch."""
    allowed = IMPORTS.get(file.room, OURS) | ({"functions"} if file.path == BATCH else set())
    for name in imported(file):
        if name == "a relative name" or name.split(".")[0] in OURS - allowed:
            yield f"imports {name}"


def libraries_stay_in_their_rooms(file: File) -> Iterator[str]:
    """The driver is the database door's; SQLAlchemy belongs to tables, jobs and migrations; nothing loads by name."""
    for name in imported(file):
        for library, rooms in MAY_IMPORT.items():
            if (name == library or name.startswith(library + ".")) and not file.path.startswith(rooms):
                yield f"imports {name}"


def one_door_opens_connections(file: File) -> Iterator[str]:
    """Connections and pipelines are opened, and transactions ended, by shared/database.py alone."""
    opening = {"pipeline", "create_engine"}
    if "psycopg" in {name.split(".")[0] for name in imported(file)}:
        opening |= {"connect", "cursor", "transaction"}  # elsewhere they are words for other things
    if file.serves and file.path != DOOR:
        for call in file.calls():
            if method_called(call) in opening:
                yield f"line {call.lineno} calls {method_called(call)}()"


def nothing_commits(file: File) -> Iterator[str]:
    """The Sync commits; a commit or rollback by hand would be a second round trip."""
    if file.serves:
        for call in file.calls():
            if method_called(call) in {"commit", "rollback"}:
                yield f"line {call.lineno} calls {method_called(call)}()"


def operations_build_no_sql(file: File) -> Iterator[str]:
    """SQL is constant text with parameters: no f-string, no `+`, `%` or format() on it."""
    if not file.is_operation:
        return
    for node in ast.walk(file.tree):
        match node:
            case ast.JoinedStr(values=parts):
                pieces: list[Any] = list(parts)
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
                pieces = [left, right]
            case ast.Call(func=ast.Attribute(value=text, attr="format" | "join")):
                pieces = [text]
            case _:
                continue
        if any(isinstance(piece, ast.Constant) and SQL.search(str(piece.value)) for piece in pieces):
            yield f"line {node.lineno} puts SQL together"


def a_file_is_short(file: File) -> Iterator[str]:
    """80 lines for an operation, 300 for anything else."""
    lines, limit = file.text.count("\n"), LONGEST_OPERATION if file.is_operation else LONGEST_FILE
    if lines > limit:
        yield f"has {lines} lines; {limit} is the most"


def an_operation_is_one_route(file: File) -> Iterator[str]:
    """`router`, one route on it that the docstring names, `handler`: nothing else lives among operations."""
    if not file.is_operation:
        return
    first = (ast.get_docstring(file.tree) or "").partition("\n")[0]
    routes = [
        f"{method_called(decorator).upper()} {ast.literal_eval(decorator.args[0])}"
        for node in ast.walk(file.tree)
        for decorator in getattr(node, "decorator_list", [])
        if isinstance(decorator, ast.Call) and method_called(decorator) in ROUTES
    ]
    routes += ["a route that no decorator shows" for call in file.calls() if method_called(call) == "add_api_route"]
    if first.startswith(DEFAULT):
        routes.append(DEFAULT)
    if len(routes) != 1:
        yield f"holds {len(routes)} routes, not one: {routes}"
    elif not re.fullmatch(re.escape(routes[0]) + r": \S.*\.", first):
        yield f"is `{routes[0]}`, but its docstring begins `{first}`"
    statements = [ast.unparse(node) for node in file.tree.body]
    if not {"router = authenticated()", "router = anonymous()"} & set(statements):
        yield "has no `router = authenticated()` or `router = anonymous()`"
    if statements[-1] != "handler = on_lambda(router)":
        yield "does not end with `handler = on_lambda(router)`"


def a_job_is_a_handler(file: File) -> Iterator[str]:
    """Only jobs live among jobs."""
    if file.path.startswith(f"functions/{JOBS}/") and not file.path.endswith("__init__.py"):
        names = {node.name for node in file.tree.body if isinstance(node, ast.FunctionDef)}
        targets = [target for node in file.tree.body for target in getattr(node, "targets", [])]
        names |= {target.id for target in targets if hasattr(target, "id")}
        if "handler" not in names:
            yield "has no `handler`"


def functions_lie_flat(file: File) -> Iterator[str]:
    """functions/<resource>/<operation>.py, and no deeper."""
    if file.room == "functions" and file.path != "functions/__init__.py" and file.path.count("/") != 2:
        yield "is not functions/<resource>/<operation>.py"


ROUTE = (
    '"""GET /x: read x."""\nrouter = anonymous()\n@router.get("/x")\nasync def x(): ...\nhandler = on_lambda(router)\n'
)
X, SHARED = "functions/x/get.py", "shared/x.py"
CREATE = "from functions.tasks import create"
BY_NAME = "from importlib import import_module"
BUILT = """f"select * from task where title = {title}"
"select * from task order by " + column
"select * from task where id = %s" % task_id
"delete from {}".format(table)"""
BROKEN: dict[Callable[[File], Iterator[str]], dict[str, list[str]]] = {
    imports_run_one_way: {
        X: ["from functions.tasks.create import CREATE", CREATE, "from . import create", "import infra.local"],
        "functions/batch/x.py": ["import functions"],
        BATCH: ["import infra.local"],
        SHARED: [f"def f():\n    {CREATE}", "from infra.operations import operations"],
        "infra/x.py": ["from tests.conftest import database"],
    },
    libraries_stay_in_their_rooms: {
        X: ["import psycopg", "from psycopg.rows import dict_row", "from shared import tables", BY_NAME],
        SHARED: ["from sqlalchemy import text", BY_NAME],
    },
    one_door_opens_connections: {
        SHARED: ["import psycopg\npsycopg.connect('')"],
        X: ["async def f():\n    async with tx.connection.pipeline(): ..."],
    },
    nothing_commits: {DOOR: ["async def f():\n    await connection.commit()"]},
    operations_build_no_sql: {X: BUILT.split("\n")},
    a_file_is_short: {X: ["x = 1\n" * 81], SHARED: ["x = 1\n" * 301]},
    an_operation_is_one_route: {
        X: [ROUTE + '@router.put("/x")\nasync def y(): ...\nhandler = on_lambda(router)']
        + [ROUTE.replace(*change) for change in (("GET /x:", "GET /y:"), ("anonymous", "APIRouter"))]
        + [ROUTE.replace("handler =", "on_event =")],
        "functions/x/helpers.py": ['"""Helpers."""\ndef help(): ...'],
    },
    a_job_is_a_handler: {f"functions/{JOBS}/helpers.py": ["def help(): ..."]},
    functions_lie_flat: {"functions/get.py": [""], "functions/x/y/get.py": [""]},
}


def test_a_rule_finds_what_it_forbids() -> None:
    files = [(rule, File(path, text)) for rule, by_path in BROKEN.items() for path in by_path for text in by_path[path]]
    assert [(rule.__name__, file) for rule, file in files if not list(rule(file))] == []


def test_a_plain_operation_offends_no_rule() -> None:
    assert [offence for rule in BROKEN for offence in rule(File(X, ROUTE))] == []


def test_every_file_keeps_every_rule() -> None:
    with collect_failures() as check:
        for rule in BROKEN:
            with check(rule.__name__):
                offences = [f"{file.path} {offence}" for file in FILES for offence in rule(file)]
                assert not offences, f"{rule.__doc__}\n" + "\n".join(offences)


def test_only_code_lies_among_operations() -> None:
    others = [path for path in (ROOT / "functions").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}]
    assert others == []


IMPORTER = """
import os, sys
from importlib import import_module
import aws_lambda_powertools, fastapi, mangum
for module in sys.argv[1:]:
    if not (child := os.fork()):
        import_module(module)
        print(module, *sys.modules, flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, module
"""
"""Import each module in a process of its own, forked when only libraries of every operation are loaded; print all."""
HEAVY = {"boto3", "botocore.session", "sqlalchemy", "sqlmodel", "alembic", "shared.tables", "infra"}
"""What no operation loads. Powertools touches botocore's bare package, for a user agent; a session is heavy."""
FOR_THE_DATABASE = {"psycopg", "jwt", "cryptography", "shared.database"}


def test_importing_an_operation_loads_itself_and_nothing_heavy() -> None:
    env = {"PATH": os.environ["PATH"], "AUTH_ISSUER": "https://auth.example.com"}
    env |= {"DATABASE_URL": "postgresql://app@127.0.0.1:1/app"}
    command = [sys.executable, "-c", IMPORTER, *(operation.module for operation in OPERATIONS)]
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    loaded = {line.partition(" ")[0]: set(line.split()) for line in done.stdout.splitlines()}
    batched = {operation.module for operation in OPERATIONS if not operation.anonymous}
    with collect_failures() as check:
        for operation in OPERATIONS:
            with check(operation.name):
                modules = loaded[operation.module]
                ours = {name for name in modules if name.startswith("functions.") and name.count(".") == 2}
                assert ours == {operation.module} | (batched if operation.file == BATCH else set())
                assert modules & (HEAVY if operation.database else HEAVY | FOR_THE_DATABASE) == set()


def test_the_operations_are_found() -> None:
    assert {Path(operation.file).parent.name for operation in OPERATIONS} >= {"tasks", "service"}
