"""The choice itself: what the members given say is best, within the limits and where there is support.

Legend: n rows, L actions, P places (members × scenarios).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.constraints import Constraint
from drivetrain.decisions.objective import Objective
from drivetrain.decisions.optimise.actions import Actions, combinations, make_actions, may_do, with_shared
from drivetrain.decisions.optimise.limits import Limits, read_limits, said_excess
from drivetrain.decisions.optimise.problem import Array, Made, Problem
from drivetrain.decisions.optimise.refining import refined
from drivetrain.decisions.optimise.risk import solve
from drivetrain.decisions.optimise.shared import choose_shared, settings_of
from drivetrain.decisions.optimise.solving import InfeasibleError
from drivetrain.decisions.optimise.tabulating import Table, tabulate
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import DataError

OUTSIDE = 2
Setting = dict[str, NDArray[Any]]


class Seen(Protocol):
    """What was seen in the log, and with whom."""

    def words(self, rows: pd.DataFrame, actions: Mapping[str, NDArray[Any]]) -> NDArray[np.int8]:
        """(n, L) 0 inside, 1 edge, 2 outside."""
        ...

    def each(self, rows: pd.DataFrame, proposed: Mapping[str, NDArray[Any]]) -> NDArray[np.int8]:
        """(n,) likewise, each row at its own values."""
        ...


@dataclass(frozen=True)
class Chooser:
    """All that a choice needs but the members that make it.

    Members of one half are asked for as often as those of both: the simulator is asked once for all three.
    """

    simulator: Simulator
    limits: Limits
    risk: str = "mean"
    seen: Seen | None = None
    """None: everywhere."""
    seed: int = 0
    baseline: Setting | None = None
    """What a loss is a loss against; None: today's values."""
    share: float = 1.0
    """Of the rows that the constraints are meant for."""
    today: Setting | None = None
    """Lever → (n,), of those whose value today is known."""
    constraints: tuple[Constraint, ...] = ()
    """That `limits` were read from."""
    remake: Callable[[pd.DataFrame, Objective | None], Simulator] | None = None
    """The simulator over other rows, and with another objective where one is given."""
    fine: bool = True
    """Whether numbers between those tried are looked for."""
    kept: dict[tuple[int, ...], Table] = field(default_factory=dict[tuple[int, ...], Table], compare=False)
    """Places → what their members said when all were asked; each is used once."""

    def __call__(self, members: Sequence[int]) -> Setting:
        """Lever → (n,) values that these members choose."""
        return self.choose(members).levers

    def choose(self, members: Sequence[int] | None = None) -> Made:
        """The plan of these members; None: of all.

        Raises:
            DataError: The constraints cannot be kept; the message says which, and by how much.
        """
        levers = self.simulator.levers
        if not any(lever.per_row for lever in levers):
            return choose_shared(self, members)
        settings = combinations(tuple(lever for lever in levers if not lever.per_row), self.known)
        made = [self._each_row(setting, members, last=len(settings) == 1) for setting in settings]
        found = [each for each in made if isinstance(each, Made)]
        if not found:
            raise next(each for each in made if isinstance(each, DataError))
        return max(found, key=lambda each: each.choice.value)

    @property
    def known(self) -> Setting:
        """Lever → (n,) today's values."""
        return {} if self.today is None else self.today

    def _each_row(self, setting: Mapping[str, Any], members: Sequence[int] | None, *, last: bool) -> Made | DataError:
        """Each row's own levers, beside one setting of those that all share."""
        actions = self.actions(setting)
        table = self.table(actions, members)
        problem = self.problem(table, self.allowed(actions), members)
        try:
            choice = solve(problem)
        except InfeasibleError as error:
            refused = self.refusal(error)
            if last:
                raise refused from None
            return refused
        levers = actions.chosen(self.known, choice.action)
        counted = [np.take_along_axis(part, choice.action[:, None], axis=1)[:, 0] for part in table.counted]
        made = Made(levers, choice, self.limits.bindings(counted, [each.price for each in choice.bindings]))
        return refined(self, made, actions, members) if self.fine else made

    def actions(self, setting: Mapping[str, Any]) -> Actions:
        """What each row may do, beside one setting of the levers that all share."""
        own = tuple(lever for lever in self.simulator.levers if lever.per_row)
        return with_shared(make_actions(own, self.known, staying=not setting), setting)

    @property
    def is_mixed(self) -> bool:
        """Whether some levers are each row's own and others one for all: the grid is then asked setting by setting."""
        return len({lever.per_row for lever in self.simulator.levers}) > 1

    def grid(self) -> Actions:
        """All that is tried at once, where levers are not mixed."""
        return self.actions({}) if self.simulator.levers[0].per_row else settings_of(self)

    def on(self, rows: NDArray[np.int64], objective: Objective | None = None) -> Chooser:
        """The same over some rows, with as much less of each total and no finer values; or for another objective."""
        assert self.remake is not None, "the chooser was made without a way to make its simulator anew"
        whole = self.simulator.rows
        few = whole.iloc[rows]
        levers = self.simulator.levers

        def part(setting: Setting | None) -> Setting | None:
            return None if setting is None else {name: values[rows] for name, values in setting.items()}

        return replace(
            self,
            simulator=self.remake(few, objective),
            limits=read_limits(self.constraints, levers, few),
            baseline=part(self.baseline),
            today=part(self.today),
            share=self.share * len(few) / max(1, len(whole)),
            fine=False,
            kept={},
        )

    def table(self, actions: Actions, members: Sequence[int] | None, *, label: str = "simulating") -> Table:
        """What the members say of all actions of all rows."""
        kept = self.kept.pop(places_key(members), None)
        if kept is not None:
            return kept
        halves = self.simulator.halves
        apart: list[NDArray[np.bool_]] = []
        if members is None and not self.is_mixed:
            apart = [halves == half for half in (0, 1) if (halves == half).any()]
        found, *others = tabulate(
            self.simulator,
            actions,
            self.known,
            self.limits.quantities,
            sets=[None, *apart],
            members=members,
            each=self.risk != "mean",
            label=label,
        )
        for places, table in zip(apart, others, strict=True):
            self.kept[places_key(np.flatnonzero(places).tolist())] = table
        return found

    def problem(self, table: Table, allowed: NDArray[np.bool_] | None, members: Sequence[int] | None) -> Problem:
        """As the solver reads it."""
        limits = self.limits.linear(table.counted, share=self.share)
        return Problem(table.values, allowed, limits, self.risk, self.seed, self.compared(members))

    def compared(self, members: Sequence[int] | None) -> Array | None:
        """(P,) sum over rows of what the plan is compared with, where a loss counts."""
        if not self.risk.startswith("loss"):
            return None
        against = self.baseline if self.baseline is not None else self.simulator.today()
        return self.simulator.at(against, members=members).sum(axis=1)

    def allowed(self, actions: Actions) -> NDArray[np.bool_] | None:
        """(n, L) what each row may do; a row like which none was seen may stay, or do anything, and is marked."""
        rows = self.simulator.rows
        moving = np.logical_and.reduce(list(actions.stays.values()))
        may = may_do(actions, self.simulator.levers, self.known, len(rows))
        if self.seen is not None:
            for action in range(len(actions)):
                if any(stays[action] for stays in actions.stays.values()):
                    every = np.full(len(rows), action)
                    may[:, action] &= self.seen.each(rows, actions.chosen(self.known, every)) < OUTSIDE
            put = ~np.logical_or.reduce(list(actions.stays.values()))
            words = self.seen.words(rows, {name: values[put] for name, values in actions.values.items()})
            may[:, put] &= words < OUTSIDE
        none = ~may.any(axis=1)
        if none.any():  # nothing was seen of rows like these: they stay as they are if they can
            may[none] = moving if moving.any() else may_do(actions, self.simulator.levers, self.known, int(none.sum()))
        return None if may.all() else may

    def refusal(self, error: InfeasibleError) -> DataError:
        """The constraints that cannot be kept, and by how much."""
        n = len(self.simulator.rows)
        said = "; ".join(said_excess(self.limits.limits[each.limit], each.by, n) for each in error.excesses)
        kept = "no choice of lever values keeps " + (
            "one of the constraints alone" if error.alone and len(error.excesses) == 1 else "these constraints together"
        )
        how = "" if error.exact else " (found on a sample of the rows)"
        return DataError(
            f"{kept}: {said or 'no one of them stands out'}{how}. Expected constraints that can be kept where values "
            "have support. To fix: loosen what is named by that much, give the levers more room, or pass "
            "extrapolate=True."
        )


def places_key(places: Sequence[int] | None) -> tuple[int, ...]:
    """Under which a table is kept; −1: of all."""
    return (-1,) if places is None else tuple(sorted(int(place) for place in places))
