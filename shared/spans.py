"""What is known of a request beside its answer: the ids by which it is found again, and what it has cost so far.

It is a request's own, however many are served at once: a context variable, which each task of the request sees.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import uuid4

# API Gateway's ids (`JKJaXmPLvHcESHA=`) and UUIDs: nothing that ends a header, a path or a string.
_REQUEST_ID = re.compile(r"[A-Za-z0-9_=-]{1,64}")
# W3C Trace Context 3.2: version, trace, parent, flags; a version to come may go on behind another dash.
_TRACEPARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")


class Span:
    """One request. `gateway_id` is API Gateway's id of it; one that is not of its form is replaced by a UUID.

    `traceparents` are the values of that header; without exactly one that is well-formed there is no trace.
    """

    __slots__ = (
        "key_fetch_failures",
        "key_fetches",
        "pool_wait",
        "request_id",
        "retries",
        "round_trips",
        "sampled",
        "span_id",
        "trace_id",
    )

    def __init__(self, gateway_id: object = None, traceparents: list[bytes] | None = None) -> None:
        known = isinstance(gateway_id, str) and _REQUEST_ID.fullmatch(gateway_id)
        self.request_id = str(gateway_id) if known else str(uuid4())
        self.trace_id = self.span_id = self.sampled = ""
        if traceparents:
            self._follow(traceparents)
        self.round_trips = self.retries = self.key_fetches = self.key_fetch_failures = 0
        self.pool_wait = 0.0

    def _follow(self, traceparents: list[bytes]) -> None:
        found = _TRACEPARENT.fullmatch(traceparents[0])
        if found is None or len(traceparents) > 1 or (found[1] == b"00" and found[4]):
            return
        # Of the flags only "sampled" has a meaning that we know; the others are not handed on.
        self.trace_id, self.sampled = found[2].decode(), f"{int(found[3], 16) & 1:02x}"
        self.span_id = os.urandom(8).hex()

    @property
    def traceparent(self) -> str:
        """What a call made for this request carries: the same trace, this span as its parent; empty without a trace."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled}" if self.trace_id else ""

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time until the block is left, however, as waiting for a connection."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.pool_wait += time.monotonic() - started


NOBODYS = Span()
"""Where what is done for no request is counted, such as connecting while the environment starts. Nobody reads it."""
_current: ContextVar[Span] = ContextVar("span", default=NOBODYS)


def enter(span: Span) -> None:
    """From here on this task serves `span`."""
    _current.set(span)


def current() -> Span:
    """The request that is being served; `NOBODYS` where there is none."""
    return _current.get()
