"""From what people pass as `make` to fitted members: an estimator, a function that makes one, or one that fits.

Legend: N logged rows, n rows, p columns of the matrix, K members.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.columns import Matrix, Style
from drivetrain.decisions.models.table import is_number
from drivetrain.errors import SettingError, TrainingError
from drivetrain.settings import refuse, shown
from drivetrain.text import counted, short_reason

Array = NDArray[np.float64]
EXPECTED = (
    "a scikit-learn estimator, a function () → estimator, or a function (rows) → what has predict_proba, predict or "
    "can be called"
)
TREES = ("boosting", "forest", "tree", "lgbm", "xgb", "catboost")
"""Parts of the names of estimators that split columns, so that codes of categories suit them."""
ENCODERS = ("ColumnTransformer", "Encoder", "TableVectorizer", "FunctionTransformer")
"""Parts of the names of steps that look after texts themselves."""


@dataclass(frozen=True)
class Recipe:
    """How a member is made."""

    kind: Literal["matrix", "frame", "rows"]
    """What it learns from: an encoded matrix, the columns as they are, or the drawn rows of the table (a function)."""
    new: Callable[[], Any]
    """A fresh estimator; of the kind "rows" the function that fits."""
    style: Style = "codes"
    fill: bool = False
    said: str = ""
    """How columns are read, in words."""
    classifier: bool = False
    label: str = ""


def recipe_of(make: Any, *, has_text: bool, has_gaps: bool) -> Recipe:
    """What `make` is, and what it can read.

    Args:
        make: See `EXPECTED`.
        has_text: Whether a column holds texts or categories.
        has_gaps: Whether a number is missing.

    Raises:
        SettingError: It is none of these.
    """
    if hasattr(make, "fit") and not isinstance(make, type):
        return _of_estimator(make, lambda: _clone(make), has_text=has_text, has_gaps=has_gaps)
    if not callable(make):
        return refuse("make", make, EXPECTED)
    needed = _needed(make)
    if needed == 1 and not isinstance(make, type):
        return Recipe("rows", lambda: make, said="as the function reads them", label=_label(make))
    if needed:
        return refuse(
            "make", make, EXPECTED, fix=f"It asks for {counted(needed, 'argument')}. To fix: let it take one or none."
        )
    try:
        first = make()
    except Exception as error:
        raise SettingError(
            f"make() failed: {short_reason(error)}; expected {EXPECTED}. To fix: try it alone first."
        ) from error
    if not hasattr(first, "fit"):
        return refuse(
            "make", make, EXPECTED, fix=f"It gave {shown(first)}, which has no fit. To fix: return an estimator."
        )
    return _of_estimator(first, make, has_text=has_text, has_gaps=has_gaps)


def _of_estimator(estimator: Any, new: Callable[[], Any], *, has_text: bool, has_gaps: bool) -> Recipe:
    from sklearn.base import is_classifier  # noqa: PLC0415 - slow to import
    from sklearn.pipeline import Pipeline  # noqa: PLC0415

    label = _label(estimator)
    try:
        classifier = bool(is_classifier(estimator))
    except Exception:  # noqa: BLE001 - an estimator of any library
        classifier = hasattr(estimator, "predict_proba")
    if isinstance(estimator, Pipeline):
        steps = [type(step).__name__ for _, step in estimator.steps]
        looks_after = any(part in step for step in steps for part in ENCODERS)
        if looks_after or not (has_text or has_gaps):
            return Recipe("frame", new, said="by the pipeline itself", classifier=classifier, label=label)
    trees = any(part in _innermost(estimator).casefold() for part in TREES)
    style: Style = "codes" if trees else "indicators"
    fill = style == "codes" and not _allows_nan(estimator)
    said = (
        "numbers as they are, a category by its number"
        if trees
        else "numbers less their mean over their standard deviation, a column of 0 and 1 for each category"
    )
    return Recipe("matrix", new, style, fill, said, classifier, label)


def _innermost(estimator: Any) -> str:
    """Name of the class of the estimator that reads the columns, inside pipelines, searches and calibrations."""
    for _ in range(5):
        inner = getattr(estimator, "estimator", None) or getattr(estimator, "base_estimator", None)
        steps = getattr(estimator, "steps", None)
        inner = steps[-1][1] if steps else inner
        if inner is None or isinstance(inner, str):
            break
        estimator = inner
    return type(estimator).__name__


def _allows_nan(estimator: Any) -> bool:
    from sklearn.utils import get_tags  # noqa: PLC0415 - slow to import

    try:
        return bool(get_tags(estimator).input_tags.allow_nan)
    except Exception:  # noqa: BLE001 - an estimator of any library
        return any(part in type(estimator).__name__.casefold() for part in ("lgbm", "xgb", "catboost"))


def _needed(make: Callable[..., Any]) -> int:
    """Arguments that a call must give."""
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return 0
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _clone(estimator: Any) -> Any:
    from sklearn.base import clone  # noqa: PLC0415 - slow to import

    try:
        return clone(estimator)
    except Exception as error:
        raise SettingError(
            f"make={shown(estimator)} cannot be cloned: {short_reason(error)}; expected {EXPECTED}. To fix: pass a "
            "function that makes one."
        ) from error


def _label(made: Any) -> str:
    return str(getattr(made, "__name__", None) or type(made).__name__)


@dataclass
class Drawn:
    """The rows that one member learns from."""

    rows: NDArray[np.int64]
    """Each once."""
    times: Array
    """How often each was drawn, times its weight."""
    weighted: bool
    """Whether the table has weights."""


def fit_member(
    recipe: Recipe, drawn: Drawn, *, frame: pd.DataFrame, matrix: Matrix | None, X: Any, y: NDArray[Any], seed: int
) -> Any:
    """A fitted member.

    Rows that were drawn several times weigh more, where the estimator takes weights; otherwise they are there several
    times. With weights, no copy of a row lands on both sides of an estimator's own validation (early stopping, a
    search), which would take memorising for learning.

    Args:
        recipe: How it is made.
        drawn: Which rows.
        frame: The logged rows.
        matrix: What made X.
        X: (N, p) matrix, or the columns as a DataFrame; None for functions.
        y: (N,) outcome.
        seed: Of the estimator's own draws, where it has none.

    Raises:
        TrainingError: Fitting failed.
    """
    rows = drawn.rows
    times = np.round(drawn.times).astype(np.int64) if not drawn.weighted else np.ones(len(rows), dtype=np.int64)
    try:
        if recipe.kind == "rows":
            return recipe.new()(frame.iloc[np.repeat(rows, times)])
        estimator = recipe.new()
        _set_seed(estimator, seed)
        if matrix is not None:
            _set_categories(estimator, matrix)
        parameter = _weight_parameter(estimator)
        if parameter is None:
            rows, extra = np.repeat(rows, times), {}
        else:
            extra = {parameter: drawn.times}
        taken = X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]
        return estimator.fit(taken, y[rows], **extra) or estimator
    except Exception as error:
        raise TrainingError(
            f"{recipe.label} could not be fitted to {counted(len(drawn.rows), 'row')}: {short_reason(error)}; expected "
            "an estimator that learns from these columns. To fix: try it on the table without an ensemble first."
        ) from error


def _set_seed(estimator: Any, seed: int) -> None:
    """A seed for every draw of the estimator that has none, so that the same call gives the same members."""
    get = getattr(estimator, "get_params", None)
    if get is None:
        return
    names = [
        n for n, v in get(deep=True).items() if v is None and (n == "random_state" or n.endswith("__random_state"))
    ]
    if names:
        estimator.set_params(**dict.fromkeys(names, seed))


def _set_categories(estimator: Any, matrix: Matrix) -> None:
    """Tell boosted trees of scikit-learn which columns hold codes of categories, where they can take so many."""
    if not type(estimator).__name__.startswith("HistGradientBoosting"):
        return
    most = min(int(estimator.max_bins), 255)
    columns = matrix.parts.values()
    fitting = [matrix.places[c.name].start for c in columns if c.values is not None and len(c.values) <= most]
    if estimator.categorical_features == "from_dtype":
        estimator.set_params(categorical_features=fitting or None)


def _weight_parameter(estimator: Any) -> str | None:
    """What `fit` calls the weights of rows; None where it takes none."""
    from sklearn.pipeline import Pipeline  # noqa: PLC0415 - slow to import
    from sklearn.utils.validation import has_fit_parameter  # noqa: PLC0415

    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__sample_weight" if has_fit_parameter(last, "sample_weight") else None
    return "sample_weight" if has_fit_parameter(estimator, "sample_weight") else None


def texts_or_gaps(frame: pd.DataFrame, features: Sequence[str]) -> tuple[bool, bool]:
    """Whether a column holds texts or categories, and whether a number is missing."""
    numbers = [name for name in features if is_number(frame[name])]
    return len(numbers) < len(features), bool(frame[numbers].isna().to_numpy().any())
