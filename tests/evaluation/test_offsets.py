"""Numbers far from 0, very small or very large: scores depend on neither offset nor unit, and nothing gets lost."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivetrain.errors import DataError
from drivetrain.evaluation import Predictions, score
from drivetrain.evaluation.baselines import baselines, constant_answer
from drivetrain.evaluation.calibration import calibrate
from drivetrain.evaluation.comparing import compare
from drivetrain.evaluation.conformal import coverage_of
from drivetrain.evaluation.record.selection import correct_selection
from drivetrain.pages.words import value_in_words
from drivetrain.runtime.targets import NumberTarget

MOVES = {
    "seconds since 1970": (1, 1.7e9),
    "dates": (1, 20_240_101),
    "tiny": (1e-12, 0),
    "huge": (1e12, 0),
    "-": (2, -5e8),
}


def table(n=60, *, scale=1.0, offset=0.0, seed=0):
    """Errors and values in steps of 1/1024, so that float64 holds all of them beside the offsets."""
    rng = np.random.default_rng(seed)
    truth = np.round(rng.uniform(0, 60, (n, 1)) * 1024) / 1024
    said = truth + np.round(rng.normal(0, 7, (n, 1)) * 1024) / 1024
    target = NumberTarget.fit(("y",), truth * scale + offset)
    ids = tuple(map(str, range(n)))
    return Predictions(ids=ids, target=target, truth=truth * scale + offset, output=said * scale + offset)


@pytest.mark.parametrize("move", MOVES)
def test_scores_depend_on_neither_offset_nor_unit(move):
    scale, offset = MOVES[move]
    plain, moved = table(), table(scale=scale, offset=offset)
    before, after = score(plain), score(moved)
    for name, unit in (("rmse", scale), ("mae", scale), ("r2", 1.0)):
        one, other = before[name], after[name]
        assert np.array([other.value, other.low, other.high]) / unit == pytest.approx(
            np.array([one.value, one.low, one.high]), rel=1e-9
        ), name
    b = table(seed=1)
    b = replace(plain, output=plain.truth + b.output - b.truth)
    other_model = replace(moved, output=b.output * scale + offset)
    differences = [compare(plain, b), compare(moved, other_model)]
    ends = [np.array([found.difference, found.low, found.high]) for found in differences]
    assert ends[1] / scale == pytest.approx(ends[0], rel=1e-6)
    halves = [calibrate(rows).half_widths[0] for rows in (plain, moved)]
    assert halves[1] / scale == pytest.approx(halves[0], rel=1e-9)
    claims = [coverage_of(calibrate(rows), rows) for rows in (plain, moved)]
    assert claims[0].found == claims[1].found > 0.9
    raws = [correct_selection(pair).corrected for pair in ((plain, b), (moved, other_model))]
    assert raws[1] / scale == pytest.approx(raws[0], rel=1e-6)
    constants = [baselines(rows, rows.truth, ["rmse"])["mean"]["rmse"].value for rows in (plain, moved)]
    assert constants[1] / scale == pytest.approx(constants[0], rel=1e-6)
    assert constant_answer(moved.target, moved.truth) == pytest.approx(moved.truth.mean(axis=0), rel=1e-15)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 59), min_size=5, max_size=40).filter(lambda values: len(set(values)) > 1))
def test_a_target_gives_back_what_it_was_given(seconds):
    """Through encode, training form, activate and decode: the seconds of 2023 come out as seconds of 2023."""
    values = [(1_700_000_000.0 + s,) for s in seconds]
    target = NumberTarget.fit(("t",), values)
    encoded = target.encode(values)
    assert encoded.dtype == np.float64 and encoded[:, 0].tolist() == [v for (v,) in values]
    form = target.training_form(encoded)
    assert form.dtype == np.float32 and form[:, 0].std() == pytest.approx(1, rel=1e-5)
    assert target.decode(target.activate(form)) == [(pytest.approx(v, abs=1e-5),) for (v,) in values]
    assert target.std[0] == pytest.approx(np.std(seconds), rel=1e-12)


def test_targets_that_fell_together_are_told_apart():
    """In float32 all of them are one value, and a constant answer seems perfect."""
    truth = 1_700_000_000 + np.arange(60.0)[:, None]
    target, ids = NumberTarget.fit(("t",), truth), tuple(map(str, range(60)))
    said = Predictions(ids=ids, target=target, truth=target.encode(truth.tolist()), output=np.full((60, 1), 1.7e9))
    assert score(said, ["rmse"])["rmse"].value == pytest.approx(np.sqrt(np.mean(np.arange(60.0) ** 2)))  # 34.2


def test_it_is_kept_through_storage(tmp_path):
    rows = table(offset=1.7e9)
    again = Predictions.load(rows.save(tmp_path / "rows.npz"))
    assert again.truth.dtype == again.output.dtype == np.float64
    assert np.array_equal(again.truth, rows.truth) and np.array_equal(again.output, rows.output)
    thawed = NumberTarget.model_validate_json(rows.target.model_dump_json())
    assert thawed == rows.target


def test_values_that_differ_by_rounding_alone_never_vary():
    with pytest.raises(DataError, match="same value in all 3 rows"):
        NumberTarget.fit(("y",), [(0.1,)] * 3)
    assert NumberTarget.fit(("y",), [(1e-100,), (3e-100,)]).std[0] == pytest.approx(1e-100)
    with pytest.raises(DataError, match="smaller unit"):  # squares of the errors would all be 0
        NumberTarget.fit(("y",), [(1e-200,), (3e-200,)])
    with pytest.raises(DataError, match="larger unit"):
        NumberTarget.fit(("y",), [(1.7e308,), (-1.7e308,)])


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_numbers_that_have_fallen_together_are_refused(dtype):
    """float32 of 1,700,000,000 + 0 … 59 is one value: whoever gives that gets no score of it."""
    offset = 1.7e9 if dtype is np.float32 else 3e4
    rows = table(offset=offset)
    for field in ("truth", "output"):
        said = rf"the {field} is float.* apart, while .*To fix: give the {field} as float64"
        with pytest.raises(DataError, match=said):
            replace(rows, **{field: getattr(rows, field).astype(dtype)})


def test_numbers_in_32_bits_that_can_be_told_apart_are_taken():
    rows = table()
    rough = replace(rows, truth=rows.truth.astype(np.float32), output=rows.output.astype(np.float32))
    assert rough.truth.dtype == np.float64
    thirds = replace(rows, truth=rows.truth / 3)
    assert compare(thirds, replace(thirds, truth=thirds.truth.astype(np.float32))).n == 60
    with pytest.raises(DataError, match="disagree about what is true"):
        compare(thirds, replace(thirds, truth=thirds.truth + 1e-3))


def test_whole_numbers_that_float64_does_not_hold_are_refused():
    rows = table()
    ids_as_truth = 2**53 + np.arange(60)[:, None]
    with pytest.raises(DataError, match=r"beyond 9,007,199,254,740,992.*To fix: subtract"):
        replace(rows, truth=ids_as_truth)
    assert replace(rows, truth=2**60 + 1024 * np.arange(60)[:, None]).truth.dtype == np.float64


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (np.array(["1.5"] * 60, dtype=object), "numbers are expected"),
        (np.zeros((60, 2)), r"expected \(60, 1\)"),
        (np.zeros(59), r"expected \(60, 1\)"),
        ([[1.0]] * 59 + [[1.0, 2.0]], "different lengths"),
        (np.full(60, np.nan), "NaN"),
    ],
)
def test_arrays_that_are_no_table_say_what_to_do(truth, words):
    with pytest.raises(DataError, match=rf"(?s){words}.*To fix:"):
        replace(table(), truth=truth)


def test_days_are_printed_whole():
    day = int((date(2024, 1, 31) + timedelta(days=1)).strftime("%Y%m%d"))
    assert value_in_words((float(day), 1.70000005e9, 0.123456)) == "20240201, 1700000050, 0.1235"
    tiny = score(table(scale=1e-12), ["rmse"])["rmse"]
    assert "e-12" in str(tiny), "not 0.000000000"


def test_the_mean_over_several_units_says_what_it_is_the_mean_of():
    target = NumberTarget(names=("mm", "price"), mean=(0.0, 0.0), std=(1.0, 1.0))
    truth = np.array([[0.0, 1e6], [1e-3, 2e6], [2e-3, 3e6]] * 4)
    output = truth + np.array([3e-4, 4e5]) * np.array([1, -1, 1] * 4)[:, None]
    rows = Predictions(ids=tuple(map(str, range(12))), target=target, truth=truth, output=output)
    found = score(rows, ["rmse", "mae", "r2"])
    assert found["rmse"].value == pytest.approx((3e-4 + 4e5) / 2)
    assert "the mean of mm 0.0003, price 4e+05" in (found["rmse"].note or "")
    assert "the mean of mm 0.0003, price 4e+05" in (found["mae"].note or "")
