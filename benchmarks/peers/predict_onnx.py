"""Plain ONNX Runtime, fp32: a timm model exported with `torch.onnx.export`, pictures read with Pillow and numpy.

python predict_onnx.py TABLE ARCH
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import timm
import torch
from PIL import Image
from report import read_parts
from timing import measure

SIZE, SHORT, BATCH = 224, 256, 32


def export(arch: str, n_classes: int) -> tuple[str, np.ndarray, np.ndarray]:
    """The file, and the mean and standard deviation that its pictures are normalised with."""
    model = timm.create_model(arch, pretrained=arch.startswith("local-dir:"), num_classes=n_classes).eval()
    config = timm.data.resolve_model_data_config(model)
    axes = {"pictures": {0: "batch"}, "scores": {0: "batch"}}
    example = torch.zeros(1, 3, SIZE, SIZE)
    names = {"input_names": ["pictures"], "output_names": ["scores"]}
    torch.onnx.export(model, (example,), "plain.onnx", dynamo=False, dynamic_axes=axes, **names)
    return "plain.onnx", np.float32(config["mean"]), np.float32(config["std"])


def main() -> None:
    table, arch = sys.argv[1:]
    parts = read_parts(table)
    classes = sorted({label for _, label in parts["train"]})
    file, mean, std = export(arch, len(classes))
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def read(path: str) -> np.ndarray:
        with Image.open(path) as picture:
            scale = SHORT / min(picture.size)
            width, height = (round(side * scale) for side in picture.size)
            resized = picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - SIZE) // 2, (height - SIZE) // 2
        pixels = np.asarray(resized.crop((left, top, left + SIZE, top + SIZE)), np.float32) / 255
        return ((pixels - mean) / std).transpose(2, 0, 1)

    def said(pictures: np.ndarray) -> list[str]:
        (scores,) = session.run(None, {"pictures": np.ascontiguousarray(pictures)})
        return [classes[i] for i in scores.argmax(axis=1)]

    def batches(paths: list[str]) -> Iterator[list[str]]:
        return (paths[start : start + BATCH] for start in range(0, len(paths), BATCH))

    def many(paths: list[str]) -> int:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return sum(len(said(np.stack(list(pool.map(read, batch))))) for batch in batches(paths))

    measure(lambda path: said(read(path)[None]), many, [path for path, _ in parts["test"]])


if __name__ == "__main__":
    main()
