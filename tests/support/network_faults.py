"""What makes a connection slow or narrow: how the proxy passes bytes on, beside what it does to single messages."""

import asyncio
import contextlib
import random
import socket
import struct
from asyncio import StreamWriter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Toxics:
    """How bytes travel, in both directions; with nothing set, as they come. `hits` counts what was held up."""

    jitter: float = 0.0
    """Seconds that each round trip takes longer at most, by chance, beside the proxy's `latency`."""
    bandwidth: float = 0.0
    """Bytes a second."""
    slices: bool = False
    """Whether each byte is sent alone, from when the client has logged in."""
    limits: list[int] = field(default_factory=list)
    """For the next answers, one after the other: the number of bytes after which both ends are reset."""
    hits: int = 0

    def clear(self) -> None:
        """Let bytes travel as they come; nothing is counted yet."""
        self.jitter = self.bandwidth = 0.0
        self.slices = False
        self.limits.clear()
        self.hits = 0

    async def wait(self, latency: float) -> None:
        """Hold up a round trip."""
        if latency or self.jitter:
            self.hits += 1
            await asyncio.sleep(latency + random.uniform(0, self.jitter))  # noqa: S311 - nothing is secret here

    async def send(self, target: StreamWriter, data: bytes, *, may_slice: bool) -> None:
        """Send `data` on."""
        bandwidth, slices = (self.bandwidth, self.slices and may_slice)  # once: a thread may set them meanwhile
        self.hits += bool(bandwidth or slices)
        if bandwidth:
            await asyncio.sleep(len(data) / bandwidth)
        for part in [data[place : place + 1] for place in range(len(data))] if slices else [data]:
            target.write(part)
            await target.drain()
            if slices:
                await asyncio.sleep(0)  # the next byte goes out in a segment of its own


def next_of[Planned](plans: list[Planned]) -> Planned | None:
    """Take what was planned first; None where nothing is, or another thread has just called it off."""
    try:
        return plans.pop(0)
    except IndexError:
        return None


def reset(writer: StreamWriter) -> None:
    """End a connection by RST, at once."""
    set_option(writer, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def set_option(writer: StreamWriter, level: int, option: int, value: int | bytes) -> None:
    """Set an option of its socket, where there still is one."""
    with contextlib.suppress(OSError):
        if plug := writer.get_extra_info("socket"):  # after a TLS handshake that failed there is none
            plug.setsockopt(level, option, value)
