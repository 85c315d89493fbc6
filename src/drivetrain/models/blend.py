"""Several models that answer together: the mean of their log odds, or of their numbers, each with its weight.

The weights are chosen on the validation rows from a coarse grid, so that how much of the blend's score is luck can be
told exactly: each blend of the grid counts as one model among which was chosen (see `evaluation.record.selection`).
Log loss and squared error are convex in what is averaged: a blend is never worse than its members are on average.

Legend: N rows, K outputs, M models.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.data.examples import Examples
from drivetrain.errors import DataError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.tables.spec import Pair, Spec
from drivetrain.learner.base import MetricLike
from drivetrain.models.graph import Graph
from drivetrain.models.tabular import Floats, Outputs, TabularModel, row_losses, split_views
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import CategoryTarget, NumberTarget
from drivetrain.settings import instance, number, refuse, several
from drivetrain.text import counted

STEPS = {1: 1, 2: 10, 3: 5}
"""Models → in so many parts the weight is divided among them; of more models, 4."""
SUREST = 1e-7
"""A probability below it is taken for it: its logarithm must be a number."""
EXPECTED = "models of one table, such as dt.Trees and dt.Linear of the same data"


class Blend(TabularModel):
    """Models that answer together.

    Args:
        models: Two or more, fitted on the same data.
        weights: Of each, at least 0; what counts is their proportion. None chooses those of a grid that lose least on
            the validation rows; without validation rows all count the same.
        metrics: What people read; None takes those of the first model.

    Raises:
        DataError: The models were fitted on different data.
        SettingError: An argument cannot be used.

    Example:
        >>> import drivetrain as dt
        >>> area = [20.5 + 7 * i % 90 for i in range(60)]
        >>> data = dt.table({"area": area, "price": [3 * each for each in area]}, target="price")
        >>> blend = dt.Blend([dt.Linear(data), dt.Trees(data, members=1)], weights=[0.9, 0.1])
        >>> blend.weights, blend.predictions().output.shape
        ((0.9, 0.1), (12, 1))
    """

    label = "blend"

    @named
    def __init__(
        self,
        models: Sequence[TabularModel],
        *,
        weights: Sequence[float] | None = None,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
    ) -> None:
        found = [instance("models", model, TabularModel, EXPECTED) for model in several("models", models, EXPECTED)]
        if len(found) < 2:
            refuse("models", models, f"two or more {EXPECTED}", fix="To fix: pass another one.")
        if any(model.data is not found[0].data for model in found):
            raise DataError(
                "the models of a blend were fitted on different data; expected one object that dt.table gave. To fix: "
                "pass the same one to each."
            )
        first = found[0]
        super().__init__(first.data, metrics=first.metrics if metrics is None else metrics, spec=shared_spec(found))
        self.models = tuple(found)
        self.weights: tuple[float, ...]
        """Of each model; they sum to 1."""
        if weights is None:
            self.weights, reason = self._chosen()
        else:
            self.weights, reason = self._asked(weights), "as asked"
        shares = zip(found, self.weights, strict=True)
        told = ", ".join(f"{model.label} {weight:.2g}" for model, weight in shares if weight)
        self.decisions["weights"] = Decision(value=told, reason=reason)

    def _asked(self, weights: Any) -> tuple[float, ...]:
        expected = f"{len(self.models)} numbers of at least 0, not all 0"
        asked = [number("weights", weight, least=0) for weight in several("weights", weights, expected)]
        if len(asked) != len(self.models) or not sum(asked):
            refuse("weights", weights, expected, fix="To fix: pass one for each model.")
        return tuple(weight / sum(asked) for weight in asked)

    def _chosen(self) -> tuple[tuple[float, ...], str]:
        n, valid = len(self.models), self.data.valid
        if not len(valid):
            return (1 / n,) * n, "there are no validation rows to choose by"
        tables = [model.predictions() for model in self.models]
        tried = [(_loss(mixed(tables, weights)), weights) for weights in grid(n)]
        return min(tried)[1], f"the least loss on the validation rows, of {counted(len(tried), 'way')} to divide it"

    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What all say together."""
        asked = [(model, weight) for model, weight in zip(self.models, self.weights, strict=True) if weight]
        return mixed([model.predict_rows(rows) for model, _ in asked], [weight for _, weight in asked])

    def outputs(self, views: Arrays) -> Outputs:
        """(N, K) the weighted mean of what each answers."""
        numbers, codes = split_views(self.spec, views, len(views[0]))
        total: Floats = np.zeros((len(numbers), self.data.target.n_outputs))
        for model, weight, own in zip(self.models, self.weights, self._columns(), strict=True):
            if not weight:
                continue
            seen = [numbers] if model.spec.number_names else []
            seen += [codes[:, own]] if model.spec.n_codes else []
            total += weight * model.outputs(tuple(seen)).astype(np.float64)
        return total.astype(np.float32)

    @property
    def has_contributions(self) -> bool:
        """Whether all that answer have them."""
        return all(model.has_contributions for model, weight in zip(self.models, self.weights, strict=True) if weight)

    def added(self, views: Arrays) -> Floats:
        """(N, C, K′) the weighted mean of what each column adds to each member's raw outputs."""
        numbers, codes = split_views(self.spec, views, len(views[0]))
        shares = zip(self.models, self.weights, self._columns(), strict=True)
        return np.sum(
            [weight * model.added((numbers, codes[:, own])) for model, weight, own in shares if weight], axis=0
        )

    def start(self) -> Floats:
        """(K′,) the weighted mean of what the members start from."""
        return np.sum(
            [weight * model.start() for model, weight in zip(self.models, self.weights, strict=True) if weight], axis=0
        )

    def parts(self) -> Iterator[NDArray[Any]]:
        """The weights, then what each model has learnt."""
        yield np.array(self.weights)
        for model in self.models:
            yield from model.parts()

    def as_onnx(self) -> bytes:
        """All models as one ONNX graph: what `Spec.view` gives → the weighted mean of their raw outputs."""
        graph, total = Graph(self.spec), ""
        for at, (model, weight, own) in enumerate(zip(self.models, self.weights, self._columns(), strict=True)):
            if not weight:
                continue
            given = {"numbers": "numbers"}
            if model.spec.n_codes:
                place = graph.constant(f"columns_{at}", own)
                given["codes"] = graph.add("Gather", ["codes", place], f"codes_{at}", axis=1)
            raw = graph.include(model.as_onnx(), f"model_{at}_", given)
            share = graph.constant(f"weight_{at}", np.array(weight, np.float32))
            term = graph.add("Mul", [raw, share], f"share_{at}")
            total = graph.add("Add", [total, term], f"sum_{at}") if total else term
        return graph.model(total, self.data.target.n_outputs).SerializeToString()

    def _columns(self) -> list[NDArray[np.int64]]:
        """Of each model, the columns of codes that it reads among all of the blend."""
        place = {_key(self.spec, at): at for at in range(len(self.spec.n_codes))}
        return [
            np.array([place[_key(model.spec, at)] for at in range(len(model.spec.n_codes))], np.int64)
            for model in self.models
        ]


def grid(n: int) -> list[tuple[float, ...]]:
    """Ways to divide 1 among n models, in equal steps.

    Example:
        >>> grid(2)[:3], len(grid(3))
        ([(0.0, 1.0), (0.1, 0.9), (0.2, 0.8)], 21)
    """
    steps = STEPS.get(n, 4)
    ways = itertools.product(range(steps + 1), repeat=n)
    return [tuple(part / steps for part in way) for way in ways if sum(way) == steps]


def mixed(tables: Sequence[Predictions], weights: Sequence[float]) -> Predictions:
    """What several models say together of the same rows.

    Args:
        tables: Of each model (M), on the same rows in the same order.
        weights: (M,) that sum to 1.

    Example:
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> one = Predictions(ids=("a",), target=fruit, truth=[0], output=[[0.9, 0.1]])
        >>> two = Predictions(ids=("a",), target=fruit, truth=[0], output=[[0.5, 0.5]])
        >>> mixed([one, two], (0.5, 0.5)).output.round(3).tolist()
        [[0.75, 0.25]]
    """
    target = tables[0].target
    raw: Floats = np.zeros(tables[0].output.shape)
    for table, weight in zip(tables, weights, strict=True):
        raw += weight * raw_output(table)
    if isinstance(target, NumberTarget):
        output, raw = raw, target.training_form(raw).astype(np.float64)
    else:
        output = target.activate(raw.astype(np.float32))
    truth = tables[0].truth
    loss = None if truth is None else row_losses(target, raw, target.training_form(truth))
    return replace(tables[0], output=output, loss=loss)


def raw_output(table: Predictions) -> Floats:
    """(N, K) logarithms of probabilities, or of odds, or the numbers themselves."""
    said = table.output.astype(np.float64)
    if isinstance(table.target, NumberTarget):
        return said
    said = np.clip(said, SUREST, 1 - SUREST)
    return np.log(said) if isinstance(table.target, CategoryTarget) else np.log(said / (1 - said))


def _loss(table: Predictions) -> float:
    assert table.loss is not None
    return float(table.loss.mean())


def shared_spec(models: Sequence[TabularModel]) -> Spec:
    """How rows are read so that each of the models finds what it reads: the same columns, the pairs of all."""
    specs = [model.spec for model in models]
    if any((spec.columns, spec.words) != (specs[0].columns, specs[0].words) for spec in specs):
        raise DataError(
            "the models of a blend read different columns; expected the same ones. To fix: fit all of them on the same "
            "data."
        )
    pairs: dict[Pair, None] = dict.fromkeys(pair for spec in specs for pair in spec.pairs)
    return Spec(columns=specs[0].columns, pairs=tuple(pairs), words=specs[0].words)


def _key(spec: Spec, at: int) -> str | Pair:
    """What tells one column of codes from another."""
    n = len(spec.categories)
    return spec.categories[at].name if at < n else spec.pairs[at - n]


Blend.__module__ = "drivetrain"  # where people find it, so that messages and help say so
