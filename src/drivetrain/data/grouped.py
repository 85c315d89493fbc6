"""The draw by groups: whole groups go to the test set and to validation, each class in proportion as far as they allow.

scikit-learn divides groups into folds (see `drivetrain.data.folds`), not by fractions, and may change its draw between
versions; a test set must stay what it was, so this draw is our own. Groups are met in an order that depends on their
names and the seed alone: pictures added to a group later do not shuffle the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from drivetrain.data.coded import Coded, Rows, coded, flat, pairs_of, texts
from drivetrain.data.drawing import Labels, parts_named, rank, share
from drivetrain.data.notices import warn
from drivetrain.data.split import PARTS, Part, check_fractions
from drivetrain.errors import SplitError, first_few

ALL = ("rows",)
"""Counts beside the labels: how many rows there are."""
Count = str | tuple[str]


@dataclass
class _Unit:
    """Rows that go together: how many there are, and how many of each label."""

    name: str
    counts: Counter[Count] = field(default_factory=Counter[Count])


def draw_groups(
    units: Sequence[str],
    digests: Sequence[str],
    labels: Labels | None = None,
    *,
    valid_pct: float,
    test_pct: float,
    seed: int,
    stratify: bool = True,
) -> list[Part]:
    """A part for every row, the same for all rows of a unit; every label keeps a training row.

    A unit is taken where it brings the part nearer to its share of every class (squared distance over what is wanted,
    summed over classes and the whole). How near that comes depends on the groups: one that holds half of the rows
    cannot be a fifth.

    Args:
        units: What each row stays together with, as `drivetrain.data.ties.tie` names it.
        digests: Content of each row's file; copies count once.
        labels: The category or categories of each row; None for numbers.
        valid_pct: Fraction for validation, as of `drivetrain.data.drawing.make_split`.
        test_pct: Fraction for the test set, likewise. It is drawn first: `valid_pct` does not change it.
        seed: Another number draws another split.
        stratify: False looks at the number of rows alone.

    Raises:
        SplitError: There are too few groups to fill the parts, or too few that can leave training.

    Example:
        >>> draw_groups(["p", "p", "q", "q"], ["0", "1", "2", "3"], valid_pct=0.5, test_pct=0, seed=1)
        ['train', 'train', 'valid', 'valid']
    """
    check_fractions(valid_pct, test_pct)
    names = coded(units)
    waiting = _units(names, digests, labels)
    waiting.sort(key=lambda unit: rank(seed, f"group|{unit.name}"))
    every = Counter[Count]()
    for unit in waiting:
        every.update(unit.counts)
    if valid_pct or test_pct:
        _warn_of_lone(waiting, every)
    part_of: dict[str, Part] = {unit.name: "train" for unit in waiting}
    asked: dict[Part, float] = {"test": test_pct, "valid": valid_pct}
    for part, pct in asked.items():
        if not pct:
            continue
        wanted: dict[Count, float] = {what: share(n, pct) if what == ALL else n * pct for what, n in every.items()}
        if not stratify:
            wanted = {ALL: wanted[ALL]}
        taken = _take(waiting, wanted)
        if not taken or len(taken) == len(waiting):
            raise _too_few(part_of, every, valid_pct, test_pct)
        for unit in taken:
            part_of[unit.name] = part
        waiting = [unit for unit in waiting if part_of[unit.name] == "train"]
    part = np.array([PARTS.index(part_of[name]) for name in names.distinct], np.int8)
    return parts_named(part[names.codes])


def _units(names: Coded, digests: Sequence[str], labels: Labels | None) -> list[_Unit]:
    """Distinct contents and their labels, counted unit by unit."""
    content = coded(digests).codes
    owner, _ = pairs_of(names.codes, content)
    n_rows = np.bincount(owner, minlength=len(names.distinct)).tolist()
    found = [_Unit(name, Counter[Count]()) for name in names.distinct]
    if labels is not None and len(content):
        rows, several = flat(texts(labels))
        vocab, label = coded(several, in_order=True)  # sums in one order
        width = int(content.max()) + 1
        both, label = pairs_of(names.codes[rows] * width + content[rows], label)
        (owner, label), n_of = _counted(both // width, label)
        for unit, name, n in zip(owner.tolist(), label.tolist(), n_of.tolist(), strict=True):
            found[unit].counts[vocab[name]] = n
    for unit, n in zip(found, n_rows, strict=True):
        unit.counts[ALL] = n
    return found


def _counted(first: Rows, second: Rows) -> tuple[tuple[Rows, Rows], Rows]:
    """The distinct pairs of two columns of codes, sorted, and how often each occurs."""
    width = int(second.max(initial=0)) + 1
    both, n_of = np.unique(first * width + second, return_counts=True)
    return (both // width, both % width), n_of


def _take(waiting: Sequence[_Unit], wanted: dict[Count, float]) -> list[_Unit]:
    """Of the units in their order, those that bring the counts nearer to what is wanted."""
    has = dict.fromkeys(wanted, 0)
    left = Counter[Count](what for unit in waiting for what in unit.counts)  # units that could still train each label
    taken: list[_Unit] = []
    spare: tuple[float, _Unit] | None = None
    for unit in waiting:
        if any(left[what] == 1 for what in unit.counts):
            continue
        counts = [(what, n) for what, n in unit.counts.items() if what in wanted]
        change = sum(n * (n + 2 * (has[what] - wanted[what])) / wanted[what] for what, n in counts)
        if change < 0:
            taken.append(unit)
            for what in unit.counts:
                left[what] -= 1
            for what, n in counts:
                has[what] += n
        elif spare is None or change < spare[0]:
            spare = (change, unit)
    return taken or ([spare[1]] if spare else [])


def _warn_of_lone(waiting: Sequence[_Unit], every: Iterable[Count]) -> None:
    """Say which labels are in a single group, which must train."""
    in_units = Counter(what for unit in waiting for what in unit.counts)
    lone = sorted(what for what in every if isinstance(what, str) and in_units[what] == 1)
    if lone:
        warn(
            f"{len(lone)} classes are in one group only, which goes to the training set: {first_few(lone)}. "
            "How well they are recognised cannot be measured."
        )


def _too_few(part_of: dict[str, Part], every: Counter[Count], valid_pct: float, test_pct: float) -> SplitError:
    return SplitError(
        f"{len(part_of)} groups of {every[ALL]} distinct pictures cannot be split with valid_pct={valid_pct:g} and "
        f"test_pct={test_pct:g} so that no group is torn apart, every part has one, and every class a training row. "
        "To fix: name a finer group, add groups, or set test_pct=0 or valid_pct=0."
    )
