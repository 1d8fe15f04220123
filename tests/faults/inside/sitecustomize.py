"""Bends the clock and the names of hosts in an environment; Python imports this at its start, where PYTHONPATH says so.

The file that `BENT` names holds JSON: `clock`, the seconds by which the wall clock is wrong, and `names`, what looking
up a host comes to: `found` (this machine), `lost` (an error) or `silent` (nobody answers, until the resolver tires of
it, as it does with its defaults). It is read at each use, so that both may change while the environment runs.
"""

import json
import os
import socket
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import jwt.api_jwt

TIRED = 10.0
"""Seconds: resolv.conf(5), two attempts of five each."""
NAME = "database.test"
"""The one host that is looked up here; what is said of it is said of no other."""

_time, _time_ns, _getaddrinfo = time.time, time.time_ns, socket.getaddrinfo


def _bent(name: str) -> Any:
    return json.loads(Path(os.environ["BENT"]).read_text("ascii")).get(name)


def _wrong_time() -> float:
    return _time() + float(_bent("clock") or 0)


def _wrong_time_ns() -> int:
    return _time_ns() + int(float(_bent("clock") or 0) * 1_000_000_000)


def asked_in_vain(env: Mapping[str, str]) -> Path:
    """The file with a byte for each look-up that came to nothing."""
    return Path(env["BENT"]).with_suffix(".asked")


def _look_up(host: Any, *args: Any, **options: Any) -> Any:
    if host != NAME:
        return _getaddrinfo(host, *args, **options)
    if (names := _bent("names")) != "found":
        with asked_in_vain(os.environ).open("ab") as asked:
            asked.write(b".")
        time.sleep(TIRED if names == "silent" else 0)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return _getaddrinfo("127.0.0.1", *args, **options)


class _WrongDatetime(datetime):
    """For PyJWT, which reads the clock below `time`."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(seconds=float(_bent("clock") or 0))


if "BENT" in os.environ:
    time.time, time.time_ns, socket.getaddrinfo = _wrong_time, _wrong_time_ns, _look_up
    jwt.api_jwt.datetime = _WrongDatetime  # type: ignore[attr-defined]
