"""What people hand over as a model, as members: an ensemble, fitted models of any library, a saved model, a function.

Legend: K members, n rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.models.fitting import Fitted
from drivetrain.decisions.models.reading import FrameReader
from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.spec import source_of
from drivetrain.runtime.targets import Target
from drivetrain.settings import refuse, shown
from drivetrain.text import readable

Array = NDArray[np.float64]
EXPECTED = (
    "a dt.Ensemble, a fitted estimator, a list of fitted models, a saved model (dt.load), or a function of a DataFrame "
    "that gives a number for each row"
)
PICTURE_COLUMN = "path"
ROWS_AT_ONCE = 256
"""Rows that a saved model answers together."""


def as_models(models: Any) -> dict[str, Ensemble]:
    """Name → members, of a mapping, of one ensemble, or of a list of ensembles with their own names.

    Raises:
        SettingError: One of them is no model, or two have one name.

    Example:
        >>> list(as_models({"accept": lambda rows: rows["price"] < 2}))
        ['accept']
    """
    if isinstance(models, Mapping):
        given = cast("Mapping[Any, Any]", models)
    elif isinstance(models, Ensemble):
        given = {models.name: models}
    elif isinstance(models, list | tuple) and models and all(isinstance(each, Ensemble) for each in models):
        listed = cast("Sequence[Ensemble]", models)
        given = {each.name: each for each in listed}
        if len(given) < len(listed):
            refuse("models", models, "ensembles with different names", fix="To fix: pass a dict of name → model.")
    else:
        return refuse("models", models, "a dict of name → model", fix="To fix: pass {'accept': model}.")
    for name in given:
        if not isinstance(name, str) or not name.strip():
            refuse("models", name, "names as text, as the objective calls them")
    return {str(name): as_ensemble(str(name), source) for name, source in given.items()}


def as_ensemble(name: str, source: Any) -> Ensemble:
    """A model under the name by which the objective calls it.

    Args:
        name: Of the model.
        source: See `EXPECTED`. What was handed over fitted has halves of −1: nobody knows which rows it learned from.

    Raises:
        SettingError: It is no model, or not fitted.

    Example:
        >>> cost = as_ensemble("cost", lambda rows: rows["age"] * 10.0)
        >>> cost.predict(pd.DataFrame({"age": [30, 40]})).tolist(), cost.halves.tolist()
        ([[300.0, 400.0]], [-1])
    """
    if isinstance(source, Ensemble):
        return source if source.name == name else source.called(name)
    if all(hasattr(source, part) for part in ("halves", "predict", "profile", "is_probability")):
        return cast("Ensemble", source)
    if isinstance(source, list | tuple):
        several = cast("Sequence[Any]", source)
        if not several:
            refuse(f"models[{name!r}]", source, "at least one fitted model")
        return _of_fitted(name, [_usable(name, each) for each in several])
    return _of_fitted(name, [_usable(name, source)])


def _usable(name: str, source: Any) -> Any:
    """What has predict_proba or predict, or can be called with a DataFrame."""
    if isinstance(source, Predictor):
        return _OfPredictor(source, name)
    if hasattr(source, "predict_rows") and hasattr(source, "data"):
        return _OfModel(source, name)
    if isinstance(source, type) or not (hasattr(source, "predict") or callable(source)):
        return refuse(f"models[{name!r}]", source, EXPECTED)
    if hasattr(source, "fit") and hasattr(source, "get_params"):
        from sklearn.exceptions import NotFittedError  # noqa: PLC0415 - slow to import
        from sklearn.utils.validation import check_is_fitted  # noqa: PLC0415

        try:
            check_is_fitted(source)
        except NotFittedError:
            refuse(f"models[{name!r}]", source, "a model that is fitted", fix="To fix: dt.Ensemble.fit(rows, it, ...).")
        except TypeError:  # no estimator by scikit-learn's own rules
            pass
    return source


def _of_fitted(name: str, fitted: Sequence[Any]) -> Ensemble:
    columns = {_columns(each) for each in fitted}
    if len(columns) > 1:
        raise SettingError(
            f"the members of models[{readable(name)!r}] read different columns; expected the same. To fix: pass them "
            "as models of different names."
        )
    read = columns.pop()
    numbered = [each for each in fitted if read is None and getattr(each, "n_features_in_", None) is not None]
    if numbered:
        raise SettingError(
            f"models[{readable(name)!r}]={shown(numbered[0])} learned from an array whose columns have no names; "
            "expected columns with names, among them the levers. To fix: fit it on a DataFrame, or pass a function of "
            "rows: lambda rows: model.predict(rows[[...]].to_numpy())."
        )
    probable = all(_is_probability(each) for each in fitted)
    members = [Fitted(each, _positive(each), who=f"models[{name!r}]") for each in fitted]
    halves = np.full(len(members), -1, dtype=np.int64)
    return Ensemble(name, members, FrameReader(read), halves=halves, is_probability=probable)


def _columns(fitted: Any) -> tuple[str, ...] | None:
    """That it reads; None where it does not say."""
    names = getattr(fitted, "feature_names_in_", None)
    return None if names is None else tuple(map(str, names))


def _is_probability(fitted: Any) -> bool:
    return bool(getattr(fitted, "is_probability", hasattr(fitted, "predict_proba")))


def _positive(fitted: Any) -> Any:
    classes = list(getattr(fitted, "classes_", (0, 1)))
    return classes[-1] if classes else 1


class _OfPredictor:
    """A saved model, asked about the rows of a DataFrame."""

    def __init__(self, predictor: Predictor, name: str) -> None:
        self.predictor, self.name = predictor, name
        self.is_probability = _two(predictor.target, name)
        is_picture = getattr(predictor.reader, "kind", "") == "picture"
        known = (PICTURE_COLUMN,) if is_picture else getattr(predictor.reader, "columns", None)
        self.feature_names_in_ = None if known is None else tuple(map(str, known))
        self._is_picture = is_picture

    def __call__(self, frame: pd.DataFrame) -> Array:
        sources: list[Any]
        if self._is_picture:
            sources = frame[PICTURE_COLUMN].tolist()
        else:
            sources = [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
        reader, found = self.predictor.reader, list[Array]()
        for start in range(0, len(sources), ROWS_AT_ONCE):
            block = [self.predictor.read(source_of(reader, each)) for each in sources[start : start + ROWS_AT_ONCE]]
            found.append(_one(self.predictor.activated(self.predictor.run(*reader.stack(block)))))
        return np.concatenate(found) if found else np.zeros(0)


class _OfModel:
    """A model of drivetrain that is in memory, asked about the rows of a DataFrame."""

    def __init__(self, model: Any, name: str) -> None:
        self.model, self.name = model, name
        self.is_probability = _two(model.data.target, name)
        inputs = model.data.train.inputs
        if not isinstance(inputs, Cells):
            raise SettingError(
                f"models[{readable(name)!r}] reads {model.data.train.noun}, not cells of a table; expected a model "
                "whose inputs are columns. To fix: save it, and pass dt.load(PATH), which reads the column 'path'."
            )
        self.feature_names_in_ = tuple(inputs.columns)

    def __call__(self, frame: pd.DataFrame) -> Array:
        rows = self.model.data.train
        made = Examples(
            Cells({name: frame[name].to_numpy() for name in self.feature_names_in_}),
            tuple(map(str, range(len(frame)))),
            rows.values[:1] * len(frame),
            kind=rows.kind,
            options=rows.options,
        )
        return _one(np.asarray(self.model.predict_rows(made).output))


def _two(target: Target, name: str) -> bool:
    """Whether it answers probabilities; raises where it answers more than one number."""
    if target.kind == "number" and target.n_outputs == 1:
        return False
    if target.kind == "category" and target.n_outputs == 2:
        return True
    raise SettingError(
        f"models[{readable(name)!r}] answers {target.n_outputs} {target.noun} outputs ({target.task}); expected one "
        "number, or two categories, of which the second is meant. To fix: pass a function of rows that picks one."
    )


def _one(output: NDArray[Any]) -> Array:
    """(n,) the number, or the probability of the second category."""
    if output.ndim != 2 or output.shape[1] > 2:
        raise DataError(f"a model answered with the shape {output.shape}; expected (n, 1) or (n, 2). To fix: check it.")
    return output[:, -1].astype(np.float64)
