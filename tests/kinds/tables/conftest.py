"""A small table of customers, of which what is to be learnt is known."""

import numpy as np
import pandas as pd
import pytest

N = 240


@pytest.fixture(scope="session")
def customers():
    """Numbers, names, an ordered column, a date, gaps; `buys` follows from age and town alone."""
    rng = np.random.default_rng(7)
    age = rng.integers(18, 80, N).astype(float)
    town = np.array(["Bern", "Basel", "Chur"])[rng.integers(0, 3, N)]
    wage = np.where(rng.random(N) < 0.1, np.nan, rng.normal(5000, 900, N).round(1))
    size = np.array(["S", "M", "L"])[rng.integers(0, 3, N)]
    since = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, N), unit="D")
    buys = np.where((age > 45) ^ (town == "Bern"), "yes", "no")
    return pd.DataFrame({"age": age, "town": town, "wage": wage, "size": size, "since": since, "buys": buys})
