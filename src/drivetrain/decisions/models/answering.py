"""What a fitted thing of any library says of rows, as one number each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, DrivetrainError, SettingError
from drivetrain.text import counted, short_reason

Array = NDArray[np.float64]


def answers(fitted: Any, given: Any, *, positive: Any = 1, who: str = "the model") -> Array:
    """(n,) probability of the positive class where the model gives probabilities, else what it predicts.

    Args:
        fitted: Has predict_proba, predict, or can be called.
        given: (n, p) matrix, or DataFrame of n rows.
        positive: The class whose probability is wanted; of a model that does not name classes, the second.
        who: Of the model, for messages.

    Raises:
        DataError: It answers another number of rows, or numbers that are not finite.
        SettingError: It fails on these rows, or has more than two classes.

    Example:
        >>> answers(lambda rows: rows[:, 0] * 2, np.array([[1.0], [2.0]])).tolist()
        [2.0, 4.0]
    """
    if not len(given):
        return np.zeros(0)  # which estimators refuse
    try:
        if hasattr(fitted, "predict_proba"):
            said = _of_classes(np.asarray(fitted.predict_proba(given)), fitted, positive, who)
        elif hasattr(fitted, "predict"):
            said = np.asarray(fitted.predict(given))
        else:
            said = np.asarray(fitted(given))
    except DrivetrainError:
        raise
    except Exception as error:
        raise SettingError(
            f"{who} cannot answer {counted(len(given), 'row')}: {type(error).__name__}: {short_reason(error)}; "
            "expected a number for each. To fix: try it on these rows alone first."
        ) from error
    return checked(said, len(given), who)


def _of_classes(said: NDArray[Any], fitted: Any, positive: Any, who: str) -> NDArray[Any]:
    if said.ndim == 1 or said.shape[1] == 1:
        return said
    if said.shape[1] != 2:
        raise SettingError(
            f"{who} tells {counted(said.shape[1], 'class', 'classes')} apart; expected two. To fix: fit one model for "
            "each class that the objective asks about, with an outcome of 0 and 1."
        )
    classes = [str(each) for each in getattr(fitted, "classes_", ())]
    return said[:, classes.index(str(positive)) if str(positive) in classes else 1]


def checked(said: NDArray[Any], n: int, who: str) -> Array:
    """(n,) finite numbers.

    Raises:
        DataError: They are not.
    """
    if said.ndim == 2 and said.shape[1] == 1:
        said = said[:, 0]
    if said.shape != (n,):
        raise DataError(
            f"{who} answered with the shape {said.shape}; expected ({n},): one number for each row. To fix: let it "
            "answer one number per row."
        )
    try:
        numbers = said.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{who} answered {said.flat[0]!r}; expected numbers. To fix: take a model that gives probabilities "
            "(predict_proba), or an outcome of numbers."
        ) from error
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        raise DataError(
            f"{who} answered {numbers[wrong][0]} in {int(wrong.sum()):,} of {counted(n, 'row')}; expected finite "
            "numbers. To "
            "fix: look at row number " + f"{int(np.flatnonzero(wrong)[0])}, counted from 0."
        )
    return numbers
