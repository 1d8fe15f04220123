"""python -m infra.local.runtime OPERATION [-e FILE]: run one function under AWS's own runtime client (awslambdaric).

OPERATION is a name of serverless.yml (`tasks_create`). FILE holds the event, `-` is standard input; without it the one
of infra/events/ is taken. What the function returned is printed as JSON, what it logged goes to standard error.

The environment is the caller's where it has AUTH_ISSUER, else the one of `make dev`: its database, which is started
unless it is running, and its keys. Where the event says `Bearer TOKEN`, the token of TOKEN is put in, and of alice, or
of USER_ID, on the stack of `make dev`.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from infra.local.backing import USER, backing
from infra.local.keys import KEY_FILE, DevelopmentKey
from infra.local.postgres import ROOT, PostgresError
from infra.local.runtime_api import FunctionError, lambda_function
from infra.migrate import MigrationError
from infra.operations import Function, jobs, operations
from infra.roles import RoleError

PLACEHOLDER = "Bearer TOKEN"


class CannotRunError(Exception):
    """The function can't be run; the text is one line."""


def function_of(name: str) -> Function:
    """Give the function of that name; raise `CannotRunError` with all names."""
    functions: dict[str, Function] = {function.name: function for function in [*operations(), *jobs()]}
    if name not in functions:
        raise CannotRunError(f"no operation is called {name!r}; there are {', '.join(sorted(functions))}")
    return functions[name]


def event_text(function: Function, file: str | None) -> str:
    """Give the event as text; raise `CannotRunError` where it can't be read or is no JSON."""
    path = Path(file) if file else ROOT / f"infra/events/{function.name}.json"
    try:
        text = sys.stdin.read() if file == "-" else path.read_text("utf-8")
        json.loads(text)
    except OSError as failure:
        raise CannotRunError(f"{path} can't be read: {failure.strerror}") from None
    except ValueError as failure:
        raise CannotRunError(f"{file or path} is no JSON: {failure}") from None
    return text


def run(function: Function, text: str, token: str, env: dict[str, str]) -> Any:
    """Give what the function returned for the event; what it logged goes to standard error. Raises `FunctionError`."""
    event = json.loads(text.replace(PLACEHOLDER, f"Bearer {token}") if token else text)
    with lambda_function(function.name, function.handler, env, ROOT) as started:
        try:
            return started.invoke(event)
        finally:
            sys.stderr.write(started.log)


def main() -> int:
    """Run as the command line says; give the exit status: 1 where the function failed, 2 where it was not run."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.runtime", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("operation", help="a name of serverless.yml: tasks_create")
    parser.add_argument("-e", "--event", metavar="FILE", help="the event; - is standard input")
    arguments = parser.parse_args()
    try:
        function = function_of(arguments.operation)
        text = event_text(function, arguments.event)
        if "AUTH_ISSUER" in os.environ:
            answer = run(function, text, os.environ.get("TOKEN", ""), dict(os.environ))
        else:
            token = DevelopmentKey(KEY_FILE).token(os.environ.get("USER_ID") or USER)
            with backing(lambda line: print(line, file=sys.stderr), join=True) as env:
                answer = run(function, text, token, env)
    except FunctionError as failure:
        print(f"{arguments.operation} failed: {failure}", file=sys.stderr)
        return 1
    except (CannotRunError, PostgresError, MigrationError, RoleError) as failure:
        print(f"runtime: {failure}", file=sys.stderr)
        return 2
    print(json.dumps(answer, ensure_ascii=False, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
