"""Small logged tables, and ensembles that are fitted once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt


@pytest.fixture(autouse=True)
def quietly() -> object:
    with dt.quiet():
        yield


@pytest.fixture(scope="session")
def logged() -> pd.DataFrame:
    """Quotes with a number, a category, a gap, a price by chance; claims of those who accepted."""
    random = np.random.default_rng(3)
    n = 500
    rows = pd.DataFrame(
        {
            "age": random.uniform(18, 80, n),
            "town": random.choice(["Bern", "Chur", "Thun"], n),
            "bonus": np.where(random.random(n) < 0.1, np.nan, random.normal(size=n)),
            "price": random.uniform(200, 900, n),
            "agent": random.integers(0, 60, n),
        }
    )
    odds = (500 - rows["price"]) / 120 + (rows["town"] == "Chur")
    rows["accept"] = (random.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
    rows["claim"] = np.where(rows["accept"] == 1, random.gamma(2, 100, n) + rows["age"], np.nan)
    return rows


FEATURES = ["age", "town", "bonus", "price"]
