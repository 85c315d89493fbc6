"""What `drivetrain review` shows: rows whose labels are probably wrong, pictures that are there twice, top losses.

Of data that nobody has trained on yet: also rows that are unlike the others of their class, and all rows.
The sealed test rows take no part. Legend: N rows, K categories, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from drivetrain.data.examples import Examples
from drivetrain.data.kind import alike, source_kind
from drivetrain.errors import DataError, ModelError
from drivetrain.evaluation.label_errors import label_errors
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.report.gallery import row_losses
from drivetrain.learner.report import source_name
from drivetrain.runtime.targets import Target, TargetValue
from drivetrain.training import probing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivetrain.data.data import Data
    from drivetrain.learner.base import ModelBase

MOST_LOSSES = 40
MOST_LABEL_ERRORS = 200
MOST_PAIRS = 100
MOST_LOOKS = 400
"""Near pairs whose pixels are compared, at about 20 ms each."""

MOST_ODD = 60
MOST_ROWS = 1000
"""Of a class by class list of all."""
NEIGHBOURS = 5

Topic = Literal["labels", "duplicates", "losses", "odd", "all"]


@dataclass(frozen=True)
class Item:
    """Something to decide about: one row, or two that look alike."""

    rows: tuple[int, ...]
    """Positions in `ReviewRows.examples`."""
    suggestion: TargetValue | None = None
    """What the row is probably, where its label is probably wrong."""


@dataclass(frozen=True)
class ReviewRows:
    """Rows to look at, and what is known of them."""

    title: str
    source: str
    target: Target
    examples: Examples
    """Validation rows, then training rows."""
    n_valid: int
    said: Predictions
    """Of each row, by a model that has not learnt from it; of training rows only where `judges` says so."""
    judges: tuple[str, str]
    """Who judged the validation rows, and who the training rows; the second is empty where nobody did."""
    items: dict[Topic, tuple[Item, ...]]
    notes: tuple[str, ...] = ()
    divided: bool = True
    """Whether the rows have been divided into parts."""

    def part(self, row: int) -> str:
        """Of the data."""
        if not self.divided:
            return "not divided yet"
        return "validation" if row < self.n_valid else "training"

    def shown(self) -> list[int]:
        """Rows that some item shows."""
        return sorted({row for items in self.items.values() for item in items for row in item.rows})


def review_rows(model: ModelBase, title: str, *, out_of_fold: Predictions | None = None) -> ReviewRows:
    """Find what a person should look at in the data of a model.

    Validation rows are judged by the model. Training rows, whose labels it has seen, are judged by a linear probe on
    a body that has not learnt from them, of a Learner its own as it was before training, fold by fold; or by
    `out_of_fold`.

    Args:
        model: Trained.
        title: What it is called.
        out_of_fold: Predictions for the training rows by models that have not learnt from them.
    """
    found = model.data
    examples = Examples.concat([found.valid, found.train])
    n_valid = len(found.valid)
    valid = model.predictions() if n_valid else None
    train, judge, notes = _of_training_rows(model, out_of_fold)
    said = _joined(found.target, examples, [valid, train], [n_valid, len(found.train)])
    judged = [range(n_valid)] if n_valid else []
    judged += [range(n_valid, len(examples))] if train is not None else []
    labels = _label_errors(said, judged) if found.target.kind == "category" else ()
    if found.target.kind != "category":
        notes.append("Wrong labels are looked for where each row has one category; look at the highest losses here.")
    losses = (
        () if valid is None else tuple(Item((row,)) for row in np.argsort(-row_losses(valid))[:MOST_LOSSES].tolist())
    )
    duplicates, more = _duplicates(examples)
    return ReviewRows(
        title=title,
        source=source_name(found),
        target=found.target,
        examples=examples,
        n_valid=n_valid,
        said=said,
        judges=("the model" if valid is not None else "", judge),
        items={"labels": labels, "duplicates": duplicates, "losses": losses},
        notes=(*notes, *more),
    )


def review_data(data: Data, title: str) -> ReviewRows:
    """Find what a person should look at in data that no model was trained on.

    Labels are judged by a linear probe on a body that has not learnt from the rows, fold by fold.

    Args:
        data: Of one category per row, all in training and validation set.
        title: What they are called.

    Raises:
        DataError: The rows have no category.
    """
    if data.target.kind != "category":
        raise DataError(
            f"{title} has rows of another kind than one category each ({data.target.kind}); expected categories, which "
            "are judged before any training. To fix: train on them, and review the model."
        )
    examples = Examples.concat([data.valid, data.train])
    said, odd, judge, notes = None, (), "", []
    try:
        features, body = probing.untrained_features(examples, None)
    except ModelError as error:
        notes.append(f"Labels were not judged, since no body that has not seen them is here: {error}")
    else:
        odd = _odd(features, examples)
        if len(data.target.categories) > 1:
            output = probing.out_of_fold(data.target, features, examples)
            said = Predictions(ids=examples.digests, target=data.target, truth=None, output=output)
            judge = "a probe"
            notes.append(
                f"No model was trained on these rows yet. They are judged by linear models on features of {body}, each "
                f"fitted on the other {probing.FOLDS - 1} of {probing.FOLDS} folds."
            )
    table = _joined(data.target, examples, [said], [len(examples)])
    duplicates, more = _duplicates(examples)
    by_class = sorted(range(len(examples)), key=lambda row: (str(examples.values[row]), row))
    if len(by_class) > MOST_ROWS:
        more = [*more, f"Of all {len(by_class):,} rows, {MOST_ROWS:,} are listed, evenly chosen."]
        by_class = by_class[:: -(-len(by_class) // MOST_ROWS)]
    return ReviewRows(
        title=title,
        source=source_name(data),
        target=data.target,
        examples=examples,
        n_valid=len(data.valid),
        said=table,
        judges=(judge, judge),
        items={
            "labels": _label_errors(table, [range(len(examples))]) if judge else (),
            "odd": odd,
            "duplicates": duplicates,
            "all": tuple(Item((row,)) for row in by_class),
        },
        notes=(*notes, *more),
        divided=bool(len(data.valid)),
    )


def _odd(features: NDArray[np.float32], examples: Examples) -> tuple[Item, ...]:
    """Rows that are least like the others of their class: by the mean cosine to the nearest of them, least first."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    labels = np.array([str(value) for value in examples.values])
    digests = np.array(examples.digests)
    like = np.ones(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        for at in range(0, len(rows), 1024):
            some = rows[at : at + 1024]
            cosines = unit[some] @ unit[rows].T
            cosines[digests[some][:, None] == digests[rows][None, :]] = -np.inf  # itself, and its copies
            nearest = -np.sort(-cosines, axis=1)[:, :NEIGHBOURS]
            counted = np.isfinite(nearest)
            n = counted.sum(axis=1)
            like[some] = np.where(n > 0, np.where(counted, nearest, 0).sum(axis=1) / np.maximum(n, 1), 1.0)
    most = min(MOST_ODD, -(-len(labels) // 5))
    return tuple(Item((row,)) for row in np.argsort(like, kind="stable")[:most].tolist())


def _of_training_rows(model: ModelBase, given: Predictions | None) -> tuple[Predictions | None, str, list[str]]:
    """Predictions for the training rows by who has not seen their labels, who that was, and what to say of it."""
    data = model.data
    if given is not None:
        place = {digest: row for row, digest in enumerate(given.ids)}
        missing = [digest for digest in data.train.digests if digest not in place]
        if missing:
            raise DataError(
                f"out_of_fold lacks {len(missing)} of the {len(data.train)} training rows. "
                "To fix: predict every training row with a model that did not learn from it."
            )
        return given.subset([place[digest] for digest in data.train.digests]), "out-of-fold models", []
    if data.target.kind != "category":
        return None, "", []
    everything = Examples.concat([data.train, data.valid])
    try:
        features, body = model.untrained_features(everything)
    except ModelError as error:
        return (
            None,
            "",
            [f"Labels of training rows were not judged, since no body that has not seen them is here: {error}"],
        )
    output = probing.out_of_fold(data.target, features, everything)[: len(data.train)]
    note = (
        "Training rows are not judged by the model, which has seen their labels, but by linear models on features of "
        f"{body}, each fitted on the other {probing.FOLDS - 1} of {probing.FOLDS} folds."
    )
    table = Predictions(ids=data.train.digests, target=data.target, truth=None, output=output)
    return table, "a probe", [note]


def _joined(
    target: Target, examples: Examples, tables: Sequence[Predictions | None], sizes: Sequence[int]
) -> Predictions:
    """One table for all rows; rows that nobody judged get an output that says nothing."""
    nothing = np.full(target.n_outputs, 1 / target.n_outputs if target.kind == "category" else 0.0)
    outputs = [
        np.tile(nothing, (size, 1)) if table is None else table.output.astype(np.float64)
        for table, size in zip(tables, sizes, strict=True)
    ]
    return Predictions(
        ids=examples.digests,
        target=target,
        truth=target.encode(examples.values),
        output=np.concatenate(outputs),
        names=examples.inputs.names(),
    )


def _label_errors(said: Predictions, parts: Sequence[range]) -> tuple[Item, ...]:
    """Suspected rows, the most suspect first; each part has its own thresholds, since its judge is another."""
    found: list[tuple[float, Item]] = []
    vocab = said.target.categories
    for part in parts:
        suspects = label_errors(said.subset(list(part)))
        for row, category, margin in zip(
            suspects.rows.tolist(), suspects.suggested.tolist(), suspects.margin.tolist(), strict=True
        ):
            found.append((margin, Item((part[row],), vocab[category])))
    found.sort(key=lambda pair: -pair[0])
    return tuple(item for _, item in found[:MOST_LABEL_ERRORS])


def _duplicates(examples: Examples) -> tuple[tuple[Item, ...], list[str]]:
    """Pairs that show the same picture: those with different labels first; and what to say of them."""
    if not examples.signatures:
        return (), ["Copies were not looked for: these data were read without comparing what rows are like."]
    compare = source_kind(examples.kind).near
    if compare is None:
        return (), []
    near = [
        (i, j) for i, j in compare.pairs(examples) if not _equal(examples, i, j)
    ]  # copies of one file stay in one part, and what is decided of one holds for all
    conflict = sorted(near, key=lambda pair: examples.values[pair[0]] == examples.values[pair[1]])
    looked = conflict[:MOST_LOOKS]
    pairs = [pair for pair in looked if compare.same(examples.inputs[pair[0]], examples.inputs[pair[1]])]
    notes = (
        [f"{len(near) - MOST_LOOKS:,} more pairs {alike(examples.kind)} alike; see `drivetrain audit`."]
        if len(near) > MOST_LOOKS
        else []
    )
    return tuple(Item(pair) for pair in pairs[:MOST_PAIRS]), notes


def _equal(examples: Examples, i: int, j: int) -> bool:
    return examples.digests[i] == examples.digests[j] and examples.values[i] == examples.values[j]


def as_label(value: TargetValue) -> Any:
    """A target value as JSON has it.

    Example:
        >>> as_label("pear"), as_label((1.5, 2.0))
        ('pear', [1.5, 2.0])
    """
    return value if isinstance(value, str) else list(value)
