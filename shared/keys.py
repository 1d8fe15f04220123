"""The issuer's public keys: fetched over HTTP, checked one by one, kept (RFC 7517, RFC 8037, RFC 8725).

A key set is only as good as its worst reader, so a member that is not exactly a public signing key of an allowed
algorithm is left out, alone, and a set without any usable key changes nothing that is held.
"""

import asyncio
import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.settings import LOOPBACK
from shared.spans import current

if TYPE_CHECKING:
    from jwt import PyJWK

FRESH = 300  # seconds for which a set is believed without asking again
STALE = 86_400  # for which it is still used while the issuer cannot be asked
GAP = 5  # between two fetches for keys that are not held, whatever comes in
RETRY = 60  # between two fetches for a key that is held: an issuer that hangs must not stall good callers
BOUND = 2.0  # for a whole fetch, from the name's look-up to the last byte
MAX_BYTES = 65_536
MAX_KEYS = 32

_ALGORITHM_OF = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256", ("RSA", None): "RS256"}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_32_BYTES = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_RSA_BITS = range(2048, 8193)


class UnknownKey(Exception):  # noqa: N818  # reads as what it is
    """The issuer shows keys, but not this one."""


class KeysUnavailable(Exception):  # noqa: N818
    """The issuer cannot be asked for this key, or shows none at all. The text says why, for the log."""


class KeyCache:
    """The keys that the issuer shows at `url`, for `algorithms` out of EdDSA, ES256 and RS256.

    Raises `ValueError` for a URL that is neither https nor http on a loopback host. `clock` is the wall clock: a
    monotonic one stands still while Lambda freezes the process, and a set would look young for ever.
    """

    def __init__(self, url: str, algorithms: tuple[str, ...], *, clock: Callable[[], float] = time.time) -> None:
        parts = urlsplit(url)
        if not parts.hostname or (
            parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in LOOPBACK)
        ):
            raise ValueError("keys come over https, or over http from a loopback host")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._algorithms, self._clock = algorithms, clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched = self._tried = float("-inf")
        self._failure = "the issuer was not asked yet"  # or how the last fetch failed
        # A future of threads, not of an event loop: loops come and go in one process, and a fetch outlives its caller.
        self._flight: Future[None] = Future()
        self._flight.set_result(None)
        self._landing = threading.Lock()
        self._early: tuple[float, Future[str]] | None = None

    def ask_early(self) -> None:
        """Begin to ask the issuer in a thread, while the operation is still importing; the first fetch takes it over.

        Nothing is imported in that thread, beside the other imports.
        """
        early = Future[str]()
        early.set_running_or_notify_cancel()
        self._early = self._clock(), early

        def ask() -> None:
            try:
                early.set_result(self._ask(BOUND, lambda: None))
            except Exception as failure:  # noqa: BLE001 - handed to the first fetch
                early.set_exception(failure)

        threading.Thread(target=ask, name="keys", daemon=True).start()

    async def key(self, kid: str, *, refuted: "PyJWK | None" = None) -> "PyJWK":
        """Give the key named exactly `kid`; ask the issuer where that is due, at most once for all who wait.

        `refuted` is the key that was given for it before and does not verify the token. It counts as one that is not
        held, for the issuer may have put another in its place, so what comes back is another or `UnknownKey`.

        Raises `UnknownKey` or `KeysUnavailable`. A kid that is not held while the issuer cannot be asked is the
        latter: it may be a key rotated in, and a good token must not be refused because a fetch of ours failed.
        """
        now = self._clock()
        held = self._held(kid, now)
        since = abs(now - self._tried)  # a clock that was set back must not forbid a fetch until it has caught up
        if held and held is not refuted and (abs(now - self._fetched) < FRESH or since < RETRY):
            return held
        if since >= GAP and self._flight.done():
            self._take_off(now)
            current().key_fetches += 1
            await asyncio.wrap_future(self._flight)
            current().key_fetch_failures += self._failure != ""
        await asyncio.wrap_future(self._flight)
        held = self._held(kid, now)
        if held and held is not refuted:
            return held
        if self._failure and not refuted:
            raise KeysUnavailable(self._failure)
        raise UnknownKey

    def _held(self, kid: str, now: float) -> "PyJWK | None":
        return self._keys.get(kid) if abs(now - self._fetched) < STALE else None

    def _take_off(self, now: float) -> None:
        """Fetch in a thread of its own: the pool behind `asyncio.to_thread` belongs to one loop, which waits for it.

        It carries on the trace of the request that it is made for, though others may wait for it as well.
        """
        flight: Future[None] = Future()
        flight.set_running_or_notify_cancel()  # from here on a caller that gives up cannot cancel the others' wait
        fetch = partial(copy_context().run, self._fetch, flight, now)
        threading.Thread(target=fetch, name="keys", daemon=True).start()
        self._flight, self._tried = flight, now

    def _fetch(self, flight: Future[None], now: float) -> None:
        """Have the issuer's answer in `BOUND` seconds at most, the early one or one of its own, and land."""
        keys: dict[str, PyJWK] = {}
        failure = "the issuer shows no usable key"
        try:
            body = self._asked_early(now) or self._ask(
                BOUND, lambda: self._land(flight, now, {}, "the issuer took too long")
            )
            keys = usable_keys(json.loads(body), self._algorithms)
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            failure = f"the issuer could not be asked: {type(error).__name__}"
        finally:
            self._land(flight, now, keys, failure)

    def _ask(self, seconds: float, give_up: Callable[[], object]) -> str:
        """Ask the issuer once. After `seconds` it calls `give_up`, and ends.

        A socket's timeout bounds one read, not a body that drips; the timer bounds all of it, name look-up included.
        """
        plug: socket.socket | None = None
        ended = threading.Event()

        def end() -> None:
            ended.set()
            give_up()
            if plug:
                with contextlib.suppress(OSError):  # wakes the read; the base class, as TLS would say goodbye first
                    socket.socket.shutdown(plug, socket.SHUT_RDWR)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            with contextlib.closing(self._connection()) as connection:
                connection.connect()
                plug = connection.sock
                if ended.is_set():
                    raise TimeoutError
                return self._body(connection)
        finally:
            timer.cancel()

    def _asked_early(self, now: float) -> str:
        """What the issuer answered while the operation was importing; nothing where it was not asked, or long ago.

        Raises what that request raised: asking again at once would be a second fetch within `GAP`.
        """
        early, self._early = self._early, None
        if early is None or abs(now - early[0]) >= GAP:
            return ""
        return early[1].result(BOUND)

    def _connection(self) -> HTTPConnection:
        """Straight to the issuer: http.client follows no redirect and knows no proxy of the environment."""
        if self._secure:
            context = ssl.create_default_context()
            return HTTPSConnection(self._host, self._port, timeout=BOUND, context=context)
        return HTTPConnection(self._host, self._port, timeout=BOUND)

    def _body(self, connection: HTTPConnection) -> str:
        headers = {"Accept": "application/json", "User-Agent": "task-api"}
        if traceparent := current().traceparent:
            headers["traceparent"] = traceparent
        connection.request("GET", self._target, headers=headers)
        with connection.getresponse() as response:
            body = response.read(MAX_BYTES + 1)
        if response.status != HTTPStatus.OK or len(body) > MAX_BYTES:
            raise ValueError("not a key set")
        return body.decode()

    def _land(self, flight: Future[None], now: float, keys: "dict[str, PyJWK]", failure: str) -> None:
        """End the fetch, whoever comes first: its thread or the timer. Without keys the old ones are kept."""
        with self._landing:
            if flight.done():
                return
            if keys:
                self._keys, self._fetched = keys, now
            self._failure = "" if keys else failure
            flight.set_result(None)


def usable_keys(document: Any, algorithms: tuple[str, ...]) -> "dict[str, PyJWK]":
    """Pick the keys of a key set (RFC 7517 section 5) that can verify one of `algorithms`, by kid; skip bad members.

    Of usable members that share a kid none is taken: which of them was meant is a guess, and the first might be
    one that somebody slipped in. Empty for what is no key set, or one of more than `MAX_KEYS` members.
    """
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or len(members) > MAX_KEYS:
        return {}
    keys = [key for member in members if (key := _usable(member, algorithms))]
    named = Counter(key.key_id for key in keys)
    return {key.key_id: key for key in keys if key.key_id and named[key.key_id] == 1}


def _usable(member: Any, algorithms: tuple[str, ...]) -> "PyJWK | None":
    """Give the member as a key of exactly one algorithm, if it is a public key that may verify signatures."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415 - so that the issuer is
    from jwt import PyJWK, PyJWTError  # noqa: PLC0415 - asked before these are imported, which takes 0.1 s

    if not isinstance(member, dict) or not isinstance(member.get("kid"), str) or _PRIVATE & member.keys():
        return None
    kind, curve, operations = member.get("kty"), member.get("crv"), member.get("key_ops", ["verify"])
    algorithm = _ALGORITHM_OF.get((kind, curve)) if isinstance(kind, str) and isinstance(curve, str | None) else None
    if (
        algorithm not in algorithms
        or member.get("alg", algorithm) != algorithm
        or member.get("use", "sig") != "sig"
        or not isinstance(operations, list)
        or "verify" not in operations
        or (kind != "RSA" and not all(_is_32_bytes(member.get(name)) for name in ("x", "y")[: 1 + (kind == "EC")]))
    ):
        return None
    try:
        key = PyJWK(member, algorithm)
    except (PyJWTError, TypeError, ValueError):
        return None
    return None if isinstance(key.key, RSAPublicKey) and key.key.key_size not in _RSA_BITS else key


def _is_32_bytes(value: Any) -> bool:
    return isinstance(value, str) and bool(_32_BYTES.fullmatch(value))
