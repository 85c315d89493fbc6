"""Biases of items against their genre, and how they divide: against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from drivetrain.kinds.ratings.recommending.catalogue import Catalogue, Seen, attribute
from drivetrain.kinds.ratings.understanding.looks import above_usual, dividing, genre_of, liked_beyond


def rated(matrix: list[list[float]], genres: list[str] | None = None) -> Catalogue:
    """Everybody rates everything: users are rows."""
    values = np.array(matrix, np.float32)
    users, items = values.shape
    seen = Seen(np.arange(users + 1) * items, np.tile(np.arange(items), users), values.ravel())
    names = tuple(f"i{at}" for at in range(items))
    attributes = {} if genres is None else {"genre": attribute("genre", genres)}
    return Catalogue(names, tuple(f"u{at}" for at in range(users)), seen, attributes=attributes)


def test_usual_is_the_mean_of_the_user() -> None:
    items, above = above_usual(rated([[5, 3, 1], [2, 2, 5]]))
    assert items.tolist() == [0, 1, 2, 0, 1, 2]
    assert above.tolist() == [2, 0, -2, -1, -1, 2]


def test_loved_beyond_the_genre() -> None:
    # all users agree, so nothing is drawn to 0: items lie 1.75, -.25, -.25, -1.25 above usual
    shop = rated([[5, 3, 3, 2]] * 12, ["war", "war", "love", "love"])
    found = {one.item: one for one in liked_beyond(shop, shop.attributes["genre"])}
    assert found[0].own == pytest.approx(1.75, abs=1e-4)
    assert found[0].genre == pytest.approx(-0.25, abs=1e-4)  # the other one of war
    assert found[3].beyond == pytest.approx(-1.25 + 0.25, abs=1e-4)
    assert [one.item for one in liked_beyond(shop, None)] == [0, 1, 2, 3]


def test_few_ratings_are_drawn_to_the_usual_and_very_few_left_out() -> None:
    rng = np.random.default_rng(0)
    matrix = np.round(3 + np.array([1, 0, 0, -1])[None] + rng.normal(0, 1, (40, 4)), 2)
    many = {one.item: one.own for one in liked_beyond(rated(matrix.tolist()), None)}
    few = {one.item: one.own for one in liked_beyond(rated(matrix[:10].tolist()), None)}
    means = (matrix[:10] - matrix[:10].mean(axis=1, keepdims=True)).mean(axis=0)
    assert abs(few[0]) < abs(means[0])
    assert abs(few[0]) / abs(means[0]) < abs(many[0])
    assert liked_beyond(rated(matrix[:9].tolist()), None) == []


def test_dividing_items_come_first() -> None:
    shop = rated([[5, 3, 1], [1, 3, 5]] * 10)
    found = dividing(shop, (1, 5))
    assert [one.item for one in found] == [0, 2, 1]
    # (20 · 4 + 10 · usual) / (19 + 10), usual = (80 + 0 + 80) / (60 - 3)
    usual = 160 / 57
    assert found[0].spread == pytest.approx(((80 + 10 * usual) / 29) ** 0.5)
    assert (found[0].low, found[0].high, found[0].n) == (0.5, 0.5, 20)
    assert (found[2].low, found[2].high) == (0, 0)


def test_the_column_of_genres_is_found_by_its_name() -> None:
    assert genre_of(["year", " Category "]) == " Category "
    assert genre_of([]) is None
