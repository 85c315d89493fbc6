"""The best rows of each group, such as items to show to each customer, and what each way of picking adds.

Legend: n rows, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.table import known_column
from drivetrain.decisions.uplift.ranking import Measured, Ranking
from drivetrain.decisions.uplift.trial import Trial
from drivetrain.decisions.worth import Worth
from drivetrain.errors import DataError, SettingError
from drivetrain.text import counted, readable

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Picked:
    """What was picked, by whom, and what it adds."""

    n: int
    by: str
    n_groups: int
    table: pd.DataFrame
    """Rows that uplift or the response model picks: the table's columns, `picked_by` ("both", "uplift", "response
    model"), `uplift`, `with_treatment`, `without`."""
    added: dict[str, Worth]
    """"uplift", "response model", "one column", "random order" → what treating its picks adds to the outcome, for each
    group."""
    more: dict[str, Worth]
    """A baseline's name → what uplift's picks add more than its, paired."""
    anyway: dict[str, float]
    """"uplift", "response model" → mean outcome predicted without treatment of its picks: what comes anyway."""

    @property
    def bought_anyway(self) -> pd.DataFrame:
        """Rows that the response model picks and uplift does not, those first that would come anyway."""
        return self.table[self.table["picked_by"] == "response model"].sort_values("without", ascending=False)

    def __repr__(self) -> str:
        said = "; ".join(f"{name} {worth}" for name, worth in self.added.items())
        return f"Picked({self.n} of each {self.by}: {said})"


def pick(
    trial: Trial,
    every: Mapping[str, Ranking],
    *,
    with_treatment: Array,
    without: Array,
    n: int,
    by: str | None,
) -> Picked:
    """See `Uplift.recommend`."""
    column, codes = _groups(trial, by)
    sizes = np.bincount(codes)
    if (sizes <= n).all():
        raise DataError(
            f"no {readable(column)} has more than {counted(n, 'row')}, so nothing is picked among them; expected "
            f"groups with more rows than n={n}. To fix: pass a smaller n, or another column as by=."
        )
    ours = every["uplift"]
    measured = ours.measured
    parts = {name: _part(ranking.score, codes, n) for name, ranking in every.items()}
    per_group = len(codes) / len(sizes)
    joined = Measured(measured.effect, measured.fold, _joined(measured.group, codes), measured.level)
    method = f"doubly robust, {n} of each {column}"

    def worth(weights: Array) -> Worth:
        return joined.worth(weights * measured.effect * per_group, method)

    ours_part, response = parts["uplift"], parts["response model"]
    mine, theirs = ours_part > 0, response > 0
    kept = np.flatnonzero(mine | theirs)
    said = np.where(mine & theirs, "both", np.where(mine, "uplift", "response model"))
    table = trial.frame.iloc[kept].assign(
        picked_by=said[kept], uplift=ours.score[kept], with_treatment=with_treatment[kept], without=without[kept]
    )
    return Picked(
        n=n,
        by=column,
        n_groups=len(sizes),
        table=table,
        added={name: worth(part) for name, part in parts.items()},
        more={name: worth(ours_part - part) for name, part in parts.items() if name != "uplift"},
        anyway={
            name: float((parts[name] * without).sum() / parts[name].sum()) for name in ("uplift", "response model")
        },
    )


def _groups(trial: Trial, by: Any) -> tuple[str, Codes]:
    if by is None:
        if trial.group_column is None:
            raise SettingError(
                "by was not told, and the trial has no group; expected the column whose rows are picked among. To fix: "
                'pass by=, such as by="customer".'
            )
        return trial.group_column, trial.group
    column = known_column(trial.frame, by, "by")
    codes = pd.factorize(trial.frame[column], use_na_sentinel=False)[0].astype(np.int64)
    return column, codes


def _part(score: Array, codes: Codes, n: int) -> Array:
    """(n,) how much of each row is among its group's best n: 1 or 0.

    Between equal rows chance decides: it is drawn, or computed where all rows are equal (each is picked a little).
    """
    if np.ptp(score) == 0:
        return np.minimum(n / np.bincount(codes)[codes], 1.0)
    order = np.lexsort((np.random.default_rng(0).random(len(score)), -score, codes))
    group = codes[order]
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    within = np.arange(len(group)) - np.repeat(starts, np.diff(np.r_[starts, len(group)]))
    found = np.empty(len(score))
    found[order] = within < n
    return found


def _joined(group: Codes, codes: Codes) -> Codes:
    """(n,) rows that share a group of the trial or of the picking, which one of them usually contains."""
    if np.array_equal(group, codes):
        return group
    from scipy.sparse import coo_matrix  # noqa: PLC0415 - rarely needed
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    shape = (int(group.max()) + 1, int(codes.max()) + 1)
    ties = coo_matrix((np.ones(len(group)), (group, codes + shape[0])), shape=(sum(shape), sum(shape)))
    return connected_components(ties, directed=False)[1][group].astype(np.int64)
