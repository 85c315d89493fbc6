"""Insurance: risk, price sensitivity, and customers who stay for up to five years, or leave."""

from __future__ import annotations

import numpy as np
import pandas as pd

from drivetrain.calls import named
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.objective import Array, Levers, Predict
from drivetrain.decisions.simulators.world import Truth, World, chance, column, sizes

PRICES: Array = np.arange(80.0, 281.0, 10.0)
"""21 prices a year."""
RISES: Array = np.array([0.0, 0.05, 0.1, 0.15])
"""By what share the price rises at the first renewal."""
YEARS = 5
"""After these the simulation ends."""
_REGIONS, _REGION_RISK = np.array(["north", "east", "south", "west"]), np.array([0.9, 1.0, 1.15, 1.05])
_CHANNELS, _CHANNEL_SENSITIVITY = np.array(["comparison", "direct", "broker"]), np.array([9.0, 5.5, 4.0])


@named
def insurance(n: int = 20_000, seed: int = 0, *, rows: int = 2_000) -> World:
    """Quotes whose prices chance drew, with what came of them; and customers who are to be given a price.

    A customer accepts with a probability that falls with price over the market's price, the faster the more sensitive
    the customer is (by channel and age). Who has accepted makes claims each year, and renews each year, with a
    probability that falls with the price level and with the rise at the first renewal, for at most five years.

    Columns of a row: `age` (years), `region`, `channel`, `mileage` (1,000 km a year), `claims_before`, `market` (what
    competitors ask). Levers: `price` (a year, 21 values from 80 to 280) and `rise` (at the first renewal: 0, .05, .10
    or .15). In `logged`, both were drawn at random, each value alike: `propensity` is 1/21 (of the price; that of the
    rise is 1/4). In `rows`, `price` is today's tariff (a table by age and region), `rise` .05.

    Outcomes: `accept` (0 or 1), and of those who accepted: `claims` (their cost a year, while with us), `years` (1 to 5
    that they stayed), `renewed` (whether they stayed beyond the first). NaN of those who did not.

    The objective is the profit of five years: accept · (years · (price − claims − service) + (years − 1) · rise · price
    − setup), with `service` 20 a year and `setup` 40. It is linear in each outcome, and the outcomes of a row are
    independent of one another given its columns and levers, so the expected objective is the objective of the
    expectations.

    Args:
        n: Logged quotes.
        seed: Of all random numbers.
        rows: Customers to decide on, drawn apart from the logged ones.

    Raises:
        SettingError: A number is none, or too small.

    Example:
        >>> world = insurance(1_000, seed=1)
        >>> world
        World(insurance: 1,000 logged rows, 2,000 to decide on, levers price, rise)
        >>> at_market = world.truth.value(world.rows, {"price": world.rows["market"]})
        >>> bool(at_market.mean() < world.truth.best(world.rows, {"price": world.grid["price"]}).value.mean())
        True
    """
    n, random, n_rows, other = sizes(n, seed, rows)
    logged, customers = _customers(n, random), _customers(n_rows, other)
    customers["price"], customers["rise"] = _tariff(customers), 0.05
    logged["price"], logged["rise"] = random.choice(PRICES, n), random.choice(RISES, n)
    logged["propensity"] = 1 / len(PRICES)
    outcomes = _draw(logged, {}, random)
    price = Lever("price", float(PRICES[0]), float(PRICES[-1]), step=10.0, randomised=True, propensity="propensity")
    rise = Lever("rise", float(RISES[0]), float(RISES[-1]), step=0.05, randomised=True)
    return World(
        name="insurance",
        logged=pd.concat([logged, outcomes], axis=1),
        rows=customers,
        levers=(price, rise),
        grid={"price": PRICES.copy(), "rise": RISES.copy()},
        features=("age", "region", "channel", "mileage", "claims_before", "market"),
        outcomes=("accept", "claims", "years"),
        objective=profit,
        truth=Truth(_expected, profit, _draw),
    )


def profit(
    rows: pd.DataFrame, levers: Levers, predict: Predict, *, service: float = 20.0, setup: float = 40.0
) -> Array:
    """Profit of five years: what is paid in, less claims, service and setup, of those who accept."""
    price, rise, years = column(rows, levers, "price"), column(rows, levers, "rise"), predict["years"]
    kept = years * (price - predict["claims"] - service) + (years - 1) * rise * price - setup
    return predict["accept"] * kept


def _customers(n: int, random: np.random.Generator) -> pd.DataFrame:
    age = np.round(18 + 62 * random.beta(1.6, 2.2, n))
    mileage = np.round(random.gamma(4.0, 3.5, n), 1)
    before = random.poisson(0.5, n)
    region, channel = random.integers(0, 4, n), random.choice(3, n, p=[0.5, 0.3, 0.2])
    frame = pd.DataFrame(
        {
            "age": age,
            "region": _REGIONS[region],
            "channel": _CHANNELS[channel],
            "mileage": mileage,
            "claims_before": before,
        }
    )
    frame["market"] = np.round((_claims(frame) + 20) * 1.3 * np.exp(random.normal(0, 0.08, n)), 1)
    return frame


def _claims(rows: pd.DataFrame) -> Array:
    """(n,) expected cost of a year's claims."""
    age = rows["age"].to_numpy(dtype=np.float64)
    region = _REGION_RISK[pd.Categorical(rows["region"], categories=_REGIONS).codes]
    young = 1 + 0.6 * np.exp(-(age - 18) / 8)
    driving = 0.75 + 0.018 * rows["mileage"].to_numpy(dtype=np.float64)
    return 85 * region * young * driving * (1 + 0.2 * np.minimum(rows["claims_before"].to_numpy(np.float64), 4))


def _sensitivity(rows: pd.DataFrame) -> Array:
    """(n,) by how much the logit of accepting falls when the price goes from the market's to twice the market's."""
    channel = _CHANNEL_SENSITIVITY[pd.Categorical(rows["channel"], categories=_CHANNELS).codes]
    return channel * (1.25 - 0.008 * (rows["age"].to_numpy(dtype=np.float64) - 18))


def _tariff(rows: pd.DataFrame) -> Array:
    """(n,) today's price: by age and region alone, on the grid of prices."""
    region = _REGION_RISK[pd.Categorical(rows["region"], categories=_REGIONS).codes]
    price = np.where(rows["age"].to_numpy(dtype=np.float64) < 30, 190.0, 155.0) * region
    return PRICES[np.abs(price[:, None] - PRICES).argmin(axis=1)]


def _renews(rows: pd.DataFrame, levers: Levers) -> Array:
    """(n,) probability of staying one more year."""
    price, rise = column(rows, levers, "price"), column(rows, levers, "rise")
    dearer = price * (1 + rise) / rows["market"].to_numpy(dtype=np.float64) - 1
    return chance(1.6 - 0.35 * _sensitivity(rows) * dearer - 6 * rise)


def _accepts(rows: pd.DataFrame, levers: Levers) -> Array:
    """(n,) probability of accepting."""
    dearer = column(rows, levers, "price") / rows["market"].to_numpy(dtype=np.float64) - 1
    return chance(-0.4 - _sensitivity(rows) * dearer)


def _expected(rows: pd.DataFrame, levers: Levers) -> dict[str, Array]:
    stays = _renews(rows, levers)
    years: Array = np.sum([stays**year for year in range(YEARS)], axis=0)
    return {"accept": _accepts(rows, levers), "claims": _claims(rows), "years": years, "renewed": stays}


def _draw(rows: pd.DataFrame, levers: Levers, random: np.random.Generator) -> pd.DataFrame:
    accepted = random.random(len(rows)) < _accepts(rows, levers)
    stays = random.random((YEARS - 1, len(rows))) < _renews(rows, levers)
    years = 1 + np.logical_and.accumulate(stays, axis=0).sum(axis=0)
    claims = random.poisson(_claims(rows) / 90 * years)  # of a mean of 90 each, which vary with a shape of 2
    cost = random.gamma(2.0 * np.maximum(claims, 1e-12), 45.0) * (claims > 0) / years
    seen = {"claims": cost, "years": years, "renewed": years > 1}
    frame = pd.DataFrame({"accept": accepted.astype(np.float64)}, index=rows.index)
    for name, values in seen.items():
        frame[name] = np.where(accepted, values.astype(np.float64), np.nan)
    return frame
