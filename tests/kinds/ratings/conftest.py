"""Ratings that are made of known tastes."""

import numpy as np
import pytest

from tests.kinds.ratings.shop import models, ratings_project

__all__ = ["models", "ratings_project"]


@pytest.fixture(autouse=True)
def _own_project(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(tmp_path / "project"))


@pytest.fixture
def table():
    """60 users × 40 items in two tastes, a fourth of the pairs rated 1 to 5, a day apart."""
    rng = np.random.default_rng(0)
    user, item = (side.ravel() for side in np.meshgrid(np.arange(60), np.arange(40), indexing="ij"))
    kept = rng.random(len(user)) < np.where(user % 2 == item % 2, 0.5, 0.08)
    user, item = user[kept], item[kept]
    liked = 3 + 1.2 * np.where(user % 2 == item % 2, 1, -1) + rng.normal(0, 0.4, len(user))
    return {
        "user": user,
        "item": np.array([f"book {one}" for one in item], object),
        "rating": np.clip(np.round(liked), 1, 5),
        "time": 1e9 + 86400.0 * rng.permutation(len(user)),
    }
