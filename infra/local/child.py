"""Processes that never outlive us: a database, a pooler, a server."""

import contextlib
import os
import pwd
import signal
import subprocess
from pathlib import Path
from typing import IO, Any, Self

# The shell in between reads a pipe whose other end only we hold. However we end, by SIGKILL too, the pipe closes and
# the shell stops the command. A handler of signals or `atexit` could not promise that. A line in the pipe says that
# the folder is to be kept; the pipe's end without one, that it goes.
GUARD = """
exec 3<&0 </dev/null
stop=$1 folder=$2; shift 2
"$@" 3<&- & command=$!
{ read -r _ <&3; told=$?; trap '' TERM; kill -s "$stop" "$command"; exit $told; } 2>/dev/null & reader=$!
wait "$command"; status=$?
kill "$reader" 2>/dev/null
wait "$reader"
[ $? -ne 1 ] || [ -z "$folder" ] || rm -rf "$folder"
exit "$status"
"""


class Child:
    """A running command. `close` (or leaving a `with`, or our own end) sends it the signal `stop` and waits for it.

    command: the program with its arguments. log: where its output goes, ours for None. cwd: where it runs; the log's
    folder for None. user: the name of another account to run it as (root only). folder: what is deleted after it. It
    runs in a session of its own, so Ctrl-C is ours alone.
    """

    def __init__(
        self,
        command: list[str],
        *,
        log: Path | None,
        cwd: Path | None = None,
        user: str | None = None,
        stop: str = "TERM",
        folder: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        with log.open("ab") if log else contextlib.nullcontext() as output:
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, "guard", stop, str(folder or ""), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT if log else None,
                cwd=cwd or (log and log.parent),
                env=env,
                start_new_session=True,
                **identity(user),
            )

    @property
    def running(self) -> bool:
        """Whether the command has not ended by itself."""
        return self._guard.poll() is None

    def kill(self) -> None:
        """End the command at once, as a crash would (SIGKILL to its whole session)."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._guard.pid, signal.SIGKILL)
        self.close()

    def close(self, *, keep: bool = False, timeout: float = 30) -> None:
        """Stop the command and wait until it is gone; after `timeout` seconds kill it. `keep` spares the folder."""
        with contextlib.suppress(OSError), self._pipe as pipe:
            if keep:
                pipe.write(b"\n")
        try:
            self._guard.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self._guard.pid, signal.SIGKILL)
            self._guard.wait()

    @property
    def _pipe(self) -> IO[bytes]:
        if self._guard.stdin is None:
            raise AssertionError("Popen gives the pipe that it was asked for")
        return self._guard.stdin

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def identity(user: str | None) -> dict[str, Any]:
    """Arguments for `subprocess` that run a command as `user`; none for None. Raises `KeyError` for an unknown name."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
