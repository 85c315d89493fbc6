"""What an ONNX file refers to is found without the ONNX library; that library is the oracle."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from drivetrain.errors import ArtefactError
from drivetrain.runtime.onnx_file import check_self_contained

from .models import light_bytes, light_model


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


@pytest.mark.parametrize(
    "plant",
    [
        in_initializer,
        in_attribute,
        in_branch,
        in_list_of_graphs,
        in_function,
        in_sparse,
        in_training,
        by_location_alone,
        by_data_alone,
    ],
)
def test_weights_in_other_files_are_found_wherever_they_hide(plant) -> None:
    model = light_model()
    check_self_contained(model.SerializeToString(), "a.onnx")
    plant(model)
    with pytest.raises(ArtefactError, match=r"a\.onnx keeps weights in other files"):
        check_self_contained(model.SerializeToString(), "a.onnx")


@pytest.mark.parametrize("cut", [0, 1, 10, -1, -20])
def test_truncated_files_are_refused(cut: int) -> None:
    with pytest.raises(ArtefactError, match="not an ONNX file"):
        check_self_contained(light_bytes()[:cut], "a.onnx")


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_answer(content: bytes) -> None:
    with contextlib.suppress(ArtefactError):
        check_self_contained(content, "a.onnx")


@given(at=st.integers(0, len(light_bytes()) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_ends_in_an_answer(at: int, byte: int) -> None:
    content = bytearray(light_bytes())
    content[at] = byte
    with contextlib.suppress(ArtefactError):
        check_self_contained(bytes(content), "a.onnx")
