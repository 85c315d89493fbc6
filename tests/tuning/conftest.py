"""A small table that trees learn in a tenth of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.data.data import Data
from tests.training.conftest import squares


def rows(n: int = 150) -> dict[str, list[object]]:
    """Two numbers and a name; the class follows from two of them, with noise."""
    random = np.random.default_rng(0)
    a, b, c = random.normal(size=n), random.normal(size=n), random.choice(list("xyz"), n)
    yes = a + (c == "x") + random.normal(size=n) > 0.3
    return {"a": a.tolist(), "b": b.tolist(), "c": c.tolist(), "y": np.where(yes, "yes", "no").tolist()}


@pytest.fixture
def table(tmp_path: Path) -> Data:
    return dt.table(rows(), target="y", project=tmp_path / "project")


SMALL: dict[str, Any] = {"members": 1, "pairs": False, "leaves": (2, 31, "log")}
"""A space whose trials are quick."""

__all__ = ["SMALL", "rows", "squares", "table"]
