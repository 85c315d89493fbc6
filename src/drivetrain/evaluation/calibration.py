"""Do probabilities mean what they say, how to mend them, and what can be promised with them.

Everything is fitted on validation rows. `calibrate` gives plain data (`drivetrain.runtime.calibration.Calibration`)
that an artefact carries and a server applies.

Legend: N rows, K categories, M bins, B resamples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.asking import asked_level, asked_predictions, asked_seed
from drivetrain.evaluation.conformal import conformal_quantile, set_scores
from drivetrain.evaluation.intervals import (
    N_RESAMPLES,
    Floats,
    group_codes,
    of_groups,
    resamples,
    share,
    wilson_interval,
)
from drivetrain.evaluation.metrics.classification import SMALLEST
from drivetrain.evaluation.predictions import Predictions
from drivetrain.pages.charts import Bin
from drivetrain.runtime.calibration import Calibration, Ranking, confidences
from drivetrain.runtime.targets import Array
from drivetrain.settings import choice, number, whole

MOST_BINS = 15
ROWS_PER_BIN = 20
"""At least, so that a bin's share of right rows means something."""
TEMPERATURES = (0.05, 20.0)
"""Between which the temperature is looked for."""
ABSTAIN_CONFIDENCE = 0.95
"""That the answers given keep to the stated error rate."""
FEWEST_ROWS = 100
"""With fewer rows (groups) the calibration error gets no interval: by simulation (benchmarks/coverage.py) one of 95 %
would hold the error of a model that is too sure in 84 % of all sets of 20 rows and in 88 % of those of 50."""
_LEVELS = 20
"""Shares of answered rows that are tried: all, 95 %, … 5 %."""


@named
def calibrate(
    predictions: Predictions, coverage: float = 0.9, *, max_error: float | None = None, ranking: Ranking = "lac"
) -> Calibration:
    """Fit a temperature, prediction sets and a threshold to abstain below, on validation rows.

    The promises are about new rows drawn like these. The rows have already chosen the temperature, one number, before
    the quantile is taken from them; for a proof to the letter use rows that chose nothing.

    Args:
        predictions: Labelled rows that the model was not trained on; with groups, new rows are promised to come in
            new groups.
        coverage: How often a prediction set (for numbers, an interval) holds the truth, in (0, 1).
        max_error: Error rate that the answers given shall keep to, with 95 % confidence; None takes 1 - coverage.
        ranking: How candidates enter a set, see `drivetrain.runtime.calibration.Ranking`.

    Raises:
        DataError: There are no rows, or they are unlabelled.
        SettingError: `coverage` or `max_error` is outside (0, 1).

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> random = np.random.default_rng(0)
        >>> truth = random.integers(0, 3, 500)
        >>> logits = 3 * (np.eye(3)[truth] * 1.5 + random.normal(size=(500, 3)))  # three times too sure
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "fig", "pear"))
        >>> ids = tuple(str(i) for i in range(500))
        >>> fitted = calibrate(Predictions(ids=ids, target=fruit, truth=truth, output=fruit.activate(logits)))
        >>> 1.7 < fitted.temperature < 2.3, 0.5 < fitted.quantile < 0.9
        (True, True)
    """
    predictions = asked_predictions(predictions).judged
    coverage = number("coverage", coverage, above=0, below=1)
    error = 1 - coverage if max_error is None else number("max_error", max_error, above=0, below=1)
    ranking = choice("ranking", ranking, get_args(Ranking))
    truth, target = predictions.known_truth(), predictions.target
    if not len(predictions):
        raise DataError("there are no rows to calibrate on. To fix: give labelled validation rows.")
    n, kind, groups = len(predictions), target.kind, predictions.groups
    if kind == "number":
        distance_ND = abs(predictions.output.astype(np.float64) - truth)
        halves = [conformal_quantile(distance_N, coverage, groups) for distance_N in distance_ND.T]
        known = tuple(half for half in halves if half is not None)
        found = known if len(known) == len(halves) else None
        return Calibration(kind=kind, coverage=coverage, half_widths=found, n=n)
    temperature = fit_temperature(predictions)
    calibrated = _scaled(predictions, temperature)
    quantile = conformal_quantile(set_scores(calibrated.output, truth, kind, ranking), coverage, groups)
    sure_N = confidences(kind, calibrated.output)
    return Calibration(
        kind=kind,
        temperature=temperature,
        coverage=coverage,
        quantile=None if quantile is None else max(quantile, 0.0),
        abstain_below=abstain_threshold(sure_N, calibrated.hits(), error, groups),
        n=n,
        ranking=ranking,
        max_error=error,
    )


def apply(calibration: Calibration, predictions: Predictions) -> Predictions:
    """The same rows with calibrated probabilities, to judge or to draw; numbers stay as they are.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a",), target=fruit, truth=[0], output=[[0.9, 0.1]])
        >>> apply(Calibration(temperature=2, coverage=0.9, n=50), said).output.round(2).tolist()
        [[0.75, 0.25]]
    """
    return predictions if predictions.target.kind == "number" else _scaled(predictions, calibration.temperature)


def fit_temperature(predictions: Predictions) -> float:
    """The number that raw outputs must be divided by for the lowest log loss; above 1 the model was too sure.

    A weak prior (log temperature normal around 0 with deviation 1, as much as one row has to say) keeps it finite
    where every row is right.

    Raises:
        SettingError: The target is a number, which comes without a probability.

    Source: Guo et al., On Calibration of Modern Neural Networks (2017), sec. 4.2; raw outputs are recovered as the
    log of the probabilities (for several labels, of their odds), which gives the same.
    """
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 (slow to import)

    raw_NK, truth, n = recovered_logits(predictions), predictions.known_truth(), len(predictions)
    single = predictions.target.kind == "category"

    def loss(log_temperature: float) -> float:
        scaled_NK = raw_NK / math.exp(log_temperature)
        if single:
            of_truth_N = np.take_along_axis(scaled_NK, truth[:, None], axis=1)[:, 0]
            total = float((np.logaddexp.reduce(scaled_NK, axis=1) - of_truth_N).sum())
        else:
            total = float(np.logaddexp(0.0, np.where(truth == 1, -scaled_NK, scaled_NK)).sum())
        return (total + log_temperature**2 / 2) / n

    bounds = tuple(math.log(temperature) for temperature in TEMPERATURES)
    found: Any = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-7})
    return math.exp(float(found.x))


def recovered_logits(predictions: Predictions) -> Floats:
    """(N, K) raw outputs that give these probabilities: up to a constant per row, which changes nothing.

    Raises:
        SettingError: The target is a number.
    """
    if predictions.target.kind == "number":
        raise SettingError(
            f"{predictions.target.name!r} is a number, which comes without a probability. To fix: `calibrate` gives "
            "intervals for numbers."
        )
    output_NK = predictions.output.astype(np.float64)
    if predictions.target.kind == "category":
        return np.log(np.maximum(output_NK, SMALLEST))
    output_NK = np.clip(output_NK, SMALLEST, 1 - SMALLEST)
    return np.log(output_NK) - np.log1p(-output_NK)


def _scaled(predictions: Predictions, temperature: float) -> Predictions:
    return Predictions(
        ids=predictions.ids,
        target=predictions.target,
        truth=predictions.truth,
        output=predictions.target.activate(recovered_logits(predictions) / temperature),
        groups=predictions.groups,
        names=predictions.names,
    )


def abstain_threshold(
    confidence_N: Floats, hits_N: NDArray[np.bool_], max_error: float, groups: Array | None = None
) -> float | None:
    """The smallest confidence from which on answers keep to an error rate, with 95 % confidence.

    Twenty shares of the rows are tried, all, 95 %, … 5 %, the surest first within each; a share holds where the upper
    bound of its error rate is low enough. The bounds are widened for twenty tries.

    Returns:
        0 where every row may be answered; None where no share holds.

    Source: Geifman & El-Yaniv, Selective Classification for Deep Neural Networks (2017), with a grid instead of a
    binary search; bound of Clopper & Pearson (1934), with groups that of a score interval.

    Example:
        >>> sure = np.linspace(0.5, 1, 1000)
        >>> round(abstain_threshold(sure, sure > 0.7, max_error=0.05), 2)
        0.7
        >>> abstain_threshold(sure, np.ones(1000, bool), max_error=0.05)
        0.0
    """
    codes = group_codes(groups)
    order = np.argsort(-confidence_N, kind="stable")
    for level in range(_LEVELS, 0, -1):
        last = math.ceil(len(order) * level / _LEVELS) - 1
        threshold = 0.0 if level == _LEVELS else float(confidence_N[order[last]])
        answered = confidence_N >= threshold
        bound = _error_bound(hits_N[answered], None if codes is None else codes[answered])
        if bound <= max_error:
            return threshold
    return None


def _error_bound(hits_N: NDArray[np.bool_], codes: NDArray[np.int64] | None) -> float:
    from scipy.special import betaincinv  # noqa: PLC0415 (slow to import)

    n, missed = len(hits_N), int((~hits_N).sum())
    doubt = (1 - ABSTAIN_CONFIDENCE) / _LEVELS
    if codes is None or n == 0:
        return 1.0 if missed == n else float(betaincinv(missed + 1, n - missed, 1 - doubt))
    again = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    interval = share(~hits_N).influence().interval(level=1 - 2 * doubt, groups=again)
    return 1.0 if interval is None else interval.high


ReliabilityBin = Bin
"""Its interval is Wilson's; with groups a score interval."""


def reliability(
    predictions: Predictions, *, n_bins: int | None = None, level: float = 0.95
) -> tuple[ReliabilityBin, ...]:
    """Confidence against the share of right rows, in bins of about equally many rows, least sure first.

    One category per row: confidence in what is said. Several labels: every label counts as a row, its probability
    against whether it is true.

    Args:
        predictions: Labelled rows.
        n_bins: None takes one for every 20 rows, 15 at most.
        level: Coverage of each bin's interval.

    Raises:
        SettingError: The target is a number, or `n_bins` is below 1.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a", "b"), target=fruit, truth=[0, 0], output=[[0.9, 0.1], [0.4, 0.6]])
        >>> [(round(bin.confidence, 2), bin.right) for bin in reliability(said, n_bins=2)]
        [(0.6, 0.0), (0.9, 1.0)]
    """
    predictions = predictions.judged
    sure_N, right_N, groups = _confidence_and_truth(predictions)
    bin_N = _bins(sure_N, n_bins)
    codes = group_codes(groups)
    found: list[ReliabilityBin] = []
    for b in range(int(bin_N.max()) + 1):
        rows = bin_N == b
        hits, n = right_N[rows], int(rows.sum())
        interval = None
        if codes is not None:
            again = np.unique(codes[rows], return_inverse=True)[1].astype(np.int64)
            interval = share(hits).influence().interval(level=level, groups=again)
        if interval is None:
            interval = wilson_interval(int(hits.sum()), n, level=level)
        found.append(ReliabilityBin(float(sure_N[rows].mean()), float(hits.mean()), interval.low, interval.high, n))
    return tuple(found)


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error: how far confidence is from the share of right rows, averaged over bins.

    Example:
        >>> print(CalibrationError(0.04, 0.025, 0.01, 0.045, level=0.95, n=800, n_bins=15, method="debiased bootstrap"))
        calibration error 4.0 % [1.0, 4.5], 2.5 % without the noise of the bins, n = 800, 15 bins
    """

    value: float
    """Measured; above 0 also for a calibrated model, because no bin hits its share exactly."""
    debiased: float
    """Less what that noise adds."""
    low: float | None
    high: float | None
    """None: too few rows (groups) for an interval."""
    level: float
    n: int
    n_bins: int
    method: str

    def interval(self) -> str:
        """The interval in percent, or that there is none.

        Example:
            >>> CalibrationError(0.04, 0.025, 0.01, 0.045, 0.95, 800, 15, "debiased bootstrap").interval()
            '[1.0, 4.5]'
        """
        if self.low is None or self.high is None:
            return f"(too few rows for an interval: {FEWEST_ROWS} are needed)"
        return f"[{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def __str__(self) -> str:
        return (
            f"calibration error {100 * self.value:.1f} % {self.interval()}, {100 * self.debiased:.1f} % without the "
            f"noise of the bins, n = {self.n:,}, {self.n_bins} bins"
        )


def calibration_error(
    predictions: Predictions,
    *,
    n_bins: int | None = None,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> CalibrationError:
    """Equal-mass expected calibration error with its interval; bins and confidence as of `reliability`.

    It depends on the bins and on n: compare models on the same rows with the same bins only, and look at log loss and
    Brier score first.

    The interval is about the error without the noise of the bins, so it need not hold the measured value, which is too
    large where there is little to find. With fewer than 100 rows (groups) there is none. It begins at 0 where a
    calibrated model might be measured like this (Bröcker & Smith, Increasing the Reliability of Reliability Diagrams,
    2007).

    Raises:
        SettingError: The target is a number, or a setting cannot be used.

    Source: equal-mass bins of Nguyen & O'Connor (2015); noise of the bins as in Kumar, Liang & Ma, Verified
    Uncertainty Calibration (2019), from the normal distribution instead of by simulation.

    Example:
        >>> import drivetrain as dt
        >>> fruit = dt.CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> output = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]
        >>> said = dt.Predictions(("a", "b", "c", "d"), fruit, [0, 1, 0, 1], output)
        >>> found = dt.calibration_error(said)
        >>> found.value, found.n
        (0.0, 4)
    """
    predictions, level, seed = asked_predictions(predictions), asked_level(level), asked_seed(seed)
    n_resamples = whole("n_resamples", n_resamples, least=2)
    predictions = predictions.judged
    sure_N, right_N, groups = _confidence_and_truth(predictions)
    gap_N = sure_N - right_N
    bin_N = _bins(sure_N, n_bins)
    count = int(bin_N.max()) + 1
    codes = group_codes(groups)
    units_N = np.arange(len(gap_N)) if codes is None else codes
    gaps_UM = np.zeros((int(units_N.max()) + 1, count))
    np.add.at(gaps_UM, (units_N, bin_N), gap_N)
    sizes_U = np.bincount(units_N).astype(np.float64)
    measured_1, honest_1 = _errors(np.ones((1, len(sizes_U))), gaps_UM, sizes_U)
    value, debiased = float(measured_1[0]), float(honest_1[0])
    if len(sizes_U) < FEWEST_ROWS:
        return CalibrationError(value, max(0.0, debiased), None, None, level, len(predictions), count, "none")
    drawn = [_errors(counts, gaps_UM, sizes_U)[1] for counts in resamples(len(sizes_U), n_resamples, seed)]
    lower, upper = np.quantile(np.concatenate(drawn), [0.5 - level / 2, 0.5 + level / 2]).tolist()
    # of the rows drawn again the true error is `value`: as far as they miss it, these miss theirs
    low, high = max(0.0, debiased + value - upper), max(0.0, debiased + value - lower)
    if value <= _largest_by_chance(gaps_UM, level, n_resamples, seed) / len(gap_N):
        low = 0.0
    debiased = max(0.0, debiased)
    method = f"debiased bootstrap, {n_resamples:,} resamples" + of_groups(codes)
    return CalibrationError(
        value, debiased, min(low, debiased), max(high, debiased), level, len(predictions), count, method
    )


def _errors(counts_BU: Floats, gaps_UM: Floats, sizes_U: Floats) -> tuple[Floats, Floats]:
    """(B,) calibration error of each resample, and less what the noise of its bins is expected to add."""
    from scipy.special import ndtr  # noqa: PLC0415 (slow to import)

    gap_BM = abs(counts_BU @ gaps_UM)
    units_B1 = counts_BU.sum(axis=1, keepdims=True)
    spread_BM = np.sqrt(np.maximum(counts_BU @ gaps_UM**2 - gap_BM**2 / units_B1, 1e-300))
    ratio_BM = gap_BM / spread_BM
    expected_BM = spread_BM * math.sqrt(2 / math.pi) * np.exp(-(ratio_BM**2) / 2) + gap_BM * (1 - 2 * ndtr(-ratio_BM))
    rows_B = counts_BU @ sizes_U
    return gap_BM.sum(axis=1) / rows_B, (2 * gap_BM - expected_BM).sum(axis=1) / rows_B


def _largest_by_chance(gaps_UM: Floats, level: float, n_resamples: int, seed: int) -> float:
    """What the sum of all gaps of a calibrated model stays below: each bin's gap is then noise around 0.

    With `level` on this one side: the error of a calibrated model cannot be below 0, so the other is never missed.
    """
    spread_M = np.sqrt(((gaps_UM - gaps_UM.mean(axis=0)) ** 2).sum(axis=0))
    noise_BM = np.random.default_rng(seed).normal(size=(n_resamples, len(spread_M))) * spread_M
    return float(np.quantile(abs(noise_BM).sum(axis=1), level))


def _confidence_and_truth(predictions: Predictions) -> tuple[Floats, NDArray[np.bool_], Array | None]:
    """Confidence, whether right, and groups: of rows, or of every label of every row (then a row is a group)."""
    truth = predictions.known_truth()
    if not len(predictions):
        raise DataError("there are no rows to judge. To fix: give at least one labelled row.")
    if predictions.target.kind == "category":
        return predictions.confidence(), predictions.hits(), predictions.groups
    if predictions.target.kind == "number":
        predictions.confidence()  # says that numbers carry none
    k = predictions.target.n_outputs
    groups = np.arange(len(predictions)) if predictions.groups is None else predictions.groups
    return predictions.output.astype(np.float64).reshape(-1), (truth == 1).reshape(-1), np.repeat(groups, k)


def _bins(confidence_N: Floats, n_bins: int | None) -> NDArray[np.int64]:
    """(N,) bin of each row, 0 … M-1: about equally many rows each, equal confidences never apart."""
    usual = min(MOST_BINS, max(1, len(confidence_N) // ROWS_PER_BIN))
    count = usual if n_bins is None else whole("n_bins", n_bins, least=1)
    ordered = np.sort(confidence_N)
    cuts = ordered[[len(ordered) * i // count for i in range(1, count)]]
    found = np.searchsorted(np.unique(cuts), confidence_N, "right")
    return np.unique(found, return_inverse=True)[1].astype(np.int64).reshape(-1)
