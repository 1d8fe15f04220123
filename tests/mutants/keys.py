"""Mutants of the issuer's keys: which are taken, when they are asked for, and which one is looked up."""

from functools import partial

from tests.mutants.mutant import mutant
from tests.mutants.planting import Edit

keys = partial(Edit, "shared/keys.py")

SETS = "tests/shared/test_key_sets.py::"
UNUSABLE = SETS + "test_an_unusable_member_is_left_out_alone"
COLD = "tests/shared/test_key_table.py::test_in_a_new_environment"
ASKS = "tests/shared/test_keys.py::TestWhenItAsks::"
WHILE_DOWN = "tests/shared/test_keys.py::TestWhileTheIssuerIsDown::"
EXACTLY = "tests/shared/test_signatures.py::test_a_kid_is_looked_up_exactly"
ONLY_A_NAME = "tests/shared/test_signatures.py::test_a_hostile_kid_is_only_ever_a_name"
LOOKED_UP = "return self._keys.get(kid) if"

KEYS = (
    mutant(
        "`kid` looked up without case",
        keys(LOOKED_UP, "return {name.lower(): key for name, key in self._keys.items()}.get(kid.lower()) if"),
        EXACTLY,
    ),
    mutant(
        "an unknown `kid` gets the first key",
        keys(LOOKED_UP, "return self._keys.get(kid, next(iter(self._keys.values()), None)) if"),
        ONLY_A_NAME,
    ),
    mutant("a private key is taken", keys(" or _PRIVATE & member.keys()", ""), UNUSABLE),
    mutant("a key for encryption is taken", keys('member.get("use", "sig") != "sig"', "False"), UNUSABLE),
    mutant("a key that may not verify is taken", keys('"verify" not in operations', "False"), UNUSABLE),
    mutant(
        "a key whose `alg` is another is taken", keys('member.get("alg", algorithm) != algorithm', "False"), UNUSABLE
    ),
    mutant("a short RSA key is taken", keys("range(2048, 8193)", "range(1024, 8193)"), UNUSABLE),
    mutant(
        "of two keys with one `kid` the last is taken",
        keys("named[key.key_id] == 1", "named[key.key_id]"),
        SETS + "test_of_two_usable_members_with_one_kid_neither_is_taken",
    ),
    mutant("a set of any number of keys", keys(" or len(members) > MAX_KEYS", ""), COLD),
    mutant("an answer of any status", keys("response.status != HTTPStatus.OK or ", ""), COLD),
    mutant(
        "keys over http from any host",
        keys("parts.hostname not in LOOPBACK", "not parts.hostname"),
        "tests/shared/test_key_fetches.py::test_cve_2026_48522_a_url_that_is_not_https_or_loopback_is_refused",
    ),
    mutant(
        "certificates unchecked",
        keys("ssl.create_default_context()", "ssl._create_unverified_context()"),
        COLD,
    ),
    mutant(
        "a fetch for each unknown `kid`",
        keys("if since >= GAP and self._flight.done():", "if self._flight.done():"),
        ASKS + "test_cve_2026_48524_a_thousand_random_kids_cost_one_fetch_in_5_seconds",
    ),
    mutant(
        "a key that is held is held for ever",
        keys("(abs(now - self._fetched) < FRESH or since < RETRY)", "True"),
        ASKS + "test_a_removed_key_stops_at_the_next_refresh",
    ),
    mutant(
        "a clock that was set back",
        keys("since = abs(now - self._tried)", "since = now - self._tried"),
        ASKS + "test_a_jump_of_the_clock_leads_to_one_fetch",
    ),
    mutant(
        "an outage drops the keys",
        keys("            if keys:\n                self._keys", "            if True:\n                self._keys"),
        WHILE_DOWN + "test_held_keys_work_for_a_day_and_no_longer",
    ),
    mutant(
        "stale keys for ever",
        keys("if abs(now - self._fetched) < STALE else None", "if self._keys else None"),
        WHILE_DOWN + "test_held_keys_work_for_a_day_and_no_longer",
    ),
    mutant(
        "an unknown `kid` is refused though the issuer is down",
        keys("raise KeysUnavailable(self._failure)", "raise UnknownKey"),
        WHILE_DOWN + "test_an_unknown_kid_may_be_a_new_key_and_is_not_refused",
    ),
    mutant(
        "a new key under an old `kid` is not taken up",
        keys("if held and held is not refuted and (", "if held and ("),
        "tests/shared/test_key_replaced.py::test_it_works_once_the_issuer_may_be_asked_again",
    ),
)
