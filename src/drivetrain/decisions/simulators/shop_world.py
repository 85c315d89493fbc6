"""A shop: which items to show to whom, when some would have bought them anyway."""

from __future__ import annotations

import numpy as np
import pandas as pd

from drivetrain.calls import named
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.objective import Array, Levers, Predict
from drivetrain.decisions.simulators.world import Truth, World, chance, column, sizes
from drivetrain.settings import whole

SHOWN = 0.3
"""Share of pairs of customer and item that chance showed."""
_KINDS = np.array(["crime", "travel", "cooking", "science"])


@named
def shop(n: int = 2_000, seed: int = 0, *, rows: int = 500, items: int = 12) -> World:
    """Pairs of a customer and an item: shown or not, by chance; bought or not, within the month.

    Most customers have a habit: a kind that they buy all the time (`bought_of_kind`), shown or not: probability high,
    effect small. What they care for and have not come across yet (`interest` large, `bought_of_kind` and `popularity`
    small) is bought because it was shown. What they do not care for is bought neither way; and who is `annoyed` by
    advertising buys a little less of what is shown.

    Columns of a row: `customer`, `item` (names), `age`, `visits` (a month), `annoyed` (complaints about advertising),
    `kind`, `popularity` (0 to 1) and `item_price` of the item, `interest` (share of the customer's visits to that
    kind), `bought_of_kind` (items of that kind bought in the last year). Lever: `shown` (0 or 1). In `logged`, chance
    showed 30 % of the pairs: `propensity` is the probability of what was done (.3 of shown, .7 of not shown). In
    `rows`, nothing is shown today. Outcome: `bought`.

    The objective is what is earned on items sold: bought · (item_price · margin) − shown · place, with `margin` .4 and
    `place` (the cost of a place on the page) 0. What showing adds is the difference of `truth.predict` at shown 1
    and 0.

    Args:
        n: Logged customers; each is a row with each item.
        seed: Of all random numbers.
        rows: Customers to decide on.
        items: How many there are to show.

    Raises:
        SettingError: A number is none, or too small.

    Example:
        >>> world = shop(100, seed=0)
        >>> len(world.logged), len(world.rows)
        (1200, 6000)
        >>> more = world.truth.predict(world.rows, {"shown": 1})["bought"]
        >>> bool((more - world.truth.predict(world.rows, {"shown": 0})["bought"]).max() > 0.1)
        True
    """
    n, random, n_rows, other = sizes(n, seed, rows)
    items = whole("items", items, least=1)
    catalogue = _items(items, np.random.default_rng([whole("seed", seed, least=0), 2]))
    logged, pairs = _pairs(n, catalogue, random, "c"), _pairs(n_rows, catalogue, other, "new")
    pairs["shown"] = 0
    shown = random.random(len(logged)) < SHOWN
    logged["shown"] = shown.astype(np.int64)
    logged["propensity"] = np.where(shown, SHOWN, 1 - SHOWN)
    outcomes = _draw(logged, {}, random)
    return World(
        name="shop",
        logged=pd.concat([logged, outcomes], axis=1),
        rows=pairs,
        levers=(Lever("shown", options=(0, 1), randomised=True, propensity="propensity"),),
        grid={"shown": np.array([0, 1])},
        features=("age", "visits", "annoyed", "kind", "popularity", "item_price", "interest", "bought_of_kind"),
        outcomes=("bought",),
        objective=earned,
        truth=Truth(_expected, earned, _draw),
    )


def earned(rows: pd.DataFrame, levers: Levers, predict: Predict, *, margin: float = 0.4, place: float = 0.0) -> Array:
    """What is earned on the items sold, less what a place on the page costs."""
    price = rows["item_price"].to_numpy(dtype=np.float64)
    return predict["bought"] * price * margin - column(rows, levers, "shown") * place


def _items(items: int, random: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item": [f"item {at + 1}" for at in range(items)],
            "kind": _KINDS[np.arange(items) % len(_KINDS)],
            "popularity": np.round(random.uniform(0, 1, items), 2),
            "item_price": np.round(random.uniform(8, 30, items), 2),
        }
    )


def _pairs(n: int, catalogue: pd.DataFrame, random: np.random.Generator, name: str) -> pd.DataFrame:
    """Every customer with every item."""
    items = len(catalogue)
    customer, item = np.repeat(np.arange(n), items), np.tile(np.arange(items), n)
    interest = np.round(random.dirichlet(np.full(len(_KINDS), 0.8), n), 2)
    kinds = np.arange(items) % len(_KINDS)
    habit = (random.random(n)[:, None] > np.cumsum(interest, axis=1)).sum(axis=1)  # a kind, as likely as its interest
    buys = (habit[:, None] == np.arange(len(_KINDS))) & (random.random(n) < 0.7)[:, None]
    of_kind = random.poisson(np.where(buys, 6.0, 0.2))
    names = np.array([f"{name}{at}" for at in range(n)])
    return pd.DataFrame(
        {
            "customer": names[customer],
            "item": catalogue["item"].to_numpy()[item],
            "age": random.integers(18, 80, n)[customer],
            "visits": random.poisson(4, n)[customer],
            "annoyed": random.poisson(0.4, n)[customer],
            "kind": catalogue["kind"].to_numpy()[item],
            "popularity": catalogue["popularity"].to_numpy()[item],
            "item_price": catalogue["item_price"].to_numpy()[item],
            "interest": interest[:, kinds].ravel(),
            "bought_of_kind": of_kind[:, kinds].ravel(),
        }
    )


def _expected(rows: pd.DataFrame, levers: Levers) -> dict[str, Array]:
    shown = column(rows, levers, "shown")
    interest = rows["interest"].to_numpy(dtype=np.float64)
    habit = np.minimum(rows["bought_of_kind"].to_numpy(dtype=np.float64), 8)
    visits, annoyed = rows["visits"].to_numpy(dtype=np.float64), rows["annoyed"].to_numpy(dtype=np.float64)
    popularity = rows["popularity"].to_numpy(dtype=np.float64)
    anyway = chance(-3.6 + 0.1 * visits + 0.8 * popularity + 0.5 * habit)
    discovers = 0.5 * interest * np.exp(-0.6 * habit) * (1 - 0.8 * popularity) * (0.4 + 0.15 * np.minimum(visits, 8))
    moved = (0.01 + discovers - 0.02 * np.minimum(annoyed, 3)) * (1 - anyway)
    return {"bought": np.clip(anyway + shown * moved, 0.001, 0.999)}


def _draw(rows: pd.DataFrame, levers: Levers, random: np.random.Generator) -> pd.DataFrame:
    bought = random.random(len(rows)) < _expected(rows, levers)["bought"]
    return pd.DataFrame({"bought": bought.astype(np.int64)}, index=rows.index)
