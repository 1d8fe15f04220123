"""Run the README's sessions line by line against a running `make dev` and compare what it prints with what is written.

`python -m infra.readme [URL]`; the URL takes the place of the README's. UUIDs, times, positions and tokens are compared
by form.
"""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
URL = "http://127.0.0.1:8000"
MARK = "printed-by-the-line-before"
FORMS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z"), "<time>"),
    (re.compile(r"(?<=\"position\": \")[0-9A-Za-z]+"), "<position>"),
)


def session(text: str) -> list[tuple[str, str]]:
    """The commands of the README's sessions, in one go, each with the output that is written under it."""
    found = re.findall(r"<!-- session.*?-->\n```console\n(.*?)```", text, re.DOTALL)
    if not found:
        raise SystemExit("README.md has no session")
    steps = []
    for part in re.split(r"^\$ ", "".join(found), flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        steps.append((command, output))
    return steps


def run(commands: list[str]) -> list[str]:
    """Run the commands in one shell; give what each of them printed."""
    script = "".join(f"{command}\necho {MARK}\n" for command in commands)
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=False, timeout=300)
    sys.stderr.write(done.stderr)
    return done.stdout.split(f"{MARK}\n")[: len(commands)]


def form(text: str) -> str:
    """The text with what differs from run to run replaced by its form."""
    for pattern, name in FORMS:
        text = pattern.sub(name, text)
    return text


def main(url: str) -> int:
    """Print every step that differs; give the number of them."""
    steps = session(README.read_text("utf-8"))
    printed = run([command.replace(URL, url) for command, _ in steps])
    wrong = 0
    for (command, written), seen in zip(steps, printed, strict=True):
        if form(written) != form(seen):
            wrong += 1
            sys.stdout.write(f"$ {command}\nwritten: {written}\nprinted: {seen}\n")
    sys.stdout.write(f"{len(steps) - wrong} of {len(steps)} lines of the README's session do what it says\n")
    return wrong


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or [URL]) > 0)
