"""A model repository for NVIDIA Triton around the `model.onnx` of an artefact: raw outputs for tensors, no more.

Source: https://github.com/triton-inference-server/server/blob/main/docs/user_guide/model_configuration.md
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from drivetrain.errors import ArtefactError, SettingError
from drivetrain.names import service_name
from drivetrain.runtime.artefact import MODEL, open_artefact
from drivetrain.runtime.files.replacing import fresh_folder, replace_folder
from drivetrain.runtime.loading import load
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget, Target
from drivetrain.text import readable

CONFIG, LABELS, VERSION = "config.pbtxt", "labels.txt", "1"
TYPES = {
    "bool": "TYPE_BOOL", "float16": "TYPE_FP16", "float32": "TYPE_FP32", "float64": "TYPE_FP64",
    **{name: f"TYPE_{name.upper()}" for name in
       ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")},
}  # fmt: skip
"""As numpy names them → as Triton does."""


def write_triton(model: str | os.PathLike[str], repository: str | os.PathLike[str]) -> Path:
    """Write `NAME/config.pbtxt`, `NAME/1/model.onnx` and, of categories, `NAME/labels.txt` into a model repository.

    Args:
        model: The artefact; NAME is what its folder is called, without `.model`.
        repository: Folder of Triton's models, which is made where there is none.

    Returns:
        The folder of the model in it.

    Raises:
        ArtefactError: The artefact cannot be used, or has no `model.onnx`.
        SettingError: The repository holds a model of this name, or is a file.
    """
    artefact = open_artefact(model)
    if MODEL not in artefact.manifest.files:
        raise ArtefactError(
            f"{readable(artefact.path)} has no {MODEL}; expected one, which is what Triton runs. To fix: drivetrain "
            "export MODEL makes it."
        )
    predictor = load(artefact.path, device="cpu", threads=1)
    engine = predictor.engine
    assert isinstance(engine, OnnxEngine)
    name = service_name(artefact.path)
    place = Path(repository) / name
    if place.exists() or place.is_symlink() or (place.parent.exists() and not place.parent.is_dir()):
        raise SettingError(
            f"{readable(place)} is there already; expected a folder of models without {name}. To fix: name another "
            "folder, or remove it."
        )
    labels = _labels(predictor.target)
    with fresh_folder(place) as fresh:
        (fresh / VERSION).mkdir()
        shutil.copyfile(artefact.file(MODEL), fresh / VERSION / MODEL)
        sha256 = artefact.manifest.files[MODEL].sha256
        (fresh / CONFIG).write_text(config(name, engine, predictor.target, sha256), encoding="utf-8")
        if labels:
            (fresh / LABELS).write_text("".join(f"{readable(label)}\n" for label in labels), encoding="utf-8")
        replace_folder(fresh, place)
    return place


def config(name: str, engine: OnnxEngine, target: Target, sha256: str) -> str:
    """Triton's description of the model, as protobuf in text.

    Args:
        name: Of the model.
        engine: Knows what the file reads and gives.
        target: What the outputs mean.
        sha256: Of the file.
    """
    labels = [("label_filename", json.dumps(LABELS))] if _labels(target) else []
    inputs = ",\n".join(_tensor(spec.name, TYPES[spec.dtype], spec.shape) for spec in engine.signature)
    output = _tensor(engine.output, "TYPE_FP32", [engine.n_outputs], labels)
    return (
        f"# model.onnx of a drivetrain artefact, sha256 {sha256}.\n"
        "# It reads tensors as `dt.load(ARTEFACT).read(INPUT)` makes them, and gives raw outputs:\n"
        f"# {_meaning(target)}. Calibration, abstention, limits and golden examples are not in it.\n"
        f"name: {json.dumps(name)}\n"
        'platform: "onnxruntime_onnx"\n'
        f"max_batch_size: {engine.most_rows}\n"
        f"input [\n{inputs}\n]\n"
        f"output [\n{output}\n]\n"
        "dynamic_batching {}\n"
    )


def _tensor(name: str, kind: str, shape: Sequence[int | None], more: Sequence[tuple[str, str]] = ()) -> str:
    """One row of it: Triton puts the batch before."""
    dims = ", ".join(str(-1 if side is None else side) for side in shape)
    lines = [("name", json.dumps(name)), ("data_type", kind), ("dims", f"[ {dims} ]"), *more]
    return "  {\n" + "".join(f"    {key}: {value}\n" for key, value in lines) + "  }"


def _labels(target: Target) -> tuple[str, ...]:
    """What the outputs are called, in their order; none of numbers."""
    return target.vocab if isinstance(target, CategoryTarget | CategoriesTarget) else ()


def _meaning(target: Target) -> str:
    """How outputs become what the network says."""
    if isinstance(target, NumberTarget):
        return "times the spread and plus the mean that manifest.json holds they are values"
    if isinstance(target, CategoriesTarget):
        return "their sigmoid is the probability of each label"
    return "their softmax is the probability of each label"
