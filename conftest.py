"""Examples in the docstrings of public classes are run too, although their `__module__` is `drivetrain`."""

import doctest
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest

import drivetrain

_ITS_OWN = doctest.DocTestFinder._from_module  # pyright: ignore


def _from_module(finder: Any, module: ModuleType, found: Any) -> bool:
    if getattr(found, "__module__", None) == "drivetrain" and isinstance(found, type):
        return drivetrain._HOME.get(found.__name__, "").partition(":")[0] == module.__name__  # pyright: ignore
    return _ITS_OWN(finder, module, found)  # pyright: ignore


doctest.DocTestFinder._from_module = _from_module  # pyright: ignore


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Examples that seal test sets or write logs leave nothing in the repository."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    with TemporaryDirectory() as folder:
        monkeypatch.setenv("DRIVETRAIN_PROJECT", f"{folder}/.drivetrain")
        monkeypatch.setenv("DRIVETRAIN_INDEX_DIR", f"{folder}/index")
        yield
