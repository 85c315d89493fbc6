"""Ratings and events that are made of known tastes."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _own_project(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(tmp_path / "project"))


def tastes(alike, unlike):
    """60 users × 40 items in two tastes; how often a pair of one taste is there, and of two; a day apart."""
    rng = np.random.default_rng(0)
    user, item = (side.ravel() for side in np.meshgrid(np.arange(60), np.arange(40), indexing="ij"))
    kept = rng.random(len(user)) < np.where(user % 2 == item % 2, alike, unlike)
    user, item = user[kept], item[kept]
    liked = 3 + 1.2 * np.where(user % 2 == item % 2, 1, -1) + rng.normal(0, 0.4, len(user))
    return {
        "user": user,
        "item": np.array([f"book {one}" for one in item], object),
        "rating": np.clip(np.round(liked), 1, 5),
        "time": 1e9 + 86400.0 * rng.permutation(len(user)),
    }


@pytest.fixture
def table():
    """Everybody rates anything."""
    return tastes(0.4, 0.4)


@pytest.fixture
def visits():
    """People choose what they like, mostly."""
    made = tastes(0.5, 0.08)
    return {name: made[name] for name in ("user", "item", "time")}
