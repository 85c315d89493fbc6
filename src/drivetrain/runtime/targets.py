"""What a model must say: one category, several categories, or numbers.

A target is a description (plain data, stored in the artefact) fitted on the training set only. Legend for the
arrays on this page: N rows, K categories, D numbers per row.

========== ============================= ========================== ==============================
kind       a row's value                 ``encode`` gives           the model's N×n_outputs numbers
========== ============================= ========================== ==============================
category   ``"pear"``                    (N,) int64 index           logits of a softmax
categories ``("red", "round")``          (N, K) float32 of 0 and 1  logits of K sigmoids
number     ``(1.5, 20.0)``               (N, D) float64, your units standardised values
========== ============================= ========================== ==============================

Numbers stay float64 until they are standardised: at 1,700,000,000 neighbouring float32 values are 128 apart.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivetrain.errors import DataError, did_you_mean, first_few

TargetValue = str | tuple[str, ...] | tuple[float, ...]
Array = NDArray[Any]


def softmax(logits_NK: Array) -> Array:
    """Rows of probabilities that sum to 1, from rows of logits of any size.

    Example:
        >>> softmax(np.array([[0.0, 0.0]])).tolist()
        [[0.5, 0.5]]
    """
    shifted = logits_NK.astype(np.float64) - logits_NK.max(axis=1, keepdims=True)
    exp = np.exp(shifted)
    return exp / exp.sum(axis=1, keepdims=True)


def sigmoid(logits: Array) -> Array:
    """Element-wise logistic function, without overflow.

    Example:
        >>> float(sigmoid(np.array([-1000.0]))[0])
        0.0
    """
    return 0.5 * (1.0 + np.tanh(0.5 * logits.astype(np.float64)))


LARGEST = 1e150
"""Numbers to predict are below it: squares of errors, and their sums, are still numbers."""
MOST_NAMES, MOST_LETTERS = 100_000, 1000
"""Categories of a model, and letters of the name of one."""


TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Turn the direction of writing: what follows is then shown as something else than it is."""


def unusable_name(name: str) -> str | None:
    r"""Why a category or column cannot be called so; None where it can.

    Example:
        >>> unusable_name("red wine") is None, unusable_name("red\x1b[2J")
        (True, "'red\\x1b[2J' has a control character")
    """
    if len(name) > MOST_LETTERS:
        return f"{name[:40]!r}… has {len(name):,} letters, more than {MOST_LETTERS:,}"
    if any((unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n\r") or c in TURNING for c in name):
        return f"{name[:60]!r} has a control character"
    return None


class _Vocabulary(BaseModel):
    """Shared by the two kinds that choose from a list of categories."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Column or source the values came from."""
    vocab: tuple[str, ...] = Field(min_length=1)
    """The categories, in the order of the model's outputs."""

    @model_validator(mode="after")
    def _categories_are_distinct(self) -> _Vocabulary:
        if len(set(self.vocab)) != len(self.vocab):
            raise ValueError("the vocabulary names a category twice")
        return self

    noun: ClassVar[str] = "category"
    """What an output stands for."""

    @property
    def n_outputs(self) -> int:
        """One output per category."""
        return len(self.vocab)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The categories."""
        return self.vocab

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories; numbers have none."""
        return self.vocab

    def _index(self, labels: Iterable[str]) -> list[int]:
        positions = {label: i for i, label in enumerate(self.vocab)}
        labels = list(labels)
        unknown = sorted({label for label in labels if label not in positions})
        if unknown:
            raise DataError(
                f"{len(unknown)} categories of {self.name!r} are not among the {len(self.vocab)} of the training set: "
                f"{first_few(unknown)}.{did_you_mean(unknown[0], self.vocab)} "
                "To fix: correct the label, or put examples of it in the training set."
            )
        return [positions[label] for label in labels]


class CategoryTarget(_Vocabulary):
    """One category per row.

    Example:
        >>> target = CategoryTarget.fit("fruit", ["pear", "apple", "pear"])
        >>> target.vocab, target.encode(["pear"]).tolist()
        (('apple', 'pear'), [1])
    """

    kind: Literal["category"] = "category"
    task: ClassVar[str] = "category"
    """What people call it."""

    @classmethod
    def fit(cls, name: str, values: Iterable[str]) -> CategoryTarget:
        """Sorted distinct values of the training set."""
        return cls(name=name, vocab=tuple(sorted(set(values))))

    def encode(self, values: Sequence[TargetValue]) -> Array:
        """(N,) int64; raises DataError for a category that is not in the vocabulary."""
        return np.array(self._index(str(value) for value in values), dtype=np.int64)

    def training_form(self, encoded: Array) -> Array:
        """The same indices."""
        return encoded

    def activate(self, outputs: Array) -> Array:
        """(N, K) probabilities; rows sum to 1."""
        return softmax(outputs)

    def decode(self, activated: Array) -> list[TargetValue]:
        """The most probable category of each row."""
        return [self.vocab[i] for i in activated.argmax(axis=1)]

    def decode_truth(self, encoded: Array) -> list[TargetValue]:
        """The values that were encoded."""
        return [self.vocab[i] for i in encoded]

    def encoded_shape(self, n: int) -> tuple[int, ...]:
        """Of `encode` for n rows."""
        return (n,)

    def chosen(self, activated: Array) -> Array:
        """(N,) int64: what is said, encoded."""
        return activated.argmax(axis=1).astype(np.int64)

    def confidence(self, activated: Array) -> Array | None:
        """(N,) float64, the highest probability."""
        return activated.max(axis=1).astype(np.float64)


class CategoriesTarget(_Vocabulary):
    """Several categories per row, also none (multi-label).

    Example:
        >>> target = CategoriesTarget.fit("tags", [("red", "round"), ("red",), ()])
        >>> target.encode([("round",)]).tolist()
        [[0.0, 1.0]]
    """

    kind: Literal["categories"] = "categories"
    task: ClassVar[str] = "multilabel"
    """What people call it."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    """A category is said when its probability is at least this."""

    @classmethod
    def fit(cls, name: str, values: Iterable[Sequence[str]]) -> CategoriesTarget:
        """Sorted distinct labels of the training set."""
        vocab = tuple(sorted({label for labels in values for label in labels}))
        if not vocab:
            raise DataError(f"no row of the training set has a label in {name!r}: there is nothing to learn.")
        return cls(name=name, vocab=vocab)

    def encode(self, values: Sequence[TargetValue]) -> Array:
        """(N, K) float32 of zeros and ones; raises DataError for an unknown label."""
        encoded = np.zeros((len(values), len(self.vocab)), dtype=np.float32)
        for row, labels in enumerate(values):
            encoded[row, self._index(str(label) for label in labels)] = 1.0
        return encoded

    def training_form(self, encoded: Array) -> Array:
        """The same zeros and ones."""
        return encoded

    def activate(self, outputs: Array) -> Array:
        """(N, K) probabilities, each category on its own."""
        return sigmoid(outputs)

    def decode(self, activated: Array) -> list[TargetValue]:
        """The labels at or above the threshold, in vocabulary order."""
        return [tuple(self.vocab[i] for i in np.flatnonzero(row >= self.threshold)) for row in activated]

    def decode_truth(self, encoded: Array) -> list[TargetValue]:
        """The values that were encoded."""
        return self.decode(encoded)

    def encoded_shape(self, n: int) -> tuple[int, ...]:
        """Of `encode` for n rows."""
        return (n, self.n_outputs)

    def chosen(self, activated: Array) -> Array:
        """(N, K) float32 of 0 and 1: what is said, encoded."""
        return (activated >= self.threshold).astype(np.float32)

    def confidence(self, activated: Array) -> Array | None:
        """(N,) float64, the probability of the row's least certain label, said or not said."""
        said = activated >= self.threshold
        return np.where(said, activated, 1 - activated).min(axis=1).astype(np.float64)


class NumberTarget(BaseModel):
    """One or more numbers per row (regression).

    The model learns standardised values (mean 0, standard deviation 1 over the training set), so one learning
    rate suits prices and percentages alike; what comes out is in the user's units again.

    Example:
        >>> target = NumberTarget.fit(("weight_g",), [(100.0,), (300.0,)])
        >>> target.activate(np.array([[0.5]])).tolist()
        [[250.0]]
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["number"] = "number"
    noun: ClassVar[str] = "number"
    """What an output stands for."""
    categories: ClassVar[tuple[str, ...]] = ()
    """Numbers have none."""
    task: ClassVar[str] = "number"
    """What people call it."""
    names: tuple[str, ...] = Field(min_length=1)
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @model_validator(mode="after")
    def _one_statistic_per_number(self) -> NumberTarget:
        if not len(self.names) == len(self.mean) == len(self.std):
            raise ValueError("names, mean and std have different lengths")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        if len(set(self.names)) != len(self.names):
            raise ValueError("a column is named twice")
        return self

    @classmethod
    def fit(cls, names: Sequence[str], values: Sequence[Sequence[float]]) -> NumberTarget:
        """Mean and standard deviation of the training set; raises DataError where a column never varies."""
        table = np.asarray(values, dtype=np.float64).reshape(len(values), len(names))
        with np.errstate(over="ignore", invalid="ignore"):
            mean = table[0] + (table - table[0]).mean(axis=0)  # of values near each other, however far from 0
            largest = np.abs(table - mean).max(axis=0)
            std = largest * np.sqrt(np.mean(((table - mean) / np.where(largest > 0, largest, 1.0)) ** 2, axis=0))
        endless = [name for name, found in zip(names, np.abs(table).max(axis=0), strict=True) if found > LARGEST]
        if endless:
            raise DataError(
                f"the values of {first_few(endless)} reach {np.abs(table).max():.3g}, and errors cannot be squared; "
                f"expected numbers below {LARGEST:g}. To fix: give them in a larger unit."
            )
        still = [name for name, fixed in zip(names, (table == table[0]).all(axis=0), strict=True) if fixed]
        if still:
            raise DataError(
                f"{first_few(still)} has the same value in all {len(values)} rows of the training set: there is "
                "nothing to learn. To fix: choose another target column."
            )
        near = [name for name, spread in zip(names, std, strict=True) if spread < 1 / LARGEST]
        if near:
            raise DataError(
                f"the values of {first_few(near)} differ by {std.min():.3g} only, and errors cannot be squared; "
                f"expected differences above {1 / LARGEST:g}. To fix: give them in a smaller unit."
            )
        return cls(names=tuple(names), mean=tuple(mean.tolist()), std=tuple(std.tolist()))

    @property
    def name(self) -> str:
        """The column names, joined."""
        return ", ".join(self.names)

    @property
    def n_outputs(self) -> int:
        """One output per number."""
        return len(self.names)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The columns."""
        return self.names

    def encode(self, values: Sequence[TargetValue]) -> Array:
        """(N, D) float64 in the user's units."""
        return np.asarray(values, dtype=np.float64).reshape(len(values), len(self.names))

    def training_form(self, encoded: Array) -> Array:
        """(N, D) float32 standardised values; the standardising itself is done in float64."""
        centred = np.asarray(encoded, dtype=np.float64) - np.asarray(self.mean)
        return (centred / np.asarray(self.std)).astype(np.float32)

    def activate(self, outputs: Array) -> Array:
        """(N, D) values in the user's units."""
        return outputs.astype(np.float64) * np.asarray(self.std) + np.asarray(self.mean)

    def decode(self, activated: Array) -> list[TargetValue]:
        """A tuple of floats per row."""
        return [tuple(row) for row in activated.tolist()]

    def decode_truth(self, encoded: Array) -> list[TargetValue]:
        """The values that were encoded."""
        return self.decode(encoded)

    def encoded_shape(self, n: int) -> tuple[int, ...]:
        """Of `encode` for n rows."""
        return (n, self.n_outputs)

    def chosen(self, activated: Array) -> Array:
        """(N, D): what is said, encoded."""
        return activated

    def confidence(self, activated: Array) -> Array | None:
        """None: a number comes without a probability."""


Target = Annotated[CategoryTarget | CategoriesTarget | NumberTarget, Field(discriminator="kind")]


def check_names_of(target: Target) -> None:
    """Raise ValueError where a target of a model from elsewhere has more names than any, or one that is none."""
    names = target.names if isinstance(target, NumberTarget) else (target.name, *target.vocab)
    if len(names) > MOST_NAMES:
        raise ValueError(f"there are {len(names):,} categories, more than {MOST_NAMES:,}")
    reason = next(filter(None, map(unusable_name, names)), None)
    if reason is not None:
        raise ValueError(reason)


for _public in (
    CategoriesTarget,
    CategoryTarget,
    NumberTarget,
):
    _public.__module__ = "drivetrain"  # where people find them, so that messages and help say so
