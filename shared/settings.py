"""The environment, read once and frozen. Every variable the HTTP functions know is named here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

ALGORITHMS = ("EdDSA", "ES256", "RS256")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


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
        url, secret = env.get("DATABASE_URL") or None, env.get("DATABASE_SECRET_ID") or None
        if not url and not secret:
            raise SettingsError(
                "DATABASE_URL is missing: the libpq URL of the application role (or DATABASE_SECRET_ID)"
            )
        if url and secret:
            raise SettingsError("DATABASE_SECRET_ID is set beside DATABASE_URL: give one of the two")
        if url:
            libpq_url("DATABASE_URL", url)
        issuer = _web_url("AUTH_ISSUER", env.get("AUTH_ISSUER", ""))
        jwks_url = env.get("AUTH_JWKS_URL") or issuer.rstrip("/") + "/api/auth/jwks"
        return cls(
            database_url=url,
            database_secret_id=secret,
            prepare_threshold=_threshold(env.get("DATABASE_PREPARE_THRESHOLD", "")),
            auth_issuer=issuer,
            auth_audience=env.get("AUTH_AUDIENCE") or issuer,
            auth_jwks_url=_secure_url("AUTH_JWKS_URL", jwks_url),
            auth_algorithms=_algorithms(env.get("AUTH_ALGORITHMS") or "EdDSA"),
            cors_origins=cors_origins(env.get("CORS_ORIGINS", "")),
        )


def libpq_url(name: str, value: str) -> str:
    """Give `value` back if it is a PostgreSQL URL; else raise `SettingsError` naming the variable."""
    if not value:
        raise SettingsError(f"{name} is missing: a libpq URL")
    if urlsplit(value).scheme not in ("postgresql", "postgres"):
        raise SettingsError(f"{name} is malformed: it must begin with postgresql://")
    return value


def cors_origins(value: str) -> tuple[str, ...]:
    """Split a comma list of exact origins (scheme, host, port: RFC 6454); raise `SettingsError` on any other text."""
    origins = tuple(part.strip() for part in value.split(",") if part.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or origin != f"{parts.scheme}://{parts.netloc}"
            or "*" in origin
        ):
            raise SettingsError(
                "CORS_ORIGINS is malformed: exact origins such as https://app.example.com, split by commas"
            )
    return origins


def _web_url(name: str, value: str) -> str:
    if not value:
        raise SettingsError(f"{name} is missing: the Better Auth base URL")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"{name} is malformed: it must be an http(s) URL")
    return value


def _secure_url(name: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise SettingsError(f"{name} must be an https URL (http only on a loopback host)")
    if not parts.hostname:
        raise SettingsError(f"{name} is malformed: it names no host")
    return value


def _algorithms(value: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in value.split(","))
    if any(name not in ALGORITHMS for name in names):
        raise SettingsError(f"AUTH_ALGORITHMS is malformed: a comma list out of {', '.join(ALGORITHMS)}")
    return names


def _threshold(value: str) -> int | None:
    if (value and not value.isascii()) or (value and not value.isdigit()):
        raise SettingsError("DATABASE_PREPARE_THRESHOLD is malformed: a whole number, or empty for none")
    return int(value) if value else None


def settings() -> Settings:
    """The settings of this process, read from its environment at the first call."""
    global _settings
    if _settings is None:
        _settings = Settings.from_environment(os.environ)
    return _settings


_settings: Settings | None = None
