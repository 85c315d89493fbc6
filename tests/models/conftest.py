"""Tables of which is known what can be learnt from them."""

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt


def straight(n=300, seed=0):
    """The odds of y follow a line of two numbers and a name; nothing else does."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    shop = rng.integers(0, 4, n)
    odds = 1.5 * x - z + np.array([-1.0, 0.0, 0.5, 1.0])[shop]
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-odds)), "yes", "no")
    return pd.DataFrame({"x": x, "z": z, "shop": np.array(["a", "b", "c", "d"])[shop], "y": y})


def crossed(n=600, seed=0):
    """y is whether x and z have the same sign, but for one row in twenty: no line can say so."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    same = (x > 0) == (z > 0)
    return pd.DataFrame({"x": x, "z": z, "y": np.where(same ^ (rng.random(n) < 0.05), "yes", "no")})


def priced(n=300, seed=0):
    """A price that is a line of an area, with noise of deviation 1."""
    rng = np.random.default_rng(seed)
    area = rng.uniform(20, 120, n)
    return pd.DataFrame({"area": area, "town": rng.choice(["Bern", "Chur"], n), "price": 3 * area + rng.normal(size=n)})


@pytest.fixture
def no_net(monkeypatch):
    """Contests without the network, which takes all the time there is."""
    monkeypatch.setattr("drivetrain.models.train._Contest._net", lambda contest: None)


@pytest.fixture(scope="session")
def straight_data():
    return dt.table(straight(), target="y", seed=1)


@pytest.fixture(scope="session")
def crossed_data():
    return dt.table(crossed(), target="y", seed=1)


@pytest.fixture(scope="session")
def priced_data():
    return dt.table(priced(), target="price", seed=1)
