"""A plan: what to do with each row, what that is worth, and how far that can be believed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.objective import Objective
from drivetrain.decisions.plan.facts import Facts, facts_of
from drivetrain.decisions.plan.parts import LeverEffect, Parts, Proof, Support
from drivetrain.decisions.plan.sources import Source, sources_of
from drivetrain.decisions.plan.what_if import WhatIf, no_simulator, what_if
from drivetrain.decisions.plan.words import with_interval
from drivetrain.decisions.worth import Worth
from drivetrain.runtime.files.places import PAGES, file_to_write
from drivetrain.settings import instance, place, several
from drivetrain.text import counted

if TYPE_CHECKING:
    from drivetrain.decisions.simulator import Simulator

CheckSupport = Callable[[pd.DataFrame, Mapping[str, NDArray[Any]]], Support]


class Plan:
    """What to do with each row, and what it is worth; made by `drivetrain.decide`.

    `print(plan.summary())` says it in words, `plan.report("plan.html")` writes the page, `plan.table` has each row.

    Args:
        parts: All of it but the table.
        table: See `drivetrain.decisions.plan.table.plan_table`.
        levers: In their order.
        objective: What the plan is worth is measured in.
        simulator: For `what_if`; None in a plan that was loaded without models.
        check_support: (rows, proposed values) → `Support`, for `what_if`.
        facts: Of models and data, where there is no simulator.
        sources: Where the gain comes from, likewise.

    Example:
        >>> import numpy as np
        >>> import pandas as pd
        >>> import drivetrain as dt
        >>> customers = pd.DataFrame({"need": [1.0, 2.0, 3.0], "price": [2.0, 2.0, 2.0]})
        >>> buys = lambda rows: np.clip(1 - rows["price"] / (4 * rows["need"]), 0, 1)
        >>> with dt.quiet():
        ...     plan = dt.decide("buys * price", customers, dt.Lever("price", 0, 10, step=1), {"buys": buys})
        >>> plan.table["price"].tolist()
        [2.0, 4.0, 6.0]
    """

    @named
    def __init__(
        self,
        parts: Parts,
        table: pd.DataFrame,
        levers: Sequence[Lever],
        objective: Objective,
        *,
        simulator: Simulator | None = None,
        check_support: CheckSupport | None = None,
        facts: Facts | None = None,
        sources: tuple[Source, ...] | None = None,
    ) -> None:
        self.parts = instance("parts", parts, Parts, "the Parts of a plan")
        self.table = instance("table", table, pd.DataFrame, "the table of a plan")
        each = several("levers", levers, "the levers of a plan", single=Lever)
        self.levers = tuple(instance("levers", lever, Lever, "the levers of a plan") for lever in each)
        self.objective = instance("objective", objective, Objective, "the objective of a plan")
        self._simulator = simulator
        self._check_support = check_support
        self.facts = facts or (Facts() if simulator is None else facts_of(simulator))
        self._sources = sources

    @property
    def promised(self) -> Worth:
        """What the plan is worth, mean per row: cross-fitted, so that it is not the largest error."""
        return self.parts.promise.promised

    @property
    def baseline(self) -> Worth:
        """What today's values are worth, valued in the same way."""
        return self.parts.promise.baseline

    @property
    def gain(self) -> Worth:
        """The difference of the two, paired."""
        return self.parts.promise.gain

    @property
    def naive(self) -> Worth:
        """What the plan would seem to be worth to the models that chose it: too much."""
        return self.parts.promise.naive

    @property
    def warnings(self) -> list[str]:
        """What speaks against trusting it."""
        return list(self.parts.warnings)

    @property
    def support(self) -> Support:
        """Whether rows like each were seen with the values proposed."""
        return self.parts.support

    @property
    def effects(self) -> tuple[LeverEffect, ...]:
        """Of each lever on each outcome: cause or habit."""
        return self.parts.effects

    @property
    def proof(self) -> Proof | None:
        """The plan, today and others on logged rows; None where there were none."""
        return self.parts.proof

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Where the gain comes from."""
        if self._sources is not None:
            return self._sources
        rows = self.table.iloc[:, :0] if self._simulator is None else self._simulator.rows
        return sources_of(self.table, self.levers, rows)

    @property
    def proposed(self) -> dict[str, NDArray[Any]]:
        """Name of a lever → (n,) values."""
        return {lever.name: self.table[lever.name].to_numpy() for lever in self.levers}

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return (
            f"<Plan of {self.objective.name} for {counted(len(self), 'row')}: {with_interval(self.promised)} per row>"
        )

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """The plan in words that take a minute to read."""
        from drivetrain.decisions.plan.summary import summary  # noqa: PLC0415 - it reads this class

        return summary(self)

    def as_json(self) -> dict[str, Any]:
        """Every number but those of single rows."""
        from drivetrain.decisions.plan.saving import described  # noqa: PLC0415 - it reads this class

        return described(self)

    def html(self) -> str:
        """The page."""
        from drivetrain.decisions.page.document import page  # noqa: PLC0415 - it reads this class

        return page(self)

    @named
    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the page: objective, levers, data and models; curves, limits, sensitivity, proof.

        Args:
            path: Of the HTML file; an older one is replaced.

        Raises:
            SettingError: It is no path, or nothing can be written there.
        """
        target = Path(place("path", path))
        file_to_write(target, "path", over=PAGES)
        target.write_text(self.html(), encoding="utf-8", errors="replace")
        return target

    def what_if(self, values: Mapping[str, Any] | None = None, /, **levers: Any) -> WhatIf:
        """What would be if levers were set by hand, the others as planned.

        Args:
            values: Name of a lever → one value for all rows, or one for each; for names that are no plain words.
            levers: The same.

        Returns:
            What that is worth, per row, against today and against the plan, and whether it was seen: `print` says it.

        Raises:
            SettingError: A name is no lever, a value none of its own, or the plan was loaded without its models.
        """
        if self._simulator is None:
            raise no_simulator()
        given = {} if values is None else dict(instance("values", values, Mapping, "lever names and their values"))
        return what_if(self._simulator, self.proposed, {**given, **levers}, self._check_support)

    @named
    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Keep it in a folder, as JSON and Parquet: no code, and neither models nor the rows themselves.

        Args:
            folder: To make; a plan that stands there is replaced.

        Raises:
            SettingError: Something else stands there.
            ArtefactError: It cannot be written, or holds what a file cannot keep.
        """
        from drivetrain.decisions.plan.saving import save_plan  # noqa: PLC0415 - it reads this class

        return save_plan(self, folder)


Plan.__module__ = "drivetrain"  # where people find it, so that messages and help say so
