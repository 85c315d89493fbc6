"""What users have done since a model was trained: folded in, without training anew.

Legend: N rows, U users, I items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.kinds.ratings.ids import coded
from drivetrain.kinds.ratings.recommending.catalogue import Seen
from drivetrain.kinds.ratings.recommending.ranking import Codes, Floats
from drivetrain.kinds.ratings.recommending.recommender import Recommender
from drivetrain.kinds.ratings.recommending.scoring import Contributions, Scorer
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.text import counted, does, readable


@dataclass(frozen=True)
class Refreshed:
    """A model whose users with new rows are folded in."""

    scorer: Scorer
    fresh: NDArray[np.bool_]
    """(U,) users with new rows, or new themselves."""
    seen: Seen

    @property
    def says(self) -> str:
        """As the model."""
        return self.scorer.says

    @property
    def folds_in(self) -> bool:
        """As the model."""
        return self.scorer.folds_in

    @property
    def is_share(self) -> bool:
        """As the model."""
        return self.scorer.is_share

    @property
    def reads_values(self) -> bool:
        """As the model."""
        return self.scorer.reads_values

    def scores(self, users: Codes, /) -> Floats:
        """(U, I) of users by code."""
        folded = self.fresh[users]
        known = self.scorer.scores(users[~folded])
        found = np.empty((len(users), known.shape[1]), np.float32)
        found[~folded] = known
        for row in np.flatnonzero(folded).tolist():
            found[row] = self.fold_in(*self.seen.of(int(users[row])))
        return found

    def fold_in(self, items: Codes, values: Floats, /) -> Floats:
        """As the model."""
        return self.scorer.fold_in(items, values)

    def contributions(self, items: Codes, values: Floats, wanted: Codes, /) -> Contributions:
        """As the model."""
        return self.scorer.contributions(items, values, wanted)


def updated(recommender: Recommender, events: Any) -> Recommender:
    """See `Recommends.update`."""
    catalogue, scorer = recommender.catalogue, recommender.scorer
    if not scorer.folds_in:
        raise SettingError(
            "update() cannot be used: this model's scores do not depend on what a user has. Expected one that folds "
            "users in, such as dt.Factors or dt.Ease. To fix: train it anew on all rows."
        )
    users, items, values = _read(recommender, events)
    unknown = sorted({name for name in items if name not in catalogue.item_code})
    kept = [row for row, name in enumerate(items) if name in catalogue.item_code]
    if not kept:
        raise DataError(
            f"none of {counted(len(items), 'new row')} is of an item that the model was trained on; expected some. To "
            "fix: check the column of items, or train the model anew."
        )
    if unknown:
        left = len(items) - len(kept)
        warn(
            f"{left:,} of {counted(len(items), 'new row')} {does(left, 'are')} left out: the model was not trained on "
            f"{counted(len(unknown), 'item')}, such as {first_few(map(readable, unknown))}. To fix: train it anew when "
            "they matter"
        )
    names = dict(catalogue.user_code)
    for row in kept:
        names.setdefault(users[row], len(names))
    rows = np.array([names[users[row]] for row in kept], np.int64)
    codes = np.array([catalogue.item_code[items[row]] for row in kept], np.int64)
    seen = joined(catalogue.seen, rows, codes, values[kept], shape=(len(names), len(catalogue.items)))
    fresh = np.zeros(len(names), bool)
    fresh[rows] = True
    base = scorer
    if isinstance(scorer, Refreshed):
        base = scorer.scorer
        fresh[: len(scorer.fresh)] |= scorer.fresh
    new = len(names) - len(catalogue.users)
    return refreshed(
        recommender,
        tuple(names),
        fresh,
        seen,
        base=base,
        told=Decision(
            value=len(kept),
            reason=f"new rows of {counted(len(np.unique(rows)), 'user')}, {new:,} of them new; items stay "
            "as they were trained",
        ),
    )


def refreshed(
    recommender: Recommender,
    users: tuple[str, ...],
    fresh: NDArray[np.bool_],
    seen: Seen,
    *,
    base: Scorer,
    told: Decision,
) -> Recommender:
    """A recommender that folds some users in.

    Args:
        recommender: As it was.
        users: All names, the new ones last.
        fresh: (U,) who is folded in.
        seen: What all of them have.
        base: What scores.
        told: How that came.
    """
    return replace(
        recommender,
        catalogue=replace(recommender.catalogue, users=users, seen=seen),
        scorer=Refreshed(base, fresh, seen),
        decisions={**recommender.decisions, "update": told},
    )


def _read(recommender: Recommender, events: Any) -> tuple[list[str], list[str], Floats]:
    """Users, items and values of rows that have all of them."""
    from drivetrain.kinds.ratings.reading import read_columns  # noqa: PLC0415 - who recommends reads no tables

    table, columns = read_columns(events, setting="events"), recommender.columns
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise DataError(
            f"events: column {readable(lacking[0])!r} is not there; expected {first_few(map(readable, columns))}, as "
            f"in training. The table has {first_few(map(readable, table.columns))}. To fix: rename the column."
        )
    users, items = (coded(table.columns[name]) for name in columns[:2])
    named = [(users[0][user], items[0][item]) for user, item in zip(users[1], items[1], strict=True)]
    values = np.ones(len(named), np.float32)
    if recommender.scale is not None:
        with np.errstate(invalid="ignore"):
            values = np.array([_rating(cell) for cell in table.columns[columns[2]]], np.float32)
    low, high = recommender.scale or (1.0, 1.0)
    good = [
        row for row, (user, item) in enumerate(named) if user is not None and item is not None
        and low <= values[row] <= high
    ]  # fmt: skip
    if len(good) < len(named):
        scale = f", or a rating between {low:g} and {high:g}" if recommender.scale is not None else ""
        left = len(named) - len(good)
        why = f"no user, no item{scale}"
        warn(f"{left:,} of {counted(len(named), 'new row')} {does(left, 'are')} left out: {why}")
    return [str(named[row][0]) for row in good], [str(named[row][1]) for row in good], values[good]


def _rating(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return np.nan


def joined(seen: Seen, rows: Codes, codes: Codes, values: Floats, *, shape: tuple[int, int]) -> Seen:
    """All rows by user; of a pair that comes again the last one counts."""
    n_users, n_items = shape
    before = np.repeat(np.arange(len(seen)), np.diff(seen.starts))
    pair = np.concatenate([before * n_items + seen.items, rows * n_items + codes])
    value = np.concatenate([seen.values, values])
    last = len(pair) - 1 - np.unique(pair[::-1], return_index=True)[1]  # in the order of the pairs
    user, item = np.divmod(pair[last], n_items)
    starts = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=n_users))]).astype(np.int64)
    return Seen(starts, item.astype(seen.items.dtype), value[last].astype(np.float32))
