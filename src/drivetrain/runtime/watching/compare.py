"""Whether what a service sees and says still looks like validation: each check a permutation test on counts.

No labels are needed, so this does not measure errors. It says that life has moved away from what the scores were
measured on; whether the model is wrong now, only labels can tell.

Legend: B bins or categories, R random draws.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError
from drivetrain.runtime.watching.log import Live
from drivetrain.runtime.watching.reference import Histogram, Reference
from drivetrain.settings import number, whole

Counts = NDArray[np.int64]
Statistic = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Distance of (…, B) shares from the (B,) or (…, B) shares of the reference, given both → (…,)."""

LEAST = 0.05
"""Smaller moves are not worth an alarm, however sure one may be of them: with many rows everything is significant."""
DRAWS_PER_FALSE_ALARM = 20
"""So many random draws are expected beyond the threshold: it is then known to about a quarter."""
DRAWS_AT_ONCE = 10_000
"""Bounds the memory."""
LEAST_FALSE_ALARMS = 0.001
"""Rarer ones would take too many draws to be told apart."""
INTERVAL_DRAWS = 1000
MOST_NAMED = 3
ENOUGH = 100
"""Random draws that are as far: a probability that so many tell is not small, and no more are drawn."""
MISSING = " is missing"


@dataclass(frozen=True)
class Check:
    """One comparison of live rows with the reference."""

    name: str
    """`predicted`, `confidence`, `number NAME`, `input NAME` or `input NAME is missing`."""
    n: int
    """Live rows."""
    moved: float
    """Share of the rows that would have to be in another bin to look like validation (total variation distance), less
    most of what chance makes of it: with few rows in many bins it is a little high."""
    low: float
    high: float
    """95 % interval of `moved`, by bootstrap of both sides."""
    p: float
    """Of a difference at least as large by chance, corrected for the number of checks (Holm)."""
    alarm: bool
    detail: str
    """What moved, in words."""


@dataclass(frozen=True)
class Watch:
    """All checks of one run."""

    checks: tuple[Check, ...]
    n_live: int
    n_reference: int
    false_alarms: float
    """In how many runs on rows like validation any check would alarm, at most."""

    @property
    def alarms(self) -> tuple[Check, ...]:
        """The checks that found a change."""
        return tuple(check for check in self.checks if check.alarm)


def watch(
    reference: Reference, live: Live, *, false_alarms: float = 0.01, least: float = LEAST, seed: int = 0
) -> Watch:
    """Compare live rows with validation.

    Each check draws the rows of both sides anew from their union and sees how often chance alone separates them as
    far: no assumption about any distribution. Two assumptions remain. Rows are taken as independent: a hundred frames
    of one scene count as a hundred, and alarm sooner. And validation rows are taken as drawn like live ones.

    Args:
        reference: Of the model's manifest.
        live: Rows of the service's log.
        false_alarms: Share of runs that may alarm although nothing changed, over all checks together.
        least: Moves below this share of the rows do not alarm.
        seed: Of the random draws.

    Raises:
        DataError: There is not a single row.
        SettingError: `false_alarms` is not from 0.001 to 1, or `least` not from 0 to 1.
    """
    false_alarms = number("false_alarms", false_alarms, least=LEAST_FALSE_ALARMS, below=1)
    least, seed = number("least", least, least=0, most=1), whole("seed", seed, least=0)
    if live.n == 0:
        raise DataError("there are no answers of this model to compare with validation.")
    compared = _comparisons(reference, live)
    untold = len(reference.gaps) - sum(one.name.endswith(MISSING) for one in compared)  # without a gap on either side
    draws = max(2000, math.ceil(DRAWS_PER_FALSE_ALARM * (len(compared) + untold) / false_alarms))
    rng = np.random.default_rng(seed)
    measured = [one.measure(rng, draws) for one in compared]
    corrected = holm([p for p, _, _, _ in measured] + [1.0] * untold)[: len(measured)]
    checks = tuple(
        Check(one.name, one.n, moved, low, high, p, p <= false_alarms and moved >= least, one.detail)
        for one, (_, moved, low, high), p in zip(compared, measured, corrected, strict=True)
    )
    return Watch(checks, live.n, reference.n, false_alarms)


@dataclass(frozen=True)
class _Comparison:
    """Two rows of counts over the same bins, and what tells them apart."""

    name: str
    expected: Counts
    found: Counts
    statistic: Statistic
    detail: str

    @property
    def n(self) -> int:
        return int(self.found.sum())

    def measure(self, rng: np.random.Generator, draws: int) -> tuple[float, float, float, float]:
        """Probability by chance (not corrected), moved, low, high."""
        n, n_expected = self.n, int(self.expected.sum())
        pooled = self.expected + self.found
        observed = self.statistic(self.found / n, self.expected / n_expected)
        as_far = made = 0
        while made < draws and as_far < ENOUGH:  # Besag & Clifford, Sequential Monte Carlo p-Values (1991)
            size = min(DRAWS_AT_ONCE, draws - made)
            made += size
            drawn = rng.multivariate_hypergeometric(pooled, n, size=size, method="marginals")
            by_chance = self.statistic(drawn / n, (pooled - drawn) / n_expected)
            as_far += int((by_chance >= observed * (1 - 1e-12)).sum())
        p = (1 + as_far) / (1 + made)
        moved = float(distance(self.found / n, self.expected / n_expected))
        again = distance(
            rng.multinomial(n, self.found / n, size=INTERVAL_DRAWS) / n,
            rng.multinomial(n_expected, self.expected / n_expected, size=INTERVAL_DRAWS) / n_expected,
        )
        # Chance adds to any distance, about as much again when rows are drawn again: twice minus once takes it away.
        low, high = np.clip(np.quantile(2 * moved - again, [0.025, 0.975]), 0, 1)
        return p, float(np.clip(2 * moved - again.mean(), 0, 1)), float(low), float(high)


def _comparisons(reference: Reference, live: Live) -> list[_Comparison]:
    found: list[_Comparison] = []
    if live.said and reference.predicted:
        found += _said(reference, live)
    if live.confidence and reference.confidence:
        found.append(_ordered("confidence", reference.confidence, live.confidence))
    found += [
        _ordered(f"number {name}", seen, live.numbers[name]) for name, seen in _shared(reference.numbers, live.numbers)
    ]
    found += [
        _ordered(f"input {name}", seen, live.inputs[name]) for name, seen in _shared(reference.inputs, live.inputs)
    ]
    found += [_named(name, seen, live.names[name]) for name, seen in reference.names.items() if live.names.get(name)]
    found += [one for name in reference.gaps if (one := _missing(name, reference, live)) is not None]
    return found


def _named(name: str, seen: Mapping[str, int], words: Sequence[str]) -> _Comparison:
    """A column of names, new ones included."""
    said = Counter(words)
    every = list(dict.fromkeys([*seen, *said]))
    expected, found = np.array([seen.get(word, 0) for word in every]), np.array([said[word] for word in every])
    return _Comparison(f"input {name}", expected, found, chi_square, _moved_most(every, expected, found))


def _missing(name: str, reference: Reference, live: Live) -> _Comparison | None:
    """How often a number is not there; None where it always is, or was not logged."""
    gone, n = live.gaps.get(name, 0), live.gaps.get(name, 0) + len(live.inputs.get(name, ()))
    before = reference.gaps[name]
    seen = before + (reference.inputs[name].n if name in reference.inputs else 0)
    if not n or not (gone or before):
        return None
    detail = f"{_percent(before / seen)} → {_percent(gone / n)}"
    expected, found = np.array([before, seen - before]), np.array([gone, n - gone])
    return _Comparison(f"input {name}{MISSING}", expected, found, chi_square, detail)


def _shared(expected: Mapping[str, Histogram], found: Mapping[str, list[float]]) -> list[tuple[str, Histogram]]:
    return [(name, seen) for name, seen in expected.items() if found.get(name)]


def _said(reference: Reference, live: Live) -> list[_Comparison]:
    """One check over all categories; with several labels per row one for each, as one does not exclude another."""
    names = list(reference.predicted)
    expected = np.array([reference.predicted[name] for name in names])
    found = np.array([live.times_said(name) for name in names])
    if not live.several:
        return [_Comparison("predicted", expected, found, chi_square, _moved_most(names, expected, found))]
    return [
        _Comparison(
            f"predicted {name}",
            np.array([yes, reference.n - yes]),
            np.array([said, len(live.said) - said]),
            chi_square,
            f"{_percent(yes / reference.n)} → {_percent(said / len(live.said))}",
        )
        for name, yes, said in zip(names, expected.tolist(), found.tolist(), strict=True)
    ]


def _ordered(name: str, expected: Histogram, values: list[float]) -> _Comparison:
    found = np.asarray(values)
    error = 1.96 * float(found.std()) / math.sqrt(len(found))
    mean = float(found.mean())
    detail = f"mean {expected.mean:.3g} → {mean:.3g} [{mean - error:.3g}, {mean + error:.3g}]"
    return _Comparison(name, np.array(expected.counts), expected.count(found), anderson_darling, detail)


def _moved_most(names: list[str], expected: Counts, found: Counts) -> str:
    """The categories whose shares changed most, each with the 95 % interval of the change, in points."""
    before, after = expected / expected.sum(), found / found.sum()
    order = np.argsort(-np.abs(after - before), kind="stable")[:MOST_NAMED]
    errors = 1.96 * np.sqrt(before * (1 - before) / expected.sum() + after * (1 - after) / found.sum())
    return ", ".join(
        f"{names[k]} {_percent(before[k])} → {_percent(after[k])} "
        f"[{100 * (after - before - errors)[k]:+.0f}, {100 * (after - before + errors)[k]:+.0f}]"
        for k in order
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…,) total variation distance of shares (…, B), 0–1.

    Example:
        >>> float(distance(np.array([0.5, 0.5]), np.array([0.25, 0.75])))
        0.25
    """
    return np.abs(a - b).sum(axis=-1) / 2


def chi_square(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…,) for categories without order: squared differences, each over its expected size."""
    middle = (a + b) / 2
    return np.divide((a - b) ** 2, middle, out=np.zeros_like(middle), where=middle > 0).sum(axis=-1)


def anderson_darling(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…,) for bins in order: squared differences of the cumulative shares, with weight on the tails.

    A shift moves them all the same way, so it is found with fewer rows than by `chi_square`.

    Source: Scholz & Stephens, K-Sample Anderson-Darling Tests (1987), here on binned values.
    """
    sums_a, sums_b = np.cumsum(a, axis=-1)[..., :-1], np.cumsum(b, axis=-1)[..., :-1]
    middle = (sums_a + sums_b) / 2
    spread = middle * (1 - middle)
    inside = spread > 1e-12
    return np.divide((sums_a - sums_b) ** 2, spread, out=np.zeros_like(spread), where=inside).sum(axis=-1)


def holm(p_values: list[float]) -> list[float]:
    """p-values that may be compared with the rate of false alarms of all checks together.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure (1979).

    Example:
        >>> holm([0.01, 0.5, 0.02])
        [0.03, 0.5, 0.04]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, k in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[k]))
        corrected[k] = largest
    return corrected
