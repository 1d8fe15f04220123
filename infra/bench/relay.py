"""A database some time away."""

import asyncio
import threading
from contextlib import suppress


class Relay:
    """A TCP relay on a free loopback port that hands answers on `delay` seconds late; one more thread, one loop."""

    def __init__(self, target: int, delay: float) -> None:
        self.port = 0
        self._target = target
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._serve, args=(ready,), daemon=True).start()
        ready.wait()

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        with suppress(ConnectionError):
            await asyncio.gather(self._copy(reader, back, 0), self._copy(there, writer, self._delay))

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, delay: float) -> None:
        while data := await source.read(65536):
            if delay:
                await asyncio.sleep(delay)
            target.write(data)
        target.close()
