"""ONNX models made by hand, and manifests to go with them: what the runtime reads, without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.manifest import Architecture, Export
from drivetrain.runtime.targets import CategoryTarget

SIZE_PX = 4
READER = PictureInput(channels=3, size_px=SIZE_PX, crop_pct=1.0, mean=(0.5,) * 3, std=(0.5,) * 3)
LIGHT = CategoryTarget(name="light", vocab=("dark", "pale"))
WEIGHTS = np.array([[-0.02, 0.02]] * 3, np.float32)


def light_model(
    *,
    inputs: int = 1,
    dtype: int = TensorProto.UINT8,
    shape: tuple[Any, ...] = ("N", 4, 4, 3),
    outputs: int = 1,
) -> onnx.ModelProto:
    """Tells dark from pale: the mean of each channel, less 127.5, times weights."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["floats", "middle"], ["centred"]),
        helper.make_node("ReduceMean", ["centred", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["outputs"]),
    ]
    more = [helper.make_tensor_value_info(f"more{i}", TensorProto.FLOAT, [1]) for i in range(1, inputs)]
    nodes += [helper.make_node("Identity", [value.name], [f"{value.name}_seen"]) for value in more]
    graph = helper.make_graph(
        nodes,
        "light",
        [helper.make_tensor_value_info("pixels", dtype, shape), *more],
        [
            helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["N", 2]),
            *(helper.make_tensor_value_info("means", TensorProto.FLOAT, ["N", 3]) for _ in range(1, outputs)),
        ],
        [
            numpy_helper.from_array(np.array(127.5, np.float32), "middle"),
            numpy_helper.from_array(np.array([1, 2]), "axes"),
            numpy_helper.from_array(WEIGHTS, "weights"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def light_bytes(**options: Any) -> bytes:
    return light_model(**options).SerializeToString()


def describe(**changes: Any) -> dict[str, Any]:
    """All fields of a manifest but `files`."""
    return {
        "created": "2026-01-01T00:00:00+00:00",
        "versions": {},
        "input": READER,
        "target": LIGHT,
        "architecture": Architecture(name="test_resnet", pretrained_from=None, features=3, dropout=0.0),
        "split_identity": "0",
        "n": {"train": 3, "valid": 2, "test": 0},
        "parameters_sha256": "0",
        "export": Export(
            exporter="dynamo",
            opset=18,
            precision="fp32",
            n=1,
            n_held_out=1,
            max_abs_difference=0.0,
            agreement=1.0,
            seconds=0.0,
        ),
        **changes,
    }
