"""Curves as the source of rows: one-dimensional arrays in .npy files, each named by the machine that drew it."""

import hashlib
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np

from drivetrain.data.check import Checked, open_each

name = "toy"
noun = "curves"
suffixes = frozenset({".npy"})
near = None


def look(path: Path, least: int) -> Checked:
    try:
        data = path.read_bytes()
        curve = np.load(BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        return Checked(problem=f"not a curve: {type(error).__name__}")
    if curve.ndim != 1 or len(curve) < least:
        return Checked(problem=f"not a curve: shape {curve.shape}")
    return Checked(hashlib.sha256(data).hexdigest()[:32])


def check(inputs, /, *, least=2):
    return open_each(inputs.paths, partial(look, least=least), noun=noun)


def groupings():
    return {"machine": lambda rows: [path.stem.split("-")[0] if "-" in path.stem else "" for path in rows.inputs]}


def metadata(rows):
    return {"length": [len(np.load(path)) for path in rows.inputs]}
