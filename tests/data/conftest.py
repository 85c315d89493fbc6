"""Small pictures on disk."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drivetrain.progress import quiet


def jpeg(seed: int) -> bytes:
    """A JPEG whose content differs for every seed."""
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _no_progress():
    with quiet():
        yield


@pytest.fixture
def put(tmp_path):
    """put("a/1.jpg", seed) writes a picture below tmp_path and returns its path."""

    def write(name: str, seed: int, *, under: Path = tmp_path) -> Path:
        path = under / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(seed))
        return path

    return write


@pytest.fixture
def class_folder(put, tmp_path):
    """class_folder(apple=10, pear=5) makes a folder per class and returns the root."""

    def make(root: str = "root", **counts: int) -> Path:
        for start, (name, count) in enumerate(counts.items()):
            for i in range(count):
                put(f"{root}/{name}/{i}.jpg", 1000 * start + i)
        return tmp_path / root

    return make
