"""Lower precision: what it is, what it costs, and that it is taken only where the rows can tell."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivetrain.data.examples import Examples
from drivetrain.export import exporting
from drivetrain.export.converting import convert
from drivetrain.export.exporting import export_network
from drivetrain.export.lowering import evenly, to_16_bits, to_dynamic_int8, to_int8
from drivetrain.export.paired import paired_change
from drivetrain.runtime.artefact import MODEL
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.spec import TensorSpec
from drivetrain.runtime.targets import CategoriesTarget, NumberTarget

from .nets import FRUIT, READER, engine_of, paint, read, small_net, trained

NET = small_net()


@pytest.fixture(scope="module")
def fp32() -> bytes:
    return convert(NET, READER.signature(), 3, "dynamo")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Pictures whose true label is what the network says: it is right of all of them."""
    rows = paint(tmp_path_factory.mktemp("rows"), 120, FRUIT.vocab)
    said = engine_of(NET)(np.stack([read(path) for path in rows.inputs.paths])).argmax(axis=1)
    return Examples(rows.inputs, rows.digests, tuple(FRUIT.vocab[i] for i in said))


@pytest.fixture(scope="module")
def pixels(rows: Examples) -> np.ndarray:
    return np.stack([read(path) for path in rows.inputs.paths])


@pytest.mark.parametrize("ranges", ["minmax", "percentile", "entropy"])
def test_int8_is_another_model_that_says_nearly_the_same(fp32, pixels, ranges, capfd) -> None:
    lower = to_int8(fp32, (pixels[:37],), ranges=ranges)
    assert capfd.readouterr() == ("", "")
    kinds = {tensor.data_type for tensor in onnx.load_model_from_string(lower).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    exact, found = OnnxEngine(fp32, threads=1)(pixels), OnnxEngine(lower, threads=1)(pixels)
    drift = np.sqrt(((exact - found) ** 2).mean()) / exact.std()
    assert 0 < drift < 0.2


def test_the_last_layer_stays_exact(fp32, pixels) -> None:
    model = onnx.load_model_from_string(to_int8(fp32, (pixels[:8],)))
    last = next(node for node in model.graph.node if "outputs" in node.output)
    made_by = {output: node.op_type for node in model.graph.node for output in node.output}
    assert [made_by.get(name) for name in last.input].count("DequantizeLinear") <= 1  # its activations, not its weights


def pieces_net() -> bytes:
    """Ids of pieces → (N, 3): a table, a layer that multiplies by weights, the mean, and a last layer."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(50, 64)).astype(np.float32)
    weights = {"table": table, "inner": rng.normal(size=(64, 64)) / 8, "last": rng.normal(size=(64, 3)) / 8}
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [
            node("Gather", ["table", "ids"], ["vectors"], name="look_up"),
            node("MatMul", ["vectors", "inner"], ["hidden"], name="hidden"),
            node("Relu", ["hidden"], ["kept"], name="kept"),
            node("ReduceMean", ["kept", "along"], ["mean"], name="mean", keepdims=0),
            node("MatMul", ["mean", "last"], ["outputs"], name="last"),
        ],
        "pieces",
        [value("ids", onnx.TensorProto.INT64, ["N", "T"])],
        [value("outputs", onnx.TensorProto.FLOAT, ["N", 3])],
        [onnx.numpy_helper.from_array(np.asarray(each, np.float32), name) for name, each in weights.items()]
        + [onnx.numpy_helper.from_array(np.array([1], np.int64), "along")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString()


def test_of_inputs_of_any_length_ranges_are_found_in_each_batch(capfd) -> None:
    fp32, ids = pieces_net(), np.random.default_rng(1).integers(0, 50, (40, 9))
    lower = to_dynamic_int8(fp32)
    assert capfd.readouterr() == ("", "")
    made = onnx.load_model_from_string(lower)
    onnx.checker.check_model(made)
    kinds = {tensor.name.partition("_")[0]: tensor.data_type for tensor in made.graph.initializer}
    assert kinds["last"] == onnx.TensorProto.FLOAT, "the last layer stays exact"
    assert sum(node.op_type == "MatMulInteger" for node in made.graph.node) == 1
    exact, found = OnnxEngine(fp32, threads=1)(ids), OnnxEngine(lower, threads=1)(ids)
    assert 0 < np.abs(exact - found).max() < 0.05 * exact.std()


def test_nothing_is_called_int8_that_has_nothing_to_quantise(fp32) -> None:
    model = onnx.load_model_from_string(pieces_net())
    del model.graph.node[1]
    model.graph.node[1].input[0] = "vectors"
    last = next(node for node in model.graph.node if node.name == "last")
    last.op_type = "Gemm"
    with pytest.raises(ValueError, match="it multiplies by no weights"):
        to_dynamic_int8(model.SerializeToString())


@pytest.mark.parametrize("shape", [(None,), (None, None)])
def test_pieces_are_lowered_by_batches_and_pictures_by_training_rows(monkeypatch, shape) -> None:
    monkeypatch.setattr(exporting, "to_dynamic_int8", lambda model: b"of each batch")
    reader = SimpleNamespace(signature=lambda: [TensorSpec("ids", "int64", shape)])
    assert exporting._lower(b"", "int8", reader, None) == b"of each batch"


@pytest.mark.parametrize(("kind", "closeness"), [("bf16", 0.05), ("fp16", 0.005)])
def test_16_bits_halve_the_weights(fp32, pixels, kind, closeness) -> None:
    lower = to_16_bits(fp32, kind)
    model = onnx.load_model_from_string(lower)
    onnx.checker.check_model(model)
    assert len(lower) < len(fp32)
    exact, found = OnnxEngine(fp32, threads=1)(pixels), OnnxEngine(lower, threads=1)(pixels)
    assert 0 < np.abs(exact - found).max() < closeness * exact.std()


def test_weights_that_fp16_cannot_hold_are_refused(fp32) -> None:
    model = onnx.load_model_from_string(fp32)
    weight = next(t for t in model.graph.initializer if len(t.dims) == 4 and t.dims[1] == 8)
    huge = onnx.numpy_helper.to_array(weight).copy()
    huge.flat[0] = 1e6
    weight.CopyFrom(onnx.numpy_helper.from_array(huge, weight.name))
    with pytest.raises(ValueError, match="too large for fp16"):
        to_16_bits(model.SerializeToString(), "fp16")
    to_16_bits(model.SerializeToString(), "bf16")


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_lower_precision_is_taken_where_it_costs_little(rows: Examples, precision) -> None:
    made = export_network(trained(NET, rows), precision=precision, valid=rows, train=rows, worst_change=0.2)
    assert made.record.precision == made.decision.value == precision
    change = made.record.change
    assert change is not None and change.n == 120 and change.fp32 == 1.0 and change.low <= change.change <= change.high
    assert "on 120 validation rows; at worst -20 is allowed" in made.decision.reason


def test_lower_precision_that_costs_too_much_is_refused(rows: Examples, fp32, monkeypatch) -> None:
    def ruined(model: bytes, pictures: np.ndarray) -> bytes:
        other = small_net(seed=5)
        return convert(other, READER.signature(), 3, "torchscript")

    monkeypatch.setattr(exporting, "to_int8", ruined)
    made = export_network(trained(NET, rows), precision="int8", valid=rows, train=rows)
    assert made.record.precision == made.decision.value == "fp32"
    assert made.decision.reason.startswith("int8 was refused: accuracy -")
    assert made.record.change is not None and made.record.change.low < -0.02
    np.testing.assert_allclose(
        OnnxEngine(made.files[MODEL])(np.zeros((1, 16, 16, 3), np.uint8)),
        engine_of(NET)(np.zeros((1, 16, 16, 3), np.uint8)),
        atol=1e-5,
    )


def test_too_few_rows_cannot_allow_it(rows: Examples) -> None:
    few = rows.subset(range(29))
    made = export_network(trained(NET, rows), precision="int8", valid=few, train=rows)
    assert made.decision.value == "fp32" and "29 validation rows cannot tell" in made.decision.reason


def test_a_quantiser_that_fails_leaves_fp32(rows: Examples, monkeypatch) -> None:
    def fail(*_: object) -> bytes:
        raise KeyError("Conv_3")

    monkeypatch.setattr(exporting, "to_int8", fail)
    made = export_network(trained(NET, rows), precision="int8", valid=rows, train=rows)
    assert made.decision.value == "fp32" and "int8 failed: KeyError: 'Conv_3'" in made.decision.reason


def outputs_for(hits: np.ndarray) -> np.ndarray:
    return np.where(hits[:, None], [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]).astype(np.float32)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """1,000 validation sets of 100 rows from a world where int8 loses 3 % of the rows and wins 1 %."""
    rng = np.random.default_rng(0)
    truth = np.zeros(100, np.int64)
    held = []
    for _ in range(1000):
        before = rng.random(100) < 0.8
        lost, won = rng.random(100) < 0.03 / 0.8, rng.random(100) < 0.01 / 0.2
        after = np.where(before, ~lost, won)
        found = paired_change(FRUIT, truth, outputs_for(before), outputs_for(after))
        held.append(found.low <= -0.02 <= found.high)
        assert found.change == pytest.approx(after.mean() - before.mean())
    assert 0.93 <= np.mean(held) <= 0.99


@given(lost=st.integers(0, 20), won=st.integers(0, 20), n=st.integers(40, 400))
def test_intervals_are_sound(lost: int, won: int, n: int) -> None:
    before, after = np.ones(n, bool), np.ones(n, bool)
    after[:lost] = False
    before[lost : lost + won] = False
    found = paired_change(FRUIT, np.zeros(n, np.int64), outputs_for(before), outputs_for(after))
    assert -1 <= found.low < found.high <= 1
    assert found.low <= found.change * n / (n + 2) <= found.high
    mirrored = paired_change(FRUIT, np.zeros(n, np.int64), outputs_for(after), outputs_for(before))
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


def test_labels_and_numbers_have_measures_of_their_own() -> None:
    rng = np.random.default_rng(0)
    tags = CategoriesTarget(name="t", vocab=("a", "b"))
    truth = rng.integers(0, 2, (60, 2)).astype(np.float32)
    right = (truth * 2 - 1).astype(np.float32)
    wrong = right.copy()
    wrong[:30, 0] *= -1
    found = paired_change(tags, truth, right, wrong)
    assert (found.fp32, found.lower) == (1.0, 0.75) and found.low < -0.25 < found.high
    grams = NumberTarget(names=("g",), mean=(100.0,), std=(20.0,))
    values = rng.normal(100, 20, (60, 1)).astype(np.float32)
    exact = ((values - 100) / 20).astype(np.float32)
    found = paired_change(grams, values, exact, exact + np.float32(0.5))
    assert found.change == pytest.approx(-0.5, abs=1e-5) and found.measure.startswith("minus the mean")


@given(n=st.integers(0, 500), most=st.integers(0, 200))
def test_evenly_chosen_rows_are_distinct_and_reach_both_ends(n: int, most: int) -> None:
    found = evenly(n, most)
    assert len(found) == len(set(found)) == min(n, most)
    if len(found) > 1:
        assert found[0] == 0 and found[-1] == n - 1
