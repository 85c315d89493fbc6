"""Two models on the same rows: tests against statsmodels, power against simulation, verdicts in words."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import bootstrap, norm
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

import drivetrain as dt
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation import METRICS, Predictions
from drivetrain.evaluation.comparing import (
    compare,
    matched,
    mcnemar,
    power_of,
    smallest_difference,
)
from drivetrain.evaluation.intervals import interval as interval_of
from drivetrain.evaluation.intervals.bootstrap_t import PLAIN, mean_interval
from drivetrain.evaluation.intervals.differences import CORRELATION
from drivetrain.runtime.targets import CategoryTarget

from . import tables

TWO = CategoryTarget(name="ill", vocab=("no", "yes"))


def two_models(both, only_a, only_b, neither):
    """Tables with that many rows right in both, in one alone, in none."""
    right_a = np.repeat([1, 1, 0, 0], [both, only_a, only_b, neither]).astype(bool)
    right_b = np.repeat([1, 0, 1, 0], [both, only_a, only_b, neither]).astype(bool)
    return tuple(
        Predictions(
            ids=tables.ids(len(right)),
            target=TWO,
            truth=np.zeros(len(right), int),
            output=np.eye(2)[(~right).astype(int)],
        )
        for right in (right_a, right_b)
    )


def pair(n, k=3, *, better=0.5, seed=0):
    """Two models that find the same rows hard."""
    rng = np.random.default_rng(seed)
    truth, hard = rng.integers(0, k, n), rng.normal(size=(n, k))
    target = CategoryTarget(name="kind", vocab=tuple(f"k{i}" for i in range(k)))
    found = []
    for strength in (1.5 + better, 1.5):
        logits = hard + 0.5 * rng.normal(size=(n, k)) + strength * np.eye(k)[truth]
        found.append(Predictions(ids=tables.ids(n), target=target, truth=truth, output=target.activate(logits)))
    return found


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (3, 9), (12, 12), (13, 12), (40, 22), (300, 250)])
def test_mcnemar_is_that_of_statsmodels(only_a, only_b):
    ours = mcnemar(only_a, only_b)
    exact = only_a + only_b < 25
    theirs = statsmodels_mcnemar([[50, only_a], [only_b, 50]], exact=exact, correction=True)
    expected = 1.0 if only_a == only_b else theirs.pvalue
    assert ours.p == pytest.approx(expected, abs=1e-12)
    assert (ours.method == "exact") == exact


def test_a_difference_of_means_is_the_bootstrap_t_of_the_rows_differences():
    a, b = pair(300)
    found = compare(a, b, "log_loss", n_resamples=9000)
    gap = METRICS["log_loss"].means(a).columns_NJ[:, 0] - METRICS["log_loss"].means(b).columns_NJ[:, 0]
    rows = mean_interval(gap, n_resamples=9000, scale=PLAIN)
    assert (found.low, found.high) == pytest.approx((rows.low, rows.high), rel=1e-9)
    theirs = bootstrap((gap,), np.mean, n_resamples=9000, rng=np.random.default_rng(0)).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(theirs), rel=0.05)
    assert found.difference == pytest.approx(gap.mean())
    assert found.method == "paired bootstrap-t, 9,000 resamples"
    assert found.outcome == "a"  # a loss: lower is better


def test_a_difference_of_aucs_correlates_as_in_delong():
    """Of two categories, by the placements of DeLong et al. (1988), written out pair by pair."""
    a, b = pair(400, k=2, better=0.3)
    positive, moved = a.truth == 1, []
    for table in (a, b):
        score = table.output[:, 1]
        wins = (score[positive][:, None] > score[~positive]).astype(float)
        own = np.zeros(400)
        own[positive] = (wins.mean(axis=1) - wins.mean()) / positive.sum()
        own[~positive] = (wins.mean(axis=0) - wins.mean()) / (~positive).sum()
        moved.append(own)
    shared = CORRELATION * moved[0] @ moved[1] / np.sqrt((moved[0] @ moved[0]) * (moved[1] @ moved[1]))
    one, two = (interval_of(METRICS["roc_auc"], table) for table in (a, b))
    found = compare(a, b, "roc_auc")
    down, up = found.values[0] - one.low, two.high - found.values[1]
    reach = np.sqrt(down**2 + up**2 - 2 * shared * down * up)
    assert found.difference - found.low == pytest.approx(reach, rel=0.02)
    assert found.low < found.difference < found.high
    assert found.method == "MOVER"


def test_the_same_answers_twice_are_no_proof_for_an_auc_of_few_rows():
    few, many = tables.category(20), tables.category(5000)
    assert compare(few, few, "roc_auc").outcome == "unknown"
    assert compare(many, many, "roc_auc").outcome == "none"


def test_functions_of_the_user_get_the_paired_bca_of_scipy():
    def squared(truth, output):
        return float(((1 - output[np.arange(len(truth)), truth]) ** 2).mean())

    a, b = pair(200)
    found = compare(a, b, squared, higher_is_better=False, n_resamples=3000)
    gap = (1 - a.output[np.arange(200), a.truth]) ** 2 - (1 - b.output[np.arange(200), b.truth]) ** 2
    theirs = bootstrap((gap,), np.mean, n_resamples=3000, rng=np.random.default_rng(0)).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(theirs), rel=0.1)
    assert found.method == "paired BCa bootstrap, 3,000 resamples"


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "f1", "roc_auc", "brier"])
def test_the_better_model_is_found_and_order_only_turns_the_sign(name):
    a, b = pair(2000, better=1.0)
    there, back = compare(a, b, name), compare(b, a, name)
    assert (there.outcome, back.outcome) == ("a", "b")
    assert there.difference == pytest.approx(-back.difference)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=0.1 * abs(there.difference))
    assert "a is better" in str(there) and "b is better" in str(back)


def test_pairing_makes_small_differences_visible():
    a, b = pair(1500, better=0.2)
    paired = compare(a, b, "log_loss")
    single = [interval_of(METRICS["log_loss"], table) for table in (a, b)]
    assert paired.high - paired.low < 0.85 * (single[0].high - single[0].low)


def test_no_difference_is_told_apart_from_not_enough_data():
    few, many = two_models(25, 2, 2, 5), two_models(7000, 60, 62, 2878)
    unsure, sure = compare(*few), compare(*many)
    assert unsure.outcome == "unknown" and "not enough data" in unsure.verdict
    assert sure.outcome == "none" and sure.verdict.startswith("no difference found (a difference larger than 0.")
    assert max(abs(sure.low), abs(sure.high)) <= sure.worth == 0.02
    assert compare(*few, worth=0.3).outcome == "none"
    assert unsure.smallest > 0.1 > sure.smallest and unsure.power < 0.5 < sure.power


def test_interval_and_test_have_to_agree():
    """5 to 0 looks better by the interval; the exact test says that it may be chance."""
    found = compare(*two_models(20, 5, 0, 0))
    assert found.mcnemar.p > 0.05 and found.outcome == "unknown"
    assert compare(*two_models(20, 9, 0, 0)).outcome == "a"


def test_power_and_the_smallest_difference_are_what_a_simulation_finds():
    rng = np.random.default_rng(0)
    n, base = 400, 0.1
    error = np.sqrt(2 * base / n)
    gap = smallest_difference(error, norm.ppf(0.975))
    found = 0
    for _ in range(2000):
        only_a, only_b, _ = rng.multinomial(n, [base + gap / 2, base - gap / 2, 1 - 2 * base])
        difference = (only_a - only_b) / n
        spread = np.sqrt(((only_a + only_b) / n - difference**2) / n)
        found += abs(difference) > norm.ppf(0.975) * spread
    assert found / 2000 == pytest.approx(0.8, abs=0.03)
    assert power_of(gap, error, norm.ppf(0.975)) == pytest.approx(0.8, abs=1e-5)
    assert power_of(0, error, norm.ppf(0.975)) == pytest.approx(0.05)


def test_groups_are_drawn_together_and_forbid_mcnemar():
    a, b = pair(600, better=0.4)
    wide = [tables.with_groups(table, np.arange(600) // 30) for table in (a, b)]
    found = compare(*wide, "log_loss")
    assert found.n_groups == 20 and found.method.endswith("of 20 groups")
    grouped = compare(*wide)
    assert grouped.mcnemar is None and grouped.method == "MOVER of 20 groups"
    repeated = [table.subset(np.repeat(np.arange(100), 20)) for table in pair(100, better=0.4)]
    copies = [
        replace(tables.with_groups(table, np.repeat(np.arange(100), 20)), ids=tables.ids(2000)) for table in repeated
    ]
    honest, naive = compare(*copies), compare(*[replace(table, groups=None) for table in copies])
    assert honest.high - honest.low > 3 * (naive.high - naive.low)


def test_rows_are_matched_by_id_whatever_their_order():
    a, b = pair(200)
    shuffled = b.subset(np.random.default_rng(1).permutation(200))
    assert compare(a, shuffled, "log_loss").as_json() == compare(a, b, "log_loss").as_json()
    assert matched(a, shuffled).ids == a.ids
    twice = [table.subset([0, 1, 1, 2]) for table in (a, b)]  # two files of the same content
    assert matched(twice[0], twice[1].subset([3, 2, 1, 0])).ids == twice[0].ids


def test_tables_that_cannot_be_compared_say_why():
    a, b = pair(50)
    with pytest.raises(DataError, match="different rows: 50 and 49, of which 1 is in the first only"):
        compare(a, b.subset(range(49)))
    with pytest.raises(DataError, match="disagree about what is true, first for row row7"):
        truth = b.truth.copy()
        truth[7] = (truth[7] + 1) % 3
        compare(a, replace(b, truth=truth))
    with pytest.raises(DataError, match="different targets"):
        compare(a, tables.number(50))
    other = CategoryTarget(name="kind", vocab=("x", "y", "z"))
    only = "the first alone has 'k0', 'k1', 'k2'; the second alone has 'x', 'y', 'z'"
    with pytest.raises(DataError, match=f"different categories of 'kind' .3 and 3.: {only}"):
        compare(a, replace(b, target=other))
    with pytest.raises(DataError, match="unlabelled"):
        compare(replace(a, truth=None), b)
    one_class = a.subset(np.flatnonzero(a.truth == 1))
    with pytest.raises(DataError, match="undefined on these"):
        compare(one_class, one_class, "roc_auc")


def test_functions_of_the_user_say_which_way_is_better():
    def worst(truth, output):
        return float(abs(truth - output).max())

    a, b = tables.number(60, 1, noise=0.1), tables.number(60, 1, noise=2.0)
    b = replace(b, truth=a.truth)
    with pytest.raises(SettingError, match="higher_is_better=False"):
        compare(a, b, worst)
    assert compare(a, b, worst, higher_is_better=False).difference < 0
    with pytest.raises(SettingError, match="worth=0"):
        compare(a, b, worth=0)
    assert compare(a, b).metric == "rmse"


def test_what_is_printed_and_stored():
    found = dt.compare(*two_models(600, 60, 30, 110), names=("new", "old"))
    assert isinstance(found, dt.Comparison)
    text = str(found)
    for part in (
        "accuracy: new 82.5 %, old 78.8 %, on the same 800 rows",
        "new is better",
        "difference +3.7 points [",
        "right in new only: 60 rows, in old only: 30; McNemar p = 0.0022 (χ², continuity corrected)",
        "80 % power",
    ):
        assert part in text, text
    stored = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert stored["verdict"] == "new is better" and stored["mcnemar"]["only_a"] == 60 and stored["outcome"] == "a"
    one = compare(*[table.subset([0]) for table in two_models(1, 0, 0, 0)], "log_loss")
    assert one.low is None and one.verdict == "not enough data: too few rows for an interval"
    json.dumps(one.as_json(), allow_nan=False)


def test_equal_answers_are_no_proof_on_few_rows():
    a, _ = two_models(20, 0, 0, 0)
    found = compare(a, a)
    assert found.outcome == "unknown" and found.low < 0 < found.high
    big, _ = two_models(5000, 0, 0, 0)
    assert compare(big, big).outcome == "none"


@pytest.mark.parametrize(
    ("vocab", "said"),
    [
        (("k0", "k1", "k2", "k3"), r"\(3 and 4\): the second alone has 'k3'\. To fix"),
        (("k0", "k2"), r"\(3 and 2\): the first alone has 'k1'\. To fix"),
        (("k2", "k1", "k0"), r"\(3 and 3\): the same ones in another order\. To fix"),
    ],
)
def test_categories_that_one_model_alone_knows_are_named(vocab, said):
    a, b = pair(20)
    truth = np.zeros(20, dtype=np.int64)
    output = np.full((20, len(vocab)), 1 / len(vocab))
    other = replace(b, target=CategoryTarget(name=a.target.name, vocab=vocab), truth=truth, output=output)
    with pytest.raises(DataError, match=f"different categories of '{a.target.name}' {said}"):
        compare(replace(a, truth=truth), other)
