"""Where the database is: the URL or the secret that holds it, and how TLS checks whom it talks to."""

import asyncio
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared.logs import LOGGER, hash_users_by
from shared.problems import Unavailable
from shared.settings import SettingsError, libpq_url

# libpq in psycopg's wheels was built elsewhere and does not find this system's CAs (sslrootcert=system fails).
CA_FILES = (
    "/etc/pki/tls/certs/ca-bundle.crt",  # Amazon Linux, Fedora
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu
    "/etc/ssl/cert.pem",  # macOS, Alpine
)


def verifying(url: str) -> str:
    """The options of `url`, with a CA file where it verifies the server but names none (libpq 34.19.1)."""
    options = conninfo_to_dict(url)
    if options.get("sslmode") in ("verify-full", "verify-ca") and options.get("sslrootcert") in (None, "system"):
        options["sslrootcert"] = next((file for file in CA_FILES if Path(file).exists()), "system")
    return make_conninfo(**{name: str(value) for name, value in options.items()})


def refused(failure: BaseException) -> bool:
    """Whether connecting failed for the password: class 28, which libpq reports as text alone."""
    return isinstance(failure, psycopg.Error) and (
        (failure.sqlstate or "").startswith("28") or "authentication failed" in str(failure)
    )


class Secret:
    """The libpq URL of a role: given, or kept in Secrets Manager or SSM and read at first use.

    `name` is the variable that holds the id.
    """

    def __init__(self, url: str | None, secret_id: str | None, name: str = "DATABASE_SECRET_ID") -> None:
        self._url = url
        self._id = secret_id
        self._name = name
        if url is not None:
            hash_users_by(url)

    @property
    def known(self) -> bool:
        """Whether the URL can be had without a call to AWS."""
        return self._url is not None

    async def value(self, *, refresh: bool = False) -> str:
        """The URL; a secret is read from AWS the first time, and to `refresh` it, for its password was refused.

        A URL that was given stays as it is. Raises `Unavailable`.
        """
        if self._url is None or refresh:
            return await asyncio.to_thread(self.value_now, refresh=refresh)
        return self._url

    def value_now(self, *, refresh: bool = False) -> str:
        """The same for a job, which has nothing to do meanwhile."""
        if self._url is None or (refresh and self._id is not None):
            self._url = self._read()
            hash_users_by(self._url)
        return self._url

    def _read(self) -> str:
        # boto3 takes 290 ms to import: only those who keep a secret pay for it, once.
        from aws_lambda_powertools.utilities import parameters as stores  # noqa: PLC0415
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        secret_id = str(self._id)
        patience = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
        kept_in_ssm = secret_id.startswith("/") or secret_id.split(":")[2:3] == ["ssm"]  # a path, or an ARN
        try:
            if kept_in_ssm:
                value = stores.SSMProvider(boto_config=patience).get(secret_id, force_fetch=True, decrypt=True)
            else:
                value = stores.SecretsProvider(boto_config=patience).get(secret_id, force_fetch=True)
            return libpq_url(self._name, str(value).strip())
        except (GetParameterError, BotoCoreError) as failure:
            LOGGER.warning("%s can't be read: %s", self._name, type(failure.__context__ or failure).__name__)
            raise Unavailable from failure
        except SettingsError as failure:
            LOGGER.error("%s", failure)
            raise Unavailable from failure
