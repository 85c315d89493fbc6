"""Populations for benchmarks/coverage.py: rows as models might judge them, whose true values a very large set tells.

Three families. On `POPULATIONS` and `PAIRS` the constants of the intervals were chosen. `HARDER` and `HARDER_PAIRS`
were written down before they were measured, and methods were mended after that: where a large error is rare, where a
category is. `HOLD_OUT` and `HOLD_OUT_PAIRS` were written down after the mending and before any of them was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget, sigmoid, softmax

Draw = Callable[[np.random.Generator, int], dict[str, Any]]
Noise = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
STRENGTHS = tuple(np.linspace(1.2, 3.2, 16).tolist())
PAIR_STRENGTHS = tuple(np.linspace(0.4, 2.0, 16).tolist())
"""Of the weaker of two models: strong ones answer few of twenty rows differently, and then no interval can be wrong."""


@dataclass(frozen=True)
class Population:
    """Rows as a model might judge them."""

    name: str
    what: str
    target: Any
    models: tuple[Draw, ...]
    """Models of different strength, taken in turn: the coverage of a proportion of few rows jumps with its value."""
    metrics: tuple[Any, ...]

    def table(self, model: int, random: np.random.Generator, n: int) -> Predictions:
        return Predictions(ids=ids(n), target=self.target, **self.models[model](random, n))


@dataclass(frozen=True)
class Pair:
    """Rows as two models might judge them; what makes a row hard for one makes it hard for the other."""

    name: str
    target: Any
    models: tuple[Callable[[np.random.Generator, int], tuple[dict[str, Any], dict[str, Any]]], ...]
    equal: bool
    """Both are equally good, so the true difference is 0."""

    def tables(self, model: int, random: np.random.Generator, n: int) -> tuple[Predictions, Predictions]:
        a, b = self.models[model](random, n)
        return Predictions(ids=ids(n), target=self.target, **a), Predictions(ids=ids(n), target=self.target, **b)


def ids(n: int) -> tuple[str, ...]:
    return _IDS[:n] if n <= len(_IDS) else tuple(map(str, range(n)))


_IDS = tuple(map(str, range(2000)))


def categories_of(shares: Sequence[float], strength: float, spread: float = 1.0) -> Draw:
    """One category per row; the logit of the true one is higher by `strength` on average."""

    def draw(random: np.random.Generator, n: int) -> dict[str, Any]:
        truth = random.choice(len(shares), n, p=shares)
        logits = random.normal(size=(n, len(shares)))
        logits[np.arange(n), truth] += strength
        return {"truth": truth, "output": softmax(spread * logits)}

    return draw


def grouped(draw: Draw, rows_per_group: int, shift: float) -> Draw:
    """Rows in groups that are easy or hard together."""

    def of(random: np.random.Generator, n: int) -> dict[str, Any]:
        return _shifted(draw(random, n), np.arange(n) // rows_per_group, shift, random)

    return of


def _shifted(found: dict[str, Any], codes: np.ndarray, shift: float, random: np.random.Generator) -> dict[str, Any]:
    truth = found["truth"]
    logits = np.log(found["output"])
    logits[np.arange(len(truth)), truth] += random.normal(size=codes.max() + 1)[codes] * shift
    return {"truth": truth, "output": softmax(logits), "groups": codes}


def labels_of(shares: Sequence[float], strength: float, common: float = 0.7) -> Draw:
    def draw(random: np.random.Generator, n: int) -> dict[str, Any]:
        hard = random.normal(size=(n, 1)) * common  # a hard picture is hard for every label
        truth = (random.random((n, len(shares))) < np.array(shares)).astype(np.float32)
        logits = random.normal(size=truth.shape) + hard + strength * (2 * truth - 1)
        return {"truth": truth, "output": sigmoid(logits)}

    return draw


def numbers_of(noise: Noise, d: int, strength: float) -> Draw:
    def draw(random: np.random.Generator, n: int) -> dict[str, Any]:
        truth = random.normal(size=(n, d)) * 10 + 50
        return {"truth": truth, "output": truth + 10 / strength**2 * noise(random, (n, d))}

    return draw


def two_models(k: int, strength: float, gap: float) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Of `k` categories; the first model is stronger by `gap`."""

    def draw(random: np.random.Generator, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
        truth = random.integers(0, k, n)
        hard = random.normal(size=(n, k))
        outputs: list[np.ndarray] = []
        for own in (strength + gap, strength):
            logits = 0.8 * hard + 0.6 * random.normal(size=(n, k))
            logits[np.arange(n), truth] += own
            outputs.append(softmax(logits))
        return {"truth": truth, "output": outputs[0]}, {"truth": truth, "output": outputs[1]}

    return draw


def each(make: Callable[[float], Any], strengths: Sequence[float] = STRENGTHS) -> tuple[Any, ...]:
    return tuple(make(strength) for strength in strengths)


def names(k: int) -> tuple[str, ...]:
    return tuple(f"k{i}" for i in range(k))


THREE, TWO, TEN, FIVE = (CategoryTarget(name="kind", vocab=names(k)) for k in (3, 2, 10, 5))
FOUR, LABELS_OF_THREE = (CategoriesTarget(name="tags", vocab=names(k)) for k in (4, 3))
ONE, TWICE = (NumberTarget(names=names(d), mean=(50.0,) * d, std=(10.0,) * d) for d in (1, 2))
PLAIN = ("accuracy", "balanced_accuracy", "f1", "log_loss", "brier", "roc_auc", "average_precision")
LABELS = ("exact_match", "accuracy_multi", "f1", "f1_micro", "log_loss", "brier", "roc_auc", "average_precision")
NUMBERS = ("rmse", "mae", "r2")


def own_metric(truth: Any, output: Any) -> float:
    """A function of a user's, which gets the BCa bootstrap."""
    return float((abs(output - truth) ** 1.5).mean())


POPULATIONS = (
    Population("usual", "3 categories, 70 to 97 % right", THREE, each(lambda s: categories_of([1 / 3] * 3, s)), PLAIN),
    Population("two", "2 categories, 80 to 99 % right", TWO, each(lambda s: categories_of([0.5] * 2, s)), PLAIN),
    Population(
        "excellent",
        "2 categories, 97 to 99.8 % right",
        TWO,
        each(lambda s: categories_of([0.5] * 2, 2.6 + 0.7 * (s - STRENGTHS[0]), 2.0)),
        PLAIN,
    ),
    Population(
        "rare", "2 categories, one row in five positive", TWO, each(lambda s: categories_of([0.8, 0.2], s)), PLAIN
    ),
    Population(
        "ten", "10 categories", TEN, each(lambda s: categories_of([0.1] * 10, s + 0.5)), ("top_5_accuracy", *PLAIN)
    ),
    Population(
        "labels",
        "4 labels, of 20 to 50 % of the rows",
        FOUR,
        each(lambda s: labels_of([0.2, 0.3, 0.4, 0.5], s / 2)),
        LABELS,
    ),
    Population(
        "normal",
        "normal errors",
        ONE,
        each(lambda s: numbers_of(lambda r, z: r.normal(size=z), 1, s)),
        (*NUMBERS, own_metric),
    ),
    Population(
        "heavy",
        "errors of Student's t, 5 degrees",
        TWICE,
        each(lambda s: numbers_of(lambda r, z: r.standard_t(5, z), 2, s)),
        NUMBERS,
    ),
    Population(
        "groups",
        "as usual, in groups of 5",
        THREE,
        each(lambda s: grouped(categories_of([1 / 3] * 3, s), 5, 1.0)),
        PLAIN,
    ),
)
PAIRS = (
    Pair("two equally good models", THREE, each(lambda s: two_models(3, s, 0.0), PAIR_STRENGTHS), True),
    Pair("two models, one better", THREE, each(lambda s: two_models(3, s, 0.7), PAIR_STRENGTHS), False),
)


# ── harder ones, after which methods were mended ────────────────────────────────────────────────────────────────────
def easy_and_hard(shares: Sequence[float], strength: float) -> Draw:
    """Six rows in ten are easy and alike, the others hard and spread out."""

    def draw(random: np.random.Generator, n: int) -> dict[str, Any]:
        truth = random.choice(len(shares), n, p=shares)
        easy = random.random(n) < 0.6
        logits = random.normal(size=(n, len(shares))) * np.where(easy, 0.6, 1.5)[:, None]
        logits[np.arange(n), truth] += strength + np.where(easy, 1.5, -0.7)
        return {"truth": truth, "output": softmax(logits)}

    return draw


def with_noise(shares: Sequence[float], strength: float, noise: Noise) -> Draw:
    def draw(random: np.random.Generator, n: int) -> dict[str, Any]:
        truth = random.choice(len(shares), n, p=shares)
        logits = noise(random, (n, len(shares)))
        logits[np.arange(n), truth] += strength
        return {"truth": truth, "output": softmax(logits)}

    return draw


def beta_scores(positive: float, strength: float) -> Draw:
    """Two categories; the score of the second is beta distributed, around either end."""

    def draw(random: np.random.Generator, n: int) -> dict[str, Any]:
        truth = (random.random(n) < positive).astype(int)
        score = np.where(truth == 1, random.beta(2 * strength, 2, n), random.beta(2, 2 * strength, n))
        score = np.clip(score, 1e-6, 1 - 1e-6)
        return {"truth": truth, "output": np.stack([1 - score, score], axis=1)}

    return draw


def unequal_groups(draw: Draw, shift: float) -> Draw:
    """Groups of 2 to 14 rows, 8 on average."""

    def of(random: np.random.Generator, n: int) -> dict[str, Any]:
        codes = np.repeat(np.arange(n), random.integers(2, 15, n))[:n]
        return _shifted(draw(random, n), codes, shift, random)

    return of


def two_beta_models(strength: float, gap: float) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Two categories, one row in four positive; each model sees the same hidden score and adds its own error."""

    def draw(random: np.random.Generator, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
        hidden = beta_scores(0.25, strength)(random, n)
        raw = np.log(hidden["output"][:, 1] / hidden["output"][:, 0])
        sign = 2 * hidden["truth"] - 1
        outputs: list[np.ndarray] = []
        for more in (gap, 0.0):
            score = sigmoid(raw + sign * more + random.laplace(size=n) * 0.5)
            outputs.append(np.stack([1 - score, score], axis=1))
        return {"truth": hidden["truth"], "output": outputs[0]}, {"truth": hidden["truth"], "output": outputs[1]}

    return draw


def two_sharing(
    shares: Sequence[float], noise: Noise, common: float, alone: float
) -> Callable[[float, float], Callable[..., tuple[dict[str, Any], dict[str, Any]]]]:
    """Two models of uneven categories whose logits have part of their noise in common: (strength, gap) → draw."""

    def models(strength: float, gap: float) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
        def draw(random: np.random.Generator, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
            size = (n, len(shares))
            truth = random.choice(len(shares), n, p=shares)
            hard = noise(random, size)
            outputs: list[np.ndarray] = []
            for own in (strength + gap, strength):
                logits = common * hard + alone * noise(random, size)
                logits[np.arange(n), truth] += own
                outputs.append(softmax(logits))
            return {"truth": truth, "output": outputs[0]}, {"truth": truth, "output": outputs[1]}

        return draw

    return models


UNEVEN = [0.45, 0.25, 0.15, 0.1, 0.05]
two_uneven_models = two_sharing(UNEVEN, lambda r, z: r.standard_t(4, z), 0.7, 0.7)
HARDER = (
    Population(
        "mixture",
        "3 categories of 50, 30 and 20 %, easy and hard rows",
        THREE,
        each(lambda s: easy_and_hard([0.5, 0.3, 0.2], s)),
        PLAIN,
    ),
    Population(
        "five",
        "5 categories of 45 to 5 %, logistic noise",
        FIVE,
        each(lambda s: with_noise(UNEVEN, 1.5 * s, lambda r, z: r.logistic(size=z))),
        ("top_3_accuracy", *PLAIN),
    ),
    Population("beta", "2 categories, beta scores, 30 % positive", TWO, each(lambda s: beta_scores(0.3, s)), PLAIN),
    Population(
        "nearly perfect",
        "3 categories, Student's t noise of 4 degrees, 95 to 99 % right",
        THREE,
        each(lambda s: with_noise([0.4, 0.35, 0.25], 3.0 + s, lambda r, z: r.standard_t(4, z))),
        PLAIN,
    ),
    Population(
        "tags",
        "3 labels, of 10, 35 and 70 % of the rows",
        LABELS_OF_THREE,
        each(lambda s: labels_of([0.1, 0.35, 0.7], s / 2 + 0.3, 0.4)),
        LABELS,
    ),
    Population(
        "Laplace",
        "errors of Laplace",
        ONE,
        each(lambda s: numbers_of(lambda r, z: r.laplace(size=z), 1, s)),
        (*NUMBERS, own_metric),
    ),
    Population(
        "log-normal",
        "skewed errors: log-normal, sigma .75, less their mean",
        TWICE,
        each(lambda s: numbers_of(lambda r, z: r.lognormal(0.0, 0.75, z) - np.exp(0.75**2 / 2), 2, s)),
        NUMBERS,
    ),
    Population(
        "uneven groups",
        "2 categories in groups of 2 to 14 rows",
        TWO,
        each(lambda s: unequal_groups(categories_of([0.6, 0.4], s), 0.7)),
        PLAIN,
    ),
)
HARDER_PAIRS = (
    Pair("beta scores equally good", TWO, each(lambda s: two_beta_models(s, 0.0), PAIR_STRENGTHS), True),
    Pair("beta scores with one better", TWO, each(lambda s: two_beta_models(s, 0.8), PAIR_STRENGTHS), False),
    Pair("five categories equally good", FIVE, each(lambda s: two_uneven_models(s, 0.0), PAIR_STRENGTHS), True),
    Pair("five categories with one better", FIVE, each(lambda s: two_uneven_models(s, 0.7), PAIR_STRENGTHS), False),
)


# ── populations that tuned nothing ──────────────────────────────────────────────────────────────────────────────────
def mislabelled(draw: Draw, share: float) -> Draw:
    """Of two categories: so many rows of the first are said to be of the second."""

    def of(random: np.random.Generator, n: int) -> dict[str, Any]:
        found = draw(random, n)
        wrong = (random.random(n) < share) & (found["truth"] == 0)
        return {**found, "truth": np.where(wrong, 1, found["truth"])}

    return of


def some_spread(random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Normal noise, three times as large in one row of ten."""
    return random.normal(size=size) * np.where(random.random(size[0]) < 0.1, 3.0, 1.0)[:, None]


def softened(draw: Draw, by: float) -> Draw:
    """The same answers, less (below 1) or more (above 1) sure than they should be."""

    def of(random: np.random.Generator, n: int) -> dict[str, Any]:
        found = draw(random, n)
        return {**found, "output": softmax(by * np.log(found["output"]))}

    return of


def noisy_labels(shares: Sequence[float], strength: float) -> Draw:
    def draw(random: np.random.Generator, n: int) -> dict[str, Any]:
        truth = (random.random((n, len(shares))) < np.array(shares)).astype(np.float32)
        return {"truth": truth, "output": sigmoid(random.laplace(size=truth.shape) * 0.8 + strength * (2 * truth - 1))}

    return draw


def spread_by_size(strength: float) -> Draw:
    """Three numbers; the larger the truth, the larger the error."""

    def draw(random: np.random.Generator, n: int) -> dict[str, Any]:
        truth = random.gamma(4.0, 12.0, (n, 3))
        return {"truth": truth, "output": truth * (1 + 0.5 / strength**2 * random.normal(size=truth.shape))}

    return draw


def small_groups(draw: Draw, shift: float) -> Draw:
    """Groups of 2 to 5 rows."""

    def of(random: np.random.Generator, n: int) -> dict[str, Any]:
        codes = np.repeat(np.arange(n), random.integers(2, 6, n))[:n]
        return _shifted(draw(random, n), codes, shift, random)

    return of


def two_of_unequal_noise(strength: float, gap: float) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Two categories, one row in three positive; rows that are hard for one model are hardly so for the other."""

    def draw(random: np.random.Generator, n: int) -> tuple[dict[str, Any], dict[str, Any]]:
        truth = (random.random(n) < 1 / 3).astype(int)
        hard = random.normal(size=(n, 2))
        outputs: list[np.ndarray] = []
        for own in (strength + gap, strength):
            logits = 0.4 * hard + random.normal(size=(n, 2))
            logits[np.arange(n), truth] += own
            outputs.append(softmax(logits))
        return {"truth": truth, "output": outputs[0]}, {"truth": truth, "output": outputs[1]}

    return draw


FALLING = [0.4, 0.3, 0.2, 0.1]
two_gumbel_models = two_sharing(FALLING, lambda r, z: r.gumbel(size=z), 1.0, 0.5)
FOUR_KINDS = CategoryTarget(name="kind", vocab=names(4))
SIX_LABELS = CategoriesTarget(name="tags", vocab=names(6))
THREE_NUMBERS = NumberTarget(names=names(3), mean=(50.0,) * 3, std=(10.0,) * 3)
HOLD_OUT = (
    Population(
        "Gumbel",
        "4 categories of 40 to 10 %, Gumbel noise, less sure than right",
        FOUR_KINDS,
        each(lambda s: softened(with_noise(FALLING, 1.3 * s, lambda r, z: r.gumbel(size=z)), 0.6)),
        PLAIN,
    ),
    Population(
        "weak and rare",
        "2 categories, 15 % positive, a weak model",
        TWO,
        each(lambda s: categories_of([0.85, 0.15], 0.5 * s)),
        PLAIN,
    ),
    Population(
        "mislabelled",
        "2 categories, a strong model, 5 % of the first labelled as the second",
        TWO,
        each(lambda s: mislabelled(categories_of([0.7, 0.3], 1.5 + s), 0.05)),
        PLAIN,
    ),
    Population(
        "some hard",
        "2 categories, one row in ten much harder",
        TWO,
        each(lambda s: with_noise([0.5, 0.5], 1.5 + s, some_spread)),
        PLAIN,
    ),
    Population(
        "six labels",
        "6 labels, of 8 to 60 % of the rows, Laplace noise",
        SIX_LABELS,
        each(lambda s: noisy_labels([0.08, 0.15, 0.25, 0.35, 0.45, 0.6], s / 2 + 0.2)),
        LABELS,
    ),
    Population(
        "gamma",
        "skewed errors: gamma of shape 2, less their mean",
        ONE,
        each(lambda s: numbers_of(lambda r, z: r.gamma(2.0, 1.0, z) - 2.0, 1, s)),
        (*NUMBERS, own_metric),
    ),
    Population("by size", "3 numbers, errors that grow with the truth", THREE_NUMBERS, each(spread_by_size), NUMBERS),
    Population(
        "small groups",
        "3 categories in groups of 2 to 5 rows",
        THREE,
        each(lambda s: small_groups(categories_of([0.5, 0.3, 0.2], s), 1.2)),
        PLAIN,
    ),
)
HOLD_OUT_PAIRS = (
    Pair("Gumbel equally good", FOUR_KINDS, each(lambda s: two_gumbel_models(1.5 * s, 0.0), PAIR_STRENGTHS), True),
    Pair("Gumbel with one better", FOUR_KINDS, each(lambda s: two_gumbel_models(1.5 * s, 0.9), PAIR_STRENGTHS), False),
    Pair("unlike equally good", TWO, each(lambda s: two_of_unequal_noise(s, 0.0), PAIR_STRENGTHS), True),
    Pair("unlike with one better", TWO, each(lambda s: two_of_unequal_noise(s, 0.8), PAIR_STRENGTHS), False),
)
