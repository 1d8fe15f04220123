"""All rows of the matrix, from the modules beside this one that are called `matrix_…`."""

import importlib
import pkgutil
from pathlib import Path

from tests.faults.fault import Fault

SOAK = "F32"
"""The row that only runs when it is asked for, and as long as it is told to."""


def faults() -> list[Fault]:
    """Every row, by number."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = [importlib.import_module(f"tests.faults.{name}") for name in names if name.startswith("matrix_")]
    found: list[Fault] = [fault for module in modules for fault in module.FAULTS]
    return sorted(found, key=lambda fault: int(fault.number.removeprefix("F")))
