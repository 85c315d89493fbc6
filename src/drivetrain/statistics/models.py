"""The same questions for a model: how its answers move with one column, on average and along it, and what it is worth.

Legend: m members of an ensemble, n rows, g points of the grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import shown
from drivetrain.statistics.fitting.covariance import Estimate
from drivetrain.statistics.fitting.rows import Codes
from drivetrain.text import counted, short_reason

Array = NDArray[np.float64]
Predict = Callable[[pd.DataFrame], Any]

MEMBERS = 20
"""Refitted models, where one that can be refitted was passed."""
GRID = 15
MOST_ROWS = 2000
"""On which a model is asked; more are drawn by chance."""
REPEATS = 3
"""Permutations of the column, for each member."""
STEP = 0.5
"""Of the average slope: rows are moved by so many standard deviations, half of it to either side."""
FEWEST = 5
"""Members from which their spread is an interval."""


@dataclass(frozen=True)
class ModelSlope:
    """What a model makes of a column."""

    average_slope: Estimate
    """Mean, over rows and members, of the change of the answer for a small step of the column, per 1 of it."""
    has_spread: bool
    """Whether there are members enough: else the interval is about rows alone, and says nothing of the model."""
    grid: Array
    """(g,) values of the column."""
    curve: Array
    """(g,) partial dependence: the mean answer with the column set to that value in every row."""
    low: Array
    high: Array
    permuted: Estimate
    """How much worse the model is, in squared error, once the column is dealt out anew."""
    error: float
    """Its mean squared error as it is."""
    members: int
    rows: int
    refitted: bool

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "average_slope": self.average_slope.as_json(),
            "members": self.members,
            "has_spread": self.has_spread,
            "refitted": self.refitted,
            "rows": self.rows,
            "grid": self.grid.tolist(),
            "curve": self.curve.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "permuted": self.permuted.as_json(),
            "error": self.error,
        }


def is_model(source: object) -> bool:
    """Whether something is a model, or several, rather than a table.

    Example:
        >>> is_model(lambda frame: frame["x"]), is_model("cities.csv"), is_model({"x": [1]})
        (True, False, False)
    """
    if isinstance(source, str | Mapping | pd.DataFrame) or hasattr(source, "__fspath__") or hasattr(source, "columns"):
        return False
    if isinstance(source, list | tuple):
        several = cast("list[Any] | tuple[Any, ...]", source)
        return bool(several) and all(is_model(each) for each in several)
    return callable(source) or any(hasattr(source, name) for name in ("predict", "predict_many", "members"))


def model_slope(
    model: Any,
    frame: pd.DataFrame,
    of: str,
    outcome: str,
    y: Array,
    *,
    cluster: Codes | None,
    level: float,
    seed: int,
) -> tuple[ModelSlope, Decision]:
    """Partial dependence, average slope and worth of a column.

    Args:
        model: A function of a DataFrame; an object with `predict`; a list of these; or something with `members`. One
            scikit-learn estimator is refitted on tables drawn from the rows (whole clusters), for a spread.
        frame: (n, columns) the rows.
        of: The column.
        outcome: Column of the truth, which the model does not see.
        y: (n,) the truth as numbers.
        cluster: (n,) what belongs together.
        level: Of the intervals.
        seed: Of all draws.

    Raises:
        SettingError: It is no model, or gives no numbers.
    """
    random = np.random.default_rng(seed)
    inputs = frame.drop(columns=[outcome])
    members, refitted, decision = _members(model, inputs, frame[outcome], cluster, random)
    n = len(inputs)
    keep = np.arange(n) if n <= MOST_ROWS else np.sort(random.choice(n, MOST_ROWS, replace=False))
    inputs, y = inputs.iloc[keep].reset_index(drop=True), y[keep]
    groups = None if cluster is None else cluster[keep]
    x = inputs[of].to_numpy(dtype=np.float64)
    step = STEP * float(x.std())
    grid = np.unique(np.quantile(x, np.linspace(0.02, 0.98, GRID)))
    curves_mg = np.zeros((len(members), len(grid)))
    slopes_mn, worse_mn = np.zeros((len(members), len(x))), np.zeros((len(members), len(x)))
    errors: list[float] = []
    for m, predict in enumerate(members):
        plain = _asked(predict, inputs)
        slopes_mn[m] = (
            _asked(predict, inputs.assign(**{of: x + step / 2})) - _asked(predict, inputs.assign(**{of: x - step / 2}))
        ) / step
        curves_mg[m] = [
            _asked(predict, inputs.assign(**{of: np.full(len(x), value)})).mean() for value in grid.tolist()
        ]
        loss = (y - plain) ** 2
        errors.append(float(loss.mean()))
        for _ in range(REPEATS):
            dealt = _asked(predict, inputs.assign(**{of: random.permutation(x)}))
            worse_mn[m] += ((y - dealt) ** 2 - loss) / REPEATS
    spread = len(members) >= FEWEST
    middle = curves_mg.mean(axis=0)
    reach = np.full(len(grid), np.nan)
    if spread:
        reach = float(stats.t.ppf(0.5 + level / 2, len(members) - 1)) * curves_mg.std(axis=0, ddof=1)
    return (
        ModelSlope(
            _mean(slopes_mn, groups, level, members=spread, rows=not spread),
            spread, grid, middle, middle - reach, middle + reach,
            _mean(worse_mn, groups, level, members=spread, rows=True),
            float(np.mean(errors)), len(members), len(x), refitted,
        ),
        decision,
    )  # fmt: skip


def _mean(values_mn: Array, groups: Codes | None, level: float, *, members: bool, rows: bool) -> Estimate:
    """Mean over members and rows, with the spread of either or both: whichever varies from one study to the next."""
    variance, df = 0.0, np.inf
    if rows:
        per_row = values_mn.mean(axis=0) - values_mn.mean()
        codes = np.arange(len(per_row)) if groups is None else np.unique(groups, return_inverse=True)[1]
        sums = np.bincount(codes, per_row)
        variance += float(sums @ sums) * len(sums) / max(len(sums) - 1, 1) / len(per_row) ** 2
        df = min(df, len(sums) - 1)
    if members:
        variance += float(values_mn.mean(axis=1).var(ddof=1))
        df = min(df, len(values_mn) - 1)
    return Estimate(
        float(values_mn.mean()), float(np.sqrt(variance)), float(df), level, "ensemble" if members else "rows"
    )


def _members(
    model: Any, inputs: pd.DataFrame, truth: pd.Series[Any], cluster: Codes | None, random: np.random.Generator
) -> tuple[list[Predict], bool, Decision]:
    if isinstance(model, list | tuple):
        several = [_predict_of(each) for each in cast("Iterable[Any]", model)]
        return several, False, Decision(value=counted(len(several), "member"), reason="passed")
    inside: Any = getattr(model, "members", None)
    if isinstance(inside, list | tuple) and inside:
        several = [_predict_of(each) for each in cast("Iterable[Any]", inside)]
        return several, False, Decision(value=counted(len(several), "member"), reason="of the ensemble")
    if hasattr(model, "fit") and hasattr(model, "get_params"):
        made = _refitted(model, inputs, truth, cluster, random)
        reason = "the model fitted again to rows drawn with replacement" + (
            "" if cluster is None else ", whole clusters at a time"
        )
        return made, True, Decision(value=counted(len(made), "member"), reason=reason)
    return (
        [_predict_of(model)],
        False,
        Decision(
            value="1 member",
            reason="one model was passed: how much another one would differ is not known; pass a list of members",
        ),
    )


def _refitted(
    model: Any, inputs: pd.DataFrame, truth: pd.Series[Any], cluster: Codes | None, random: np.random.Generator
) -> list[Predict]:
    from sklearn import base  # noqa: PLC0415 - the model is scikit-learn's

    clone: Any = base.clone

    names = [str(name) for name in getattr(model, "feature_names_in_", inputs.columns)]
    missing = [name for name in names if name not in inputs.columns]
    if missing:
        raise DataError(
            f"the model was fitted to the column {missing[0]!r}, which the table does not have; "
            f"expected {', '.join(map(repr, names))}. "
            "To fix: pass the table that it was fitted to."
        )
    units = np.arange(len(inputs)) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    order = np.argsort(units, kind="stable")
    blocks = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    found: list[Predict] = []
    for _ in range(MEMBERS):
        drawn = np.concatenate([blocks[i] for i in random.integers(0, len(blocks), len(blocks)).tolist()])
        try:
            fitted: Any = clone(model).fit(inputs[names].iloc[drawn], truth.iloc[drawn])
        except Exception as error:  # somebody else's model
            raise SettingError(
                f"the model cannot be fitted again ({short_reason(error)}); expected one that takes the "
                f"columns {', '.join(map(repr, names[:8]))}. "
                "To fix: pass a list of fitted members, or a function of a DataFrame."
            ) from error
        found.append(lambda frame, fitted=fitted: _predict_of(fitted)(frame[names]))
    return found


def _predict_of(model: Any) -> Predict:
    """A function of a DataFrame that gives a number for each row; of two classes, the chance of the second."""
    if hasattr(model, "predict_proba") and len(getattr(model, "classes_", ())) == 2:
        return lambda frame: np.asarray(model.predict_proba(_columns(model, frame)))[:, 1]
    for name in ("predict_many", "predict"):
        if hasattr(model, name):
            call: Any = getattr(model, name)
            return lambda frame: call(_columns(model, frame))
    if callable(model):
        return cast("Predict", model)
    raise SettingError(
        f"source={shown(model)} cannot be used: expected a table, a function of a DataFrame, a "
        "model with predict(), or a list of these. "
        "To fix: pass one of them."
    )


def _columns(model: Any, frame: pd.DataFrame) -> pd.DataFrame:
    names: Any = getattr(model, "feature_names_in_", None)
    return frame if names is None else frame[[str(name) for name in names]]


def _asked(predict: Predict, frame: pd.DataFrame) -> Array:
    """The model's numbers for rows."""
    try:
        said: Any = predict(frame)
    except Exception as error:  # somebody else's model
        raise SettingError(
            "the model fails on rows with the columns "
            f"{', '.join(map(repr, list(frame.columns)[:8]))}: {short_reason(error)}. Expected "
            "numbers, one for each row. "
            "To fix: pass a function of such a DataFrame that gives them."
        ) from error
    if not hasattr(said, "dtype"):
        said = [getattr(each, "value", each) if not isinstance(each, int | float) else each for each in said]
    try:
        found = np.asarray(said, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"the model answers {shown(said)}; expected numbers, one for each row. To fix: pass a "
            "function that gives a number, such as the chance of a class."
        ) from error
    found = found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
    if found.shape != (len(frame),) or not np.isfinite(found).all():
        raise SettingError(
            f"the model answers an array of shape {found.shape} for {counted(len(frame), 'row')}; expected one "
            "finite number for each. To fix: pass a function that gives them."
        )
    return found
