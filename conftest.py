"""Examples in the docstrings of public classes are run too, although their `__module__` is `drivetrain`."""

import doctest
from types import ModuleType
from typing import Any

import drivetrain

_ITS_OWN = doctest.DocTestFinder._from_module  # pyright: ignore


def _from_module(finder: Any, module: ModuleType, found: Any) -> bool:
    if getattr(found, "__module__", None) == "drivetrain" and isinstance(found, type):
        return drivetrain._HOME.get(found.__name__, "").partition(":")[0] == module.__name__  # pyright: ignore
    return _ITS_OWN(finder, module, found)  # pyright: ignore


doctest.DocTestFinder._from_module = _from_module  # pyright: ignore
