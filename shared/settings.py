"""The environment, read once and frozen. Every variable that the functions know is named here."""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

ALGORITHMS = ("EdDSA", "ES256", "RS256")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]*:[0-9a-f:.]*")
_SECRET_ID = re.compile(r"[A-Za-z0-9/_+=.@:-]+")
_THRESHOLD = re.compile(r"[0-9]{0,9}")


class SettingsError(Exception):
    """A variable is missing or malformed. The text is one line that names it and shows no value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says; `from_environment` is the only way to make one.

    Exactly one of `database_url` (libpq URL of the application role, pooled) and `database_secret_id`
    (where that URL is kept) is given.
    """

    database_url: str | None
    database_secret_id: str | None
    prepare_threshold: int | None
    auth_issuer: str
    auth_audience: str
    auth_jwks_url: str
    auth_algorithms: tuple[str, ...]
    cors_origins: tuple[str, ...]

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        """Read and check every variable; raise `SettingsError` for the first that is wrong."""
        url, secret = _database("", "application", env)
        issuer = _issuer(env.get("AUTH_ISSUER", ""))
        jwks_url, name = env.get("AUTH_JWKS_URL"), "AUTH_JWKS_URL"
        if not jwks_url:
            jwks_url, name = issuer.rstrip("/") + "/api/auth/jwks", "AUTH_JWKS_URL (made of AUTH_ISSUER)"
        return cls(
            database_url=url,
            database_secret_id=secret,
            prepare_threshold=_threshold(env.get("DATABASE_PREPARE_THRESHOLD", "")),
            auth_issuer=issuer,
            auth_audience=env.get("AUTH_AUDIENCE") or issuer,
            auth_jwks_url=_secure_url(name, jwks_url),
            auth_algorithms=_algorithms(env.get("AUTH_ALGORITHMS") or "EdDSA"),
            cors_origins=cors_origins(env.get("CORS_ORIGINS", "")),
        )


def libpq_url(name: str, value: str) -> str:
    """Give `value` back if it is a PostgreSQL URL; else raise `SettingsError` naming the variable."""
    if not value:
        raise SettingsError(f"{name} is missing: a libpq URL")
    if not value.startswith(("postgresql://", "postgres://")):
        raise SettingsError(f"{name} is malformed: it must begin with postgresql://")
    if not value.isprintable():
        raise SettingsError(f"{name} is malformed: it holds a line break or another control character")
    try:
        ports = str(conninfo_to_dict(value).get("port") or "").split(",")
    except ProgrammingError:  # its text may hold the password
        raise SettingsError(f"{name} is malformed: libpq can't read it") from None
    if any(port and not (_THRESHOLD.fullmatch(port) and 0 < int(port) < 2**16) for port in ports):
        raise SettingsError(f"{name} is malformed: its port is no number")
    return value


def jobs_database() -> tuple[str | None, str | None]:
    """DATABASE_URL_JOBS, or the DATABASE_SECRET_ID_JOBS that holds it: what scheduled functions alone read."""
    with _in_one_line():
        return _database("_JOBS", "jobs", os.environ)


def cors_origins(value: str) -> tuple[str, ...]:
    """Split a comma list of exact origins, as browsers send them; raise `SettingsError` on any other text.

    They are compared as text (RFC 6454 4), so each has its one spelling: lower case, no path, no default port.
    """
    origins = tuple(part.strip() for part in value.split(",")) if value.strip() else ()
    for origin in origins:
        parts = _web_address(origin)
        if parts is None or origin != _origin(parts) or not _HOST.fullmatch(parts.hostname or ""):
            raise SettingsError(
                "CORS_ORIGINS is malformed: exact origins such as https://app.example.com, split by commas"
            )
    return origins


def _database(end: str, role: str, env: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The URL of a role, and the id of its secret: exactly one of the two variables, whose names have this `end`."""
    url_name, secret_name = f"DATABASE_URL{end}", f"DATABASE_SECRET_ID{end}"
    url, secret = env.get(url_name) or None, env.get(secret_name) or None
    if not url and not secret:
        raise SettingsError(f"{url_name} is missing: the libpq URL of the {role} role (or {secret_name})")
    if url and secret:
        raise SettingsError(f"{secret_name} is set beside {url_name}: give one of the two")
    if url:
        libpq_url(url_name, url)
    if secret and not _SECRET_ID.fullmatch(secret):
        raise SettingsError(f"{secret_name} is malformed: a Secrets Manager id or an SSM parameter path")
    return url, secret


def _origin(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _web_address(value: str) -> SplitResult | None:
    """The parts of an http(s) URL that names a host and no user; None for any other text."""
    try:
        parts = urlsplit(value)
        known = parts.scheme in _DEFAULT_PORTS and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is never closed
        return None
    return parts if known and "@" not in parts.netloc and value.isprintable() and " " not in value else None


def _issuer(value: str) -> str:
    if not value:
        raise SettingsError("AUTH_ISSUER is missing: the Better Auth base URL")
    parts = _web_address(value)
    if parts is None or parts.query or parts.fragment:
        raise SettingsError("AUTH_ISSUER is malformed: it must be an http(s) URL")
    return value


def _secure_url(name: str, value: str) -> str:
    parts = _web_address(value)
    if parts is None or parts.fragment:
        raise SettingsError(f"{name} is malformed: it must be an https URL")
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise SettingsError(f"{name} must be an https URL (http only on a loopback host)")
    return value


def _algorithms(value: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in value.split(","))
    if any(name not in ALGORITHMS for name in names):
        raise SettingsError(f"AUTH_ALGORITHMS is malformed: a comma list out of {', '.join(ALGORITHMS)}")
    return names


def _threshold(value: str) -> int | None:
    if not _THRESHOLD.fullmatch(value):
        raise SettingsError("DATABASE_PREPARE_THRESHOLD is malformed: a whole number, or empty for none")
    return int(value) if value else None


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Where a `SettingsError` ends the process, at start, its line is all that is printed, by Lambda's runtime too."""
    try:
        yield
    except SettingsError:
        sys.tracebacklimit = 0
        raise


def settings() -> Settings:
    """The settings of this process, read from its environment at the first call."""
    global _settings
    if _settings is None:
        with _in_one_line():
            _settings = Settings.from_environment(os.environ)
    return _settings


_settings: Settings | None = None
