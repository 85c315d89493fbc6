"""What we want more of: a function of rows, levers and predictions, or an expression; named and hashed."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.expression import Expression
from drivetrain.errors import DataError, DrivetrainError, SettingError, did_you_mean
from drivetrain.settings import number, refuse, shown
from drivetrain.text import counted, readable, short_reason

Array = NDArray[np.float64]
Levers = Mapping[str, NDArray[Any]]
"""Name → (n,) values."""
Predict = Mapping[str, Array]
"""Name of a model → (n,) predictions of one member at those levers; of a column of `scenarios` → (n,) its value.
Computed when asked for."""
Quantity = Callable[[pd.DataFrame, Levers, Predict], Array]
"""What an objective is, and what a constraint counts: rows, levers, predict → (n,) values."""


@dataclass(frozen=True)
class Objective:
    """An objective with its name, what it says, and what it assumes."""

    name: str
    call: Quantity
    sha256: str
    """Of its source, or of its expression: a plan that was kept names the objective by it."""
    said: str
    """Its expression, or the source of its function: shown on the page."""
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])
    """What it assumes: name → value. Of a function its keyword-only numbers (``*, cost=300.0``), of an expression each
    constant in it. Sensitivity varies them."""
    with_numbers: Callable[[Mapping[str, float]], Quantity] | None = None
    """The same objective under other numbers."""
    expression: Expression | None = None
    """Where it was given as text."""


FORM = "a function of (rows, levers, predict) that gives a value for each row, or an expression as text"
GIVEN = ("rows", "levers", "predict")


def as_objective(source: Any, *, setting: str = "objective", name: str | None = None) -> Objective:
    """An objective, or what a constraint counts, from a function or text.

    Args:
        source: A function ``(rows, levers, predict)`` that gives (n,) values, whose keyword-only numbers are what it
            assumes; or an expression, see `drivetrain.decisions.expression`; an `Objective` is given back.
        setting: What messages call it.
        name: Of the objective; None: that of the function or of the expression's last line, or "objective".

    Raises:
        SettingError: It is neither, or cannot be called so. Calling the objective raises it too where the function
            fails or its values are not one for each row, and `DataError` where they are no finite numbers.

    Example:
        >>> profit = as_objective("cost = 300; accept * (price - claims - cost)")
        >>> profit.said, dict(profit.numbers)
        ('cost = 300; accept * (price - claims - cost)', {'cost': 300.0})
        >>> def margin(rows, levers, predict, *, cost=300.0):
        ...     return predict["accept"] * (levers["price"] - cost)
        >>> as_objective(margin).name, dict(as_objective(margin).numbers)
        ('margin', {'cost': 300.0})
    """
    if isinstance(source, Objective):
        return source
    if isinstance(source, str):
        return _of_text(source, setting, name)
    if not callable(source) or isinstance(source, type):
        refuse(setting, source, FORM)
    return _of_function(source, setting, name)


def _of_text(text: str, setting: str, name: str | None) -> Objective:
    parsed = Expression.parse(text, setting)

    def under(numbers: Mapping[str, float]) -> Quantity:
        given = _known_numbers(parsed.numbers, numbers, setting)

        def call(rows: pd.DataFrame, levers: Levers, predict: Predict) -> Array:
            return _checked(parsed.value(rows, levers, predict, given, setting), rows, setting, parsed.text)

        return call

    own = name or readable(parsed.title) or setting
    return Objective(own, under({}), parsed.sha256, parsed.text, dict(parsed.numbers), under, expression=parsed)


def _of_function(function: Callable[..., Any], setting: str, name: str | None) -> Objective:
    own = name or readable(_name(function))
    numbers = _numbers(function, setting)

    def under(changed: Mapping[str, float]) -> Quantity:
        given = _known_numbers(numbers, changed, setting)

        def call(rows: pd.DataFrame, levers: Levers, predict: Predict) -> Array:
            try:
                with np.errstate(all="ignore"):  # what is not finite is told, with its row
                    values = function(rows, levers, predict, **given)
            except (DrivetrainError, Warning):  # a warning that somebody made an error
                raise
            except Exception as error:
                raise SettingError(_failed(own, setting, error, (rows, levers, predict))) from error
            return _checked(values, rows, setting, own)

        return call

    said, content = _source(function)
    sha256 = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    return Objective(own, under({}), sha256, said, numbers, under)


def _numbers(function: Callable[..., Any], setting: str) -> dict[str, float]:
    """What a function assumes; a word where it cannot be called with rows, levers and predictions."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return {}  # of a builtin: what it takes shows when it is called
    try:
        signature.bind(*GIVEN)
    except TypeError as error:
        refuse(setting, function, f"{FORM}; this one cannot be called with the three: {short_reason(error)}")
    only = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    plain = {p.name: p.default for p in only if isinstance(p.default, int | float | np.integer | np.floating)}
    return {key: float(value) for key, value in plain.items() if not isinstance(value, bool)}


def _known_numbers(known: Mapping[str, float], given: Mapping[str, float], setting: str) -> dict[str, float]:
    for key in given:
        if key not in known:
            near = did_you_mean(key, known)
            refuse(
                f"numbers[{shown(key)}]", given[key], f"one of the numbers of the {setting}: {list(known)}", fix=near
            )
    return {key: number(key, value) for key, value in given.items()}


def _checked(values: Any, rows: pd.DataFrame, setting: str, said: str) -> Array:
    """(n,) finite numbers; one for all is repeated."""
    n = len(rows)
    try:
        array = np.asarray(values, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise SettingError(
            f"{setting} {shown(said)} gave {shown(values)}, which are no numbers ({short_reason(error)}); expected one "
            "number for each row. To fix: compute it with numpy."
        ) from None
    if array.shape != (n,):
        if array.ndim:
            raise SettingError(
                f"{setting} {shown(said)} gave values of shape {array.shape} for {counted(n, 'row')}; expected one for "
                f"each row, ({n},). To fix: compute with whole columns, and do not sum over rows."
            )
        array = np.full(n, float(array))
    if not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array))
        raise DataError(
            f"{setting} {shown(said)} is {array[bad[0]]} in {len(bad):,} of {counted(n, 'row')}, the first of them "
            f"{shown(rows.index[bad[0]])}; expected finite numbers. To fix: fill or leave out empty cells of these "
            "rows, and keep levers where the objective is defined (no logarithm or division of 0)."
        )
    return array


def _failed(own: str, setting: str, error: Exception, given: tuple[pd.DataFrame, Levers, Predict]) -> str:
    """What a function of the user ran into; a name that it asked for in vain is compared with those that are there."""
    if isinstance(error, KeyError) and error.args:
        name = str(error.args[0])
        known = {space: list(map(str, names)) for space, names in zip(GIVEN, given, strict=True)}
        near = did_you_mean(name, [each for names in known.values() for each in names])
        if places := [f"{space}[{shown(name)}]" for space, names in known.items() if name in names]:
            near = f" It is there as {' and '.join(places)}."
        listed = "; ".join(f"{space}: {', '.join(map(readable, names))}" for space, names in known.items())
        said = f"asked for {shown(name)}, which is not there.{near} Expected a name of {listed}"
    else:
        said = f"failed: {type(error).__name__}: {short_reason(error)}; expected a value for each row"
    return f"{setting} {own} {said}. To fix: change the function; it is called with {', '.join(GIVEN)}."


def _name(function: Callable[..., Any]) -> str:
    inner = function.func if isinstance(function, partial) else function
    named = getattr(inner, "__name__", type(inner).__name__)
    return "objective" if named == "<lambda>" else str(named)


def _source(function: Callable[..., Any]) -> tuple[str, str]:
    """(what is shown, what is hashed): the source, and the plain values that it reads from around it."""
    inner = inspect.unwrap(function.func if isinstance(function, partial) else function)
    code = inner if isinstance(inner, types.FunctionType | types.MethodType) else type(inner).__call__
    try:
        said = textwrap.dedent(inspect.getsource(code)).strip()
    except (OSError, TypeError):
        said = f"{_name(function)} (its source cannot be read)"
    around = _around(code)
    if isinstance(function, partial):
        around |= {key: repr(value) for key, value in function.keywords.items() if _is_plain(value)}
    byte_code = getattr(code, "__code__", None)
    read = said if byte_code is None or "cannot be read" not in said else f"{said} {byte_code.co_code.hex()}"
    return said, "\n".join([read, *(f"{key} = {value}" for key, value in sorted(around.items()))])


def _around(code: Any) -> dict[str, str]:
    """Plain values that a function reads from outside itself."""
    try:
        found = inspect.getclosurevars(code)
    except (TypeError, ValueError):
        return {}
    return {key: repr(value) for key, value in {**found.globals, **found.nonlocals}.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    return isinstance(value, int | float | str | bool | np.number)
