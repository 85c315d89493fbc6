"""Golden examples for an artefact: pictures that are small, and what the exported model says of them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drivetrain.runtime.artefact import GOLDEN
from drivetrain.runtime.golden import EXPECTED, Expected
from drivetrain.runtime.inputs import Input, Pixels
from drivetrain.runtime.predictor import Engine

QUALITY = 90
"""Of JPEG: a picture with a short side of 256 px takes about 40 kB."""

ROUNDING = {"fp32": 0.05, "int8": 0.15, "bf16": 0.05, "fp16": 0.05}
"""Share of the outputs' spread up to which they count as the same: versions of JPEG decoders differ by a level or two
in a few pixels, processors add in another order. Anything that is wrong (the order of channels, the size) moves outputs
by their spread."""


def golden_files(engine: Engine, reader: Input, working: Sequence[Pixels], precision: str) -> dict[str, bytes]:
    """Files of the folder: pictures encoded anew (nothing of the original file but its pixels), and the answers.

    Args:
        engine: Runs the exported model.
        reader: Reads what is encoded here, as a server will.
        working: Working pictures, (H, W, C), at least one.
        precision: Of the exported model.
    """
    pictures = {f"{i}{suffix}": encoded for i, (encoded, suffix) in enumerate(map(_encode, working))}
    outputs_NK = engine(np.stack([reader.read(encoded) for encoded in pictures.values()]))
    expected = Expected(
        inputs=tuple(pictures),
        outputs=tuple(tuple(row) for row in outputs_NK.tolist()),
        tolerance=max(ROUNDING[precision] * float(outputs_NK.std()), 1e-3),
    )
    files = {f"{GOLDEN}/{name}": encoded for name, encoded in pictures.items()}
    return {**files, EXPECTED: (expected.model_dump_json(indent=1) + "\n").encode()}


def _encode(picture: Pixels) -> tuple[bytes, str]:
    """The bytes, and the suffix that goes with them."""
    channels = picture.shape[2]
    stream = io.BytesIO()
    if channels in (1, 3):
        Image.fromarray(picture[:, :, 0] if channels == 1 else picture).save(stream, "JPEG", quality=QUALITY)
        return stream.getvalue(), ".jpg"
    if channels == 4:
        Image.fromarray(picture, "RGBA").save(stream, "PNG")
        return stream.getvalue(), ".png"
    np.lib.format.write_array(stream, picture, allow_pickle=False)
    return stream.getvalue(), ".npy"


def noise(reader: Input, n: int) -> list[Pixels]:
    """Working pictures of random blocks, where no real picture may travel with the model."""
    rng = np.random.default_rng(0)
    side = reader.working_px
    block = max(1, side // 8)
    made: list[NDArray[np.uint8]] = []
    for _ in range(n):
        coarse = rng.integers(0, 256, (-(-side // block), -(-side // block), reader.channels), dtype=np.uint8)
        made.append(np.ascontiguousarray(coarse.repeat(block, 0).repeat(block, 1)[:side, :side]))
    return made
