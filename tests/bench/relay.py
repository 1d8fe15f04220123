"""What is some time away: a TCP relay that hands every answer on late, in a process of its own.

    with Relay(port, 0.001) as far:
        far.port

Answers wait, and the first bytes of a connection as well: for TCP's own handshake, which loopback does at once. The
loop sleeps in select(2), whose patience is counted in microseconds; asyncio's choice, epoll, would round each wait up
to the next millisecond.
"""

import asyncio
import selectors
import subprocess
import sys
from contextlib import suppress
from typing import Any, Self

from infra.operations import ROOT


class Relay:
    """Stands before loopback port `target`; `delay` in seconds, which `tell` changes."""

    def __init__(self, target: int, delay: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.relay", str(target)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the benchmark alone
            text=True,
        )
        self.port = int(self.tell(delay))

    def tell(self, delay: float) -> str:
        """Let answers wait so long from now on."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(f"{delay}\n")
        stdin.flush()
        return stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # closes its standard input: its sign to end


class _End(asyncio.Protocol):
    """One end of a connection. What arrives here, `other` sends: at once, or late where this is the server's end."""

    def __init__(self, serving: "_Serving", other: "_End | None") -> None:
        self._serving, self.other, self._waits = serving, other, other is not None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if self.other is None:
            self.transport.pause_reading()
            self._serving.keep(asyncio.ensure_future(self._reach()))

    async def _reach(self) -> None:
        try:
            _, self.other = await asyncio.get_running_loop().create_connection(
                lambda: _End(self._serving, self), "127.0.0.1", self._serving.target
            )
        except OSError:
            self.transport.abort()
            return
        await asyncio.sleep(self._serving.delay)
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._later(lambda other: other.write(data))

    def connection_lost(self, _: Exception | None) -> None:
        self._later(lambda other: other.close())

    def _later(self, do: Any) -> None:
        # Timers of one connection never tie: its reads are microseconds apart.
        if self.other and self.other.transport:
            delay = self._serving.delay if self._waits else 0
            loop = asyncio.get_running_loop()
            loop.call_later(delay, do, self.other.transport) if delay else do(self.other.transport)


class _Serving:
    def __init__(self, target: int) -> None:
        self.target, self.delay = target, 0.0
        self._tasks: set[asyncio.Future[None]] = set()

    def keep(self, task: "asyncio.Future[None]") -> None:
        """The loop alone would forget it."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Serve until standard input ends; each line of it is a delay, answered with the port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _End(self, None), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            self.delay = float(line)
            sys.stdout.write(f"{port}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    with suppress(KeyboardInterrupt):
        loop.run_until_complete(_Serving(int(sys.argv[1])).run())
