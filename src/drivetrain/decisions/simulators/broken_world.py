"""Prices that follow demand: what happened says that dearer sells more."""

from __future__ import annotations

import numpy as np
import pandas as pd

from drivetrain.calls import named
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.objective import Array, Levers, Predict
from drivetrain.decisions.simulators.world import Truth, World, column, sizes
from drivetrain.settings import number

PRICES: Array = np.round(np.arange(6.0, 14.1, 0.4), 1)
"""21 prices."""
ELASTICITY = -2.5
"""True: one per cent dearer sells 2.5 per cent less."""
_DAYS = np.array(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
_DAY = np.array([-0.2, -0.2, -0.1, 0.0, 0.15, 0.25, 0.1])
_PRODUCTS, _COST = np.array(["a", "b", "c", "d"]), np.array([4.4, 4.8, 5.2, 5.6])


@named
def broken(
    n: int = 20_000, seed: int = 0, *, rows: int = 2_000, randomised: float = 0.0, hidden: float = 0.25
) -> World:
    """Days of a product whose price somebody raised when demand was high, partly for reasons that no column tells.

    Sold is Poisson around exp(3.4 + demand) · (price / 10)^−2.5. Demand has a part that columns tell (weekday, holiday,
    season, temperature) and a hidden one, and the price rises with both: the naive elasticity is positive, the one
    adjusted by the columns negative and too small, and a plan that believes either is too dear.

    Columns of a row: `product`, `day`, `holiday` (0 or 1), `season` (−1 winter to 1 summer), `temperature`, `cost`.
    Lever: `price` (21 values from 6 to 14). In `logged`, `randomised` says of which rows chance drew the price, each of
    the 21 alike (`propensity` 1/21, NaN of the others). Outcome: `sold`. Objective: sold · (price − cost − handling),
    with `handling` .2. In `rows`, the hidden part of demand has not happened yet: `price` is what the seller asks who
    knows the columns alone, and the truth is the mean over the hidden part.

    Args:
        n: Logged rows.
        seed: Of all random numbers.
        rows: Rows to decide on.
        randomised: Share of logged rows whose price is drawn by chance.
        hidden: Standard deviation of the hidden part of demand; 0: columns tell all.

    Raises:
        SettingError: A number is none, or out of bounds.

    Example:
        >>> world = broken(5_000, seed=0)
        >>> import numpy as np
        >>> naive = np.polyfit(np.log(world.logged["price"]), np.log(world.logged["sold"] + 0.5), 1)[0]
        >>> bool(naive > 0)
        True
    """
    n, random, n_rows, other = sizes(n, seed, rows)
    share = number("randomised", randomised, least=0, most=1)
    spread = number("hidden", hidden, least=0, most=1)
    logged, coming = _days(n, random), _days(n_rows, other)
    unseen = random.normal(0, spread, n)
    asked = _asked(logged, unseen, random)
    by_chance = random.random(n) < share
    logged["price"] = np.where(by_chance, random.choice(PRICES, n), asked)
    logged["randomised"] = by_chance
    logged["propensity"] = np.where(by_chance, 1 / len(PRICES), np.nan)
    coming["price"] = _asked(coming, np.zeros(n_rows), other)
    logged["sold"] = random.poisson(_rate(logged, {}, unseen)).astype(np.float64)

    def expected(rows: pd.DataFrame, levers: Levers) -> dict[str, Array]:
        return {"sold": _rate(rows, levers, np.full(len(rows), spread**2 / 2))}  # the mean of exp(normal)

    def draw(rows: pd.DataFrame, levers: Levers, random: np.random.Generator) -> pd.DataFrame:
        sold = random.poisson(_rate(rows, levers, random.normal(0, spread, len(rows))))
        return pd.DataFrame({"sold": sold.astype(np.float64)}, index=rows.index)

    low, high = float(PRICES[0]), float(PRICES[-1])
    return World(
        name="broken",
        logged=logged,
        rows=coming,
        levers=(Lever("price", low, high, step=0.4, randomised=share == 1, propensity="propensity"),),
        grid={"price": PRICES.copy()},
        features=("product", "day", "holiday", "season", "temperature", "cost"),
        outcomes=("sold",),
        objective=takings,
        truth=Truth(expected, takings, draw),
    )


def takings(rows: pd.DataFrame, levers: Levers, predict: Predict, *, handling: float = 0.2) -> Array:
    """What is earned on what is sold."""
    return predict["sold"] * (column(rows, levers, "price") - rows["cost"].to_numpy(dtype=np.float64) - handling)


def _days(n: int, random: np.random.Generator) -> pd.DataFrame:
    product, day, season = random.integers(0, 4, n), random.integers(0, 7, n), random.uniform(-1, 1, n)
    return pd.DataFrame(
        {
            "product": _PRODUCTS[product],
            "day": _DAYS[day],
            "holiday": (random.random(n) < 0.06).astype(np.int64),
            "season": np.round(season, 2),
            "temperature": np.round(12 + 10 * season + random.normal(0, 3, n), 1),
            "cost": _COST[product],
        }
    )


def _told(rows: pd.DataFrame) -> Array:
    """(n,) the part of (log) demand that columns tell."""
    day = _DAY[pd.Categorical(rows["day"], categories=_DAYS).codes]
    season, holiday = rows["season"].to_numpy(dtype=np.float64), rows["holiday"].to_numpy(dtype=np.float64)
    return day + 0.3 * season + 0.5 * holiday + 0.01 * (rows["temperature"].to_numpy(dtype=np.float64) - 12)


def _asked(rows: pd.DataFrame, unseen: Array, random: np.random.Generator) -> Array:
    """(n,) the price of a seller who feels demand, on the grid."""
    price = 10 * np.exp(0.28 * (_told(rows) + unseen) + random.normal(0, 0.05, len(rows)))
    return PRICES[np.abs(price[:, None] - PRICES).argmin(axis=1)]


def _rate(rows: pd.DataFrame, levers: Levers, unseen: Array) -> Array:
    """(n,) expected sales."""
    return np.exp(3.4 + _told(rows) + unseen) * (column(rows, levers, "price") / 10) ** ELASTICITY
