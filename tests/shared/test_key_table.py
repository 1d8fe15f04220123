"""How the issuer may behave, seen through a handler, in a new environment and in one that holds the key.

A good token is never 401 while the issuer shows nothing: it is 503 in a new environment, and good where its key is
held. What is asserted of every row is also how often the issuer was asked, and that nobody else was.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from uuid import uuid4

import pytest

from shared import keys
from shared.keys import BOUND, FRESH, GAP, RETRY
from tests.faults.invariants import in_time
from tests.support.collect_failures import collect_failures, for_each
from tests.support.issuer_behaviours import GOOD, HOST, ISSUERS, Row, serving, trusted
from tests.support.jwks_server import JwksServer, Signer
from tests.support.token_check import Door, bearer, opened


class Case:
    """A row under test: an issuer that shows the good key until it is `broken`, and signers of tokens."""

    def __init__(self, row: Row, door: Door, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.row, self.door, self._folder, self._monkeypatch = row, door, folder, monkeypatch
        self.good, self.stranger = copy(GOOD), Signer(door.issuer.url)
        self.good.issuer = self.good.audience = door.issuer.url
        door.issuer.show(GOOD.jwk)
        self._well = dict(vars(door.issuer))

    def broken(self) -> None:
        if self.row.slow:  # what is slow takes as long as it is let; `test_key_fetches.py` lets it the whole time
            self._monkeypatch.setattr(keys, "BOUND", 0.1)
        if self.row.tls:
            self._restart(self.row.tls(self._folder))
        self.row.does(self.door.issuer)

    def mended(self) -> None:
        self._monkeypatch.setattr(keys, "BOUND", BOUND)
        for name in ("body", "raw", "status", "headers", "delay", "drip"):
            setattr(self.door.issuer, name, self._well[name])
        self.door.issuer.show(GOOD.jwk)
        if self.row.tls or not self.door.issuer.running:
            self._restart(self._well["tls"])

    def _restart(self, tls: ssl.SSLContext | None) -> None:
        self.door.issuer.stop()
        self.door.issuer.tls = tls
        self.door.issuer.start()

    def ask(self, signer: Signer) -> set[int]:
        """What three requests are answered: each in time, and a 503 says when to come back, not that a token is bad."""
        statuses = set()
        for _ in range(3):
            answer = in_time(lambda: self.door.answer(bearer(signer.token())))
            if answer.status_code == 503:
                assert answer.headers["retry-after"] == str(GAP)
                assert "www-authenticate" not in answer.headers
            statuses.add(answer.status_code)
        return statuses

    @property
    def fetches(self) -> int:
        """How often the issuer was asked; nobody else ever is."""
        assert set(self.door.dialled) <= {self.door.address}
        return len(self.door.dialled)


@contextmanager
def case_of(row: Row, folder: Path) -> Iterator[Case]:
    folder.mkdir()
    with pytest.MonkeyPatch.context() as monkeypatch:
        tls = None
        if row.tls:
            tls = serving(trusted(folder, HOST))
            monkeypatch.setenv("SSL_CERT_FILE", str(folder / "trusted.pem"))
        with JwksServer(tls=tls) as issuer, opened(monkeypatch, issuer) as door:
            yield Case(row, door, folder, monkeypatch)


def test_in_a_new_environment(tmp_path: Path) -> None:
    with collect_failures() as check:
        for n, (name, row) in enumerate(ISSUERS.items()):
            with check(name), case_of(row, tmp_path / str(n)) as case:
                case.broken()
                assert (case.ask(case.good), case.fetches) == ({row.cold}, 1)
                case.door.clock.now += GAP
                assert (case.ask(case.good), case.fetches) == ({row.cold}, 1 if row.cold == 200 else 2)
                case.mended()
                case.door.clock.now += GAP
                assert (case.ask(case.good), case.fetches) == ({200}, 1 if row.cold == 200 else 3)


def test_where_its_key_is_held(tmp_path: Path) -> None:
    with collect_failures() as check:
        for n, (name, row) in enumerate(ISSUERS.items()):
            with check(name), case_of(row, tmp_path / str(n)) as case:
                assert (case.ask(case.good), case.fetches) == ({200}, 1)
                case.broken()
                assert (case.ask(case.good), case.fetches) == ({200}, 1)
                case.door.clock.now += FRESH
                assert (case.ask(case.good), case.fetches) == ({row.warm}, 2)
                case.door.clock.now += GAP
                assert (case.ask(case.stranger), case.fetches) == ({row.stranger}, 3)
                assert (case.ask(case.good), case.fetches) == ({row.warm}, 3)
                case.mended()
                case.door.clock.now += RETRY
                assert (case.ask(case.good), case.fetches) == ({200}, 3 if row.cold == 200 else 4)


@for_each("up, status, held", [(True, 401, False), (True, 401, True), (False, 503, False), (False, 503, True)])
def test_ghsa_2gx3_rcp4_g85q_a_flood_of_kids_costs_one_fetch_in_5_seconds(
    monkeypatch: pytest.MonkeyPatch, up: bool, status: int, held: bool
) -> None:
    with JwksServer() as issuer, opened(monkeypatch, issuer) as door:
        signer = issuer.signer()
        if held:
            assert door.status(signer.token()) == 200
        before = len(door.dialled)
        if not up:
            issuer.stop()
        for fetches in (1, 2):
            door.clock.now += GAP
            for _ in range(100):
                assert door.status(signer.token(header={"kid": uuid4().hex})) == status
            assert len(door.dialled) - before == fetches
            assert door.status(signer.token()) == (200 if held or up else 503)
        assert len(door.dialled) - before == 2


def test_the_table_holds_every_kind_of_issuer() -> None:
    kinds = {(row.cold, row.warm, row.stranger) for row in ISSUERS.values()}
    assert kinds == {(503, 200, 503), (200, 200, 401), (401, 401, 401)}
    assert len(ISSUERS) >= 60
