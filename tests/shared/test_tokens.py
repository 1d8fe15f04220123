"""The strict layer alone: what it refuses before it asks for a key, and by which rule.

What can be refused without a key costs no request to the issuer; no reason tells anything of the token.
"""

from tests.support.collect_failures import for_each
from tests.support.forged_tokens import Forge, refuse
from tests.support.hostile_tokens import AT_ONCE
from tests.support.jwks_server import JwksServer, Signer

RULES = frozenset({"alg", "kid", "typ", "exp", "iat", "nbf", "sub", "iss", "aud"})
TABLE = [item for table in AT_ONCE.values() for item in table.items()]


@for_each("name, forge", TABLE, [name for name, _ in TABLE])
def test_it_is_refused_without_a_request_to_the_issuer(
    issuer: JwksServer, signer: Signer, name: str, forge: Forge
) -> None:
    del issuer.requests[:]
    reason = refuse(issuer, signer, forge(signer))
    assert issuer.requests == []
    words = [word for word in name.split() if not word.startswith(("CVE-", "GHSA-"))]
    rule = words[0] if words[0] in RULES else ""
    assert reason.startswith(rule) or "not strict JSON" in reason
