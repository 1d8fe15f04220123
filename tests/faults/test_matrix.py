"""The matrix is whole, the soak's order comes from its seed, and every planted bug still fits the code."""

import ast
from itertools import islice

from tests.faults.controls import CONTROLS
from tests.faults.matrix import SOAK, faults
from tests.faults.matrix_soak import LAST, LONGEST, SHORTEST, order
from tests.mutants.planting import planted
from tests.support.collect_failures import collect_failures


def test_every_fault_of_the_matrix_has_a_row() -> None:
    assert {fault.number for fault in faults()} == {f"F{number}" for number in range(1, 31)} | {SOAK}


def test_the_soak_is_the_same_again_with_its_seed_and_leaves_no_fault_out() -> None:
    pack = sum(int(fault.number[1:]) <= LAST for fault in faults())
    first, again, other = (
        [(one.name, seconds) for one, seconds in islice(order(seed), 2 * pack)] for seed in (7, 7, 8)
    )
    assert first == again != other
    assert len({name for name, _ in first[:pack]}) == pack
    assert all(SHORTEST <= seconds <= LONGEST for _, seconds in first)


def test_each_planted_bug_still_fits_the_code() -> None:
    with collect_failures() as check:
        for control in CONTROLS:
            with check(control.name), planted(*control.edits) as folder:
                assert control.number in {fault.number for fault in faults()}
                for edit in control.edits:
                    ast.parse((folder / edit.path).read_text("utf-8"))
