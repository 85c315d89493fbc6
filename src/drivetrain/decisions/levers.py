"""What we control: a number or a choice, for each row or one for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.errors import SettingError, did_you_mean
from drivetrain.settings import choice, flag, number, refuse, several, shown, text
from drivetrain.text import counted, readable

A_LEVER = 'levers such as dt.Lever("price", 100, 900, step=5) or dt.Lever("offer", options=["none", "letter"])'
TOLERANCE = 1e-9
"""Share of a step by which a value may miss it and still lie on it."""


@dataclass(frozen=True)
class Lever:
    """An input that we set.

    Args:
        name: Also of the column that the models read it from. Where `rows` have such a column, it is today's value.
        low: Smallest value of a number.
        high: Largest value of a number.
        step: Values lie so far apart, counted from `low`; None: continuous.
        options: Values of a choice, of any type that a column can hold, instead of low and high.
        per_row: Whether each row has a value of its own; otherwise one for all.
        cost: Of moving it away from today's value, in units of the objective, taken off for each row: per unit moved of
            a number, per change of a choice, per option (a mapping), or a function of arrays (today, proposed) → cost.
        only_if: Another lever's name → the values under which this one acts: {"offer": ["discount"]}. Under others it
            stays at `today`.
        today: Today's value, one for all rows, where no column holds it.
        randomised: Whether chance alone set it in the logged rows: then its effect is a cause. None: not told, which
            is checked, and warned about.
        propensity: Column of logged rows: the probability (of a choice) or density (of a number) with which the logged
            value was drawn.

    Raises:
        SettingError: An argument has a value that cannot be used, or two do not go together.

    Example:
        >>> Lever("price", 100, 900, step=200).values(10)
        array([100., 300., 500., 700., 900.])
        >>> Lever("offer", options=["none", "letter"]).is_choice
        True
    """

    name: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    options: tuple[Any, ...] = ()
    per_row: bool = True
    cost: Any = None
    only_if: Mapping[str, Any] | None = None
    today: Any = None
    randomised: bool | None = None
    propensity: str | None = None

    def __post_init__(self) -> None:
        def put(field: str, value: object) -> None:
            object.__setattr__(self, field, value)

        put("name", text("name", self.name, what="the name of a lever, which is that of its column"))
        put("options", _options(self.options))
        put("per_row", flag("per_row", self.per_row))
        if self.options:
            if not (self.low is None and self.high is None and self.step is None):
                given = next(name for name in ("low", "high", "step") if getattr(self, name) is not None)
                refuse(
                    given,
                    getattr(self, given),
                    "none beside options",
                    fix="To fix: pass low and high for a number, or options for a choice, not both.",
                )
        else:
            self._check_range(put)
        put("cost", _cost(self.cost, self.options))
        put("only_if", _only_if(self.only_if, self.name))
        if self.today is not None:
            put("today", _option("today", self.today) if self.options else number("today", self.today))
        if self.randomised is not None:
            put("randomised", flag("randomised", self.randomised))
        if self.propensity is not None:
            put("propensity", text("propensity", self.propensity, what="the name of a column of the logged rows"))

    def _check_range(self, put: Callable[[str, object], None]) -> None:
        fix = 'To fix: pass both ends, dt.Lever("price", 100, 900), or the values of a choice as options=[...].'
        for end in ("low", "high"):
            value = getattr(self, end)
            if value is None:
                refuse(end, value, "a number, as options are not given", fix=fix)
            put(end, number(end, value))
        low, high = self.ends
        if not low < high:
            refuse("high", high, f"a number above low={low:g}", fix="To fix: give the range in which it may move.")
        if self.step is not None:
            put("step", number("step", self.step, above=0, most=high - low))

    @property
    def is_choice(self) -> bool:
        """Whether it has options rather than a range."""
        return bool(self.options)

    @property
    def ends(self) -> tuple[float, float]:
        """Smallest and largest value of a number."""
        assert self.low is not None and self.high is not None, "a number has both ends"
        return self.low, self.high

    def values(self, most: int) -> NDArray[Any]:
        """What is tried of it: its options, its steps, or `most` values evenly spread (steps, too, if there are more).

        A range that is no whole number of steps ends with the last step inside it.
        """
        if self.options:
            return _as_array(self.options)
        low, high = self.ends
        if self.step is None:
            return np.linspace(low, high, most)
        count = int((high - low) / self.step + TOLERANCE) + 1
        places = np.arange(count) if count <= most else np.unique(np.linspace(0, count - 1, most).round())
        return np.minimum(low + self.step * places, high)  # 3 · 0.1 is a little more than 0.3

    def may_take(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """(n,) whether each value is one that it may be set to.

        Example:
            >>> Lever("price", 100, 900, step=50).may_take(np.array([150.0, 160.0, 950.0]))
            array([ True, False, False])
        """
        if self.options:
            return np.asarray(pd.Series(values).isin(self.options))
        low, high = self.ends
        found = np.asarray(values, dtype=np.float64)
        slack = TOLERANCE * (high - low)
        fits = (found >= low - slack) & (found <= high + slack)
        if self.step is not None:
            places = (found - low) / self.step
            fits &= np.abs(places - places.round()) <= TOLERANCE * np.maximum(1, np.abs(places))
        return fits

    def onto_step(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest values that it may be set to."""
        low, high = self.ends
        if self.step is None:
            return np.clip(values, low, high)
        last = int((high - low) / self.step + TOLERANCE)
        return np.minimum(low + self.step * np.clip(((values - low) / self.step).round(), 0, last), high)


def values_for(lever: Lever, values: Any, rows: pd.DataFrame, setting: str) -> NDArray[Any]:
    """(n,) values of a lever for the rows, from one for all or one for each.

    Raises:
        SettingError: There are not as many, or one is none of its options or no number.
    """
    n = len(rows)
    if isinstance(values, pd.Series):
        series = cast("pd.Series[Any]", values)
        if not series.index.equals(rows.index):
            refuse(setting, f"a Series of {len(series):,}", f"one for each of the {n:,} rows, with their index")
        values = series.to_numpy()
    if isinstance(values, list | tuple) or (isinstance(values, np.ndarray) and values.ndim == 1):
        each = list(cast("Sequence[Any]", values))
        if len(each) != n:
            refuse(setting, counted(len(each), "value"), f"one value, or one for each of the {n:,} rows")
    else:
        each = [values] * n
    try:
        different = dict.fromkeys(each)
    except TypeError:  # lists of lists, mappings
        refuse(setting, values, f"one value, or one for each of the {n:,} rows")
    known: dict[Any, Any]
    if lever.is_choice:
        known = {one: choice(setting, one, lever.options) for one in different}
        found = np.empty(n, dtype=lever.values(0).dtype)
    else:
        known = {one: number(setting, one) for one in different}
        found = np.empty(n)
    found[:] = [known[one] for one in each]
    return found


def checked_levers(levers: Any) -> tuple[Lever, ...]:
    """Levers of which each is named once, and depends on others that are there.

    Raises:
        SettingError: There is none, one is no lever, or two do not go together.
    """
    found = several("levers", levers, A_LEVER, single=Lever)
    if not found:
        refuse("levers", levers, A_LEVER)
    for each in found:
        if not isinstance(each, Lever):
            refuse("levers", each, A_LEVER)
    names = [lever.name for lever in found]
    for name in names:
        if names.count(name) > 1:
            raise SettingError(
                f"two levers are called {shown(name)}; expected a name for each. To fix: rename one, or leave it out."
            )
    result = tuple(cast("list[Lever]", found))
    _check_dependence(result)
    return result


def acts(lever: Lever, values: Mapping[str, NDArray[Any]], n: int | None = None) -> NDArray[np.bool_]:
    """(n,) whether a lever acts: whether all that its `only_if` asks for holds, as far as the values tell.

    Example:
        >>> depth = Lever("depth", 0, 0.2, only_if={"offer": "discount"}, today=0)
        >>> acts(depth, {"offer": np.array(["none", "discount"]), "depth": np.zeros(2)})
        array([False,  True])
    """
    result = np.ones(len(values[lever.name]) if n is None else n, dtype=bool)
    for name, wanted in (lever.only_if or {}).items():
        if name in values:
            result &= np.asarray(pd.Series(values[name]).isin(wanted))
    return result


def in_order(levers: tuple[Lever, ...]) -> tuple[Lever, ...]:
    """Levers so that each comes after those that it depends on."""
    done: list[Lever] = []
    left = list(levers)
    while left:
        ready = [lever for lever in left if set(lever.only_if or {}) <= {each.name for each in done}]
        if not ready:
            names = ", ".join(readable(lever.name) for lever in left)
            raise SettingError(
                f"levers depend on each other in a circle ({names}); expected one that depends on none. "
                "To fix: take one only_if away."
            )
        done += ready
        left = [lever for lever in left if lever not in ready]
    return tuple(done)


def _check_dependence(levers: tuple[Lever, ...]) -> None:
    by_name = {lever.name: lever for lever in levers}
    for lever in levers:
        for name, wanted in (lever.only_if or {}).items():
            if name not in by_name:
                near = did_you_mean(name, by_name)
                raise SettingError(
                    f"lever {shown(lever.name)} has only_if={{{shown(name)}: …}}, which is no lever.{near} Expected "
                    f"one of {', '.join(map(shown, by_name))}. To fix: name one of them, or add that lever."
                )
            unknown = [value for value in wanted if not by_name[name].may_take(_as_array((value,)))[0]]
            if unknown:
                raise SettingError(
                    f"lever {shown(lever.name)} acts only if {readable(name)} is {shown(unknown[0])}, a value that "
                    f"{readable(name)} never takes. To fix: name one that it may take."
                )
    in_order(levers)


def _options(options: Any) -> tuple[Any, ...]:
    expected = "a list of at least two different values"
    found = several("options", options, expected)
    if not found and isinstance(options, tuple):
        return ()
    result = tuple(_option("options", value) for value in found)
    if len(result) < 2 or any(result.index(value) != i for i, value in enumerate(result)):
        refuse("options", options, expected, fix="To fix: name each value that it may take once.")
    return result


def _option(name: str, value: Any) -> Any:
    """A value that a column can hold; numpy's own single values as Python's."""
    plain = value.item() if isinstance(value, np.generic) else value
    is_nan = isinstance(plain, float) and not np.isfinite(plain)
    if not isinstance(plain, str | int | float | bool) or is_nan:
        refuse(name, value, "text, a finite number, or True or False")
    return plain


def _cost(cost: Any, options: tuple[Any, ...]) -> Any:
    expected = "a number of at least 0, or a function (today, proposed) → cost"
    if options:
        expected = "a number of at least 0, a cost for each option, or a function (today, proposed) → cost"
    if cost is None or (callable(cost) and not isinstance(cost, type)):
        return cost
    if isinstance(cost, Mapping):
        costs = cast("Mapping[Any, Any]", cost)
        if not options or not costs:
            refuse("cost", cost, expected)
        for option in costs:
            if option not in options:
                refuse("cost", cost, f"costs of its options, of which {shown(option)} is none")
        return {option: number("cost", costs.get(option, 0)) for option in options}
    try:
        return number("cost", cost, least=0)
    except SettingError:
        return refuse("cost", cost, expected)


def _only_if(only_if: Any, own: str) -> dict[str, tuple[Any, ...]] | None:
    if only_if is None:
        return None
    expected = 'another lever\'s name and the values under which this one acts, such as {"offer": ["discount"]}'
    if not isinstance(only_if, Mapping) or not only_if:
        refuse("only_if", only_if, expected)
    result: dict[str, tuple[Any, ...]] = {}
    for name, wanted in cast("Mapping[Any, Any]", only_if).items():
        if not isinstance(name, str) or name == own:
            refuse("only_if", only_if, expected)
        values: list[Any] = list(cast("Iterable[Any]", wanted)) if isinstance(wanted, list | tuple) else [wanted]
        if not values:
            refuse("only_if", only_if, expected)
        result[name] = tuple(_option("only_if", value) for value in values)
    return result


def _as_array(values: tuple[Any, ...]) -> NDArray[Any]:
    """Values as a column holds them: numbers as numbers, all else as objects."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values)
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


Lever.__init__ = named(Lever.__init__)  # what it does not know is a SettingError too
Lever.__module__ = "drivetrain"  # where people find it, so that messages and help say so
