"""A small shop with four tastes, and models of it; fitted once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt

USERS, ITEMS = 120, 40


def taken(*, seed: int = 0, each: int = 12) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Who rated what, by four tastes; and a side table of titles, authors and genres."""
    rng = np.random.default_rng(seed)
    genre, taste = np.arange(ITEMS) % 4, rng.dirichlet([0.3] * 4, USERS)
    rows: list[tuple[str, str, float]] = []
    for user in range(USERS):
        chance = taste[user][genre] + 0.02
        for item in rng.choice(ITEMS, each, replace=False, p=chance / chance.sum()):
            stars = np.clip(np.round(2 + 3 * taste[user][genre[item]] + rng.normal(0, 0.4)), 1, 5)
            rows.append((f"u{user}", f"i{item}", float(stars)))
    items = pd.DataFrame(
        {
            "item": [f"i{at}" for at in range(ITEMS)],
            "title": [f"Book {at}" for at in range(ITEMS)],
            "author": [f"author {at % 13}" for at in range(ITEMS)],
            "genre": [f"genre {at}" for at in genre],
        }
    )
    return pd.DataFrame(rows, columns=["user", "item", "stars"]), items


@pytest.fixture(scope="session")
def ratings_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        place = str(tmp_path_factory.mktemp("ratings") / "project")
        patch.setenv("DRIVETRAIN_PROJECT", place)
        yield place


@pytest.fixture(scope="session")
def models(ratings_project: str) -> dict[str, Any]:
    """Name → a fitted model of the shop."""
    rows, items = taken()
    rated = dt.ratings(rows, rating="stars", items=items, project=ratings_project)
    events = dt.ratings(rows[["user", "item"]], items=items, project=ratings_project)
    return {
        "factors": dt.Factors(rated, factors=4, sweeps=8),
        "factors of who rated what": dt.Factors(rated, factors=6, sweeps=4, implicit=True),
        "factors of events": dt.Factors(events, factors=6, sweeps=4),
        "ease": dt.Ease(events, strength=20),
        "neighbours": dt.ItemNeighbours(rated, neighbours=10),
        "popularity": dt.Popularity(events),
        "biases": dt.Biases(rated),
    }
