"""Every variable: missing, malformed, by default; and the one line that names it and shows no value."""

import os
import subprocess
import sys
from typing import Any

import pytest

from infra.local.runtime_api import FunctionError, lambda_function
from infra.operations import ROOT
from shared.settings import Settings, SettingsError, cors_origins, libpq_url
from tests.support.collect_failures import collect_failures

CANARY = "canary-3f9d"
GOOD = {"DATABASE_URL": f"postgresql://api:{CANARY}@db.example.com/app", "AUTH_ISSUER": "https://auth.example.com"}


def read(**changes: str | None) -> Settings:
    """The settings of a good environment with these changes; None takes a variable away."""
    return Settings.from_environment({name: value for name, value in (GOOD | changes).items() if value is not None})


def refusal(**changes: str | None) -> str:
    """The text of the refusal, which is one line without a value."""
    with pytest.raises(SettingsError) as refused:
        read(**changes)
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    assert CANARY not in text
    return text


def test_two_variables_are_enough() -> None:
    assert read() == Settings(
        database_url=GOOD["DATABASE_URL"],
        database_secret_id=None,
        prepare_threshold=None,
        auth_issuer="https://auth.example.com",
        auth_audience="https://auth.example.com",
        auth_jwks_url="https://auth.example.com/api/auth/jwks",
        auth_algorithms=("EdDSA",),
        cors_origins=(),
    )


def test_an_empty_variable_is_one_that_is_not_there() -> None:
    names = ("DATABASE_SECRET_ID", "DATABASE_PREPARE_THRESHOLD", "AUTH_AUDIENCE", "AUTH_JWKS_URL", "AUTH_ALGORITHMS")
    assert read(**dict.fromkeys((*names, "CORS_ORIGINS"), "")) == read()
    assert refusal(DATABASE_URL="").startswith("DATABASE_URL is missing")
    assert refusal(AUTH_ISSUER="").startswith("AUTH_ISSUER is missing")


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        read().auth_issuer = "https://other.example"  # type: ignore[misc]


def test_the_database_is_named_by_a_url_or_by_a_secret_and_not_by_both() -> None:
    assert refusal(DATABASE_URL=None).startswith("DATABASE_URL is missing")
    assert refusal(DATABASE_SECRET_ID="prod/db").startswith("DATABASE_SECRET_ID is set beside DATABASE_URL")
    for secret in ("prod/db", "/prod/db", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-AbCdEf"):
        found = read(DATABASE_URL=None, DATABASE_SECRET_ID=secret)
        assert (found.database_url, found.database_secret_id) == (None, secret)


LIBPQ_URLS = """
    postgresql://api:p%40ss@ep-x-pooler.eu-central-1.aws.neon.tech/app?sslmode=verify-full&channel_binding=require
    postgres://api@localhost:6432/app  postgresql://api:x@[::1]:5432/app
    postgresql://api:x@a:5432,b:5433/app?target_session_attrs=read-write
    postgresql:///app?host=/run/postgresql&user=api"""


def test_every_libpq_url_is_taken() -> None:
    for url in LIBPQ_URLS.split():
        assert libpq_url("DATABASE_URL", url) == url == read(DATABASE_URL=url).database_url


NO_LIBPQ_URLS = f"""
    {CANARY} mysql://{CANARY} https://{CANARY} postgresql:{CANARY} POSTGRESQL://{CANARY}
    postgresql://a:{CANARY}%zz@h/app postgresql://a:{CANARY}%@h/app postgresql://a:{CANARY}%00@h/app
    postgresql://a:{CANARY}@[::1/app postgresql://a:{CANARY}@[::1]x/app postgresql://a:{CANARY}@h:port/app
    postgresql://a:{CANARY}@h:0/app postgresql://a:{CANARY}@h:65536/app postgresql://a:{CANARY}@h:-1/app
    postgresql://a:{CANARY}@h:5432,g:x/app postgresql://a:{CANARY}@h/app?sslmodes=require
    postgresql://a:{CANARY}@h/app?{CANARY} postgresql://a:{CANARY}@h/app?sslmode=require&sslmode"""
NO_WEB_URLS = f"""
    {CANARY} auth.example.com //auth.example.com ftp://auth.example.com file:///etc/passwd https:// https:///path
    https://:443 https://auth.example.com:port https://auth.example.com:0 https://auth.example.com:65536
    https://[::1 https://[nonsense] https://user:{CANARY}@auth.example.com https://auth.example.com#fragment"""
WEB_URLS_WITH_SPACE = ["https://auth.example.com/a b", " https://auth.example.com", "https://auth.example.com\n"]
NO_ALGORITHMS = f"eddsa Ed25519 HS256 none EdDSA,none EdDSA, , EdDSA;ES256 {CANARY}"
NO_ORIGINS = f"""
    * null {CANARY} app.example.com https:// https://*.example.com https://app.example.com/
    https://app.example.com/path https://app.example.com?x https://app.example.com#x https://app.example.com:
    https://app.example.com:443 http://app.example.com:80 https://app.example.com:0 https://app.example.com:08443
    https://app.example.com:65536 https://app.example.com:port https://{CANARY}@app.example.com
    https://App.example.com HTTPS://app.example.com https://b\u00fccher.example
    https://app.example.com;https://b.example https://[::1 https://[::1]x https://[::G] ftp://app.example.com file://
    https://a.example,,https://b.example https://a.example, , https://a.example,*"""
MALFORMED: dict[str, list[str]] = {
    "DATABASE_SECRET_ID": [" ", "prod db", "prod\ndb", "prod;db", "é", "${SECRET}", f"postgresql://{CANARY} "],
    "DATABASE_URL": [
        *NO_LIBPQ_URLS.split(),
        *(f"host={CANARY} dbname=app", f" postgresql://{CANARY}", f"postgresql://{CANARY}\n"),
        f"postgresql://a:{CANARY}\0@h/app",
    ],
    "DATABASE_PREPARE_THRESHOLD": ["x", "-1", "1.0", "1_0", " 5", "\u0665", "9" * 5000],
    "AUTH_ISSUER": [*NO_WEB_URLS.split(), *WEB_URLS_WITH_SPACE, "https://auth.example.com/?a=b"],
    "AUTH_JWKS_URL": [*NO_WEB_URLS.split(), *WEB_URLS_WITH_SPACE],
    "AUTH_ALGORITHMS": [*NO_ALGORITHMS.split(), " "],
    "CORS_ORIGINS": [*NO_ORIGINS.split(), "https://app.example.com https://b.example", "https://a\n.example"],
}


def test_a_malformed_value_is_refused_at_start() -> None:
    with collect_failures() as check:
        for name, values in MALFORMED.items():
            for value in values:
                url = None if name == "DATABASE_SECRET_ID" else GOOD["DATABASE_URL"]
                with check(name, repr(value)[:80]):
                    assert refusal(**{"DATABASE_URL": url, name: value}).startswith(f"{name} is malformed")


def test_a_threshold_is_a_whole_number() -> None:
    assert [read(DATABASE_PREPARE_THRESHOLD=good).prepare_threshold for good in ("0", "5")] == [0, 5]


PLAIN_HTTP = """
    http://auth.example.com/jwks http://localhost.example.com/jwks http://127.0.0.1.example.com/jwks
    http://example.com/localhost http://10.0.0.1/jwks http://0.0.0.0/jwks http://169.254.169.254/jwks"""


def test_keys_come_over_https_except_from_a_loopback_host() -> None:
    for url in PLAIN_HTTP.split():
        assert refusal(AUTH_JWKS_URL=url).startswith("AUTH_JWKS_URL must be an https URL"), url
    for local in ("http://localhost:3000/jwks", "http://127.0.0.1:1/jwks", "http://[::1]:3000/jwks?a=b"):
        assert read(AUTH_JWKS_URL=local).auth_jwks_url == local


def test_the_jwks_url_follows_the_issuer_and_so_does_its_rule() -> None:
    for issuer in ("https://auth.example.com/base", "https://auth.example.com/base/"):
        found = read(AUTH_ISSUER=issuer)
        assert found.auth_jwks_url == "https://auth.example.com/base/api/auth/jwks"
        assert found.auth_issuer == found.auth_audience == issuer  # compared exactly, so kept exactly
    refused = refusal(AUTH_ISSUER="http://auth.example.com")
    assert "AUTH_ISSUER" in refused
    assert "AUTH_JWKS_URL" in refused
    assert read(AUTH_ISSUER="http://auth.example.com", AUTH_JWKS_URL="https://auth.example.com/k").auth_jwks_url


def test_the_audience_is_any_text() -> None:
    assert read(AUTH_AUDIENCE="task-api").auth_audience == "task-api"


def test_algorithms_are_a_list_out_of_three() -> None:
    assert read(AUTH_ALGORITHMS="ES256").auth_algorithms == ("ES256",)
    assert read(AUTH_ALGORITHMS="EdDSA, ES256,RS256").auth_algorithms == ("EdDSA", "ES256", "RS256")


def test_origins_are_exact() -> None:
    value = (
        "https://app.example.com, http://localhost:3000,http://[::1]:8080 ,https://a_b.example:8443,http://127.0.0.1"
    )
    origins = ("https://app.example.com", "http://localhost:3000", "http://[::1]:8080", "https://a_b.example:8443")
    assert cors_origins(value) == (*origins, "http://127.0.0.1") == read(CORS_ORIGINS=value).cors_origins
    assert cors_origins("") == cors_origins("  ") == ()


STARTS: list[tuple[str, dict[str, str], str]] = [
    ("functions.tasks.create", {"DATABASE_URL": ""}, "DATABASE_URL is missing"),
    ("functions.tasks.list", {"DATABASE_URL": f"postgresql://{CANARY}:{CANARY}%@h"}, "DATABASE_URL is malformed"),
    ("functions.tasks.get", {"AUTH_ISSUER": ""}, "AUTH_ISSUER is missing"),
    ("functions.service.ready", {"CORS_ORIGINS": f"https://{CANARY}/"}, "CORS_ORIGINS is malformed"),
    ("functions.jobs.delete_expired_keys", {}, "DATABASE_URL_JOBS is missing"),
    ("functions.jobs.delete_expired_keys", {"DATABASE_SECRET_ID_JOBS": "a b"}, "DATABASE_SECRET_ID_JOBS is malformed"),
    (
        "functions.jobs.delete_expired_keys",
        {"DATABASE_SECRET_ID_JOBS": "jobs/url", "DATABASE_URL_JOBS": "postgresql://jobs@h/d"},
        "DATABASE_SECRET_ID_JOBS is set beside DATABASE_URL_JOBS",
    ),
]


def test_a_function_fails_at_start_with_one_line() -> None:
    with collect_failures() as check:
        for module, changes, line in STARTS:
            env = {"PATH": os.environ["PATH"], **GOOD, **changes}
            command = [sys.executable, "-c", f"import {module}"]
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
            with check(module, line):
                assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
                assert done.stderr.startswith(f"shared.settings.SettingsError: {line}")
                assert CANARY not in done.stderr


def test_lambda_tells_of_it_without_a_stack() -> None:
    env: dict[str, Any] = {"PATH": os.environ["PATH"], **GOOD, "AUTH_ALGORITHMS": CANARY}
    with lambda_function("tasks_get", "functions/tasks/get.handler", env, ROOT) as function:
        with pytest.raises(FunctionError, match="AUTH_ALGORITHMS is malformed"):
            function.invoke({})
        # Around the line, the runtime client puts a warning and the heading of a stack that is empty.
        assert function.log.count("SettingsError: AUTH_ALGORITHMS is malformed") == 1
        assert 'File "' not in function.log
        assert CANARY not in function.log
