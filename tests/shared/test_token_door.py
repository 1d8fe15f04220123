"""Every hostile token of the table, sent to every operation that needs one: one answer, and it costs nothing.

No operation runs, the database is not even connected to, nobody but the issuer is asked for keys, and the issuer only
where a key of its could have made the token good.
"""

from collections.abc import Iterator
from itertools import cycle, islice

import httpx
import pytest

from tests.support.forged_tokens import Forge
from tests.support.hostile_token_carriage import CARRIAGE
from tests.support.hostile_token_states import STATES
from tests.support.hostile_tokens import AT_ONCE, BY_KEY, CONFUSION, SIGNATURE
from tests.support.jwks_server import JwksServer, Signer
from tests.support.postgres_proxy import Proxy
from tests.support.token_check import BAD_SENT, CLOSED, LIST, Door, bearer, opened, refused

TOKENS = [
    pytest.param(forge, fetches, id=f"{family}: {name}")
    for fetches, families in enumerate((AT_ONCE, BY_KEY))
    for family, table in families.items()
    for name, forge in table.items()
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[JwksServer]:
    with JwksServer() as server:
        yield server


@pytest.fixture(scope="module")
def signer(issuer: JwksServer) -> Signer:
    return issuer.signer()


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, api: httpx.Client, issuer: JwksServer) -> Iterator[Door]:
    assert api.get("/v1/tasks").status_code == 200  # so that the connection that a new environment opens is there
    with opened(monkeypatch, issuer) as door:
        yield door


def test_the_table_has_120_hostile_tokens_and_no_family_is_empty() -> None:
    families = {name: len(AT_ONCE.get(name, {})) + len(BY_KEY.get(name, {})) for name in {*AT_ONCE, *BY_KEY}}
    families |= {"carriage": len(CARRIAGE), "state": len(STATES)}
    assert families.keys() == {
        *("algorithm", "key confusion", "signature", "header"),
        *("claims", "encoding", "carriage", "state"),
    }
    assert min(families.values()) >= 8, families
    assert sum(families.values()) >= 120


@pytest.mark.parametrize(("forge", "fetches"), TOKENS)
def test_a_hostile_token_is_the_one_401_everywhere(
    door: Door, signer: Signer, proxy: Proxy, forge: Forge, fetches: int
) -> None:
    for answer in door.knock(bearer(forge(signer))):
        refused(answer, BAD_SENT)
    assert door.dialled == [door.address] * fetches
    assert (proxy.connects, proxy.trips) == (0, [])


@pytest.mark.parametrize("forge", CONFUSION.values(), ids=CONFUSION)
def test_allowing_more_algorithms_lets_no_secret_in(
    monkeypatch: pytest.MonkeyPatch, issuer: JwksServer, signer: Signer, forge: Forge
) -> None:
    with opened(monkeypatch, issuer, ("EdDSA", "ES256", "RS256")) as door:
        for answer in door.knock(bearer(forge(signer)), LIST):
            refused(answer, BAD_SENT)
        assert door.dialled == []


@pytest.mark.parametrize("sender", ["EdDSA", "ES256", "RS256"])
@pytest.mark.parametrize("claimed", ["EdDSA", "ES256", "RS256"])
def test_cve_2026_48523_the_header_names_the_keys_own_algorithm_or_the_token_is_refused(
    monkeypatch: pytest.MonkeyPatch, issuer: JwksServer, keys: dict[str, Signer], sender: str, claimed: str
) -> None:
    with opened(monkeypatch, issuer, ("EdDSA", "ES256", "RS256")) as door:
        [answer] = door.knock(bearer(keys[sender].token(header={"alg": claimed})), LIST)
        if sender == claimed:
            assert answer.status_code == 200
        else:
            refused(answer, BAD_SENT)


@pytest.fixture(scope="module")
def keys(issuer: JwksServer) -> dict[str, Signer]:
    """A key of each algorithm, all shown by the issuer."""
    return {alg: issuer.signer(alg) for alg in ("EdDSA", "ES256", "RS256")}


def test_a_good_token_works_everywhere_after_a_thousand_bad_ones(door: Door, signer: Signer, proxy: Proxy) -> None:
    bad = [forge(signer) for table in (*AT_ONCE.values(), *BY_KEY.values()) for forge in table.values()]
    for operation, token in islice(zip(cycle(CLOSED), cycle(bad), strict=False), 1000):
        [answer] = door.knock(bearer(token), [operation])
        refused(answer, BAD_SENT)
    assert (proxy.connects, proxy.trips) == (0, [])
    assert door.dialled == [door.address]
    for answer in door.knock(bearer(signer.token())):
        assert answer.status_code not in {401, 503}
    assert door.dialled == [door.address]


def test_bad_signatures_between_good_tokens_change_nothing(door: Door, signer: Signer) -> None:
    for forge in SIGNATURE.values():
        assert door.status(signer.token()) == 200
        assert door.status(forge(signer)) == 401
    assert door.status(signer.token()) == 200
    assert door.dialled == [door.address]
