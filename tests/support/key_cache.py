"""Asking a key cache in tests: a clock moved by hand, and questions whose outcome is a word."""

import asyncio

from shared.keys import KeyCache, KeysUnavailable, UnknownKey


class Clock:
    """The wall clock of a cache, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


async def outcome(cache: KeyCache, kid: str) -> str:
    try:
        assert (await cache.key(kid)).key_id == kid
    except UnknownKey:
        return "unknown"
    except KeysUnavailable:
        return "unavailable"
    return "held"


def ask(cache: KeyCache, *kids: str) -> set[str]:
    """Ask for all at once, in an event loop of this call's own, and give the set of outcomes."""

    async def all_at_once() -> set[str]:
        return set(await asyncio.gather(*(outcome(cache, kid) for kid in kids)))

    return asyncio.run(all_at_once())
