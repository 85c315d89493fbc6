"""The draw by groups: whole groups go to the test set and to validation, each class in proportion as far as they allow.

scikit-learn divides groups into folds (see `data.splitting.folds`), not by fractions, and may change its draw between
versions; a test set must stay what it was, so this draw is our own. Groups are met in an order that depends on their
names and the seed alone: pictures added to a group later do not shuffle the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivetrain.data.notices import warn
from drivetrain.data.splitting.coded import Coded, Rows, coded, flat, pairs_of
from drivetrain.data.splitting.drawing import TEST, TRAIN, VALID, Labels, parts_named, ranks, share
from drivetrain.data.splitting.split import Part, check_fractions
from drivetrain.errors import SplitError, first_few
from drivetrain.text import agreeing


@dataclass(frozen=True)
class _Unit:
    """Rows that go together."""

    place: int
    """Among the names of units."""
    what: list[int]
    """Codes of its labels, in the order of the alphabet, and then the code that counts rows."""
    n: list[int]
    """How many distinct contents have each."""


def draw_groups(
    units: Sequence[str],
    digests: Sequence[str],
    labels: Labels | None = None,
    *,
    valid_pct: float,
    test_pct: float,
    seed: int,
    stratify: bool = True,
    joined: str = "",
) -> list[Part]:
    """A part for every row, the same for all rows of a unit; every label keeps a training row.

    A unit is taken where it brings the part nearer to its share of every class (squared distance over what is wanted,
    summed over classes and the whole). How near that comes depends on the groups: one that holds half of the rows
    cannot be a fifth.

    Args:
        units: What each row stays together with, as `drivetrain.data.splitting.ties.tie` names it.
        digests: Content of each row's file; copies count once.
        labels: The category or categories of each row; None for numbers.
        valid_pct: Fraction for validation, as of `drivetrain.data.splitting.drawing.make_split`.
        test_pct: Fraction for the test set, likewise. It is drawn first: `valid_pct` does not change it.
        seed: Another number draws another split.
        stratify: False looks at the number of rows alone.
        joined: What made units larger than the groups that were asked for, for a message.

    Raises:
        SplitError: There are too few groups to fill the parts, or too few that can leave training.

    Example:
        >>> draw_groups(["p", "p", "q", "q"], ["0", "1", "2", "3"], valid_pct=0.5, test_pct=0, seed=1)
        ['train', 'train', 'valid', 'valid']
    """
    check_fractions(valid_pct, test_pct)
    names = coded(units)
    vocab, waiting = _units(names, digests, labels)
    place = ranks(seed, (f"group|{name}" for name in names.distinct)).argsort(kind="stable")
    waiting = [waiting[unit] for unit in place.tolist()]
    n_of = np.zeros(len(vocab) + 1)
    np.add.at(n_of, [what for unit in waiting for what in unit.what], [n for unit in waiting for n in unit.n])
    every: list[int] = n_of.astype(int).tolist()
    if valid_pct or test_pct:
        _warn_of_lone(waiting, vocab)
    part_of = np.zeros(len(names.distinct), np.int8)
    asked: dict[int, float] = {TEST: test_pct, VALID: valid_pct}
    for part, pct in asked.items():
        if not pct:
            continue
        wanted = [n * pct if stratify else 0.0 for n in every[:-1]] + [float(share(every[-1], pct))]
        taken = _take(waiting, wanted)
        if not taken or len(taken) == len(waiting):
            raise _too_few(len(names.distinct), every[-1], valid_pct, test_pct, joined)
        part_of[[unit.place for unit in taken]] = part
        waiting = [unit for unit in waiting if part_of[unit.place] == TRAIN]
    return parts_named(part_of[names.codes])


def _units(names: Coded, digests: Sequence[str], labels: Labels | None) -> tuple[list[str], list[_Unit]]:
    """The labels, and distinct contents with each of them counted unit by unit."""
    content, n_units = coded(digests).codes, len(names.distinct)
    owner, _ = pairs_of(names.codes, content)
    n_rows = np.bincount(owner, minlength=n_units).tolist()
    rows, several = flat([] if labels is None else labels)
    vocab, label = coded(several, in_order=True)  # sums in one order
    both, label = pairs_of(names.codes[rows] * (int(content.max(initial=0)) + 1) + content[rows], label)
    (owner, label), n_of = _counted(both // (int(content.max(initial=0)) + 1), label)
    ends = np.cumsum(np.bincount(owner, minlength=n_units)).tolist()
    what, n = label.tolist(), n_of.tolist()
    return vocab, [
        _Unit(unit, [*what[begin:end], len(vocab)], [*n[begin:end], n_rows[unit]])
        for unit, (begin, end) in enumerate(zip([0, *ends], ends, strict=False))
    ]


def _counted(first: Rows, second: Rows) -> tuple[tuple[Rows, Rows], Rows]:
    """The distinct pairs of two columns of codes, sorted, and how often each occurs."""
    width = int(second.max(initial=0)) + 1
    both, n_of = np.unique(first * width + second, return_counts=True)
    return (both // width, both % width), n_of


def _take(waiting: Sequence[_Unit], wanted: Sequence[float]) -> list[_Unit]:
    """Of the units in their order, those that bring the counts nearer to what is wanted; 0 is no wish."""
    has = [0] * len(wanted)
    left = _n_units(waiting, len(wanted))  # that could still train each label
    taken: list[_Unit] = []
    spare: tuple[float, _Unit] | None = None
    for unit in waiting:
        change = 0.0
        for what, n in zip(unit.what, unit.n, strict=True):
            if left[what] == 1:
                break
            if wanted[what]:
                change += n * (n + 2 * (has[what] - wanted[what])) / wanted[what]
        else:
            if change < 0:
                taken.append(unit)
                for what, n in zip(unit.what, unit.n, strict=True):
                    left[what] -= 1
                    has[what] += n
            elif spare is None or change < spare[0]:
                spare = (change, unit)
    return taken or ([spare[1]] if spare else [])


def _n_units(units: Sequence[_Unit], n: int) -> list[int]:
    """(n,) in how many units each label is."""
    return np.bincount(np.fromiter((what for unit in units for what in unit.what), np.int64), minlength=n).tolist()


def _warn_of_lone(waiting: Sequence[_Unit], vocab: Sequence[str]) -> None:
    """Say which labels are in a single group, which must train."""
    in_units = _n_units(waiting, len(vocab))
    lone = [name for name, n in zip(vocab, in_units, strict=False) if n == 1]
    if lone:
        warn(
            f"{agreeing(len(lone), 'classes', 'are')} in one group only, which goes to the training set: "
            f"{first_few(lone)}. "
            "How well they are recognised cannot be measured."
        )


def _too_few(n_units: int, n_contents: int, valid_pct: float, test_pct: float, joined: str) -> SplitError:
    return SplitError(
        f"{n_units} groups of {n_contents} distinct rows cannot be split with valid_pct={valid_pct:g} and "
        f"test_pct={test_pct:g} so that no group is torn apart, every part has one, and every class a training "
        f"row{joined}. "
        "To fix: name a finer group, add groups, or set test_pct=0 or valid_pct=0."
    )
