"""A model is read in one way only, checked, and written anew; the ONNX library is the oracle."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from drivetrain.errors import ArtefactError
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.onnx.file import safe_model
from drivetrain.runtime.onnx.wire import understood, written

from .models import light_bytes, light_model

GOLDEN = Path(__file__).parents[1] / "golden" / "v2.model" / "model.onnx"


def external(name: str = "weights") -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[3, 2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


def in_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(external())


def in_attribute(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=external()))


def in_branch(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "then", [], [], [external()])
    model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=branch, else_branch=branch))


def in_list_of_graphs(model: onnx.ModelProto) -> None:
    attribute = helper.make_attribute("graphs", [helper.make_graph([], "g", [], [], [external()])])
    model.graph.node.append(helper.make_node("Other", [], []))
    model.graph.node[-1].attribute.append(attribute)


def in_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=external())
    model.functions.append(helper.make_function("here", "f", [], ["c"], [node], [helper.make_opsetid("", 18)]))


def in_sparse(model: onnx.ModelProto) -> None:
    values, indices = external("values"), numpy_helper.from_array(np.array([0], np.int64), "indices")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [6]))


def in_training(model: onnx.ModelProto) -> None:
    model.training_info.add().algorithm.CopyFrom(helper.make_graph([], "step", [], [], [external()]))


def by_location_alone(model: onnx.ModelProto) -> None:
    model.graph.initializer[2].data_location = TensorProto.EXTERNAL


def by_data_alone(model: onnx.ModelProto) -> None:
    model.graph.initializer[2].external_data.add(key="location", value="x")


PLAIN = (in_initializer, in_attribute, by_location_alone, by_data_alone)
WITHIN = (in_branch, in_list_of_graphs, in_function, in_sparse, in_training)


@pytest.mark.parametrize("plant", PLAIN + WITHIN)
def test_weights_in_other_files_are_refused_wherever_they_hide(plant) -> None:
    model = light_model()
    safe_model(model.SerializeToString(), "a.onnx")
    plant(model)
    message = r"a\.onnx keeps weights in other files" if plant in PLAIN else r"a\.onnx is not an ONNX file as .* which"
    with pytest.raises(ArtefactError, match=message):
        safe_model(model.SerializeToString(), "a.onnx")


def number(value: int, *, groups: int = 0) -> bytes:
    """A number of a protocol buffer, in at least so many bytes."""
    found = []
    while value or not found or len(found) < groups:
        found.append(value & 0x7F)
        value >>= 7
    return bytes([group | 0x80 for group in found[:-1]] + found[-1:])


def run(field: int, content: bytes, *, high: int = 0) -> bytes:
    return number((field << 3 | 2) | high) + number(len(content)) + content


LOCATION = run(13, run(1, b"location") + run(2, b"secret.bin"))
HEAD = number(1 << 3) + number(3) + number(2 << 3) + number(1) + run(8, b"more")
ELSEWHERE = number(14 << 3) + number(1)


@pytest.mark.parametrize(
    "more",
    [
        number(14 << 3, groups=3) + number(1),  # a key in more bytes than it needs
        number(14 << 3) + number(1, groups=9),  # a number likewise
        number(14 << 3 | 1 << 35) + number(1),  # a key beyond 32 bits: its upper bits are cut off by some
        number(14 << 3 | 3) + ELSEWHERE + number(14 << 3 | 4),  # within a group
        number(14 << 3) + number(0) + ELSEWHERE,  # twice
        run(14, b"\x01"),  # a run where a number belongs
        number(14 << 3 | 5) + struct.pack("<I", 1),  # four bytes likewise
        run(13, LOCATION[2:], high=1 << 40),
    ],
)
def test_what_two_programs_read_in_two_ways_is_refused(more: bytes) -> None:
    tensor = HEAD + LOCATION + more
    for content in (tensor, HEAD + run(9, bytes(12)) + more):
        with pytest.raises(ArtefactError, match=r"a\.onnx (is not an ONNX file|keeps weights in other files)"):
            safe_model(light_bytes() + run(7, run(5, content)), "a.onnx")
        with pytest.raises(ValueError, match=r".+"):
            understood(content, "tensor")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (run(99, b"x"), "field 99 that is not known"),
        (run(7, b""), "graph of a model stands twice"),
        (number(1 << 3) + number(10), "ir_version of a model stands twice"),
        (number(7 << 3) + number(1), "wire type 0"),
        (number(0) + number(0), "field number 0"),
        (b"\x80", "within a number"),
        (b"\xff" * 11, "longer than"),
        (run(20, b""), "training_info"),
    ],
)
def test_whatever_is_not_known_is_refused(more: bytes, message: str) -> None:
    with pytest.raises(ArtefactError, match=message):
        safe_model(light_bytes() + more, "a.onnx")


def bare(model: onnx.ModelProto) -> list[bytes]:
    """What counts: nodes and constants, without remarks."""
    for part in (*model.graph.node, *model.graph.initializer):
        part.ClearField("doc_string")
        del part.metadata_props[:]
    for tensor in model.graph.initializer:
        tensor.ClearField("data_location")
    for node in model.graph.node:
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
    parts = (*model.graph.node, *model.graph.initializer)
    return [part.SerializeToString(deterministic=True) for part in parts]


@pytest.mark.parametrize("content", [light_bytes(), GOLDEN.read_bytes()])
def test_what_the_runtime_gets_says_the_same_and_nothing_else(content: bytes) -> None:
    model = onnx.load_model_from_string(content)
    model.doc_string, model.producer_name = "read /etc/passwd", "somebody"
    model.metadata_props.add(key="a", value="b")
    again = onnx.load_model_from_string(safe_model(model.SerializeToString(), "a.onnx").content)
    assert bare(again) == bare(model)
    assert not again.doc_string and not again.producer_name and not again.metadata_props and not again.graph.value_info
    once = written(understood(content))
    assert written(understood(once)) == once


def test_the_runtime_answers_alike_with_what_was_written() -> None:
    import onnxruntime

    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    direct = onnxruntime.InferenceSession(GOLDEN.read_bytes(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(
        OnnxEngine(GOLDEN.read_bytes(), threads=1)(pixels), direct.run(None, {"pixels": pixels})[0]
    )


# ── what a graph may do ──────────────────────────────────────────────────────────────────────────────────────────


def with_nodes(*nodes: onnx.NodeProto, **constants: np.ndarray) -> bytes:
    model = light_model()
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items())
    return model.SerializeToString()


def node(operator: str, *inputs: str, output: str = "x", **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, list(inputs), [output], **attributes)


WHOLE = node("Cast", "pixels", output="whole", to=TensorProto.INT64)
SIZE = [
    WHOLE,
    node("ReduceMax", "whole", output="most", keepdims=0),
    node("Reshape", "most", "flat", output="size"),
]
ONES = {"flat": np.array([-1]), "one": np.float32([1]), "axis": np.array([0]), "zero": np.array(0)}


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Loop", "one", "one", "one")], "operator Loop"),
        ([node("NonZero", "pixels")], "operator NonZero"),
        ([node("Scan", "pixels")], "operator Scan"),
        ([helper.make_node("Relu", ["one"], ["x"], domain="evil")], "operator evil.Relu"),
        ([*SIZE, node("Expand", "one", "size")], "Expand depends on the input"),
        ([*SIZE, node("ConstantOfShape", "size")], "ConstantOfShape depends on the input"),
        ([*SIZE, node("Tile", "one", "size")], "Tile depends on the input"),
        ([*SIZE, node("Range", "zero", "most", "zero")], "Range depends on the input"),
        ([*SIZE, node("Slice", "one", "size", "flat")], "Slice depends on the input"),
        ([*SIZE, node("Slice", "one", "flat", "size")], "Slice depends on the input"),
        ([*SIZE, node("Reshape", "pixels", "size")], "Reshape depends on the input"),
        (
            [*SIZE, node("Expand", "one", "size", output="e"), node("Size", "e"), node("Tile", "one", "x", output="t")],
            "Expand depends on the input",
        ),
        ([node("Relu", "nowhere")], "made later or nowhere"),
        ([node("Relu", "one", output="outputs")], "made twice"),
        ([node("Conv", "pixels", "one", pads=[2**40] * 4)], "'pads' of Conv is out of range"),
    ],
)  # fmt: skip
def test_a_graph_that_may_take_anything_is_refused(nodes: list[onnx.NodeProto], message: str) -> None:
    with pytest.raises(ArtefactError, match=rf"more than a model needs.*{message}.*To fix"):
        safe_model(with_nodes(*nodes, **ONES), "a.onnx")


SHAPE = [node("Shape", "pixels", output="shape"), node("Gather", "shape", "axis", output="n")]


@pytest.mark.parametrize(
    ("nodes", "rising"),
    [
        ([*SHAPE, node("Expand", "one", "n")], True),
        ([*SHAPE, node("Mul", "n", "n", output="square"), node("Expand", "one", "square")], True),
        ([*SHAPE, node("Concat", "n", "flat", output="two", axis=0), node("Reshape", "pixels", "two")], True),
        ([*SHAPE, node("Sub", "seven", "n", output="less"), node("Expand", "one", "less")], False),
        ([*SHAPE, node("Slice", "pixels", "n", "seven")], False),
        ([*SHAPE, node("Mul", "n", "flat", output="less"), node("Expand", "one", "less")], False),
    ],
)
def test_sizes_may_rise_with_the_number_of_pictures(nodes: list[onnx.NodeProto], rising: bool) -> None:
    """Else the model is tried with every number of pictures, see `trial`."""
    assert safe_model(with_nodes(*nodes, **ONES, seven=np.array([7])), "a.onnx").rising is rising


@pytest.mark.parametrize("dims", [[2**62], [2**32, 2**32], [0], [4, 4], [1] * 9])
def test_constants_are_as_large_as_they_say(dims: list[int]) -> None:
    model = light_model()
    del model.graph.initializer[2].dims[:]
    model.graph.initializer[2].dims.extend(dims)
    with pytest.raises(ArtefactError, match=r"'weights' (says|has the shape)"):
        safe_model(model.SerializeToString(), "a.onnx")


@pytest.mark.parametrize("cut", [0, 1, 10, -1, -20])
def test_truncated_files_are_refused(cut: int) -> None:
    with pytest.raises(ArtefactError, match="not an ONNX file"):
        safe_model(light_bytes()[:cut], "a.onnx")


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_answer(content: bytes) -> None:
    with contextlib.suppress(ArtefactError):
        safe_model(content, "a.onnx")


@given(at=st.integers(0, len(light_bytes()) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_is_read_as_the_onnx_library_reads_it(at: int, byte: int) -> None:
    content = bytearray(light_bytes())
    content[at] = byte
    with contextlib.suppress(ArtefactError):
        again = onnx.load_model_from_string(safe_model(bytes(content), "a.onnx").content)
        with contextlib.suppress(DecodeError):  # what is dropped, such as notes of an exporter, may be damaged
            assert bare(again) == bare(onnx.load_model_from_string(bytes(content)))
