"""Cross-validation: every row of training and validation judged once, in folds made as the split was.

scikit-learn divides; what it is given is put in an order that depends on content and seed alone, so the folds are the
same under any order of the rows, on any machine. The sealed test set is in no fold.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.splitting.divide import fit_target, labels_of, leave_out_unknown
from drivetrain.data.splitting.drawing import rank
from drivetrain.data.splitting.split import Part, Split
from drivetrain.data.splitting.ties import tie
from drivetrain.errors import SplitError
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.settings import whole
from drivetrain.text import agreeing


@dataclass(frozen=True)
class NestedFold:
    """One outer fold, and the folds of its training rows to choose settings with."""

    outer: Data
    """Train on its training rows with the settings chosen; its validation rows judge them, and chose nothing."""
    inner: tuple[Data, ...]
    """Folds of the outer training rows alone."""


@dataclass(frozen=True)
class _Fold:
    """Rows by number."""

    train: Sequence[int]
    valid: Sequence[int]


def make_folds(data: Data, k: int = 5, *, seed: int | None = None) -> list[Data]:
    """`k` times the same data, each time with another part of the training and validation rows to validate on.

    Folds are made as the split was: by time (each fold validates on what came after all it trains on, so the oldest
    rows only train), else by group where groups are known, and class by class unless `stratify=False` was asked for.
    Each row validates in one fold, but for those that must always train: rows of a class that would be in no
    training set otherwise. Copies of a picture are in one fold.

    Args:
        data: What `drivetrain.images` gave.
        k: How many, at least 2.
        seed: Another number makes other folds; None takes the split's. Folds by time do not depend on it.

    Raises:
        SettingError: `k` is below 2.
        SplitError: There are fewer groups, times or pictures than folds need.
    """
    k = whole("k", k, least=2)
    seed = None if seed is None else whole("seed", seed, least=0)
    rows = Examples.concat([data.train, data.valid])
    seed = data.split.seed if seed is None else seed
    units = tie(rows).units if rows.groups or rows.times else rows.digests
    if data.split.time is not None and rows.times:
        how, folds = "time", list(_by_time(rows.times, units, k, data.split.gap))
    else:
        by_class = isinstance(data.target, CategoryTarget) and _made_as(data.split) not in ("random", "grouped")
        how = {
            (True, True): "stratified grouped",
            (True, False): "stratified",
            (False, True): "grouped",
            (False, False): "random",
        }[by_class, bool(rows.groups)]
        classes = [str(value) for value in rows.values] if by_class else None
        folds = _all_trained(
            rows, units, lambda always: list(_by_unit(units, rows.digests, classes, always, k=k, seed=seed))
        )
    return [_fold_of(data, rows, fold, f"{i} of {k} ({how})", seed) for i, fold in enumerate(folds, start=1)]


def make_nested_folds(data: Data, k: int = 5, *, inner: int = 4, seed: int | None = None) -> list[NestedFold]:
    """Outer folds to judge a way of choosing settings, each with inner folds to choose them.

    Settings chosen by the very rows that judge them look better than they are. Here they are chosen by the inner folds
    of each outer fold, and judged on rows that had no say.

    Args and errors as of `make_folds`; `inner` is the number of inner folds.
    """
    k, inner = whole("k", k, least=2), whole("inner", inner, least=2)
    seed = None if seed is None else whole("seed", seed, least=0)
    found: list[NestedFold] = []
    for outer in make_folds(data, k, seed=seed):
        own = replace(outer, valid=Examples())
        found.append(NestedFold(outer, tuple(make_folds(own, inner, seed=outer.split.seed))))
    return found


def _by_unit(
    units: Sequence[str],
    digests: Sequence[str],
    classes: Sequence[str] | None,
    always: frozenset[str],
    *,
    k: int,
    seed: int,
) -> Iterator[_Fold]:
    """Folds of whole units; `always` are those that train in every fold."""
    first = {digest: row for row, digest in reversed(list(enumerate(digests))) if units[row] not in always}
    label_of = _one_label_per_content(digests, classes)
    sizes = Counter(units[row] for row in first.values())
    if len(sizes) < k:
        raise SplitError(
            f"{len(sizes)} groups or distinct rows that need not train always cannot make {k} folds. "
            "To fix: ask for fewer folds."
        )
    order = sorted(first, key=lambda digest: (-sizes[units[first[digest]]], rank(seed, units[first[digest]]), digest))
    places = {unit: place for place, unit in enumerate(dict.fromkeys(units[first[digest]] for digest in order))}
    labels = np.array([label_of[digest] for digest in order])
    together = [places[units[first[digest]]] for digest in order] if len(places) < len(order) else None
    chosen = StratifiedGroupKFold(k) if together else KFold(k) if classes is None else StratifiedKFold(k)
    with warnings.catch_warnings():  # scikit-learn's, that a class has fewer rows than there are folds
        warnings.simplefilter("ignore", UserWarning)
        try:
            drawn = list(chosen.split(order, labels, together))
        except ValueError as error:
            raise SplitError(f"{k} folds cannot be made: {error} To fix: ask for fewer folds.") from error
    for _, held_out in drawn:
        valid_units = {units[first[order[place]]] for place in held_out}
        if not valid_units:
            raise SplitError(f"{agreeing(len(sizes), 'groups', 'do')} not fill {k} folds. To fix: ask for fewer folds.")
        valid = [row for row, unit in enumerate(units) if unit in valid_units]
        yield _Fold([row for row, unit in enumerate(units) if unit not in valid_units], valid)


def _by_time(times: Sequence[float], units: Sequence[str], k: int, gap: float) -> Iterator[_Fold]:
    """Each fold validates on the next stretch of time; its training rows are of units that have ended before it."""
    rising = np.sort(np.array(times))
    if len(rising) <= k:
        raise SplitError(f"{len(rising)} rows cannot make {k} folds by time. To fix: ask for fewer folds.")
    starts = [float(rising[held_out[0]]) for _, held_out in TimeSeriesSplit(k).split(rising)]
    if len(set(starts)) < k or starts[0] == rising[0]:
        raise SplitError(
            f"{len(set(times))} distinct times cannot make {k} folds of about {len(times) // (k + 1)} rows each. "
            "To fix: ask for fewer folds."
        )
    for start, end in zip(starts, [*starts[1:], np.inf], strict=True):
        valid = [row for row, time in enumerate(times) if start <= time < end]
        judged = {units[row] for row in valid}
        train = [
            row for row, time in enumerate(times) if time < start and time <= start - gap and units[row] not in judged
        ]
        if not train:
            raise SplitError(
                f"a fold that validates from {start:g} on has no training row before it"
                f"{f' and its gap of {gap:g}' if gap else ''}. To fix: ask for fewer folds or a smaller gap."
            )
        yield _Fold(train, valid)


def _all_trained(rows: Examples, units: Sequence[str], draw: Callable[[frozenset[str]], list[_Fold]]) -> list[_Fold]:
    """Draw until every label of a fold's validation rows is among its training rows, keeping units in training."""
    labels = [list(labels_of(value)) for value in rows.values]
    units_of: dict[str, set[str]] = defaultdict(set)
    for row, unit in enumerate(units):
        for label in labels[row]:
            units_of[label].add(unit)
    always = frozenset(unit for found in units_of.values() if len(found) == 1 for unit in found)
    while True:
        folds = draw(always)
        lost: set[str] = set()
        for fold in folds:
            trained = {label for row in fold.train for label in labels[row]}
            lost |= {label for row in fold.valid for label in labels[row]} - trained
        if not lost:
            return folds
        always |= {min(units_of[label]) for label in lost}


def _made_as(split: Split) -> str:
    """How a split was made; of a fold, how all the folds were."""
    return split.method if split.fold is None else split.fold.partition("(")[2].rstrip(")")


def _one_label_per_content(digests: Sequence[str], classes: Sequence[str] | None) -> dict[str, str]:
    """Copies that are labelled differently count as the first label of them."""
    label_of: dict[str, str] = {}
    for digest, label in zip(digests, classes or [""] * len(digests), strict=True):
        label_of[digest] = min(label, label_of.get(digest, label))
    return label_of


def _fold_of(data: Data, rows: Examples, fold: _Fold, name: str, seed: int) -> Data:
    """The data with these rows to train and to validate on; the target is fitted on the former alone."""
    train, valid = rows.subset(fold.train), rows.subset(fold.valid)
    names = data.spec.target or ("class",)
    target = fit_target(data.spec.kind, names, train.values, input_kind=data.kind)

    def parts_of(part: Part, rows: Examples) -> list[Part]:
        return [part] * len(rows)

    kept, _ = leave_out_unknown(valid, parts_of("valid", valid), target)
    valid = valid.subset(kept)
    test = data.sealed_test.open()
    split = data.split
    every = Examples.concat([train, valid, test])
    parts: list[Part] = [*parts_of("train", train), *parts_of("valid", valid), *parts_of("test", test)]
    return replace(
        data,
        train=train,
        valid=valid,
        target=target,
        split=Split.of(
            every.digests,
            parts,
            method="fold",
            seed=seed,
            valid_pct=split.valid_pct,
            test_pct=split.test_pct,
            group=split.group,
            time=split.time,
            gap=split.gap,
            fold=name,
        ),
        decisions={**data.decisions, "fold": Decision(value=name, reason="cross-validation, made as the split was")},
    )
