"""A model whose parameters are shuffled: the same numbers elsewhere, and nothing else changes."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from drivetrain.errors import ArtefactError
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.onnx.shuffled import shuffled
from tests.serving.tiny import network

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(3, 3))


def tensors(content: bytes) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in onnx.load_from_string(content).graph.initializer}


def test_each_tensor_keeps_its_numbers_and_loses_their_order():
    before, after = tensors(network(WEIGHTS)), tensors(shuffled(network(WEIGHTS), seed=1))
    np.testing.assert_array_equal(after["sides"], before["sides"])  # whole numbers say how, not what
    np.testing.assert_array_equal(np.sort(after["matrix"], axis=None), np.sort(before["matrix"], axis=None))
    assert (after["matrix"] != before["matrix"]).sum() >= 4 and after["matrix"].shape == (3, 3)


def test_it_runs_answers_otherwise_and_the_same_seed_gives_the_same():
    pixels = RNG.integers(0, 256, (2, 24, 24, 3), dtype=np.uint8)
    first, again, other = (OnnxEngine(shuffled(network(WEIGHTS), seed=seed), threads=1)(pixels) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3 and np.abs(first - OnnxEngine(network(WEIGHTS))(pixels)).max() > 1e-3


@pytest.mark.parametrize(
    ("kind", "values", "moves"),
    [
        (TensorProto.FLOAT16, np.arange(8, dtype=np.float16), True),
        (TensorProto.DOUBLE, np.arange(8.0), True),
        (TensorProto.INT8, np.arange(8, dtype=np.int8).reshape(2, 4), True),
        (TensorProto.INT8, np.arange(8, dtype=np.int8), False),
        (TensorProto.INT64, np.arange(8), False),
        (TensorProto.FLOAT, np.array([3.0], np.float32), False),
    ],
    ids=["halves", "doubles", "quantised", "zero points", "whole numbers", "one alone"],
)
@pytest.mark.parametrize("raw", [True, False])
def test_what_is_a_parameter(kind, values, moves, raw):
    if not raw and kind not in (TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT64):
        pytest.skip("written in bytes alone")
    data = values.tobytes() if raw else values.ravel().tolist()
    tensor = helper.make_tensor("w", kind, values.shape, data, raw=raw)
    graph = helper.make_graph([], "g", [], [], [tensor])
    after = tensors(shuffled(helper.make_model(graph).SerializeToString(), seed=3))["w"]
    assert np.array_equal(after, values) == (not moves)
    assert sorted(after.ravel().tolist()) == sorted(values.ravel().tolist())


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x0a"], ids=["empty", "text", "no graph"])
def test_what_is_no_model_is_said(content):
    with pytest.raises(ArtefactError, match="To fix: give the model"):
        shuffled(content)
