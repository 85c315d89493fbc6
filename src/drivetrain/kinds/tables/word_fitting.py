"""The words of a table's columns, fitted on the training rows: which columns have any, and what they are worth.

A training row's own target must not be in its number: like the statistics of names (`encoding`) it is told by a line
that was fitted on the other folds.

Legend: N rows, L different cells of a column, T words, K′ outputs whose number is told.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.kinds.tables.columns import CategoryColumn, NumberColumn
from drivetrain.kinds.tables.encoding import folds_of, told_numbers
from drivetrain.kinds.tables.parsing import category_text, is_gap
from drivetrain.kinds.tables.spec import Spec
from drivetrain.kinds.tables.words import Words, words_of
from drivetrain.runtime.decisions import Decision
from drivetrain.text import readable

Floats = NDArray[np.float64]

FEW = 32
"""Names of a column up to which each is learnt by itself."""
LEAST_WORDS = 1.5
"""Words of a name, on average, from which on they are read."""
MOST_TOKENS = 3000
"""Words of a column. Those of a single name count too: beside the shared ones they tell how it differs from them."""
LEAST_ROWS = 3
"""That a word of a text occurs in: what one person alone wrote does not travel with the model."""
MOST_ROWS = 100_000
"""Training rows that lines through words are fitted on."""
LEAST_TOLD = 0.01
"""Share of what is to be predicted that words explain at least, or they are left away."""
PENALTY = 1.0
"""Of a weight's square, in rows (ridge regression)."""


class _Cells(NamedTuple):
    """One column's cells, equal ones once."""

    texts: list[str]
    at: NDArray[np.int64]
    """(N,) which text each row has; −1 for a gap."""


def with_words(spec: Spec, data: Data) -> Spec:
    """The same description, with the words of columns that have some worth reading.

    Args:
        spec: How rows are read otherwise.
        data: Whose training rows say what words are worth.
    """
    rows = data.train
    found = [words for column in spec.categories if (words := _fitted(column, data, rows)) is not None]
    return Spec(columns=spec.columns, words=tuple(found), pairs=spec.pairs) if found else spec


def words_decision(spec: Spec) -> dict[str, Decision]:
    """What people are told of the words that are read; nothing where none are."""
    if not spec.words:
        return {}
    told = ", ".join(f"{readable(one.column)} ({100 * one.told:.0f} %)" for one in spec.words)
    reason = (
        f"columns whose cells are several words, with the share of what is to be predicted that they explain: {told}"
    )
    return {"words": Decision(value=len(spec.words), reason=reason)}


_last: list[tuple[weakref.ref[Data], tuple[Words, ...], NDArray[np.float32]]] = []
"""What was told last: candidates of one contest are fitted on the same rows."""


def crossed_words(spec: Spec, data: Data) -> NDArray[np.float32]:
    """(N, W) what words say of each training row, by lines that were fitted on the other folds, as a model reads it.

    Args:
        spec: With words.
        data: Whose training rows are asked for.
    """
    if not _last or _last[0][0]() is not data or _last[0][1] is not spec.words:
        columns = [_crossed(words, data) for words in spec.words]
        made = np.concatenate(columns, axis=1) if columns else np.zeros((len(data.train), 0))
        _last[:] = [(weakref.ref(data), spec.words, spec.view_words(made).astype(np.float32))]
    return _last[0][2]


def crossed_numbers(spec: Spec, data: Data, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, P) the training rows' numbers, with what the other folds say of words in place of what all say."""
    if not spec.words:
        return numbers
    crossed = crossed_words(spec, data)
    return np.concatenate([numbers[:, : numbers.shape[1] - crossed.shape[1]], crossed], axis=1)


def _fitted(column: CategoryColumn, data: Data, rows: Examples) -> Words | None:
    if column.ordered or (len(column.vocab) <= FEW and not column.text):
        return None
    cells = _cells(rows, column.name)
    read = [words_of(text) for text in cells.texts]
    often = np.bincount(cells.at[cells.at >= 0], minlength=len(read))
    if not read or np.average([len(one) for one in read], weights=np.maximum(often, 1)) < LEAST_WORDS:
        return None
    tokens = _tokens(read, often, least=LEAST_ROWS if column.text else 1)
    if not tokens:
        return None
    place = {token: at for at, token in enumerate(tokens)}
    table = _counted(read, place)
    seen = np.bincount(table.indices, minlength=len(tokens))
    rare = np.log((1 + len(read)) / (1 + seen)) + 1
    outputs, chosen = told_numbers(data.target, rows.values), _chosen(rows, data.split.seed)
    some = cells.at[chosen] >= 0
    weights, start = _line(_scaled(table, rare), cells.at[chosen][some], outputs[chosen][some])
    made = Words(
        column=column.name,
        tokens=tuple(tokens),
        rare=tuple(rare.astype(np.float32).astype(float).tolist()),
        weights=tuple(weights.T.reshape(-1).astype(np.float32).astype(float).tolist()),
        start=tuple(start.tolist()),
        numbers=tuple(NumberColumn(name=name) for name in _names(column.name, outputs.shape[1])),
    )
    crossed = _crossed(made, data)
    told = _share(crossed, outputs)
    if told < LEAST_TOLD:
        return None
    numbers = [_spread(number, values) for number, values in zip(made.numbers, crossed.T, strict=True)]
    return made.model_copy(update={"numbers": tuple(numbers), "told": told})


def _crossed(words: Words, data: Data) -> Floats:
    """(N, K′) not scaled yet; a row that the lines were not fitted on is told by the line of all."""
    rows = data.train
    outputs = told_numbers(data.target, rows.values, width=len(words.start))
    cells = _cells(rows, words.column)
    place = {token: at for at, token in enumerate(words.tokens)}
    table = _scaled(_counted([words_of(text) for text in cells.texts], place), np.array(words.rare))
    whole = table @ np.array(words.weights).reshape(len(words.start), -1).T + np.array(words.start)
    found = np.where(cells.at[:, None] >= 0, whole[cells.at], np.nan) if len(whole) else np.full(outputs.shape, np.nan)
    chosen = _chosen(rows, data.split.seed)
    chosen = chosen[cells.at[chosen] >= 0]
    folds = folds_of(len(rows), _one_fold(rows), seed=data.split.seed)
    for fold in range(int(folds.max(initial=0)) + 1):
        own = chosen[folds[chosen] == fold]
        others = chosen[folds[chosen] != fold]
        if len(own) and len(others):
            weights, start = _line(table, cells.at[others], outputs[others])
            found[own] = (table @ weights + start)[cells.at[own]]
    return found


def _line(table: Any, at: NDArray[np.int64], outputs: Floats) -> tuple[Floats, Floats]:
    """(T, K′) weights and (K′,) start of the line through some rows' words; rows with one text count together."""
    from sklearn.linear_model import Ridge  # noqa: PLC0415 - slow to import

    n = table.shape[0]
    counts = np.bincount(at, minlength=n).astype(np.float64)
    sums = np.stack([np.bincount(at, output, minlength=n) for output in outputs.T], axis=1)
    there = counts > 0
    means = sums[there] / counts[there, None]
    line: Any = Ridge(alpha=PENALTY, solver="sparse_cg", tol=1e-3).fit(table[there], means, sample_weight=counts[there])
    return np.atleast_2d(line.coef_).T.reshape(table.shape[1], -1), np.atleast_1d(line.intercept_)


def _cells(rows: Examples, name: str) -> _Cells:
    texts: dict[str, int] = {}
    known: dict[Any, int] = {}
    at: list[int] = []
    for cell in cast(Cells, rows.inputs).columns[name].tolist():
        found = known.get(cell)
        if found is None:
            found = known[cell] = -1 if is_gap(cell) else texts.setdefault(category_text(cell), len(texts))
        at.append(found)
    return _Cells(list(texts), np.array(at, np.int64))


def _tokens(read: Sequence[Sequence[str]], often: NDArray[np.int64], *, least: int) -> list[str]:
    """The most frequent words that occur in so many rows at least."""
    rows: Counter[str] = Counter()
    for words, n in zip(read, often.tolist(), strict=True):
        for word in words:
            rows[word] += n
    return sorted((word for word, n in rows.items() if n >= least), key=lambda word: (-rows[word], word))[:MOST_TOKENS]


def _counted(read: Sequence[Sequence[str]], place: dict[str, int]) -> Any:
    """(L, T) sparse: 1 for each word that occurs."""
    places = [[at for word in words if (at := place.get(word)) is not None] for words in read]
    ends = np.concatenate([[0], np.cumsum([len(one) for one in places])]).astype(np.int64)
    flat = np.array([at for one in places for at in one], np.int64)
    return sparse.csr_matrix((np.ones(len(flat)), flat, ends), shape=(len(read), len(place)))


def _scaled(table: Any, rare: Floats) -> Any:
    """(L, T) each text's words by how rare they are, of length 1."""
    weighed = table @ sparse.diags(rare)
    length = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).reshape(-1))
    return sparse.csr_matrix(sparse.diags(1 / np.maximum(length, 1e-12)) @ weighed)


def _chosen(rows: Examples, seed: int) -> NDArray[np.int64]:
    if len(rows) <= MOST_ROWS:
        return np.arange(len(rows))
    return np.sort(np.random.default_rng(seed).permutation(len(rows))[:MOST_ROWS])


def _one_fold(rows: Examples) -> Sequence[str]:
    """Groups, or else the copies of a row, which would tell each other's target."""
    return rows.groups if rows.groups or len(set(rows.digests)) == len(rows) else rows.digests


def _share(crossed: Floats, outputs: Floats) -> float:
    """R² of all outputs together; a gap says the mean."""
    mean = outputs.mean(axis=0)
    said = np.where(np.isnan(crossed), mean, crossed)
    total = float(((outputs - mean) ** 2).sum())
    return 1.0 - float(((outputs - said) ** 2).sum()) / total if total else 0.0


def _names(column: str, n: int) -> list[str]:
    return [f"{column} (words)"] if n == 1 else [f"{column} (words, {at + 1})" for at in range(n)]


def _spread(number: NumberColumn, values: Floats) -> NumberColumn:
    from drivetrain.kinds.tables.fitting import spread  # noqa: PLC0415 - which imports this module

    return number.model_copy(update=spread(values))
