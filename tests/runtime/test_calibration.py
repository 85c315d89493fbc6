"""What a server does with a calibration: plain numpy, the same for every kind of target."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drivetrain.runtime.calibration import Calibration, aps_scores, confidences
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget

FRUIT = CategoryTarget(name="fruit", vocab=("apple", "fig", "pear", "plum"))
TAGS = CategoriesTarget(name="tags", vocab=("red", "ripe", "round"))
SIZE = NumberTarget(names=("weight_g", "length_cm"), mean=(100.0, 5.0), std=(20.0, 1.0))

rows_of_four = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(lambda x: np.array(x) / sum(x))


@given(st.lists(st.floats(-30, 30), min_size=4, max_size=4), st.floats(0.1, 10))
def test_a_temperature_keeps_the_order_and_moves_towards_even(outputs, temperature):
    raw = np.array([outputs])
    fitted = Calibration(temperature=temperature, coverage=0.9, n=100)
    probs, bare = fitted.probabilities(FRUIT, raw)[0], FRUIT.activate(raw)[0]
    assert probs.sum() == pytest.approx(1)
    assert probs == pytest.approx(FRUIT.activate(raw / temperature)[0])
    assert probs[bare.argmax()] == pytest.approx(probs.max())
    assert probs.max() <= bare.max() + 1e-12 if temperature >= 1 else probs.max() >= bare.max() - 1e-12


@settings(max_examples=60)
@given(rows_of_four, st.floats(0, 1), st.floats(0, 1), st.sampled_from(["lac", "aps"]))
def test_sets_grow_with_the_quantile_and_are_never_empty(row, one, other, ranking):
    small, large = (
        Calibration(coverage=0.9, quantile=q, n=9, ranking=ranking).prediction_set(FRUIT, row)
        for q in sorted((one, other))
    )
    assert set(small) <= set(large) and small
    assert small[0] == FRUIT.vocab[row.argmax()]
    order = [row[FRUIT.vocab.index(name)] for name in large]
    assert order == sorted(order, reverse=True)


def test_sets_hold_what_reaches_the_quantile():
    row = np.array([0.5, 0.3, 0.15, 0.05])
    assert Calibration(coverage=0.9, quantile=0.7, n=9).prediction_set(FRUIT, row) == ("apple", "fig")
    assert Calibration(coverage=0.9, quantile=0.7 - 1e-6, n=9).prediction_set(FRUIT, row) == ("apple",)
    aps = Calibration(coverage=0.9, quantile=0.8, n=9, ranking="aps")
    assert aps.prediction_set(FRUIT, row) == ("apple", "fig")
    assert Calibration(coverage=0.9, quantile=None, n=3).prediction_set(FRUIT, row) == FRUIT.vocab
    assert Calibration(coverage=0.9, quantile=0.0, n=9).prediction_set(FRUIT, row) == ("apple",)


def test_several_labels():
    fitted = Calibration(kind="categories", temperature=2.0, coverage=0.9, quantile=0.6, abstain_below=0.6, n=80)
    row = fitted.probabilities(TAGS, np.array([[4.0, -0.5, -8.0]]))[0]
    assert row == pytest.approx(1 / (1 + np.exp(-np.array([2.0, -0.25, -4.0]))))
    assert fitted.prediction_set(TAGS, row) == ("red", "ripe")
    assert fitted.abstains(row)  # the least certain label is nearly even
    assert not fitted.abstains(np.array([0.9, 0.1, 0.05]))


def test_numbers():
    fitted = Calibration(kind="number", coverage=0.9, half_widths=(10.0, 0.5), n=80)
    row = fitted.probabilities(SIZE, np.array([[1.0, 0.0]]))[0]
    assert fitted.interval(SIZE, row) == {"weight_g": (110.0, 130.0), "length_cm": (4.5, 5.5)}
    assert fitted.prediction_set(SIZE, row) == () and not fitted.abstains(row)
    assert Calibration(coverage=0.9, quantile=0.5, n=80).interval(FRUIT, row) == {}


def test_abstaining_has_three_states():
    row = np.array([0.6, 0.4, 0.0, 0.0])
    assert Calibration(coverage=0.9, abstain_below=0.61, n=9).abstains(row)
    assert not Calibration(coverage=0.9, abstain_below=0.6, n=9).abstains(row)
    assert not Calibration(coverage=0.9, abstain_below=0.0, max_error=0.1, n=9).abstains(row)
    assert Calibration(coverage=0.9, abstain_below=None, max_error=0.1, n=9).abstains(row)
    assert not Calibration(coverage=0.9, abstain_below=None, n=9).abstains(row)


def test_scores_and_confidences():
    probs = np.array([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]])
    assert aps_scores(probs).tolist() == pytest.approx(np.array([[1.0, 0.6, 0.9], [0.5, 0.75, 1.0]]))
    assert confidences("category", probs).tolist() == [0.6, 0.5]
    assert confidences("categories", probs) == pytest.approx([0.6, 0.5])


def test_it_is_plain_data():
    fitted = Calibration(temperature=1.5, coverage=0.9, quantile=0.7, abstain_below=0.4, n=120, max_error=0.1)
    assert Calibration.model_validate_json(fitted.model_dump_json()) == fitted
    for wrong in (
        {"temperature": 0.0},
        {"coverage": 1.0},
        {"n": 0},
        {"quantile": float("nan")},
        {"quantile": -0.1},
        {"typo": 1},
        {"half_widths": (1.0,)},
        {"kind": "number", "quantile": 0.5},
        {"kind": "number", "half_widths": (-1.0,), "quantile": None},
    ):
        with pytest.raises(ValidationError):
            Calibration.model_validate({**fitted.model_dump(), **wrong})
    with pytest.raises(ValidationError, match="frozen"):
        fitted.temperature = 2.0


def test_a_server_needs_no_more_than_numpy():
    heavy = "('scipy', 'sklearn', 'pandas', 'torch')"
    code = f"import drivetrain.runtime.calibration, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
