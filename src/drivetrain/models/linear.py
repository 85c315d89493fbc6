"""A plain line on a table: one-hot names, scaled numbers, gaps as a column of their own. The baseline that is shown.

Legend: N rows, K′ lines (one for two classes or a number; one per class, label or number else), P numbers, Q codes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.kinds.tables.columns import read_names
from drivetrain.kinds.tables.spec import Spec
from drivetrain.kinds.tables.word_fitting import crossed_words
from drivetrain.learner.base import MetricLike
from drivetrain.models.deadline import Budget, Deadline
from drivetrain.models.graph import Graph
from drivetrain.models.tabular import Floats, Outputs, TabularModel, loss_of, split_views, views_of
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import CategoryTarget, NumberTarget
from drivetrain.settings import whole
from drivetrain.text import does

FARTHEST = 5.0
"""Numbers are cut at so many scales from their centre: a line has no other defence against one wild value."""
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse penalties that the validation rows choose from."""
ROUNDS = 300
ROUNDS_AT_ONCE = 30
"""Steps of the solver between two looks at the clock."""
MOST_ROWS = 200_000
"""Training rows a line is fitted on."""
CERTAIN = 9.0
"""Logarithm of the odds of what was always so."""
MOST_JUDGED = 50_000
"""Validation rows that choose the penalty."""


class Solved(NamedTuple):
    """A line, and whether its weights do not move any more."""

    weights: Floats
    intercept: Floats
    steady: bool


class Linear(TabularModel):
    """Logistic regression, or ridge regression of numbers, on one-hot names and scaled numbers.

    Args:
        data: What `drivetrain.table` gave.
        metrics: What people read; None takes what suits the target.
        budget: The time that fitting may take, such as "10s"; None: until the weights do not move any more.
        seed: Of the solver, and of the rows where there are more than 200,000.

    Example:
        >>> import drivetrain as dt
        >>> area = [20.5 + 7 * i % 90 for i in range(60)]
        >>> data = dt.table({"area": area, "price": [3 * each for each in area]}, target="price")
        >>> line = dt.Linear(data)
        >>> line.validate()["rmse"].value < 1
        True
    """

    label = "plain line"

    @named
    def __init__(
        self,
        data: Data,
        *,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
        budget: Budget = None,
        seed: int = 0,
    ) -> None:
        super().__init__(data, metrics=metrics)
        self.seed = whole("seed", seed, least=0)
        self.weights: Floats = np.zeros((0, 0))
        """(F, K′), numbers first, then gaps, then the codes of each column."""
        self.intercept: Floats = np.zeros(0)
        self._fit(Deadline.of(budget))

    def _fit(self, deadline: Deadline) -> None:
        valid, target = self.data.valid, self.data.target
        train, chosen = self._some(self.data.train, MOST_ROWS)
        views = views_of(self.spec, train)
        if self.spec.words:  # what the other folds say of each row's words
            width = len(self.spec.word_numbers)
            crossed = crossed_words(self.spec, self.data)[chosen]
            views = (np.concatenate([views[0][:, : views[0].shape[1] - width], crossed], axis=1), views[1])
        features, truth = self._features(views), target.encode(train.values)
        held = None
        if len(valid):
            some, _ = self._some(valid, MOST_JUDGED)
            held = self._features(views_of(self.spec, some)), target.training_form(target.encode(some.values))
        if len(train) < len(self.data.train):
            reason = f"of {len(self.data.train):,}, by chance: the line hardly moves with more"
            self.decisions["rows"] = Decision(value=len(train), reason=reason)
        best, start, steady, tried = np.inf, None, True, 0
        for strength in STRENGTHS if held is not None else (1.0,):
            if start is not None and deadline.over:
                break
            weights, intercept, steady = start = self._solved(
                features, target.training_form(truth), strength, start, deadline
            )
            lost = 0.0 if held is None else loss_of(target, self._full(held[0] @ weights + intercept), held[1])
            if lost < best:
                best, self.weights, self.intercept = lost, weights, intercept
                reason = "the least loss on the validation rows" if held is not None else "the usual one"
                self.decisions["strength"] = Decision(value=strength, reason=f"{reason} (inverse of the penalty)")
            tried += 1
        if held is not None and (tried < len(STRENGTHS) or not steady):
            reason = f"the time was up: {tried} of {len(STRENGTHS)} penalties {does(tried, 'were')} tried"
            self.decisions["steps"] = Decision(value="cut short", reason=reason)

    def _some(self, rows: Examples, most: int) -> tuple[Examples, NDArray[np.int64]]:
        """At most so many rows, by chance, of every class one at least; and which."""
        if len(rows) <= most:
            return rows, np.arange(len(rows))
        chosen = np.random.default_rng(self.seed).permutation(len(rows))[:most]
        if isinstance(self.data.target, CategoryTarget):
            chosen = np.union1d(chosen, np.unique(self.data.target.encode(rows.values), return_index=True)[1])
        chosen = np.sort(chosen)
        return rows.subset(chosen), chosen

    def _solved(
        self, features: Any, truth: NDArray[Any], strength: float, start: Solved | None, deadline: Deadline
    ) -> Solved:
        from sklearn.linear_model import Ridge  # noqa: PLC0415 - slow to import

        if isinstance(self.data.target, NumberTarget):
            line: Any = Ridge(alpha=1.0 / strength, solver="lsqr").fit(features, truth)
            return Solved(np.atleast_2d(line.coef_).T, np.atleast_1d(line.intercept_), True)
        columns = [truth] if truth.ndim == 1 else list(truth.T)
        lines: list[Any] = []
        steady = True
        for at, column in enumerate(columns):
            if len(np.unique(column)) < 2:  # a label that all rows have, or none: its odds, and nothing else counts
                lines.append(_Flat(features.shape[1], float(column[0]) if len(column) else 0.0))
                continue
            own = None if start is None else _own(start, at, len(columns))
            line, done = _logistic(features, column, strength, own, deadline=deadline, seed=self.seed)
            lines, steady = [*lines, line], steady and done
        weights = np.concatenate([line.coef_ for line in lines]).T
        return Solved(weights, np.concatenate([line.intercept_ for line in lines]), steady)

    def _features(self, views: Arrays) -> Any:
        """(N, F) sparse: numbers, gaps, then the codes of each column one by one."""
        numbers, codes = views
        n, width = numbers.shape
        cut = np.clip(np.nan_to_num(numbers.astype(np.float64), nan=0.0), -FARTHEST, FARTHEST)
        values = np.concatenate([cut, np.isnan(numbers), np.ones(codes.shape)], axis=1)
        starts = 2 * width + np.concatenate([[0], np.cumsum(self.spec.n_codes)[:-1]]) if codes.shape[1] else ()
        places = np.broadcast_to(np.arange(2 * width), (n, 2 * width))
        places = np.concatenate([places, codes + np.asarray(starts, np.int64)], axis=1).astype(np.int32)
        known = values != 0
        ends = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
        shape = (n, 2 * width + sum(self.spec.n_codes))
        return sparse.csr_matrix((values[known], places[known], ends), shape=shape)

    def added(self, views: Arrays) -> Floats:
        """(N, C, K′) how far each column moves the raw output from that of the mean of the training rows."""
        features, means = self._features(views), self._means()
        found = np.zeros((features.shape[0], len(self.spec.columns), self.weights.shape[1]))
        places = self._places()
        for at, column in enumerate(self.spec.columns):
            own = places.get(column.name, np.zeros(0, np.int64))
            found[:, at] = features[:, own] @ self.weights[own] - means[own] @ self.weights[own]
        return found

    def start(self) -> Floats:
        """(K′,) the raw output of a row whose columns are as the training rows are on average."""
        return self.intercept + self._means() @ self.weights

    def _means(self) -> Floats:
        """(F,) of the training rows."""
        made = self._features(views_of(self.spec, self.data.train))
        return np.asarray(made.mean(axis=0), np.float64).reshape(-1)

    def _places(self) -> dict[str, NDArray[np.int64]]:
        """Column → its features: a number and its gaps, all that is read of a date, all codes."""
        found: dict[str, list[int]] = {}
        width = len(self.spec.number_names)
        names = [column.name for column in self.spec.numbers for _ in read_names(column)]
        names += [words.column for words in self.spec.words for _ in words.numbers]
        for at, name in enumerate(names):
            found.setdefault(name, []).extend((at, width + at))
        at = 2 * width
        for name, size in zip(self.spec.code_names, self.spec.n_codes, strict=True):
            found.setdefault(name, []).extend(range(at, at + size))
            at += size
        return {name: np.array(places, np.int64) for name, places in found.items()}

    def _full(self, raw: Floats) -> Floats:
        """(N, K): of two classes the second against nothing."""
        if isinstance(self.data.target, CategoryTarget) and raw.shape[1] == 1:
            return np.concatenate([np.zeros_like(raw), raw], axis=1)
        return raw

    def outputs(self, views: Arrays) -> Outputs:
        """(N, K) logarithms of odds, or numbers in deviations from their mean."""
        features = self._features(split_views(self.spec, views, len(views[0])))
        return self._full(features @ self.weights + self.intercept).astype(np.float32)

    def parts(self) -> Iterator[NDArray[Any]]:
        """Weights and intercept."""
        yield self.weights
        yield self.intercept

    def learnt(self) -> dict[str, NDArray[Any]]:
        """Weights and intercept, by name."""
        return {"weights": self.weights, "intercept": self.intercept}

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Be the line of these weights."""
        self.seed, self.weights, self.intercept = 0, arrays["weights"], arrays["intercept"]

    def as_onnx(self) -> bytes:
        """The model as one ONNX graph: what `Spec.view` gives → raw outputs."""
        n_outputs = self.data.target.n_outputs
        start = np.zeros(n_outputs)
        start[n_outputs - len(self.intercept) :] = self.intercept
        return line_as_onnx(self.spec, self._full_weights(n_outputs), start)

    def _full_weights(self, n_outputs: int) -> NDArray[np.float32]:
        made = np.zeros((len(self.weights), n_outputs), np.float32)
        made[:, n_outputs - self.weights.shape[1] :] = self.weights
        return made


def line_as_onnx(spec: Spec, weights: NDArray[np.float32], start: Floats) -> bytes:
    """A line as one ONNX graph.

    Args:
        spec: How rows are read.
        weights: (F, K) of numbers, of their gaps, then of each code of each column.
        start: (K,) what is added.
    """
    graph, n = Graph(spec), len(spec.number_names)
    terms = [graph.constant("start", start.astype(np.float32))]
    if n:
        gap = graph.add("IsNaN", ["numbers"], "is_gap")
        zero = graph.constant("zero", np.array(0, np.float32))
        known = graph.add("Where", [gap, zero, "numbers"], "known")
        ends = [graph.constant(f"end_{sign}", np.array(sign * FARTHEST, np.float32)) for sign in (-1, 1)]
        cut = graph.add("Clip", [known, *ends], "cut")
        gaps = graph.add("Cast", [gap], "gaps", to=1)
        for name, read, rows in (("of_numbers", cut, weights[:n]), ("of_gaps", gaps, weights[n : 2 * n])):
            terms.append(graph.add("MatMul", [read, graph.constant(f"{name}_weights", rows)], name))
    at = 2 * n
    for place, size in enumerate(spec.n_codes):
        terms.append(graph.looked_up(place, weights[at : at + size], f"of_{place}"))
        at += size
    raw = terms[-1]
    for place, term in enumerate(terms[:-1]):
        raw = graph.add("Add", [raw, term], f"sum_{place}")
    return graph.model(raw, len(start)).SerializeToString()


@dataclass(frozen=True)
class _Flat:
    """The line of a label that every training row has, or none."""

    n_features: int
    said: float

    @property
    def coef_(self) -> Floats:
        return np.zeros((1, self.n_features))

    @property
    def intercept_(self) -> Floats:
        return np.array([CERTAIN if self.said > 0 else -CERTAIN])


def _own(start: Solved, at: int, n: int) -> tuple[Floats, Floats]:
    """Of several lines of one output each, or of one line, the weights and intercepts to start from."""
    if n == 1:
        return start.weights.T.copy(), start.intercept.copy()
    return start.weights.T[[at]].copy(), start.intercept[[at]].copy()


def _logistic(
    features: Any,
    truth: NDArray[Any],
    strength: float,
    start: tuple[Floats, Floats] | None,
    *,
    deadline: Deadline,
    seed: int,
) -> tuple[Any, bool]:
    """A logistic line, and whether it was solved: the solver is stopped now and then to look at the clock."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow to import

    at_once = ROUNDS if deadline.never else ROUNDS_AT_ONCE
    line: Any = LogisticRegression(C=strength, max_iter=at_once, random_state=seed, warm_start=True)
    if start is not None:
        line.coef_, line.intercept_ = start
    for _ in range(ROUNDS // at_once):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            line.fit(features, truth)
        if line.n_iter_.max() < at_once:
            return line, True
        if deadline.over:
            return line, False
    return line, True


Linear.__module__ = "drivetrain"  # where people find it, so that messages and help say so
