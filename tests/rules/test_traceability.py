"""Every sentence of the traceability table has a test that exists, and the check finds each fault of a table."""

from infra.check_traceability import TABLE, Row, faults, rows

THIS = "tests/rules/test_traceability.py::test_a_whole_table_has_no_fault"
WHOLE = [
    Row(1, "A client may rely on it.", "– an introduction"),  # noqa: RUF001
    Row(2, "It never changes: not | at all.", f"`{THIS}`"),
    Row(3, "member | type", "– heads the table"),  # noqa: RUF001
    Row(4, "`id` | UUID", f"`{THIS}`<br>`{THIS}`"),
    Row(5, "Time is in UTC.", f"`{THIS}`"),
]
BROKEN: list[tuple[str, Row]] = [
    ("which does not exist", Row(5, "A test that is not there.", "`tests/x.py::test_x`")),
    ("which does not exist", Row(5, "A file without a test.", "`tests/conftest.py`")),
    ("which does not exist", Row(5, "A fixture for a test.", "`tests/conftest.py::api`")),
    ("names no test", Row(5, "No test.", "")),
    ("names no test", Row(5, "No reason.", "–")),  # noqa: RUF001
    ("is the row number 5", Row(6, "A number that is left out.", f"`{THIS}`")),
]


def test_every_sentence_of_the_contract_has_a_test() -> None:
    table = rows(TABLE.read_text("utf-8"))
    assert len(table) > 70
    assert list(faults(table)) == []


def test_a_whole_table_has_no_fault() -> None:
    assert list(faults(WHOLE)) == []


def test_a_fault_of_the_table_is_found() -> None:
    assert [row for said, row in BROKEN if not any(said in fault for fault in faults([*WHOLE[:4], row]))] == []


def test_a_row_is_read_with_its_pipes() -> None:
    assert rows("| 7 | a \\| b | `x`<br>`y` |") == [Row(7, "a | b", "`x`<br>`y`")]
    assert rows("| 7 | a \\| b | `x`<br>`y` |")[0].tests == ["x", "y"]
