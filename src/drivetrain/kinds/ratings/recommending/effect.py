"""A good prediction is not a good recommendation: what is recommended by prediction, found anyway, or by effect.

Legend: U users, I items, n in a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from drivetrain.kinds.ratings.recommending.anyway import makers_of
from drivetrain.kinds.ratings.recommending.catalogue import Catalogue, Codes
from drivetrain.kinds.ratings.recommending.recommender import Beside, Recommender
from drivetrain.kinds.ratings.recommending.rules import asked_rules
from drivetrain.text import readable

Basis = Literal["measured", "heuristic"]
SHOWN = 12
"""Users whose lists are printed."""


@dataclass(frozen=True)
class EffectRow:
    """One user's two lists."""

    user: str
    by_prediction: tuple[str, ...]
    anyway: tuple[str, ...]
    """Those recommended by prediction that the user would get anyway."""
    by_effect: tuple[str, ...]


@dataclass(frozen=True)
class EffectTable:
    """For some users: recommended by prediction, of these bought anyway, recommended by effect."""

    n: int
    basis: Basis
    """Whether effects were measured, by an experiment, or are a heuristic's."""
    rows: tuple[EffectRow, ...]
    anyway: dict[str, float | None]
    """"prediction", "effect" → mean probability that a recommended item is got anyway; None: nothing says so."""
    adds: dict[str, float | None]
    """"prediction", "effect" → what recommending one item adds on average, where effects were measured."""
    same_maker: dict[str, float | None]
    """"prediction", "effect" → share of recommendations whose author, series or the like the user has already; None
    where no column says whose an item is."""
    shared: float
    """Share of the items of one list that are in the other."""

    @property
    def verdict(self) -> str:
        """In words."""
        if not any(row.by_prediction for row in self.rows):
            return "Nothing is left to recommend."
        how = "measured effects" if self.basis == "measured" else "a heuristic, no measured effect"
        said = [f"By {how}: {100 * (1 - self.shared):.0f} % of a list is another than by prediction"]
        for name, words in (
            ("anyway", "would be got anyway"),
            ("same_maker", "comes from somebody the user has already"),
        ):
            found: dict[str, float | None] = getattr(self, name)
            before, after = found["prediction"], found["effect"]
            if before is not None and after is not None:
                said.append(f"of the list by prediction {100 * before:.0f} % {words}, of the other {100 * after:.0f} %")
        before, after = self.adds["prediction"], self.adds["effect"]
        if before is not None and after is not None:
            said.append(f"one recommendation by prediction adds {before:.3g}, one by effect {after:.3g}")
        return "; ".join(said) + "."

    def as_json(self) -> dict[str, Any]:
        """Numbers and lists, as plain data."""
        return {
            "n": self.n,
            "basis": self.basis,
            "anyway": self.anyway,
            "adds": self.adds,
            "same_maker": self.same_maker,
            "shared": self.shared,
            "verdict": self.verdict,
            "users": [
                {
                    "user": row.user,
                    "by_prediction": list(row.by_prediction),
                    "anyway": list(row.anyway),
                    "by_effect": list(row.by_effect),
                }
                for row in self.rows
            ],
        }

    def __str__(self) -> str:
        head = ("user", "recommended by prediction", "got anyway", "recommended by effect")
        lines = [head] + [
            (readable(row.user), _listed(row.by_prediction), _listed(row.anyway), _listed(row.by_effect))
            for row in self.rows[:SHOWN]
        ]
        widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
        shown = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        return "\n".join([*shown, self.verdict])


def _listed(items: Sequence[str]) -> str:
    return ", ".join(map(readable, items)) or "–"


def effect_table(
    recommender: Recommender, users: Sequence[Any], n: int, *, by: Any = "discovery", likely: float = 0.5, **asked: Any
) -> EffectTable:
    """Two lists for each user, and what tells them apart.

    Args:
        recommender: What recommends.
        users: Names.
        n: Items of a list.
        by: "discovery", the heuristic; or a function (user, items) → what recommending each item adds.
        likely: An item counts as got anyway from this probability on.
        asked: Further rules, for both lists.
    """
    catalogue = recommender.catalogue
    plain = asked_rules(catalogue, n=n, **{**asked, "by": "prediction"})
    other = asked_rules(catalogue, n=n, by=by, **asked)
    makers = other.makers or makers_of(tuple(catalogue.attributes))
    told: dict[str, _Tally] = {"prediction": _Tally(), "effect": _Tally()}
    rows: list[EffectRow] = []
    shared: list[float] = []
    for user in users:
        one = recommender.somebody(user)
        first, _ = recommender.chosen(one, plain)
        second, beside = recommender.chosen(one, other)
        for name, found in (("prediction", first), ("effect", second)):
            told[name].add(found, beside, _familiar(catalogue, one.own, found, makers))
        if first:
            shared.append(len(set(first) & set(second)) / len(first))
        certain = [] if beside.anyway is None else [item for item in first if beside.anyway[item] >= likely]
        lists = (tuple(map(catalogue.shown, found)) for found in (first, certain, second))
        rows.append(EffectRow(str(one.name), *lists))
    return EffectTable(
        n,
        "measured" if callable(by) else "heuristic",
        tuple(rows),
        {name: _mean(tally.anyway) for name, tally in told.items()},
        {name: _mean(tally.adds) for name, tally in told.items()},
        {name: _mean(tally.familiar) if makers else None for name, tally in told.items()},
        float(np.mean(shared)) if shared else 1.0,
    )


class _Tally:
    """What is known of each item of the lists of one kind."""

    def __init__(self) -> None:
        self.anyway: list[float] = []
        self.adds: list[float] = []
        self.familiar: list[bool] = []

    def add(self, found: Sequence[int], beside: Beside, familiar: Sequence[bool]) -> None:
        items = list(found)
        self.anyway += [] if beside.anyway is None else beside.anyway[items].tolist()
        self.adds += [] if beside.adds is None else [x for x in beside.adds[items].tolist() if not np.isnan(x)]
        self.familiar += familiar


def _familiar(catalogue: Catalogue, own: Codes, found: Sequence[int], makers: Sequence[str]) -> list[bool]:
    """Whether the author, series or the like of each item is one of something that the user has."""
    said = np.zeros(len(found), bool)
    for name in makers:
        attribute = catalogue.attributes[name]
        mine = {int(code) for item in own.tolist() for code in attribute.of(item)}
        said |= attribute.having(mine)[list(found)]
    return said.tolist()


def _mean(found: Sequence[float]) -> float | None:
    return float(np.mean(found)) if len(found) else None
