"""Sums that are the same on any machine, and a graph whose parameters are taken out and put back."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from drivetrain.runtime.additions.adding import added_up
from drivetrain.runtime.additions.graph import put_back, taken_out
from drivetrain.runtime.additions.record import Place
from drivetrain.runtime.additions.weights import TensorFile
from drivetrain.runtime.files.tensor_file import described

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(8, 16)).astype(np.float32)
MORE = RNG.normal(size=(100,)).astype(np.float32)


def tensors(**arrays: np.ndarray) -> TensorFile:
    content = save(arrays)
    return TensorFile(BytesIO(content), described(BytesIO(content), len(content)))


def model() -> bytes:
    """A graph with a weight as it is, one that an exporter has turned, one of its own, and a small constant."""
    held = {"w": WEIGHT, "t": np.ascontiguousarray(WEIGHT.T), "own": MORE + 1, "few": np.float32([1, 2])}
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "main",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(one, name) for name, one in held.items()],
    )
    return helper.make_model(graph).SerializeToString()


def test_the_sum_is_that_of_the_matrices_to_the_last_digit():
    a, b = RNG.normal(size=(5, 16)).astype(np.float32), RNG.normal(size=(8, 5)).astype(np.float32)
    exact = WEIGHT.astype(np.float64) + b.astype(np.float64) @ a.astype(np.float64)
    found = added_up(WEIGHT, a, b)
    assert found.dtype == np.float32
    np.testing.assert_array_max_ulp(found, exact.astype(np.float32), maxulp=1)
    np.testing.assert_array_equal(added_up(WEIGHT, a, 0 * b), WEIGHT)


def test_the_sum_is_these_bits_on_any_machine():
    """No library of matrices takes part, whose order of sums depends on the processor."""
    numbers = (np.arange(12 * 9 + 3 * 9 + 12 * 3, dtype=np.float32) * np.float32(0.1) + np.float32(0.3)) % np.float32(
        1.7
    )
    base, a, b = numbers[:108].reshape(12, 9), numbers[108:135].reshape(3, 9), numbers[135:].reshape(12, 3)
    slowly = np.zeros_like(base)
    for i in range(12):
        for j in range(9):
            total = float(base[i, j])
            for k in range(3):
                total += float(b[i, k]) * float(a[k, j])
            slowly[i, j] = total
    assert added_up(base, a, b).tobytes() == slowly.tobytes()


def test_parameters_are_taken_out_and_put_back():
    held = tensors(weight=WEIGHT, more=MORE)
    whole, graph, places = taken_out(model(), held)
    assert {(one.index, one.parameter, one.turned) for one in places} == {(0, "weight", False), (1, "weight", True)}
    assert len(whole) - len(graph) >= 2 * WEIGHT.nbytes
    assert put_back(graph, places, len(whole), held.content, held) == whole
    found = {one.name: numpy_helper.to_array(one) for one in onnx.load_from_string(whole).graph.initializer}
    np.testing.assert_array_equal(found["t"], WEIGHT.T)
    np.testing.assert_array_equal(found["own"], MORE + 1)
    other = tensors(weight=WEIGHT + 1)
    changed = onnx.load_from_string(put_back(graph, places, len(whole), other.content, other)).graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(changed[1]), WEIGHT.T + 1)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([Place(index=9, parameter="weight")], "no place"),
        ([Place(index=0, parameter="other")], "no place"),
        ([Place(index=1, parameter="weight")], "does not fit"),
        ([Place(index=0, parameter="weight", turned=True)], "does not fit"),
        ([Place(index=2, parameter="more")], "does not fit"),  # it is full
        ([Place(index=0, parameter="weight")] * 2, "larger than the whole"),
        (
            [Place(index=0, parameter="weight"), Place(index=1, parameter="weight", turned=True)],
            "larger than the whole",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_memory_is_taken(places, message):
    held = tensors(weight=WEIGHT, more=MORE)
    _, graph, _ = taken_out(model(), held)

    def read(name: str) -> bytes:
        raise AssertionError(name)

    with pytest.raises(ValueError, match=message):
        put_back(graph, places, len(graph) + WEIGHT.nbytes, read, held)


def test_a_parameter_stands_in_a_graph_a_few_times_at_most():
    held, more = tensors(weight=WEIGHT), tensors(weight=WEIGHT, more=np.tile(MORE, 9))
    whole, graph, places = taken_out(model(), more)
    assert len(places) == 2 and put_back(graph, places, len(whole), held.content, held) == whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("drivetrain.runtime.additions.graph.MOST_TIMES", 1)
        assert put_back(graph, places, len(whole), more.content, more) == whole
        with pytest.raises(ValueError, match="larger than the whole"):
            put_back(graph, places, len(whole), held.content, held)


def test_hashes_of_the_graph_do_not_depend_on_who_wrote_it():
    held = tensors(weight=WEIGHT)
    again = onnx.load_from_string(model()).SerializeToString(deterministic=True)
    first, second = (hashlib.sha256(taken_out(one, held)[0]).hexdigest() for one in (model(), again))
    assert first == second
