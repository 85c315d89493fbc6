"""Long inputs are answered with times: spans of pieces, and a model that reads pieces of a stub."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest

from drivetrain.errors import InputError
from drivetrain.runtime.over_time import AT_ONCE, Piece, TimeSpan, read_row, spans_of
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.spec import TensorSpec
from drivetrain.runtime.spec_base import ArraySpec
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget

KIND = CategoryTarget(name="kind", vocab=("a", "b", "c"))


def one_hot(letters: str) -> np.ndarray:
    return np.array([[0.8 if letter == each else 0.1 for each in "abc"] for letter in letters])


def steps(n: int, length: float = 1.0, hop: float = 1.0) -> list[tuple[float, float]]:
    return [(i * hop, i * hop + length) for i in range(n)]


@pytest.mark.parametrize(
    ("letters", "hop", "right"),
    [
        ("aaa", 1.0, ["a 0–3"]),
        ("abba", 1.0, ["a 0–1", "b 1–3", "a 3–4"]),
        ("abc", 0.5, ["a 0–0.75", "b 0.75–1.25", "c 1.25–2"]),
        ("a", 1.0, ["a 0–1"]),
        ("aab", 2.0, ["a 0–3.5", "b 3.5–5"]),
    ],
)
def test_neighbours_of_one_label_are_a_span(letters: str, hop: float, right: list[str]) -> None:
    found = spans_of(KIND, steps(len(letters), hop=hop), one_hot(letters))
    assert [str(span).rpartition(" (")[0] for span in found] == right
    assert all(span.probability == pytest.approx(0.8) for span in found)
    assert found[0].start == 0 and all(one.end == other.start for one, other in pairwise(found))


def test_several_labels_overlap_and_numbers_have_no_spans() -> None:
    target = CategoriesTarget(name="kinds", vocab=("a", "b"), threshold=0.5)
    found = spans_of(target, steps(4), np.array([[0.9, 0.1], [0.7, 0.6], [0.1, 0.8], [0.2, 0.1]]))
    assert found == (TimeSpan(0, 2, "a", 0.8), TimeSpan(1, 3, "b", 0.7))
    number = NumberTarget(names=("x",), mean=(0.0,), std=(1.0,))
    assert spans_of(number, steps(2), np.zeros((2, 1))) == () == spans_of(KIND, [], np.zeros((0, 3)))


class Long(ArraySpec):
    """Arrays that are read in pieces of three numbers, where they are longer."""

    kind: str = "long"

    def signature(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("x", "float32", (3,)),)

    def view(self, loaded: Any, /) -> Any:
        return (loaded[0][:3],)

    def stretches(self, source: Any, /) -> Any:
        return None if len(source) <= 3 else Stretched(source)


class Stretched:
    made: ClassVar[list[int]] = []
    covered = False

    def __init__(self, source: Any) -> None:
        self.values = np.asarray(source, np.float32)

    def whole(self) -> Any:
        return (self.values[:3],)

    def __iter__(self) -> Iterator[Piece]:
        for start in range(0, len(self.values), 3):
            self.made.append(start)
            yield Piece(start, start + 3, (self.values[start : start + 3],))


def model() -> Predictor:
    """The largest of three numbers is the answer."""
    return Predictor(Long(), KIND, lambda values: values)


def test_a_long_input_is_answered_by_the_mean_of_all_pieces_and_piece_by_piece() -> None:
    said = model().predict(np.array([9, 0, 0, 0, 9, 0, 0, 9, 0], float))
    assert said.label == "b" and [(span.start, span.end, span.label) for span in said.spans] == [
        (0, 3, "a"),
        (3, 9, "b"),
    ]
    assert said.as_json()["spans"][0] == {"start": 0, "end": 3, "label": "a", "probability": said.spans[0].probability}
    short = model().predict(np.array([0, 9, 0], float))
    assert short.label == "b" and short.spans == () and "spans" not in short.as_json()
    long_row = [0, 0, 9, 0, 9, 0, 0, 0, 9]
    many = list(model().predict_many([[0, 9, 0], long_row, [1, 2, 0]]))
    assert [len(one.spans) for one in many] == [0, 3, 0] and many[1].label == "c"
    mean = np.exp([0, 3, 6]) / np.exp([0, 3, 6]).sum()
    np.testing.assert_allclose(model().predict_array([[0, 9, 0], long_row, [1, 2, 0]])[1], mean, rtol=1e-6)
    assert dict(many[1].top)["c"] == pytest.approx(mean[2]) and dict(model().predict(long_row).top) == dict(many[1].top)
    np.testing.assert_array_equal(model().read(long_row)[0], [0, 0, 9])  # as a row it stays what it is


def test_an_input_that_its_view_covers_is_answered_as_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stretched, "covered", True)
    said = model().predict(np.array([9, 0, 0, 0, 9, 0, 0, 9, 0], float))
    assert said.label == "a" and [span.label for span in said.spans] == ["a", "b"]
    assert model().predict_array([[9, 0, 0, 0, 9, 0, 0, 9, 0], [0, 0, 1]]).argmax(axis=1).tolist() == [0, 2]


def test_which_row_cannot_be_read_is_told() -> None:
    with pytest.raises(InputError, match="row 4: not an array"):
        model().predict_array([[0, 9, 0], [0, 9, 0, 1, 0, 0], [1, 2, 0], ["x", 2, 0]], batch_size=2)
    assert model().predict_array([]).shape == (0, 3)


def test_pieces_are_made_as_they_are_asked_for() -> None:
    seen: list[int] = []
    Stretched.made.clear()

    def engine(values: np.ndarray) -> np.ndarray:
        seen.append(len(Stretched.made))
        return values

    Predictor(Long(), KIND, engine).predict(np.arange(3 * AT_ONCE * 4, dtype=float))
    assert seen == [AT_ONCE, 2 * AT_ONCE, 3 * AT_ONCE, 4 * AT_ONCE]


def test_a_kind_without_stretches_is_read_as_before() -> None:
    class Plain(ArraySpec):
        kind: str = "plain"

    assert read_row(Plain(), [1.0, 2.0])[1] is None
