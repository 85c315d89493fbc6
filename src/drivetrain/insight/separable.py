"""Where in the network a task is solved: a linear model on each layer's features, judged on rows that it has not seen.

A linear probe (Alain & Bengio, Understanding intermediate layers using linear classifier probes, 2017) says what can be
read off a layer by a weighted sum of its channels' means. It does not say what training the layers above could still
make of it. It is fitted and judged on the rows looked at, out of fold, as these rows had no part in the training.

Legend: R rows, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drivetrain.errors import DataError
from drivetrain.evaluation.baselines import CONSTANT_NAMES, constant_answer, constant_predictions
from drivetrain.evaluation.metrics.metrics import METRICS, Metric, default_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, score
from drivetrain.insight.parts import Layer, Subject
from drivetrain.insight.reading import passed, spread_rows
from drivetrain.progress import track
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.settings import whole
from drivetrain.text import readable
from drivetrain.training.probing import FOLDS, out_of_fold

MOST_ROWS = 1000
"""Rows that the probes are fitted and judged on: they take seconds rather than minutes."""
SOLVED = 0.9
"""A layer solves what the best one solves when it is so far on the way from chance to it."""
FEWEST_OF_CLASS = 5
"""A class with fewer rows gets no layer of its own."""


@dataclass(frozen=True)
class ClassDepth:
    """Where one class becomes separable from all others."""

    name: str
    layer: str
    """The first that is nine tenths of the way from an AUC of 0.5 to the best layer's, with an interval above 0.5."""
    scores: tuple[tuple[str, Score], ...]
    """Layer → AUC of the probe for this class."""


@dataclass(frozen=True)
class Separability:
    """What a linear model can read off each layer."""

    scores: tuple[tuple[str, Score], ...]
    """Layer → headline metric of the probe, from pixels to answer: `Inside.separable`."""
    constant: Score
    """What is reached without looking: always the same answer."""
    solved: str | None
    """The first layer that is nine tenths of the way from the constant answer to the best layer, its interval beyond
    the constant answer; None: no layer is shown to be better than that."""
    classes: tuple[ClassDepth, ...]
    """Of categories, in the target's order."""
    n_rows: int
    said: str
    """The result as a sentence or two, with what follows for training."""
    left_out: tuple[str, ...] = ()
    """Classes of which no layer can be told: fewer than five rows have or lack them, or no layer is shown to tell them
    from the rest."""


def separable(
    subject: Subject,
    layers: Sequence[Layer],
    *,
    most_rows: int = MOST_ROWS,
    folds: int = FOLDS,
    metric: Metric | None = None,
    seed: int = 0,
) -> Separability:
    """A linear probe on each layer's channel means (and class token), out of fold, with the interval of its score.

    Args:
        subject: What is looked into.
        layers: From pixels to answer.
        most_rows: Drawn evenly from the classes where there are more.
        folds: Parts of the rows; groups, copies and near copies are not torn.
        metric: None takes the target's first.
        seed: Of the draw and the folds.

    Raises:
        DataError: There are too few rows that can be told apart.
    """
    whole("most_rows", most_rows, least=2)
    if not layers:
        raise DataError("no layers were given, expected at least one. To fix: pass layers of this network.")
    rows = spread_rows(subject, most_rows, seed=seed)
    examples = subject.rows.subset(rows)
    judged = default_metrics(subject.target)[0] if metric is None else metric
    found = passed(subject, layers, rows)
    tables: dict[str, Predictions] = {}
    with track("linear probes", len(layers)) as advance:
        for layer in layers:
            means, leads = found.means[layer.name], found.leads[layer.name]
            features = np.concatenate([means, leads[:, :, 0]] if leads.shape[2] else [means], axis=1, dtype=np.float64)
            output = out_of_fold(subject.target, features, examples, folds=folds, seed=seed)
            tables[layer.name] = Predictions.of(examples, subject.target, output)
            advance(1)
    scores = tuple((name, score(table, judged)[judged.name]) for name, table in tables.items())
    any_table = next(iter(tables.values()))  # what the network itself says is not read: its head may know other classes
    answer_K = constant_answer(subject.target, np.asarray(any_table.known_truth()))
    [constant] = (score(table, judged)[judged.name] for table in constant_predictions(any_table, answer_K).values())
    solved = _first(scores, constant.value)
    said = _said(layers, dict(scores), constant, solved, without=CONSTANT_NAMES[subject.target.kind], n=len(rows))
    classes = _of_classes(tables)
    names = () if subject.target.kind == "number" else subject.target.output_names
    left_out = tuple(name for name in names if name not in {each.name for each in classes})
    return Separability(scores, constant, solved, classes, len(rows), said, left_out)


def _first(scores: Sequence[tuple[str, Score]], chance: float | None, *, sure: bool = False) -> str | None:
    """The first layer that is most of the way from chance to the best one, with an interval better than chance.

    A score without an interval counts by its value, unless we have to be sure.
    """
    known = [(name, each, each.value) for name, each in scores if each.value is not None]
    if chance is None or not known:
        return None
    sign = -1.0 if scores[0][1].higher_is_better is False else 1.0
    best = max(sign * (value - chance) for _, _, value in known)
    for name, each, value in known:
        nearest = each.low if sign > 0 else each.high
        shown = not sure if nearest is None else sign * (nearest - chance) > 0
        if shown and sign * (value - chance) > 0 and sign * (value - chance) >= SOLVED * best:
            return name
    return None


def _of_classes(tables: Mapping[str, Predictions]) -> tuple[ClassDepth, ...]:
    """Each class against all others, by the AUC of the probability that the probe gives it."""
    first = next(iter(tables.values()))
    if first.target.kind == "number":
        return ()
    truth = np.asarray(first.known_truth())
    held = truth[:, None] == np.arange(first.target.n_outputs) if truth.ndim == 1 else truth > 0.5
    found: list[ClassDepth] = []
    for k, name in enumerate(first.target.output_names):
        if not FEWEST_OF_CLASS <= int(held[:, k].sum()) <= len(held) - FEWEST_OF_CLASS:
            continue
        against = CategoryTarget(name=name, vocab=("another", "this"))
        scores = tuple((layer, _auc(table, against, k, held[:, k])) for layer, table in tables.items())
        layer = _first(scores, 0.5, sure=True)
        if layer is not None:
            found.append(ClassDepth(name, layer, scores))
    return tuple(found)


def _auc(table: Predictions, against: CategoryTarget, k: int, held: np.ndarray) -> Score:
    own = np.clip(table.output[:, k], 0.0, 1.0)
    of_class = Predictions(
        ids=table.ids,
        target=against,
        truth=held.astype(np.int64),
        output=np.stack([1 - own, own], axis=1),
        groups=table.groups,
        names=table.names,
    )
    return score(of_class, METRICS["roc_auc"])["roc_auc"]


def _said(
    layers: Sequence[Layer], scores: Mapping[str, Score], constant: Score, solved: str | None, *, without: str, n: int
) -> str:
    """The result in words."""
    measured = {name: each for name, each in scores.items() if each.value is not None}
    if solved is None or not measured:
        return (
            f"No layer is shown to let a linear model do better than the constant answer ({without}: "
            f"{constant.shown()[0]}) on {n:,} rows: there are too few, or nothing here that a weighted sum could read."
        )
    by_name = {layer.name: layer for layer in layers}
    sign = -1.0 if constant.higher_is_better is False else 1.0
    best = max(measured, key=lambda name: sign * (measured[name].value or 0.0))
    at = by_name[solved]
    place = list(by_name).index(solved) + 1
    head = (
        f"The task is solved at {readable(solved)} (layer {place} of the {len(layers)} shown): a linear probe on it "
        f"has {measured[solved].label} {' '.join(part for part in measured[solved].shown() if part)}, where the best "
        f"layer{'' if best == solved else f', {readable(best)},'} has {measured[best].shown()[0]} and the constant "
        f"answer ({without}) {constant.shown()[0]}."
    )
    share = 100 * (1 - at.depth)
    if place == 1 and len(layers) > 1:
        return (
            f"{head} It is the first layer shown: how much there is of what it finds is enough, and little of the body "
            "is needed. A small model may do, or the pictures differ in something simple, such as their colours."
        )
    tail = (
        "No layer below reads it as well, so what is before it is general; training can begin there: the upper "
        f"{share:.0f} % of the body's work."
        if share >= 1
        else "No layer before the last reads it as well: all of the body takes part, and training all of it can pay."
    )
    return f"{head} {tail}"
