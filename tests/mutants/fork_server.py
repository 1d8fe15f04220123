"""A process that has imported pytest and the modules that its arguments name, and forks a child for each run of pytest.

It is run as a script, and imports nothing of the project: the child imports that from the folder it is given. A run is
one line of JSON on standard input: the `folder` to run in, the `arguments` of pytest, its `env`, and the file that
takes its `output`. Two lines answer on standard output: the child's process id when it starts, and its wait status
when it has ended.
"""

import importlib
import json
import os
import signal
import sys

import pytest
from _pytest.config import default_plugins


def serve(modules: list[str]) -> int:
    """Fork a child for each line; in the child, return the exit status of its pytest."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that sends the lines
    for module in (*(f"_pytest.{plugin}" for plugin in default_plugins), *modules):
        importlib.import_module(module)
    for line in sys.stdin:
        if not (child := os.fork()):
            return run(**json.loads(line))
        say(child)
        say(os.waitpid(child, 0)[1])
    return 0


def run(folder: str, arguments: list[str], env: dict[str, str], output: str) -> int:
    """Run pytest in `folder` as `python -m pytest` does; return its exit status."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing, written = os.open(os.devnull, os.O_RDONLY), os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for opened, standard in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(opened, standard)
    os.close(nothing)
    os.close(written)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.path.insert(0, folder)
    return int(pytest.main(arguments))


def say(number: int) -> None:
    """Write a number as a line, at once."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:]))
