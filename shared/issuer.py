"""The keys of the issuer that this deployment trusts."""

from shared.keys import KeyCache
from shared.settings import settings

KEYS = KeyCache(settings().auth_jwks_url, settings().auth_algorithms)
"""The issuer's keys, kept for this execution environment."""
