"""A valid artefact around a network of one matrix, made in milliseconds without torch; it says what colour it sees."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.artefact import write_artefact
from drivetrain.runtime.calibration import Calibration
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget, Target
from drivetrain.runtime.watching.reference import Reference

SIDE = 24
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220)}
READER = PictureInput(channels=3, size_px=SIDE, crop_pct=0.875, mean=(0.5,) * 3, std=(0.25,) * 3)
CATEGORY = CategoryTarget(name="colour", vocab=tuple(COLOURS))
SEVERAL = CategoriesTarget(name="tags", vocab=tuple(COLOURS))
NUMBER = NumberTarget(names=("red_g", "green_g", "blue_g"), mean=(10.0, 20.0, 30.0), std=(1.0, 2.0, 3.0))
CALIBRATION = Calibration(
    kind="category", temperature=1.0, coverage=0.9, quantile=0.7, abstain_below=0.4, n=60, max_error=0.1
)


def network(weights: np.ndarray | None = None) -> bytes:
    """(N, S, S, 3) uint8 → the mean of each channel, times a matrix (3, K) → (N, K) float32."""
    matrix = np.eye(3) * 12 - 4 if weights is None else weights
    nodes = [
        helper.make_node("Cast", ["pixels"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values", "sides"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "matrix"], ["outputs"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["N", matrix.shape[1]])],
        [
            numpy_helper.from_array(np.array([1, 2], dtype=np.int64), "sides"),
            numpy_helper.from_array((matrix / 255).astype(np.float32), "matrix"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def paint(colour: str, seed: int = 0, size: tuple[int, int] = (40, 32)) -> Image.Image:
    noise = np.random.default_rng(seed).normal(0, 25, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def picture(colour: str, seed: int = 0, format: str = "PNG") -> bytes:
    return encoded(paint(colour, seed), format)


def make_artefact(
    folder: Path,
    target: Target = CATEGORY,
    *,
    golden_is_wrong: bool = False,
    weights: np.ndarray | None = None,
    name: str = "colours",
    **changes: Any,
) -> Path:
    """An artefact with golden examples, calibration (of categories) and a reference of 60 rows."""
    model = network(weights)
    engine = OnnxEngine(model, threads=1)
    rows = [picture(colour, seed) for seed in range(20) for colour in COLOURS]
    working = [READER.load(row) for row in rows]
    outputs = engine(*READER.stack([READER.view(one) for one in working]))
    expected = {
        "inputs": [f"{i}.png" for i in range(3)],
        "outputs": (outputs[:3] + (1.0 if golden_is_wrong else 0.0)).tolist(),
        "tolerance": 1e-3,
    }
    contents = {
        "model.onnx": model,
        "golden/expected.json": json.dumps(expected).encode(),
        **{f"golden/{i}.png": rows[i] for i in range(3)},
    }
    manifest = {
        "created": "2026-11-23T00:00:00Z",
        "versions": {"drivetrain": "0.1.0"},
        "input": READER,
        "target": target,
        "architecture": {"name": "tiny", "pretrained_from": None, "features": 3, "dropout": 0.0},
        "split_identity": "0" * 16,
        "n": {"train": 180, "valid": 60, "test": 60},
        "parameters_sha256": "ab" * 32,
        "validation": {"accuracy": {"value": 0.95, "low": 0.863, "high": 0.983, "n": 60}},
        "export": {
            "exporter": "dynamo",
            "opset": 18,
            "precision": "fp32",
            "n": 64,
            "n_held_out": 60,
            "max_abs_difference": 1e-6,
            "agreement": None if isinstance(target, NumberTarget) else 1.0,
            "seconds": 1.0,
        },
        "calibration": CALIBRATION if isinstance(target, CategoryTarget) else None,
        "reference": Reference.of(target, target.activate(outputs), [READER.statistics(one) for one in working]),
        **changes,
    }
    path = folder / f"{name}.model"
    write_artefact(path, contents, manifest)
    return path
