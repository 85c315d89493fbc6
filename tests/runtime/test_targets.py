"""Targets: what goes in comes out again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from drivetrain.errors import DataError
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget, Target, sigmoid, softmax

labels = st.text(min_size=1, max_size=5)
finite = st.floats(-1e6, 1e6, width=32)


@given(st.lists(labels, min_size=1))
def test_category_round_trip(values: list[str]) -> None:
    target = CategoryTarget.fit("c", values)
    one_hot = np.eye(target.n_outputs)[target.encode(values)]
    assert target.decode(one_hot) == values
    assert target.vocab == tuple(sorted(set(values)))


@given(st.lists(st.sets(labels, max_size=3), min_size=1))
def test_categories_round_trip(values: list[set[str]]) -> None:
    rows = [tuple(sorted(row)) for row in values]
    if not any(rows):
        with pytest.raises(DataError, match="nothing to learn"):
            CategoriesTarget.fit("c", rows)
        return
    target = CategoriesTarget.fit("c", rows)
    assert target.decode(target.encode(rows)) == rows


@given(st.lists(st.tuples(finite, finite), min_size=2, max_size=30))
def test_number_round_trip(values: list[tuple[float, float]]) -> None:
    table = np.array(values, dtype=np.float64)
    if (table.std(axis=0) == 0).any():
        with pytest.raises(DataError, match="same value"):
            NumberTarget.fit(("a", "b"), values)
        return
    target = NumberTarget.fit(("a", "b"), values)
    standard = target.training_form(target.encode(values))
    scale = np.abs(table).max(axis=0) + 1
    assert np.allclose(target.activate(standard) / scale, table / scale, atol=1e-4)


def test_standardised_values() -> None:
    target = NumberTarget.fit(("a",), [(1.0,), (2.0,), (3.0,)])
    standard = target.training_form(target.encode([(1.0,), (2.0,), (3.0,)]))
    assert standard.mean() == pytest.approx(0, abs=1e-6) and standard.std() == pytest.approx(1, rel=1e-5)


@given(st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=3, max_size=3), min_size=1, max_size=5))
def test_activations_against_torch(rows: list[list[float]]) -> None:
    logits = np.array(rows, dtype=np.float32)
    double = torch.from_numpy(logits).double()
    np.testing.assert_allclose(softmax(logits), torch.softmax(double, 1).numpy(), atol=1e-12)
    np.testing.assert_allclose(sigmoid(logits), torch.sigmoid(double).numpy(), atol=1e-12)


def test_unknown_category_is_named_with_a_suggestion() -> None:
    with pytest.raises(DataError, match=r"'fruit'.*peer.*Did you mean 'pear'"):
        CategoryTarget.fit("fruit", ["apple", "pear"]).encode(["peer"])


@pytest.mark.parametrize(
    "target",
    [
        CategoryTarget(name="c", vocab=("a", "b")),
        CategoriesTarget(name="c", vocab=("a",), threshold=0.3),
        NumberTarget(names=("a",), mean=(0.0,), std=(2.0,)),
    ],
)
def test_json_round_trip(target: Target) -> None:
    adapter: TypeAdapter[Target] = TypeAdapter(Target)
    assert adapter.validate_json(adapter.dump_json(target)) == target


@pytest.mark.parametrize(
    "stored",
    [
        {"kind": "category", "name": "c", "vocab": []},
        {"kind": "category", "name": "c", "vocab": ["a", "a"]},
        {"kind": "number", "names": ["a"], "mean": [0.0], "std": [0.0]},
        {"kind": "number", "names": ["a"], "mean": [0.0, 1.0], "std": [1.0]},
        {"kind": "surprise"},
    ],
)
def test_inconsistent_descriptions_are_refused(stored: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Target).validate_python(stored)


@pytest.mark.parametrize(("values", "said"), [((1e200, 2e200), "larger unit"), ((1e-200, 2e-200), "smaller unit")])
def test_numbers_whose_squares_are_none_are_refused(values, said):
    with pytest.raises(DataError, match=f"the values of y .* cannot be squared; expected .* in a {said}"):
        NumberTarget.fit(("y",), [(value,) for value in values])


def test_what_depends_on_the_task_is_a_method_of_the_target() -> None:
    one = CategoryTarget(name="fruit", vocab=("apple", "fig", "pear"))
    several = CategoriesTarget(name="tags", vocab=("red", "round", "ripe"), threshold=0.4)
    numbers = NumberTarget(names=("g", "mm"), mean=(0.0, 0.0), std=(1.0, 1.0))
    said = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    assert one.chosen(said).tolist() == [0, 2] and one.chosen(said).dtype == np.int64
    assert several.chosen(said).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert numbers.chosen(said).tolist() == said.tolist()
    found, least = one.confidence(said), several.confidence(said)
    assert found is not None and found.tolist() == [0.5, 0.8]
    assert least is not None and least.tolist() == [0.5, 0.8]  # of 0.5, 0.7, 0.8 and of 0.9, 0.9, 0.8
    assert numbers.confidence(said) is None
    assert [each.encoded_shape(2) for each in (one, several, numbers)] == [(2,), (2, 3), (2, 2)]
    assert one.decode_truth(one.encode(["pear", "fig"])) == ["pear", "fig"]
    assert several.decode_truth(several.encode([("ripe",), ()])) == [("ripe",), ()]
    assert numbers.decode_truth(numbers.encode([(1.5, 2.0)])) == [(1.5, 2.0)]
    assert [each.output_names for each in (one, several, numbers)] == [one.vocab, several.vocab, ("g", "mm")]
    assert [each.categories for each in (one, several, numbers)] == [one.vocab, several.vocab, ()]
    assert [each.task for each in (one, several, numbers)] == ["category", "multilabel", "number"]
    assert [each.noun for each in (one, several, numbers)] == ["category", "category", "number"]
