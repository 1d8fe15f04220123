"""A TCP proxy that reads PostgreSQL's messages: it counts round trips and breaks a connection where it matters.

    with Proxy(port) as proxy:
        proxy.trips                  # one string for each round trip: the types of the messages that the client sent
        proxy.steps                  # messages of logins that the client waits behind
        proxy.flushes                # Flushes that came behind a Sync, where there is nothing left to flush
        proxy.latency = 0.04         # seconds that each round trip takes longer; what else may be slow: proxy.toxics
        proxy.at_sync(CUT_BEFORE)    # what happens to the next Sync, or the next ones; the Sync is the commit

In a pipeline nothing is decided before the Sync (`S`, or `Q` in the simple protocol), so that is where faults bite.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from typing import Self

from tests.support.network_faults import Toxics, next_of, reset, set_option

CUT_BEFORE = "the Sync is not forwarded, both ends are reset: nothing took effect"
CUT_AFTER = "the Sync is forwarded, the client is reset before any reply: it took effect"
SWALLOW = "the Sync is forwarded, no reply comes, the connection stays: it took effect"
FREEZE = "nothing is forwarded any more in either direction, the connection stays"
CRASH_BEFORE = "who sent the Sync is killed by then, and it is not forwarded: nothing took effect"
CRASH_AFTER = "the Sync is forwarded, who sent it is killed before any reply: it took effect"
BEFORE, AFTER, CRASHES = (CUT_BEFORE, CRASH_BEFORE), (CUT_AFTER, CRASH_AFTER), (CRASH_BEFORE, CRASH_AFTER)

COMMITS = "SQ"
WAITS = ("S", "Q", "H", "p")  # what a client waits for an answer to: Sync, Query, Flush, the steps of SASL
_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104

type Streams = tuple[StreamReader, StreamWriter]


class Proxy:
    """Stands before the PostgreSQL or PgBouncer on loopback port `target`. All of it may be used from any thread.

    `tls` makes it end TLS itself; with `direct` at once (sslnegotiation=direct), else after the client's SSLRequest.
    """

    def __init__(self, target: int, *, tls: ssl.SSLContext | None = None, direct: bool = False) -> None:
        self.target, self.port, self.latency = target, 0, 0.0
        self.trips: list[str] = []
        self.connects = self.steps = self.flushes = 0
        self._tls, self._direct = tls, direct
        self.toxics = Toxics()
        self.crash: Callable[[int], object] = lambda _: None  # kills whose connection comes from this port
        self._fates: list[str | None] = []
        self._moving = asyncio.Event()
        self._moving.set()
        self._flows: set[_Flow] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None

    def reset(self) -> None:
        """Forget what was counted and planned, thaw and listen: as new, with the connections there are."""
        self.latency = 0.0
        self.connects = self.steps = self.flushes = 0
        self.toxics.clear()
        self._fates.clear()
        self.trips.clear()
        self.thaw()
        self.listen()

    def at_sync(self, *fates: str | None) -> None:
        """Plan what happens to the next Syncs that clients send, one after the other; None: nothing."""
        self._fates[:] = fates

    def freeze(self) -> None:
        """Forward nothing any more, and hold new connections before they reach the server; all stay open."""
        self._do(self.freeze_here)

    def thaw(self) -> None:
        """Forward again, what was held back first."""
        self._do(self._moving.set)

    def cut(self) -> None:
        """Reset every connection, at both ends."""
        self._do(self._cut)

    def refuse(self) -> None:
        """Stop listening: new connections are refused. Those there are go on."""
        if self._server:
            self._do(self._server.close)
            self._server = None

    def listen(self) -> None:
        """Listen (again), always on the same port."""
        if self._server is None:
            self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
            self.port = self._server.sockets[0].getsockname()[1]

    def freeze_here(self) -> None:
        """Freeze, from the proxy's own thread."""
        self._moving.clear()

    def passed_on(self, message: bytes) -> bytes:
        """Give what is sent on for a client's message; a subclass may send another one."""
        return message

    def take_fate(self) -> str | None:
        """Give what was planned for the Sync that is here, and forget it."""
        fate = next_of(self._fates)
        self.toxics.hits += fate is not None
        return fate

    async def let_pass(self) -> None:
        """Wait while everything is frozen."""
        await self._moving.wait()

    async def _listen(self) -> asyncio.Server:
        tls = self._tls if self._direct else None
        return await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=tls)

    async def _serve(self, client_in: StreamReader, client_out: StreamWriter) -> None:
        self.connects += 1
        await self.let_pass()
        try:
            server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return reset(client_out)
        for writer in (client_out, server[1]):
            set_option(writer, socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flow = _Flow(self, (client_in, client_out), server)
        self._flows.add(flow)
        try:
            await flow.run(None if self._direct else self._tls)
        finally:
            self._flows.discard(flow)

    def _cut(self) -> None:
        for flow in list(self._flows):
            flow.reset()

    def _do(self, work: Callable[[], object]) -> None:
        async def run() -> None:
            work()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        if self._server:
            self._server.close()
        self._cut()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server:
            with contextlib.suppress(TimeoutError):  # what has not said goodbye by then is closed with the loop
                await asyncio.wait_for(self._server.wait_closed(), 1)


class _Flow:
    def __init__(self, proxy: Proxy, client: Streams, server: Streams) -> None:
        self._proxy = proxy
        self._client_in, self._client_out = client
        self._server_in, self._server_out = server
        self._encrypted = False  # by the two ends, so that nothing here can be read
        self._ready = False  # the server has said that it is, once
        self._muted = False
        self._doomed = False
        self._left: int | None = None  # bytes of the answer until both ends are reset
        self._sent = ""

    async def run(self, tls: ssl.SSLContext | None) -> None:
        ways: list[asyncio.Task[None]] = []
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._start(tls)
                ways += [asyncio.create_task(self._forth()), asyncio.create_task(self._back())]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._client_out.close()
            self._server_out.close()

    def reset(self) -> None:
        """Send RST both ways."""
        reset(self._client_out)
        reset(self._server_out)

    async def _start(self, tls: ssl.SSLContext | None) -> None:
        """Forward what comes before the first typed message: requests for encryption, then the startup message."""
        while True:
            head = await self._client_in.readexactly(8)
            message = head + await self._client_in.readexactly(_number(head[:4]) - 8)
            code = _number(head[4:])
            self._proxy.steps += 1
            if code == _SSL_REQUEST and tls:
                self._client_out.write(b"S")
                await self._client_out.start_tls(tls)
                continue
            await self._proxy.toxics.wait(self._proxy.latency)
            await self._send(self._server_out, message)
            if code not in (_SSL_REQUEST, _GSS_REQUEST):
                return
            answer = await self._server_in.readexactly(1)
            await self._send(self._client_out, answer)
            if answer != b"N":
                self._encrypted = True
                return

    async def _forth(self) -> None:
        if self._encrypted:
            return await self._copy(self._client_in, self._server_out)
        while True:
            kind, message = await _message(self._client_in)
            self._proxy.steps += kind == "p"
            if kind == "H" and self._sent[-1:] in ("", "S"):
                self._proxy.flushes += 1  # asks for nothing: psycopg sends it after a Sync
                await self._send(self._server_out, message)
                continue
            if not self._sent:
                await self._proxy.toxics.wait(self._proxy.latency)
            fate = self._proxy.take_fate() if self._ready and kind in COMMITS else None
            self._sent += kind
            if fate in CRASHES:
                await asyncio.to_thread(self._proxy.crash, self._client_out.get_extra_info("peername")[1])
            if fate in BEFORE:
                return self.reset()
            if fate == FREEZE:
                self._proxy.freeze_here()
            self._muted |= fate in (*AFTER, SWALLOW)
            self._doomed |= fate in AFTER
            await self._send(self._server_out, self._proxy.passed_on(message))
            if self._doomed:
                # The server is left alone until it has answered, so that it has surely done what it was told.
                reset(self._client_out)
                await asyncio.Event().wait()

    async def _back(self) -> None:
        if self._encrypted:
            return await self._copy(self._server_in, self._client_out)
        while True:
            kind, message = await _message(self._server_in)
            if self._sent[-1:] in WAITS:
                if self._ready:
                    self._proxy.trips.append(self._sent)
                self._sent = ""
            if kind == "Z":
                self._ready = True
                if self._doomed:
                    return None
            if not self._muted:
                await self._answer(message)

    async def _answer(self, message: bytes) -> None:
        if self._ready and (limit := next_of(self._proxy.toxics.limits)) is not None:
            self._left = limit
        await self._send(self._client_out, message[: self._left])
        if self._left is None:
            return
        self._left -= len(message)
        if self._left < 0:
            self._proxy.toxics.hits += 1
            self._muted = True
            self.reset()

    async def _copy(self, source: StreamReader, target: StreamWriter) -> None:
        while data := await source.read(65536):
            await self._send(target, data)

    async def _send(self, target: StreamWriter, data: bytes) -> None:
        await self._proxy.let_pass()
        # PgBouncer (1.18) refuses a client whose login comes in pieces: "partial pkt in startup phase".
        await self._proxy.toxics.send(target, data, may_slice=self._ready)


async def _message(source: StreamReader) -> tuple[str, bytes]:
    head = await source.readexactly(5)
    return head[:1].decode("ascii"), head + await source.readexactly(_number(head[1:]) - 4)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
