"""A line on texts: on terms weighted by TF-IDF, on the mean of word vectors, or on both side by side.

Legend: N rows, V terms, D numbers of a word vector, P pieces of its tokeniser, K outputs of the target, K′ of the line
(one for two categories).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.errors import DataError
from drivetrain.kinds.texts.bodies.word_vectors import WORDLLAMA, word_vectors
from drivetrain.kinds.texts.fitting import describe, fit_windows
from drivetrain.learner.base import MetricLike
from drivetrain.learner.saving.direct import Outputs
from drivetrain.models.deadline import Budget, Deadline
from drivetrain.models.tabular import loss_of
from drivetrain.models.texts.base import TextModel
from drivetrain.models.texts.design import Design, Floats32, Weights, no_terms, terms_matrix, vector_means
from drivetrain.models.texts.line_graph import line_as_onnx
from drivetrain.models.texts.solving import Solved, Task, solve
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import CategoryTarget, NumberTarget
from drivetrain.settings import choice, number
from drivetrain.text import counted, does

Features = Literal["terms", "static", "both"]
LABELS: dict[Features, str] = {"terms": "TF-IDF line", "static": "static line", "both": "TF-IDF and static line"}
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Inverse penalties that the validation rows choose from; numbers take them ten times weaker."""
USUAL = 10.0
"""Where there are no validation rows."""
MOST_WEIGHTS = 24_000_000
"""Of terms times outputs: 96 MB of a saved model."""
LEAST_TERMS, MOST_TERMS = 5_000, 60_000
"""Of words, and as many of characters."""
STATIC_PIECES = 2048
"""That are read of a text for its word vectors."""
MOST_JUDGED = 20_000
"""Validation rows that choose the penalty."""


class TextLinear(TextModel):
    """Logistic regression, or ridge regression of numbers, on terms, on word vectors, or on both.

    Terms are words and pairs of words, and sequences of 2 to 5 characters within words, weighted by TF-IDF; the
    vocabulary is that of the training rows. Word vectors are those of the package wordllama, of which the mean over a
    text is read.

    Args:
        data: What `drivetrain.texts` gave.
        features: "terms", "static" (word vectors) or "both".
        metrics: What people read; None takes what suits the target.
        strength: Inverse of the penalty on the weights; None lets the validation rows choose.
        budget: The time that fitting may take, such as "10s"; None: until the weights do not move any more.

    Raises:
        MissingExtraError: wordllama is not installed, and word vectors are to be read.

    Example:
        >>> import drivetrain as dt
        >>> cards = ["my card is lost", "card stolen", "where did my card go", "it ate the card", "a new card please"]
        >>> money = ["send money home", "money is missing", "pay me back", "a refund of my money", "has my salary come"]
        >>> rows = {"text": cards + money, "intent": ["card"] * 5 + ["money"] * 5}
        >>> line = dt.TextLinear(dt.texts(rows, target="intent", valid_pct=0.2, test_pct=0))
        >>> line.validate()["accuracy"].n
        2
    """

    @named
    def __init__(
        self,
        data: Data,
        *,
        features: Features = "terms",
        metrics: Sequence[MetricLike] | MetricLike | None = None,
        strength: float | None = None,
        budget: Budget = None,
    ) -> None:
        self.features: Features = choice("features", features, tuple(LABELS))
        strength = None if strength is None else number("strength", strength, above=0)
        deadline = Deadline.of(budget)
        self.label = LABELS[self.features]
        super().__init__(data, metrics=metrics)
        self._vectors = None if self.features == "terms" else word_vectors()
        if not len(self.data.train):
            raise DataError("there are no training rows to fit a line on. To fix: make the data with some.")
        self.spec = self._described()
        train = self._design(self.data.train)
        self.center: Floats32 = train.dense.mean(axis=0)
        """(D,) of the training rows."""
        spread = train.dense.std(axis=0)
        self.scale: Floats32 = np.where(spread > 0, spread, 1) * np.float32(max(1, train.dense.shape[1]) ** 0.5)
        """(D,): the standardised vectors of a text are about as long as its terms, 1."""
        self.weights: Weights = self._fit(self._standard(train), strength, deadline)

    # ── how texts are read ──────────────────────────────────────────────────────────────────────────────────────

    def _described(self) -> Any:
        most = int(np.clip(MOST_WEIGHTS // (2 * self._width), LEAST_TERMS, MOST_TERMS))
        spec = describe(
            self.data,
            terms=self.features != "static",
            tokenizer=None if self._vectors is None else self._vectors.tokenizer,
            fitted={"most": most},
            most_pieces=STATIC_PIECES,
            specials=False,
        )
        if self.features != "static":
            terms = spec.terms
            reason = f"{terms.n_words:,} words and pairs, {len(terms) - terms.n_words:,} sequences of characters"
            full = max(terms.n_words, len(terms) - terms.n_words) == most
            reason += f"; at most {most:,} of each" if full else ", each in two training texts at least"
            self.decisions["terms"] = Decision(value=len(terms), reason=reason)
        if self._vectors is not None:
            read = fit_windows(
                self.data,
                self._vectors.tokenizer,
                most_pieces=STATIC_PIECES,
                most_windows=1,
                reader="the table of word vectors",
            )
            self.decisions["windows"] = read.decision
            reason = f"of the package {WORDLLAMA.table.package}, {WORDLLAMA.width} numbers each; their mean over a text"
            self.decisions["word vectors"] = Decision(value=WORDLLAMA.name, reason=reason)
        return spec

    def _design(self, rows: Examples) -> Design:
        views: list[Arrays] = [self.spec.view(self.spec.load(row)) for row in rows.inputs]
        return self._of_views([list(column) for column in zip(*views, strict=True)], len(rows))

    def _of_views(self, columns: Sequence[Sequence[NDArray[Any]]], n: int) -> Design:
        """Of each array of the signature the rows."""
        left = [list(column) for column in columns]
        terms = no_terms(n)
        if self.features != "static":
            terms, left = terms_matrix(left[0], left[1], self.spec.n_terms), left[2:]
        dense = np.zeros((n, 0), np.float32)
        if self._vectors is not None:
            dense = vector_means(left[0], left[1], self._vectors.table)
        return Design(terms, dense)

    def _standard(self, design: Design) -> Design:
        return Design(design.terms, (design.dense - self.center) / self.scale)

    # ── fitting ─────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _width(self) -> int:
        """K′."""
        target = self.data.target
        return 1 if isinstance(target, CategoryTarget) and target.n_outputs == 2 else target.n_outputs

    def _fit(self, train: Design, asked: float | None, deadline: Deadline) -> Weights:
        target, valid = self.data.target, self.data.valid
        truth = target.training_form(target.encode(self.data.train.values))
        task: Task = "labels"
        if isinstance(target, NumberTarget):
            task = "numbers"
        elif isinstance(target, CategoryTarget) and self._width > 1:
            task = "one of many"
        truth = truth[:, None] if isinstance(target, CategoryTarget) and self._width == 1 else truth
        held = None
        if asked is None and len(valid):
            some = valid.subset(np.unique(np.linspace(0, len(valid) - 1, min(len(valid), MOST_JUDGED)).astype(int)))
            held = self._standard(self._design(some)), target.training_form(target.encode(some.values))
        weaker = 10.0 if task == "numbers" else 1.0
        strengths = [weaker * each for each in STRENGTHS] if held is not None else [asked or weaker * USUAL]
        best, found, last, tried = np.inf, None, None, 0
        for strength in strengths:
            if last is not None and deadline.over:
                break
            start = None if last is None else last.weights
            last = solve(train, truth, task, strength, width=self._width, start=start, deadline=deadline)
            tried += 1
            lost = 0.0
            if held is not None:
                lost = loss_of(target, self._full(held[0].raw(last.weights)).astype(np.float64), held[1])
            if found is not None and lost >= best:
                break  # still weaker penalties only get worse
            best, found = lost, last
            reason = (
                "the least loss on the validation rows"
                if held is not None
                else "as asked"
                if asked
                else "the usual one"
            )
            self.decisions["strength"] = Decision(value=strength, reason=f"{reason} (inverse of the penalty)")
        assert found is not None and last is not None
        self._tell_of_time(last, tried, len(strengths), deadline)
        return found.weights

    def _tell_of_time(self, last: Solved, tried: int, n: int, deadline: Deadline) -> None:
        if not last.steady or (tried < n and deadline.over):
            reason = f"the time was up: {tried} of {counted(n, 'penalty', 'penalties')} {does(tried, 'were')} tried"
            self.decisions["steps"] = Decision(value="cut short", reason=reason)

    # ── answering ───────────────────────────────────────────────────────────────────────────────────────────────

    def outputs(self, views: Arrays) -> Outputs:
        """(N, K) logarithms of odds, or numbers in deviations from their mean."""
        design = self._of_views([list(array) for array in views], len(views[0]))
        return self._full(self._standard(design).raw(self.weights))

    def _full(self, raw: Floats32) -> Outputs:
        """(N, K): of two classes the second against nothing."""
        if isinstance(self.data.target, CategoryTarget) and raw.shape[1] == 1:
            return np.concatenate([np.zeros_like(raw), raw], axis=1)
        return raw

    def parts(self) -> Iterator[NDArray[Any]]:
        """Weights, and how word vectors are standardised."""
        yield from (self.weights.terms, self.weights.dense, self.weights.start, self.center, self.scale)

    def as_onnx(self) -> bytes:
        """The model as one ONNX graph: what `Spec.stack` gives → raw outputs."""
        dense = self.weights.dense / self.scale[:, None]
        start = self.weights.start - self.center @ dense
        table = None if self._vectors is None else self._vectors.table
        return line_as_onnx(self.spec, self.weights.terms, dense, start, table, n_outputs=self.data.target.n_outputs)


TextLinear.__module__ = "drivetrain"  # where people find it, so that messages and help say so
