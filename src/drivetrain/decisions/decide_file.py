"""A plan file run: its tables read, its models fitted or opened, the plan made."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from drivetrain.calls import named
from drivetrain.decisions.decide import decide
from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.models.table import frame_of
from drivetrain.decisions.plan.plan import Plan
from drivetrain.decisions.plan_file import Written, WrittenModel, read_file
from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.progress import say
from drivetrain.settings import place, shown
from drivetrain.text import readable


@named
def decide_file(path: str | os.PathLike[str]) -> Plan:
    """The plan that a file asks for; what may stand in it is in docs/decide.md.

    Args:
        path: Of the TOML file; paths in it are seen from its folder.

    Raises:
        SettingError: Something in it cannot be used.
        DataError: Its tables cannot be used as they are.
    """
    written = read_file(Path(place("path", path)))
    rows = table_of(written.table, "table", written.text)
    logged = None if written.logged is None else table_of(written.logged, "logged", written.text)
    _check_names(written, rows)
    models = {model.name: _model(model, written, logged) for model in written.models}
    return decide(
        written.objective,
        rows,
        written.levers,
        models,
        written.limits,
        risk=written.risk,
        baseline=written.baseline,
        logged=logged,
        group=written.group,
        extrapolate=written.extrapolate,
        seed=written.seed,
    )


def _check_names(written: Written, rows: pd.DataFrame) -> None:
    """Whether the objective's names are there: before models are fitted, which takes a while."""
    parsed = written.objective.expression
    assert parsed is not None, "of a file it is text"
    known = {
        **dict.fromkeys(map(str, rows.columns), "column"),
        **dict.fromkeys((model.name for model in written.models), "prediction"),
        **dict.fromkeys((lever.name for lever in written.levers), "lever"),
    }
    wrong = parsed.unknown(known)
    if wrong:
        raise SettingError(
            f"objective={shown(parsed.text)} cannot be used: {wrong} Expected one of {first_few(known, 15)}. To fix: "
            "write one of these names."
        )
    unread = [model.name for model in written.models if model.name not in parsed.names]
    counted = [limit.what for limit in written.limits] + [limit.over for limit in written.limits]
    for name in unread:
        if not any(isinstance(what, str) and name in what for what in counted):
            raise SettingError(
                f"the model {shown(name)} is read by neither the objective nor a limit; expected its name in one of "
                f"them.{did_you_mean(name, parsed.names)} To fix: write it there, or leave the model out."
            )


def _model(model: WrittenModel, written: Written, logged: pd.DataFrame | None) -> Any:
    if model.path is not None:
        from drivetrain.runtime.loading import load  # noqa: PLC0415 - brings ONNX Runtime

        return load(model.path)
    if logged is None:
        raise SettingError(
            f"models.{readable(model.name)} is to be fitted to {shown(model.outcome)}, and the file names no logged "
            'rows; expected logged = "FILE". To fix: add it, or give path = of a saved model.'
        )
    say(f"{readable(model.name)}: fitting {model.n} members of {model.make} to {readable(model.outcome or '')}")
    return Ensemble.fit(
        logged,
        _estimator(model, logged),
        outcome=model.outcome,
        features=list(_features(model, written, logged)),
        n=model.n,
        group=written.group,
        weights=model.weights,
        name=model.name,
        seed=written.seed,
    )


def _features(model: WrittenModel, written: Written, logged: pd.DataFrame) -> tuple[str, ...]:
    """Columns that a model reads: those told, or all but outcomes, group, propensities and weights."""
    if model.features is not None:
        return model.features
    others = {each.outcome for each in written.models} | {each.weights for each in written.models}
    others |= {written.group} | {lever.propensity for lever in written.levers}
    return tuple(column for column in map(str, logged.columns) if column not in others)


def _estimator(model: WrittenModel, logged: pd.DataFrame) -> Any:
    """Of numbers a regression, of two values, text among them, a classification."""
    values = logged[model.outcome].dropna() if model.outcome in logged else pd.Series(dtype=float)
    is_class = values.nunique() <= 2 or not pd.api.types.is_numeric_dtype(values)
    if model.make == "trees":
        from sklearn.ensemble import (  # noqa: PLC0415 - slow to import
            HistGradientBoostingClassifier,
            HistGradientBoostingRegressor,
        )

        return HistGradientBoostingClassifier() if is_class else HistGradientBoostingRegressor()
    from sklearn.linear_model import LogisticRegression, RidgeCV  # noqa: PLC0415 - slow to import
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000) if is_class else RidgeCV())


def table_of(path: Path, name: str, as_text: Collection[str]) -> pd.DataFrame:
    """A table, see `frame_of`.

    Args:
        path: CSV or Parquet.
        name: Of the setting, for messages.
        as_text: Columns that stay text.

    Raises:
        DataError: It cannot be read.
        SettingError: There is no such file, or no column of that name.
    """
    if not path.is_file():
        raise SettingError(
            f"{name}={readable(path)} cannot be used: there is no such file; expected a CSV or Parquet file. To fix: "
            "give its path as seen from the plan file."
        )
    frame = frame_of(path, name, as_text=as_text)
    names = [str(column) for column in frame.columns]
    for column in as_text:
        if column not in names:
            raise SettingError(
                f"text has {shown(column)}, which is no column of {readable(path)}.{did_you_mean(column, names)} "
                f"Expected one of {first_few(map(readable, names), 12)}. To fix: write one of these."
            )
    return frame
