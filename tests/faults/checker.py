"""The judge of a row: everything that breaks one of the invariants I1 to I9. I10 is that it sees planted bugs."""

from collections.abc import Iterator

from tests.faults.answers import answers
from tests.faults.effects import effects
from tests.faults.evidence import Evidence, Finding


def findings(evidence: Evidence) -> Iterator[Finding]:
    """All that is wrong; nothing, where every promise was kept."""
    yield from effects(evidence)
    yield from answers(evidence)
