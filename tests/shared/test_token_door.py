"""Every hostile token of the table: one answer, and it costs nothing.

The whole table goes to one operation that reads and one that writes, and one token of each family to every operation
that needs a token.

No operation runs, the database is not even connected to, nobody but the issuer is asked for keys, and the issuer only
where a key of its could have made the token good.
"""

from collections.abc import Iterator
from itertools import cycle, islice, product

import httpx
import pytest

from tests.support.collect_failures import collect_failures, for_each
from tests.support.forged_tokens import Forge
from tests.support.hostile_token_carriage import CARRIAGE
from tests.support.hostile_token_states import STATES
from tests.support.hostile_tokens import AT_ONCE, BY_KEY, CONFUSION, SIGNATURE
from tests.support.jwks_server import JwksServer, Signer
from tests.support.postgres_proxy import Proxy
from tests.support.token_check import BAD_SENT, CLOSED, Door, bearer, opened, operations_by_row, refused

ALL = ("EdDSA", "ES256", "RS256")
TABLES = [(family, fetches, table) for fetches, one in enumerate((AT_ONCE, BY_KEY)) for family, table in one.items()]
"""The tokens of a family by name, and how often each makes the issuer be asked."""


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


@pytest.mark.usefixtures("door")
def test_a_hostile_token_is_the_one_401_everywhere(
    monkeypatch: pytest.MonkeyPatch, issuer: JwksServer, signer: Signer, proxy: Proxy
) -> None:
    with collect_failures() as check:
        for family, fetches, table in TABLES:
            for name, operations in operations_by_row(table).items():
                with check(family, name), opened(monkeypatch, issuer) as door:
                    proxy.reset()
                    token = table[name](signer)
                    for operation in operations:
                        with check(family, name, operation.name):
                            refused(door.answer(bearer(token), operation), BAD_SENT)
                    assert door.dialled == [door.address] * fetches
                    assert (proxy.connects, proxy.trips) == (0, [])


@for_each("forge", CONFUSION.values(), CONFUSION)
def test_allowing_more_algorithms_lets_no_secret_in(
    monkeypatch: pytest.MonkeyPatch, issuer: JwksServer, signer: Signer, forge: Forge
) -> None:
    with opened(monkeypatch, issuer, ALL) as door:
        refused(door.answer(bearer(forge(signer))), BAD_SENT)
        assert door.dialled == []


def test_cve_2026_48523_the_header_names_the_keys_own_algorithm_or_the_token_is_refused(
    monkeypatch: pytest.MonkeyPatch, issuer: JwksServer
) -> None:
    signers = [issuer.signer(alg) for alg in ALL]
    with collect_failures() as check:
        for signer, claimed in product(signers, ALL):
            with check(signer.alg, claimed), opened(monkeypatch, issuer, ALL) as door:
                answer = door.answer(bearer(signer.token(header={"alg": claimed})))
                if signer.alg == claimed:
                    assert answer.status_code == 200
                else:
                    refused(answer, BAD_SENT)


def test_a_good_token_works_everywhere_after_a_thousand_bad_ones(door: Door, signer: Signer, proxy: Proxy) -> None:
    bad = [forge(signer) for table in (*AT_ONCE.values(), *BY_KEY.values()) for forge in table.values()]
    for operation, token in islice(zip(cycle(CLOSED), cycle(bad), strict=False), 1000):
        refused(door.answer(bearer(token), operation), BAD_SENT)
    assert (proxy.connects, proxy.trips) == (0, [])
    assert door.dialled == [door.address]
    good = bearer(signer.token())
    assert [one.name for one in CLOSED if door.answer(good, one).status_code in {401, 503}] == []
    assert door.dialled == [door.address]


def test_bad_signatures_between_good_tokens_change_nothing(door: Door, signer: Signer) -> None:
    for forge in SIGNATURE.values():
        assert door.status(signer.token()) == 200
        assert door.status(forge(signer)) == 401
    assert door.status(signer.token()) == 200
    assert door.dialled == [door.address]
