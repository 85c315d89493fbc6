"""The models put together: lever values in, values of the objective out, member by member.

Legend: n rows, L actions (combinations of lever values), K members, S scenarios. Place k·S + s of the first axis
belongs to member k in scenario s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.objective import Objective, Quantity
from drivetrain.decisions.simulation.calling import Asked, Predict, check_by_row
from drivetrain.decisions.simulation.effective import Patterns, Today, as_values, costs_of, effective, known_levers
from drivetrain.decisions.simulation.pairing import paired, scenarios_of
from drivetrain.settings import refuse, several, whole
from drivetrain.text import counted, readable

Array = NDArray[np.float64]
Setting = Mapping[str, NDArray[Any]]
BYTES_AT_ONCE = 64 << 20
"""Of one array (places, rows, L) of a chunk: with some of them, memory stays far below 2 GB."""
ROWS_AT_ONCE = 20_000
"""Rows times actions for which the objective is called together."""


class Simulator:
    """Objective, levers and models put together.

    Args:
        objective: What is wanted, see `drivetrain.decisions.objective.as_objective`.
        rows: To decide on; a column with a lever's name is its value today.
        levers: What can be set.
        models: Name → members, see `drivetrain.decisions.models.adapting.as_models`.
        scenarios: Named values, a scenario a row, all equally likely: `predict` has them beside the models.

    Raises:
        SettingError: Names collide.

    Example:
        >>> from drivetrain.decisions.models.adapting import as_models
        >>> from drivetrain.decisions.objective import as_objective
        >>> profit = as_objective(lambda rows, levers, predict: predict["accept"] * (levers["price"] - rows["cost"]))
        >>> models = as_models({"accept": [lambda rows: 1 / rows["price"], lambda rows: 0.9 / rows["price"]]})
        >>> rows = pd.DataFrame({"price": [2.0, 4.0], "cost": [1.0, 1.0]})
        >>> simulator = Simulator(profit, rows, [Lever("price", 1, 5)], models)
        >>> simulator.at(simulator.today()).round(3).tolist()
        [[0.5, 0.75], [0.45, 0.675]]
        >>> [values.shape for _, values, _ in simulator.over({"price": np.array([1.0, 2.0, 5.0])})]
        [(2, 2, 3)]
    """

    def __init__(
        self,
        objective: Objective,
        rows: pd.DataFrame,
        levers: Sequence[Lever],
        models: Mapping[str, Ensemble],
        *,
        scenarios: pd.DataFrame | None = None,
    ) -> None:
        self.rows = rows
        self.levers = tuple(levers)
        self.objective = objective
        self.models: Mapping[str, Ensemble] = dict(models)
        twice = {lever.name for lever in levers if [each.name for each in levers].count(lever.name) > 1}
        if twice or not levers:
            refuse("levers", [lever.name for lever in levers], "at least one lever, all with different names")
        self.scenarios = scenarios_of(scenarios, self.models)
        """Name → value, one for each scenario."""
        pairs = paired(self.models)
        self.members = pairs.members
        """K."""
        self.warnings = pairs.warnings
        """What was found about how models go together."""
        self.halves = np.repeat(pairs.halves, len(self.scenarios))
        self._today = Today(rows, self.levers)
        self._is_tried = False

    def __repr__(self) -> str:
        levers = ", ".join(readable(lever.name) for lever in self.levers)
        rows = counted(len(self.rows), "row")
        return f"Simulator({self.objective.name!r}, {rows}, levers: {levers}, {counted(self.members, 'member')})"

    def today(self) -> dict[str, NDArray[Any]]:
        """Name of a lever → (n,) today's value.

        Raises:
            DataError: Rows lack it.
            SettingError: Neither a column nor `today=` of the lever says it.
        """
        return dict(self._today)

    def today_of(self, rows: NDArray[np.int64] | None = None) -> Today:
        """Today's values of each lever, looked up when asked for; of some rows where given."""
        return self._today if rows is None else self._today.of(rows)

    def knows_today(self, name: str) -> bool:
        """Whether a column, or `today=` of the lever, says what it is now."""
        return self._today.knows(name)

    def at(
        self,
        levers: Setting,
        *,
        rows: NDArray[np.int64] | None = None,
        members: Sequence[int] | None = None,
        quantity: Quantity | None = None,
    ) -> Array:
        """(K·S, n) the objective (or a quantity) with each row at its own lever values, cost of moving taken off.

        Args:
            levers: Name → (n,) values, or one for all; a lever left out, or a value of None, stays at today's, and so
                does one whose `only_if` does not hold.
            rows: Positions of the rows to be looked at, as many as there are values; None: all.
            members: Places of the first axis, as in `halves`; None: all.
            quantity: Instead of the objective; no cost of moving is taken off it.

        Raises:
            DataError: A value of the objective is not finite.
            SettingError: A lever is unknown, or the objective fails.
        """
        places = self._places(members)
        index = np.arange(len(self.rows)) if rows is None else np.asarray(rows, dtype=np.int64)
        by_name = {lever.name: lever for lever in self.levers}
        given = {
            name: as_values(by_name[name], values, len(index))
            for name, values in known_levers(levers, self.levers).items()
        }
        found = np.empty((len(places), len(index)))
        step = max(1, BYTES_AT_ONCE // (8 * len(places)))
        for start in range(0, len(index), step):
            part = slice(start, start + step)
            setting = {name: values[part] for name, values in given.items()}
            found[:, part] = self._at(index[part], setting, places, quantity)
        return found

    def over(
        self,
        actions: Setting,
        *,
        quantities: Sequence[Quantity] = (),
        members: Sequence[int] | None = None,
    ) -> Iterator[tuple[slice, NDArray[np.float32], tuple[NDArray[np.float32], ...]]]:
        """Chunk by chunk of rows: (slice, (K·S, rows, L) objective, one such array per quantity).

        Args:
            actions: Name of a lever → (L,) values; a lever left out, or a value of None, stays at each row's value
                today, and so does one whose `only_if` does not hold.
            quantities: What constraints count.
            members: Places of the first axis, as in `halves`; None: all.

        Raises:
            DataError: A value of the objective is not finite.
            SettingError: A lever is unknown, or the objective fails.
        """
        places = self._places(members)
        given = known_levers(actions, self.levers)
        by_name = {lever.name: lever for lever in self.levers}
        patterns = Patterns.of({name: as_values(by_name[name], v) for name, v in given.items()}, self.levers)
        self._try_rows(patterns.actions)
        step = max(1, BYTES_AT_ONCE // (4 * len(places) * patterns.count))
        for start in range(0, len(self.rows), step):
            part = slice(start, min(start + step, len(self.rows)))
            arrays = self._chunk(np.arange(part.start, part.stop), patterns, places, quantities)
            yield part, arrays[0], tuple(arrays[1:])

    def _at(
        self, index: NDArray[np.int64], setting: Setting, places: NDArray[np.int64], quantity: Quantity | None
    ) -> Array:
        """(places, n) of some rows, each at its own values."""
        frame, today = self.rows.iloc[index], self._today.of(index)
        levers = effective(setting, self.levers, today, len(index))
        cost = costs_of(self.levers, today, levers) if quantity is None else None
        said = Asked(self.models, frame.assign(**levers), self._members_of(places))
        call, found = quantity or self.objective.call, np.empty((len(places), len(index)))
        for i, place in enumerate(places.tolist()):
            member, scenario = divmod(place, len(self.scenarios))
            ask = partial(said.of, member=member)
            predict = Predict(ask, list(self.models), self.scenarios[scenario], len(index))
            found[i] = call(frame, levers, predict)
        return found if cost is None else found - cost

    def _chunk(
        self,
        index: NDArray[np.int64],
        patterns: Patterns,
        places: NDArray[np.int64],
        quantities: Sequence[Quantity],
    ) -> list[NDArray[np.float32]]:
        """Objective and quantities of some rows under all actions; in memory each action's rows lie together."""
        n, calls = len(index), (self.objective.call, *quantities)
        arrays = [np.empty((len(places), patterns.count, n), dtype=np.float32) for _ in calls]
        step = max(1, ROWS_AT_ONCE // n)
        for which, setting in patterns.groups:
            today = self._today.of(index)
            stay = {lever.name: today[lever.name] for lever in self.levers if lever.name not in setting}
            profiled = Asked(self.models, self.rows.iloc[index].assign(**stay), self._members_of(places), setting)
            for start in range(0, len(which), step):
                block = slice(start, start + step)
                said = self._block(
                    index, stay=stay, setting=setting, block=block, profiled=profiled, places=places, calls=calls
                )
                for array, values in zip(arrays, said, strict=True):
                    array[:, which[block]] = values
        for action in patterns.row_by_row:
            each = {name: np.repeat(values[action : action + 1], n) for name, values in patterns.actions.items()}
            for array, quantity in zip(arrays, (None, *quantities), strict=True):
                array[:, action] = self._at(index, each, places, quantity)
        return [array.transpose(0, 2, 1) for array in arrays]

    def _block(
        self,
        index: NDArray[np.int64],
        *,
        stay: Setting,
        setting: Setting,
        block: slice,
        profiled: Asked,
        places: NDArray[np.int64],
        calls: Sequence[Quantity],
    ) -> list[Array]:
        """(places, A, n) of some actions: each function is called once for all rows under all of them."""
        n = len(index)
        count = len(next(iter(setting.values()))[block]) if setting else 1
        positions = np.tile(index, count)
        frame, today = self.rows.iloc[positions], self._today.of(positions)
        levers = {name: np.repeat(values[block], n) for name, values in setting.items()}
        levers |= {name: np.tile(values, count) for name, values in stay.items()}
        levers = {lever.name: levers[lever.name] for lever in self.levers}
        cost = costs_of(self.levers, today, levers)
        found = [np.empty((len(places), n * count)) for _ in calls]
        for i, place in enumerate(places.tolist()):
            member, scenario = divmod(place, len(self.scenarios))
            ask = partial(profiled.of, member=member, block=block)
            predict = Predict(ask, list(self.models), self.scenarios[scenario], n * count)
            for array, call in zip(found, calls, strict=True):
                array[i] = call(frame, levers, predict)
        if cost is not None:
            found[0] -= cost
        return [array.reshape(len(places), count, n) for array in found]

    def _try_rows(self, actions: Setting) -> None:
        """Once, under the action in the middle, see `check_by_row`."""
        if self._is_tried:
            return
        self._is_tried = True

        def worth(rows: NDArray[np.int64]) -> Array:
            middle = {name: np.repeat(values[len(values) // 2 :][:1], len(rows)) for name, values in actions.items()}
            return self.at(middle, rows=rows, members=[0])

        check_by_row(worth, len(self.rows), self.objective.name)

    def _places(self, members: Sequence[int] | None) -> NDArray[np.int64]:
        if members is None:
            return np.arange(len(self.halves))
        most = len(self.halves) - 1
        found = [whole("members", k, least=0, most=most) for k in several("members", members, "places")]
        return np.array(found or refuse("members", members, "at least one place"), dtype=np.int64)

    def _members_of(self, places: NDArray[np.int64]) -> list[int]:
        return sorted({place // len(self.scenarios) for place in places.tolist()})
