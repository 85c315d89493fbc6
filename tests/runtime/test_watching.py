"""Watching cries wolf as seldom as it says, and finds what is planted, with so many rows."""

import json

import numpy as np
import pytest

from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget
from drivetrain.runtime.watching.compare import Watch, anderson_darling, chi_square, holm, watch
from drivetrain.runtime.watching.log import Live, collect, read_log
from drivetrain.runtime.watching.reference import Reference

CLASSES = CategoryTarget(name="fruit", vocab=tuple("abcdefgh"))
SHARES = np.array([0.3, 0.2, 0.15, 0.1, 0.1, 0.08, 0.05, 0.02])


def rows(rng: np.random.Generator, n: int, *, shares=SHARES, sure: float = 6.0, light: float = 0.5):
    """Probabilities and statistics of n pictures, drawn one by one."""
    said = rng.choice(len(shares), size=n, p=shares)
    confidence = 0.3 + 0.7 * rng.beta(sure, 1.5, size=n)
    table = np.repeat((1 - confidence)[:, None] / (len(shares) - 1), len(shares), axis=1)
    table[np.arange(n), said] = confidence
    statistics = [
        {"brightness": float(b), "contrast": float(c), "aspect": float(a)}
        for b, c, a in zip(
            rng.normal(light, 0.12, n), rng.gamma(9, 0.02, n), rng.choice([1.0, 4 / 3, 1.5], n), strict=True
        )
    ]
    return table, statistics


def live_of(table, statistics) -> Live:
    return Live(
        n=len(table),
        said=[(CLASSES.vocab[k],) for k in table.argmax(axis=1)],
        confidence=table.max(axis=1).tolist(),
        inputs={name: [row[name] for row in statistics] for name in statistics[0]},
    )


def simulate(seed: int, n: int, n_reference: int = 400, *, false_alarms: float = 0.01, **changed) -> Watch:
    rng = np.random.default_rng(seed)
    reference = Reference.of(CLASSES, *rows(rng, n_reference))
    return watch(reference, live_of(*rows(rng, n, **changed)), seed=seed, least=0.0, false_alarms=false_alarms)


def test_clean_streams_alarm_at_most_as_often_as_stated():
    alarms = sum(bool(simulate(seed, 100, 200, false_alarms=0.2).alarms) for seed in range(70))
    # 99.9 % of binomial(70, 0.2) lie from 4 to 25; uncorrected for five checks it would be about 47
    assert 3 < alarms < 26


def test_at_one_percent_a_clean_stream_hardly_ever_alarms():
    assert sum(bool(simulate(1000 + seed, 100, 200).alarms) for seed in range(15)) <= 1


PLANTED = {
    "predicted": {"shares": np.roll(SHARES, 1)},
    "confidence": {"sure": 2.5},
    "input brightness": {"light": 0.4},
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_shifts_are_found_by_the_right_check_within_200_rows(name):
    found = [simulate(seed, 200, **PLANTED[name]) for seed in range(8)]
    assert sum(name in {check.name for check in one.alarms} for one in found) >= 7
    others = [check.name for one in found for check in one.alarms if check.name != name]
    assert len(others) <= 1


def test_more_rows_find_smaller_shifts():
    power = [
        np.mean([bool(simulate(seed, n, 1000, light=0.46, false_alarms=0.05).alarms) for seed in range(10)])
        for n in (20, 100, 600)
    ]
    assert power[0] <= power[1] <= power[2] and power[0] < 0.5 and power[2] > 0.9


def test_the_interval_holds_the_share_that_moved():
    shares = np.array([0.15, 0.2, 0.15, 0.25, 0.1, 0.08, 0.05, 0.02])  # 15 points from the first to the fourth
    runs = [simulate(seed, 600, 600, shares=shares, false_alarms=0.1) for seed in range(30)]
    checks = [next(check for check in run.checks if check.name == "predicted") for run in runs]
    assert sum(check.low <= 0.15 <= check.high for check in checks) >= 26
    assert np.mean([check.moved for check in checks]) == pytest.approx(0.15, abs=0.025)  # chance is taken away in part


def test_what_is_sure_but_small_does_not_alarm():
    rng = np.random.default_rng(3)
    reference = Reference.of(CLASSES, *rows(rng, 20_000))
    stream = live_of(*rows(rng, 20_000, light=0.506))
    check = next(check for check in watch(reference, stream).checks if check.name == "input brightness")
    assert check.p < 0.01 and not check.alarm
    assert next(c for c in watch(reference, stream, least=0.0).checks if c.name == "input brightness").alarm


def test_several_labels_and_numbers():
    rng = np.random.default_rng(0)
    tags = CategoriesTarget(name="tags", vocab=("red", "round"))
    reference = Reference.of(tags, rng.random((300, 2)))
    said = [
        tuple(label for label, yes in zip(tags.vocab, row > (0.5, 0.9), strict=True) if yes)
        for row in rng.random((300, 2))
    ]
    found = watch(reference, Live(n=300, said=said, several=True))
    assert [check.name for check in found.alarms] == ["predicted round"]
    number = NumberTarget(names=("g",), mean=(0.0,), std=(1.0,))
    reference = Reference.of(number, rng.normal(100, 10, (300, 1)))
    same, moved = (Live(n=200, numbers={"g": rng.normal(mean, 10, 200).tolist()}) for mean in (100, 108))
    assert not watch(reference, same).alarms
    assert [check.name for check in watch(reference, moved).alarms] == ["number g"]


def test_the_ordered_statistic_needs_fewer_rows_for_a_shift():
    rng = np.random.default_rng(0)
    a, b = (
        rng.multinomial(100, np.ones(10) / 10, size=500) / 100,
        rng.multinomial(100, np.ones(10) / 10, size=500) / 100,
    )
    tilted = rng.multinomial(100, np.linspace(1.35, 0.65, 10) / 10, size=500) / 100
    power = {test: (test(tilted, b) > np.quantile(test(a, b), 0.95)).mean() for test in (chi_square, anderson_darling)}
    assert power[anderson_darling] > power[chi_square] + 0.1


def test_holm_is_what_statsmodels_does():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for seed in range(20):
        p_values = np.random.default_rng(seed).random(7) ** 3
        assert holm(p_values.tolist()) == pytest.approx(multitest.multipletests(p_values, method="holm")[1])


def test_one_row_and_no_row():
    rng = np.random.default_rng(0)
    reference = Reference.of(CLASSES, *rows(rng, 50))
    assert not watch(reference, live_of(*rows(rng, 1))).alarms
    with pytest.raises(DataError, match="no answers"):
        watch(reference, Live())
    for wrong in ({"false_alarms": 0.0}, {"false_alarms": 1.0}, {"least": -0.1}):
        with pytest.raises(SettingError, match=next(iter(wrong))):
            watch(reference, live_of(*rows(rng, 5)), **wrong)


def test_lines_that_are_none_and_lines_of_other_models(tmp_path):
    good = {"model": "m" * 16, "label": "a", "confidence": 0.9, "inputs": {"aspect": 1.0}}
    lines = [json.dumps(good), "", "{", "[]", "[" * 100_000, '{"label": "a"}', json.dumps({**good, "model": "old"})]
    lines += [json.dumps({**good, "confidence": None, "inputs": {"aspect": "x"}}), json.dumps({**good, "label": "b"})]
    live = collect(lines, "m" * 16)
    assert (live.n, live.unreadable, live.of_other_models) == (3, 5, 1)
    assert live.confidence == [0.9, 0.9] and live.inputs == {"aspect": [1.0, 1.0]}
    assert collect(lines, "m" * 16, last=1).said == [("b",)]
    with pytest.raises(DataError, match="missing"):
        read_log(tmp_path / "missing", "m" * 64)
