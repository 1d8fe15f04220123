"""Every sentence of the traceability table has a test that exists, and the check finds each fault of a table."""

import pytest

from infra.check_traceability import TABLE, Row, faults, rows

THIS = "tests/rules/test_traceability.py::test_a_whole_table_has_no_fault"
WHOLE = [
    Row(1, "A client may rely on it.", "– an introduction"),  # noqa: RUF001
    Row(2, "It never changes: not | at all.", f"`{THIS}`"),
    Row(3, "member | type", "– heads the table"),  # noqa: RUF001
    Row(4, "`id` | UUID", f"`{THIS}`<br>`{THIS}`"),
    Row(5, "Time is in UTC.", f"`{THIS}`"),
]
BROKEN = {
    "a test that is not there": (
        "which does not exist",
        [*WHOLE[:4], Row(5, "Time is in UTC.", "`tests/x.py::test_x`")],
    ),
    "a file without a test": ("which does not exist", [*WHOLE[:4], Row(5, "Time is in UTC.", "`tests/conftest.py`")]),
    "a fixture for a test": (
        "which does not exist",
        [*WHOLE[:4], Row(5, "Time is in UTC.", "`tests/conftest.py::api`")],
    ),
    "no test": ("names no test", [*WHOLE[:4], Row(5, "Time is in UTC.", "")]),
    "no reason": ("names no test", [*WHOLE[:4], Row(5, "Time is in UTC.", "–")]),  # noqa: RUF001
    "a number that is left out": ("is the row number 5", [*WHOLE[:4], Row(6, "Time is in UTC.", f"`{THIS}`")]),
}


def test_every_sentence_of_the_contract_has_a_test() -> None:
    table = rows(TABLE.read_text("utf-8"))
    assert len(table) > 70
    assert list(faults(table)) == []


def test_a_whole_table_has_no_fault() -> None:
    assert list(faults(WHOLE)) == []


@pytest.mark.parametrize("what", BROKEN)
def test_a_fault_of_the_table_is_found(what: str) -> None:
    said, table = BROKEN[what]
    assert any(said in fault for fault in faults(table))


def test_a_row_is_read_with_its_pipes() -> None:
    assert rows("| 7 | a \\| b | `x`<br>`y` |") == [Row(7, "a | b", "`x`<br>`y`")]
    assert rows("| 7 | a \\| b | `x`<br>`y` |")[0].tests == ["x", "y"]
