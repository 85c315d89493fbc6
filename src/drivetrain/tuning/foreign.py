"""Ranges as other libraries write them: Optuna's distributions, Ray Tune's, scipy's, numpy's lists of values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from drivetrain.settings import refuse
from drivetrain.tuning.dimensions import Choices, Dimension, Range

PLAIN_WAY = "write (low, high), (low, high, 'log'), or a list of choices"
SCIPY = ("loguniform", "reciprocal", "uniform", "randint")


def translated(name: str, value: Any) -> Dimension | None:
    """What another library's form means here; None where it is no such form.

    Args:
        name: Of the setting.
        value: What was passed.

    Raises:
        SettingError: It is such a form, but of a kind that has no ends or no equal here.

    Example:
        >>> from optuna.distributions import FloatDistribution
        >>> translated("lr", FloatDistribution(1e-4, 1e-2, log=True))
        Range(low=0.0001, high=0.01, whole=False, log=True, step=None)
        >>> translated("lr", np.logspace(-3, -1, 3))
        Choices(values=(0.001, 0.01, 0.1))
    """
    home = type(value).__module__
    for others, reader in READERS.items():
        if home.startswith(others):
            return reader(name, value)
    if isinstance(value, range):
        return Choices(tuple(value))
    return _of_dict(name, cast("Mapping[Any, Any]", value)) if isinstance(value, Mapping) else None


def _unknown(name: str, value: Any) -> Dimension:
    refuse(name, value, "a range or choices of drivetrain, Optuna, Ray Tune or scipy", fix=f"To fix: {PLAIN_WAY}.")


def _of_numpy(name: str, value: Any) -> Dimension | None:
    if not isinstance(value, np.ndarray):
        return None  # a single number
    if value.ndim != 1 or not len(value):
        refuse(name, value, "one value after the other", fix=f"To fix: {PLAIN_WAY}.")
    return Choices(tuple(value.tolist()))


def _of_optuna(name: str, value: Any) -> Dimension:
    kind = type(value).__name__
    if kind == "CategoricalDistribution":
        return Choices(tuple(value.choices))
    if not hasattr(value, "low"):
        refuse(name, value, "one of Optuna's distributions with ends or choices", fix=f"To fix: {PLAIN_WAY}.")
    whole = kind.startswith("Int")
    step = None if value.step is None or (whole and value.step == 1) else value.step
    return Range(value.low, value.high, whole=whole, log=bool(value.log), step=step)


def _of_ray(name: str, value: Any) -> Dimension:
    if hasattr(value, "categories"):
        return Choices(tuple(value.categories))
    sampler: Any = getattr(value, "sampler", None)
    step: float | None = None
    if type(sampler).__name__ == "Quantized":
        step, sampler = sampler.q, sampler.sampler
    words = type(sampler).__name__
    low, high = getattr(value, "lower", -math.inf), getattr(value, "upper", math.inf)
    if words not in ("_Uniform", "_LogUniform") or not (math.isfinite(low) and math.isfinite(high)):
        expected = "uniform, loguniform, randint, lograndint, choice or grid_search of Ray Tune"
        refuse(name, value, expected, fix=f"To fix: {PLAIN_WAY}.")
    whole = type(value).__name__ == "Integer"
    log = words == "_LogUniform"
    if step is not None and log:
        refuse(name, value, "steps or factors, not both", fix=f"To fix: {PLAIN_WAY}.")
    if whole and step is None:
        high -= 1  # Ray excludes the upper end of whole numbers
    return Range(low, high, whole=whole, log=log, step=None if step == 1 and whole else step)


def _of_scipy(name: str, value: Any) -> Dimension:
    found = getattr(getattr(value, "dist", None), "name", "")
    if found not in SCIPY:
        expected = f"one of {', '.join(SCIPY)} of scipy.stats, with its numbers: others have no ends to search between"
        refuse(name, value, expected, fix=f"To fix: {PLAIN_WAY}.")
    low, high = (float(end) for end in value.support())
    return Range(low, high, whole=found == "randint", log=found in ("loguniform", "reciprocal"))


def _of_dict(name: str, value: Mapping[Any, Any]) -> Dimension | None:
    """Ray's grid search and the sweeps of Weights & Biases; a dict with other keys is a value of a setting."""
    keys = set(value)
    if keys == {"grid_search"} or (keys and keys <= {"values", "distribution"} and "values" in keys):
        found: Any = value.get("grid_search", value.get("values"))
        if isinstance(found, list | tuple):
            return Choices(tuple(cast("list[Any]", found)))
        refuse(name, value, "a list of values", fix=f"To fix: {PLAIN_WAY}.")
    if {"min", "max"} <= keys or keys == {"value"}:
        refuse(name, value, "a range in plain words", fix=f"To fix: {PLAIN_WAY}.")
    return None


READERS: Mapping[str | tuple[str, ...], Callable[[str, Any], Dimension | None]] = {
    "optuna.distributions": _of_optuna,
    "ray.tune": _of_ray,
    "scipy.stats": _of_scipy,
    "numpy": _of_numpy,
    ("hyperopt", "keras_tuner", "skopt.space", "ConfigSpace", "nevergrad", "flaml", "wandb"): _unknown,
}
"""Where a class is at home → who reads it."""
