"""Counts of validation: what is counted where, and that nothing is lost on the way to a file and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from drivetrain.errors import DataError
from drivetrain.kinds.images.spec import picture_statistics
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget
from drivetrain.runtime.watching.reference import Histogram, Reference, confidences

FINITE = st.floats(-1e6, 1e6)


@given(values=st.lists(FINITE, min_size=1, max_size=300), others=st.lists(FINITE, max_size=50))
def test_every_value_has_one_bin(values, others):
    seen = Histogram.of(values)
    assert seen.n == len(values) and len(seen.edges) <= 18
    assert seen.count(others).sum() == len(others)
    assert (seen.count(values) == seen.counts).all()
    assert Histogram.model_validate_json(seen.model_dump_json()) == seen


def test_bins_hold_about_a_tenth_each():
    counts = Histogram.of(np.random.default_rng(0).normal(size=1000)).counts
    assert len(counts) == 10 and max(counts) <= 102 and min(counts) >= 98


def test_a_common_value_has_a_bin_of_its_own():
    seen = Histogram.of([1.5] * 90 + [1.0] * 10)
    assert seen.count([1.5]).argmax() != seen.count([1.6]).argmax() != seen.count([1.4]).argmax()
    assert Histogram.of([2.0] * 5).count([1.9, 2.0, 2.1]).tolist() == [1, 1, 1]


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_what_cannot_be_counted(values):
    with pytest.raises(DataError, match="histogram"):
        Histogram.of(values)


@pytest.mark.parametrize(("edges", "counts"), [((1.0,), (1,)), ((2.0, 1.0), (1, 1, 1)), ((1.0,), (1, -1))])
def test_a_damaged_histogram_is_refused(edges, counts):
    with pytest.raises(ValueError, match=r"edges|bins|count"):
        Histogram(edges=edges, counts=counts, mean=0.0, std=1.0)


def test_each_kind_of_target():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(3), size=50)
    category = Reference.of(CategoryTarget(name="x", vocab=("a", "b", "c")), rows)
    assert sum(category.predicted.values()) == category.n == category.confidence.n == 50
    assert category.confidence.mean == pytest.approx(rows.max(axis=1).mean())
    tags = CategoriesTarget(name="x", vocab=("a", "b", "c"), threshold=0.3)
    several = Reference.of(tags, rows)
    assert several.predicted["b"] == int((rows[:, 1] >= 0.3).sum())
    number = Reference.of(NumberTarget(names=("g", "cm"), mean=(0, 0), std=(1, 1)), rows[:, :2])
    assert number.confidence is None and number.predicted == {} and number.numbers["cm"].n == 50
    for reference in (category, several, number):
        assert Reference.model_validate_json(reference.model_dump_json()) == reference
    assert confidences(tags, rows) == pytest.approx(np.maximum(rows, 1 - rows).min(axis=1))


def test_rows_and_statistics_must_fit_together():
    target = CategoryTarget(name="x", vocab=("a", "b"))
    with pytest.raises(DataError, match="1 outputs and 2"):
        Reference.of(target, np.ones((1, 2)), [{"aspect": 1.0}] * 2)
    with pytest.raises(DataError, match="0 outputs"):
        Reference.of(target, np.ones((0, 2)))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 1), (7, 1, 4), (300, 200, 3), (65, 64, 2)])
def test_statistics_are_finite_and_within_their_ranges(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = picture_statistics(pixels)
    assert all(np.isfinite(value) for value in found.values())
    assert 0 <= found["brightness"] <= 1 and 0 <= found["contrast"] <= 0.5 and 0 <= found["sharpness"] <= 1
    assert found["aspect"] == shape[1] / shape[0] and ("saturation" in found) == (shape[2] == 3)


def test_statistics_follow_what_they_are_named_after():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(1))
    before = picture_statistics(np.asarray(image))
    changed = {
        "brightness": image.point(lambda value: value * 0.6),
        "contrast": image.point(lambda value: 128 + (value - 128) * 0.5),
        "sharpness": image.filter(ImageFilter.GaussianBlur(4)),
        "saturation": image.convert("L").convert("RGB"),
    }
    for name, other in changed.items():
        assert picture_statistics(np.asarray(other))[name] < 0.8 * before[name], name
