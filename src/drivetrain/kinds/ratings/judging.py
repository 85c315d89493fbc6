"""How a model of ratings is judged on rows: predictions by user, the ranking of all items, strangers by themselves.

Legend: N rows, U users, I items, K outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.errors import DataError
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.ranking import Beyond, K, Ranking, beyond, rank
from drivetrain.evaluation.scores import Score, score
from drivetrain.kinds.ratings.describing import rows_of
from drivetrain.kinds.ratings.ids import coded
from drivetrain.kinds.ratings.keeping import open_ratings
from drivetrain.kinds.ratings.rankers import Ranker
from drivetrain.kinds.ratings.side import SideTable
from drivetrain.kinds.ratings.spec import Spec
from drivetrain.runtime.artefact import Artefact
from drivetrain.runtime.targets import NumberTarget

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Codes = NDArray[np.int64]
FEW = 2
"""Rows or users of a group that are judged by themselves, at least."""
MOST_CLASSES = 200


def predictions_of(spec: Spec, rows: Examples, target: NumberTarget, outputs: NDArray[np.float32]) -> Predictions:
    """What a model said of rows; rows of one user belong together.

    Args:
        spec: How they were read.
        rows: Whose target is known.
        target: What outputs mean.
        outputs: (N, 1) raw.
    """
    truth = target.encode(rows.values)
    loss = ((target.training_form(truth).astype(np.float64) - outputs) ** 2).mean(axis=1)
    return Predictions(
        ids=rows.digests,
        target=target,
        truth=truth,
        output=target.activate(outputs),
        loss=None if spec.is_events else loss,
        groups=_people(spec, rows)[1],
        names=rows.inputs.names(),
    )


def _people(spec: Spec, rows: Examples) -> tuple[list[str | None], Codes]:
    """The ids of the users, also of those that training does not know, and which each row has."""
    return coded(cast(Cells, rows.inputs).columns[spec.user])


def ranking_of(
    spec: Spec,
    ranker: Ranker,
    rows: Examples,
    *,
    k: int = K,
    liked: float | None = None,
    seed: int = 0,
    before: Examples | None = None,
) -> Ranking:
    """How well the items of these rows are ranked for their users, among all items.

    Args:
        spec: The ids.
        ranker: What scores all items.
        rows: Held out.
        k: Places.
        liked: The least rating that counts as a hit.
        seed: Of the draw of users.
        before: Further rows that users had before: their items are no candidates either.

    Raises:
        DataError: No user has a hit.
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import

    found = rows_of(spec, rows)
    names, person = _people(spec, rows)
    n = len(spec.items)
    known = found.items > 0
    shape = (len(names), n)
    held_out = csr_matrix((found.values[known], (person[known], found.items[known] - 1)), shape)
    counted = ~known if liked is None else ~known & (found.values >= liked)
    missed = np.bincount(person[counted], minlength=len(names))
    codes = np.zeros(len(names), np.int64)
    codes[person] = found.users
    seen: Any = ranker.seen
    return rank(
        ranker.scores,
        held_out,
        seen if before is None else _with(seen, spec, before),
        codes=codes,
        ids=[str(name) for name in names],
        n_unknown=missed,
        k=k,
        liked=liked,
        seed=seed,
    )


def _with(seen: csr_matrix, spec: Spec, before: Examples) -> csr_matrix:
    """What users of training had, with what they had afterwards."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    more = rows_of(spec, before)
    known = (more.users > 0) & (more.items > 0)
    ones = np.ones(int(known.sum()), np.float32)
    return seen + csr_matrix((ones, (more.users[known], more.items[known] - 1)), seen.shape)


def further_scores(
    spec: Spec,
    ranker: Ranker,
    rows: Examples,
    predictions: Predictions,
    metrics: Sequence[Metric],
    *,
    k: int = K,
    before: Examples | None = None,
) -> dict[str, Score]:
    """The ranking of all items; and the first metric, and NDCG, of users and items that training does not know.

    Args:
        spec: The ids.
        ranker: What scores all items.
        rows: Judged.
        predictions: What is said of them.
        metrics: Of the model.
        k: Places of a list.
        before: Further rows that users had before.
    """
    found: dict[str, Score] = {}
    try:
        ranking = ranking_of(spec, ranker, rows, k=k, before=before)
    except DataError:  # nothing that could be a hit
        ranking = None
    if ranking is not None:
        found |= ranking.scores()
    codes = rows_of(spec, rows)
    strangers = {"new users": codes.users == 0, "new items": (codes.items == 0) & (codes.users > 0)}
    for name, which in strangers.items():
        if metrics and which.sum() >= FEW:
            found |= _of_group(predictions.subset(which), metrics[0], name)
    if ranking is not None:
        new = ~ranking.is_known
        for name, which in (("known users", ~new), ("new users", new)) if new.sum() >= FEW else ():
            if which.any():
                found |= _of_group(ranking.predictions().subset(which), ranking.metrics()[0], name)
    return found


def _of_group(predictions: Predictions, metric: Metric, group: str) -> dict[str, Score]:
    one = score(predictions, [metric])[metric.name]
    name = f"{metric.name} of {group}"
    return {name: one.model_copy(update={"name": name, "label": f"{metric.label} of {group}"})}


def beyond_of(spec: Spec, ranker: Ranker, ranking: Ranking, items: SideTable) -> Beyond:
    """What is recommended besides hits; tastes by the first column of the items that parts them into classes.

    Args:
        spec: The ids.
        ranker: What users had.
        ranking: What is recommended.
        items: What is known of items.
    """
    at = {name: code + 1 for code, name in enumerate(spec.users)}
    codes = np.array([at.get(name, 0) for name in ranking.ids], np.int64)
    return beyond(ranking.lists, ranker.seen, codes, classes=classes_of(spec, items))


def classes_of(spec: Spec, items: SideTable) -> csr_matrix | None:
    """(I, G) which classes each item has, by the column of the items with few names that recur; None without one."""
    from drivetrain.kinds.ratings.features import names_of  # noqa: PLC0415

    best: Any = None
    for column in items.columns:
        matrix, names = names_of(items.of(spec.items, column), column)
        if 2 <= len(names) <= MOST_CLASSES and matrix.nnz >= 0.5 * len(spec.items) and best is None:
            best = matrix
    return best


def of_saved(
    artefact: Artefact, examples: Examples, predictions: Predictions, metrics: Sequence[Metric]
) -> dict[str, Score]:
    """What `further_scores` says of rows that a saved model is judged on.

    Args:
        artefact: Of a model of ratings.
        examples: All rows of the source, as they were found again: those that are not judged and that the model was not
            trained on happened besides, and their items are no candidates.
        predictions: Of those that are judged.
        metrics: That are asked for.
    """
    saved = open_ratings(artefact)
    judged = set(predictions.ids)
    rows = examples.subset([row for row, digest in enumerate(examples.digests) if digest in judged])
    part = _part_of(artefact, examples, judged)
    return further_scores(saved.spec, saved.ranker, rows, predictions, metrics, before=part)


def _part_of(artefact: Artefact, examples: Examples, judged: set[str]) -> Examples | None:
    """The validation rows, where others are judged: users had their items before the test rows."""
    from drivetrain.data.record import saved_data  # noqa: PLC0415 - reads the split

    valid = saved_data(artefact).split.find("valid")
    if judged & valid:
        return None
    return examples.subset([row for row, digest in enumerate(examples.digests) if digest in valid])
