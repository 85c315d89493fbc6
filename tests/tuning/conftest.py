"""A small table that trees learn in a tenth of a second, and a space to try on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import drivetrain as dt
from drivetrain.data.data import Data
from tests.training.conftest import squares
from tests.tuning.rows import rows


@pytest.fixture
def table(tmp_path: Path) -> Data:
    return dt.table(rows(), target="y", project=tmp_path / "project")


SMALL: dict[str, Any] = {"members": 1, "pairs": False, "leaves": (2, 31, "log")}
"""A space whose trials are quick."""

__all__ = ["SMALL", "rows", "squares", "table"]
