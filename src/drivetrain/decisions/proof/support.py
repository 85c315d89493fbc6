"""Support: is a proposed value among those that rows like it were seen with?

Legend: n rows, L actions, T trees, M logged rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.columns import check_columns
from drivetrain.decisions.plan.parts import Support
from drivetrain.decisions.proof.encoding import Encoding, floats_of, texts_of
from drivetrain.errors import DataError
from drivetrain.settings import shown
from drivetrain.text import agreeing, counted

Array = NDArray[np.float64]
WORDS = ("inside", "edge", "outside")
INSIDE, EDGE, OUTSIDE = 0, 1, 2

TREES = 10
LEAF = 100
"""Logged rows that are alike, at least: 1 % of them is a row."""
MOST = 20_000
"""Logged rows that are looked at, drawn by chance where there are more."""
FINE = (200, 30, 10)
"""Values at which proposed numbers are judged, where they have more: of one lever, of each of two, of each of three."""
USUAL, RARE = 0.05, 0.01
"""Shares of rows like it: the middle 90 % of what they were seen with is inside, the middle 98 % the edge."""
NEAR = 0.1
"""Share of that middle that counts as near a value, so that a gap which nobody was seen in is no support."""
TOGETHER = 1 / 3
"""The same where values of several levers are looked for together, of which there are fewer."""
RULE_OF_THREE = 3.0
"""Expected rows from which none at all is no accident: P(0) is below 5 % (Hanley & Lippman-Hand 1983)."""
CHUNK = 8_000_000
"""Numbers held at a time."""


@dataclass(frozen=True)
class Seen:
    """What was seen in the log, and with whom.

    Rows are alike that fall into the same leaf of a tree which predicts the levers from the columns; what they were
    seen with is averaged over 10 trees, as in a quantile regression forest (Meinshausen 2006). So a lever that chance
    set is judged by all rows, and one that follows the columns by those to which the columns gave such values.

    Example:
        >>> random = np.random.default_rng(0)
        >>> city = random.choice(["Bonn", "Ulm"], 2_000)
        >>> price = np.where(city == "Bonn", 10, 20) + random.uniform(-2, 2, 2_000)
        >>> logged = pd.DataFrame({"city": city, "price": price})
        >>> seen = Seen.fit(logged, [Lever("price", 5, 25)], ["city"])
        >>> rows = pd.DataFrame({"city": ["Bonn", "Ulm"]})
        >>> seen.words(rows, {"price": np.array([10.0, 20.0])}).tolist()
        [[0, 2], [2, 0]]
    """

    levers: tuple[Lever, ...]
    encoding: Encoding
    forest: RandomForestRegressor | None
    leaves: tuple[NDArray[np.intp], ...]
    """Of each tree (M,): the leaf of each logged row, counted from 0."""
    places: tuple[NDArray[np.intp], ...]
    """Of each tree: node → leaf as counted."""
    values: Mapping[str, Array | NDArray[np.str_]]
    """Lever → (M,) logged values."""
    spans: Mapping[str, NDArray[np.float64]] = field(default_factory=dict[str, NDArray[np.float64]])
    """Number → (T, leaves) width of the middle 90 %, ragged rows filled up with 0."""
    like: int = LEAF

    @classmethod
    def fit(cls, logged: pd.DataFrame, levers: Sequence[Lever], columns: Sequence[str], *, seed: int = 0) -> Seen:
        """Look at what was logged.

        Args:
            logged: Rows with the levers' columns.
            levers: What is decided.
            columns: That make rows alike; levers among them do not count.
            seed: Of the trees.

        Raises:
            DataError: A lever has no column, no value, or never moved: the message says what to collect.
        """
        names = [lever.name for lever in levers]
        check_columns(logged, names)
        kept = np.ones(len(logged), dtype=np.bool_)
        values: dict[str, Array | NDArray[np.str_]] = {}
        for lever in levers:
            found = texts_of(logged[lever.name]) if lever.is_choice else floats_of(logged, lever.name)
            kept &= (found != "") if lever.is_choice else np.isfinite(found.astype(np.float64))
            values[lever.name] = found
        for lever in levers:
            _check_moved(lever, values[lever.name][kept])
        places = np.flatnonzero(kept)
        if len(places) > MOST:
            places = np.sort(np.random.default_rng(seed).choice(places, MOST, replace=False))
        values = {name: found[places] for name, found in values.items()}
        encoding = Encoding.fit(logged.iloc[places], [name for name in columns if name not in names])
        like = min(LEAF, max(20, len(places) // 4))
        forest = _grown(encoding.numbers(logged.iloc[places]), levers, values, like, seed)
        leaves, nodes = _leaves(forest, encoding.numbers(logged.iloc[places]))
        numbers = [lever.name for lever in levers if not lever.is_choice]
        spans = {name: _widths(leaves, values[name].astype(np.float64)) for name in numbers}
        return cls(tuple(levers), encoding, forest, leaves, nodes, values, spans, like)

    def words(self, rows: pd.DataFrame, actions: Mapping[str, NDArray[Any]]) -> NDArray[np.int8]:
        """(n, L) 0 inside, 1 edge, 2 outside, of each row and action.

        Args:
            rows: With the columns.
            actions: Lever → (L,) values; levers that are left out do not count.
        """
        made = [part for _, part in self._chunks(rows, actions)]
        n_actions = len(next(iter(actions.values()), ()))
        return np.concatenate(made) if made else np.zeros((len(rows), n_actions), dtype=np.int8)

    def each(self, rows: pd.DataFrame, proposed: Mapping[str, NDArray[Any]]) -> NDArray[np.int8]:
        """(n,) 0 inside, 1 edge, 2 outside: each row at its own values."""
        levers = [lever for lever in self.levers if lever.name in proposed]
        made = np.zeros(len(rows), dtype=np.int8)
        if not levers or not len(rows):
            return made
        table = pd.DataFrame({lever.name: _coarse(lever, proposed[lever.name], len(levers)) for lever in levers})
        codes, firsts = _codes(table)
        actions = {lever.name: table[lever.name].to_numpy()[firsts] for lever in levers}
        for part, words in self._chunks(rows, actions):
            made[part] = words[np.arange(len(words)), codes[part]]
        return made

    def _chunks(
        self, rows: pd.DataFrame, actions: Mapping[str, NDArray[Any]]
    ) -> Iterator[tuple[slice, NDArray[np.int8]]]:
        levers = [lever for lever in self.levers if lever.name in actions]
        if not levers:
            return
        tables = self._tables(levers, actions)
        width = max(1, CHUNK // max(1, len(next(iter(actions.values()))) * len(tables)))
        for start in range(0, len(rows), width):
            part = rows.iloc[start : start + width]
            places = self._places(part)
            shares = [_mean([table[at] for table, at in zip(each, places, strict=True)]) for each in tables]
            words = _judged(shares, levers, self.like)
            new = self.encoding.is_new(part)
            words = np.where(new[:, None] & (words == INSIDE), np.int8(EDGE), words).astype(np.int8)
            yield slice(start, start + len(part)), words

    def where(self, rows: pd.DataFrame, proposed: Mapping[str, NDArray[Any]]) -> Support:
        """Whether rows like each were seen with the values proposed.

        Args:
            rows: With the columns.
            proposed: Lever → (n,) values.
        """
        words = self.each(rows, proposed)
        shares = {word: float(np.mean(words == place)) if len(words) else 0.0 for place, word in enumerate(WORDS)}
        new = int(self.encoding.is_new(rows).sum())
        return Support(np.array(WORDS)[words], shares, self.how(new))

    def how(self, new: int = 0) -> str:
        """In words: what rows like it are, and where the edge lies."""
        names = ", ".join(each.name for each in self.encoding.columns) or "nothing (no column is read)"
        said = (
            f"Rows are alike whose columns ({names}) say the same of the levers: at least {self.like} logged rows "
            f"each, averaged over {len(self.leaves)} trees. Inside: among the middle 90 % of the numbers that rows "
            "like it were seen with, and with values near it; an option that at least 5 % of them had. Edge: the "
            "middle 98 %, or 1 %. Outside: beyond, in a gap, or a combination of levers never seen."
        )
        if new:
            said += (
                f" {agreeing(new, 'rows', 'have')} a category or a number that no logged row has: at the edge at best."
            )
        return said

    def _places(self, rows: pd.DataFrame) -> list[NDArray[np.intp]]:
        """Of each tree (n,): the leaf, as counted."""
        if self.forest is None:
            return [np.zeros(len(rows), dtype=np.intp)]
        nodes = self.forest.apply(self.encoding.numbers(rows)) if len(rows) else np.zeros((0, TREES), dtype=np.intp)
        return [place[nodes[:, tree]] for tree, place in enumerate(self.places)]

    def _tables(self, levers: Sequence[Lever], actions: Mapping[str, NDArray[Any]]) -> list[list[Array]]:
        """Per quantity, per tree: (leaves, L) shares of the leaf's rows.

        Of each number three (at most the value, at least the value, near it), of each choice one (that option); where
        there are several levers a fourth of each number (roughly near it), and one of rows that are so in all levers.
        """
        alone: list[list[Array]] = []
        for tree, leaf in enumerate(self.leaves):
            n_leaves = int(leaf.max()) + 1
            sizes = np.bincount(leaf, minlength=n_leaves)[:, None]
            here: list[Array] = []
            both: NDArray[np.bool_] | None = None
            for lever in levers:
                near, shares = self._one(lever, actions[lever.name], tree, leaf, n_leaves, several=len(levers) > 1)
                here.extend(each / sizes for each in shares)
                both = near if both is None else both & near
            if len(levers) > 1 and both is not None:
                here.append(_per_leaf(leaf, both, n_leaves) / sizes)
            alone.append(here)
        return [[each[quantity] for each in alone] for quantity in range(len(alone[0]))]

    def _one(
        self, lever: Lever, tried: NDArray[Any], tree: int, leaf: NDArray[np.intp], n_leaves: int, *, several: bool
    ) -> tuple[NDArray[np.bool_], list[Array]]:
        """(M, L) whether each logged row is near enough to count together with other levers; and counts of leaves."""
        if lever.is_choice:
            same = self.values[lever.name][:, None] == texts_of(tried)[None, :]
            return same, [_per_leaf(leaf, same, n_leaves)]
        logged = self.values[lever.name].astype(np.float64)[:, None]
        values = np.asarray(tried, dtype=np.float64)[None, :]
        slack = 1e-9 * max(1.0, float(np.abs(logged).max()))
        width = self.spans[lever.name][tree][leaf][:, None]
        away = np.abs(logged - values)
        near, below, above = away <= NEAR / 2 * width + slack, logged <= values + slack, logged >= values - slack
        shares = [_per_leaf(leaf, each, n_leaves) for each in (below, above, near)]
        together = away <= TOGETHER / 2 * width + slack
        return together, [*shares, _per_leaf(leaf, together, n_leaves)] if several else shares


def _mean(parts: Sequence[Array]) -> Array:
    total = parts[0].copy()
    for each in parts[1:]:
        total += each
    return total / len(parts)


def _judged(shares: list[Array], levers: Sequence[Lever], like: int) -> NDArray[np.int8]:
    """(n, L) words from shares: those of `Seen._tables`."""
    worst = np.zeros(shares[0].shape, dtype=np.int8)
    product = np.ones(shares[0].shape)
    place, several = 0, len(levers) > 1
    for lever in levers:
        if lever.is_choice:
            share = shares[place]
            here = np.where(share >= USUAL, INSIDE, np.where(share >= RARE, EDGE, OUTSIDE))
            product, place = product * share, place + 1
        else:
            below, above, near = shares[place : place + 3]
            tail = np.minimum(below, above)
            here = np.where(tail >= USUAL, INSIDE, np.where(tail >= RARE, EDGE, OUTSIDE))
            thin = np.where(near < RARE / 10, OUTSIDE, np.where(near < RARE, EDGE, INSIDE))
            here, place = np.maximum(here, thin), place + 3
            if several:
                product, place = product * shares[place], place + 1
        worst = np.maximum(worst, here.astype(np.int8))
    if several:
        never = (product * like >= RULE_OF_THREE) & (shares[place] < RARE / 10)
        worst = np.where(never, np.int8(OUTSIDE), worst)
    return worst.astype(np.int8)


def _check_moved(lever: Lever, values: NDArray[Any]) -> None:
    different = np.unique(values)
    if len(different) > 1:
        return
    tried = ", ".join(map(repr, lever.options)) if lever.is_choice else f"from {lever.low:g} to {lever.high:g}"
    found = "has no value" if not len(different) else f"is always {shown(different[0].item())}"
    raise DataError(
        f"the lever {lever.name!r} {found} in {counted(len(values), 'logged row')}; expected at least two values, as "
        "its effect cannot be learned from a lever that never moved. To fix: collect rows in which chance sets "
        f"{lever.name!r} ({tried}) for some; dt.experiment says how many, and writes the table."
    )


def _grown(
    codes: Array, levers: Sequence[Lever], values: Mapping[str, Any], like: int, seed: int
) -> RandomForestRegressor | None:
    """Trees that predict the levers; None where there is nothing to tell rows apart by."""
    if codes.shape[1] == 0 or len(codes) < 2 * like:
        return None
    targets: list[Array] = []
    for lever in levers:
        if lever.is_choice:
            options = np.unique(values[lever.name])
            each = [(values[lever.name] == option).astype(np.float64) for option in options[: len(options) - 1]]
        else:
            ranks = np.argsort(np.argsort(values[lever.name], kind="stable"), kind="stable")
            each = [ranks / len(ranks)]
        targets.extend(each)
    forest = RandomForestRegressor(TREES, min_samples_leaf=like, max_features=1.0, random_state=seed, n_jobs=1)
    return forest.fit(codes, np.stack(targets, axis=1) if len(targets) > 1 else targets[0])


def _leaves(
    forest: RandomForestRegressor | None, codes: Array
) -> tuple[tuple[NDArray[np.intp], ...], tuple[NDArray[np.intp], ...]]:
    if forest is None:
        return (np.zeros(len(codes), dtype=np.intp),), ()
    nodes = forest.apply(codes)
    leaves: list[NDArray[np.intp]] = []
    places: list[NDArray[np.intp]] = []
    for tree in range(nodes.shape[1]):
        used, leaf = np.unique(nodes[:, tree], return_inverse=True)
        place = np.zeros(int(forest.estimators_[tree].tree_.node_count), dtype=np.intp)
        place[used] = np.arange(len(used))
        leaves.append(leaf.astype(np.intp))
        places.append(place)
    return tuple(leaves), tuple(places)


def _widths(leaves: Sequence[NDArray[np.intp]], values: Array) -> Array:
    """(T, leaves) the width of the middle 90 % of each leaf's values."""
    widest = max(int(leaf.max()) + 1 for leaf in leaves)
    made = np.zeros((len(leaves), widest))
    for tree, leaf in enumerate(leaves):
        grouped = pd.Series(values).groupby(leaf)
        width = (grouped.quantile(1 - USUAL) - grouped.quantile(USUAL)).to_numpy(dtype=np.float64)
        made[tree, : len(width)] = width
    return made


def _per_leaf(leaf: NDArray[np.intp], flags: NDArray[np.bool_], n_leaves: int) -> Array:
    """(leaves, L) how many rows of each leaf have each flag."""
    order = np.argsort(leaf, kind="stable")
    starts = np.searchsorted(leaf[order], np.arange(n_leaves))
    return np.add.reduceat(flags[order].astype(np.float64), starts, axis=0)


def _coarse(lever: Lever, proposed: NDArray[Any], n_levers: int) -> NDArray[Any]:
    """Values at which proposed ones are judged: themselves where they are few, else the nearest on an even grid."""
    if lever.is_choice:
        return np.asarray(proposed)
    values = np.asarray(proposed, dtype=np.float64)
    fine = FINE[min(n_levers, len(FINE)) - 1]
    low, high = float(values.min()), float(values.max())
    if high <= low or len(np.unique(values)) <= fine:
        return values
    return low + np.round((values - low) / (high - low) * (fine - 1)) * (high - low) / (fine - 1)


def _codes(table: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(n,) which of the different rows each is, and where each of these is first."""
    codes = np.asarray(table.groupby(list(table.columns), sort=False, dropna=False).ngroup(), dtype=np.intp)
    firsts = np.zeros(int(codes.max()) + 1 if len(codes) else 0, dtype=np.intp)
    firsts[codes[::-1]] = np.arange(len(codes))[::-1]
    return codes, firsts
