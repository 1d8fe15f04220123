"""Every published hole of this kind that could be ours has a test that is named after it."""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

SHARED = Path(__file__).parent
SUPPORT = SHARED.parent / "support"
NUMBER = re.compile(r"(?:CVE-\d{4}-\d{4,6}|GHSA(?:-[a-z0-9]{4}){3})", re.IGNORECASE)

# By library. Of PyJWT also what the floor in pyproject.toml has mended: the strict layer must not lean on it.
ADVISORIES: dict[str, tuple[str, ...]] = {
    "PyJWT": (
        *("CVE-2017-11424", "CVE-2022-29217", "CVE-2024-53861", "CVE-2025-45768", "CVE-2026-32597"),
        *("CVE-2026-48522", "CVE-2026-48523", "CVE-2026-48524", "CVE-2026-48525", "CVE-2026-48526"),
        *("CVE-2026-102268", "CVE-2026-102271", "CVE-2026-102272", "CVE-2026-102273", "CVE-2026-102274"),
        *("CVE-2026-102275", "GHSA-9v7f-9g4p-ffgj", "GHSA-2gx3-rcp4-g85q", "GHSA-8wjv-2p76-3863"),
        *("GHSA-w6j9-cwv2-h6wq", "GHSA-hxm8-2xgr-2p9m", "GHSA-r6x4-923q-g947", "GHSA-ffc3-869f-jxw9"),
        *("GHSA-p4g4-x82p-q773", "GHSA-w2cx-738m-mc7w", "GHSA-x33g-cr3x-6449"),
    ),
    "python-jose": ("CVE-2016-7036", "CVE-2024-33663", "CVE-2024-33664", "CVE-2026-85394"),
    "Authlib": ("CVE-2024-37568", "CVE-2025-59420", "CVE-2026-27962", "CVE-2026-114615"),
    "joserfc, jose4j and others": (
        *("GHSA-wphv-vfrh-23q5", "CVE-2023-51774", "CVE-2015-9235", "CVE-2018-0114", "CVE-2022-21449"),
    ),
}
NO_TEST = {"GHSA-pxh4-856f-4h89": "nothing is published of it but the version that mends it, which is below our floor"}
"""Not tried, and why. Which libraries may not come in at all is the business of `tests/rules/test_supply_chain.py`."""


def names(file: Path) -> Iterator[str]:
    """The names of a file's tests, and those of the rows of its tables."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name.replace("_", "-")
        elif isinstance(node, ast.Dict):
            yield from (ast.unparse(key) for key in node.keys if key)
        elif isinstance(node, ast.DictComp):
            yield ast.unparse(node.key)


def test_every_advisory_that_could_be_ours_is_named_by_a_test() -> None:
    files = [file for folder in (SHARED, SUPPORT) for file in folder.glob("*.py") if file != Path(__file__)]
    named = {number.lower() for name in chain(*map(names, files)) for number in NUMBER.findall(name)}
    listed = {number.lower() for number in chain(*ADVISORIES.values())}
    assert named == listed
    assert not listed & {number.lower() for number in NO_TEST}
