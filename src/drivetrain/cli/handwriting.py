"""The demo's pictures: 1,797 handwritten digits that ship with scikit-learn, as PNG files in a folder per class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from drivetrain.errors import DataError, first_few

SIDE_PX = 32
MARGIN_PX = 4
"""Of white paper around the strokes, so that the centre square that evaluation reads cuts none of them."""
BLACKEST = 16
"""The data set's largest value; 0 is white paper."""


def write_handwriting(folder: Path) -> Path:
    """Write the digits as grey pictures below `folder`, black on white; what is there already is written again.

    Raises:
        DataError: The folder holds something else, which would become part of the demo's data.
    """
    from sklearn.datasets import load_digits  # noqa: PLC0415 - slow to load, and only here

    digits: Any = load_digits()
    files = {folder / str(label) / f"{row:04}.png": row for row, label in enumerate(digits.target)}
    strange = sorted(set(folder.glob("*/*")) - set(files)) + [path for path in folder.glob("*") if path.is_file()]
    if strange:
        raise DataError(
            f"{folder} holds {first_few(path.name for path in strange)}, which the demo did not write. "
            "To fix: pass another folder, which may be new, with --out."
        )
    for path, row in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        _picture(digits.images[row]).save(path)
    return folder


def _picture(strokes: np.ndarray[Any, Any]) -> Image.Image:
    """An 8×8 field of 0 … 16 as a picture of `SIDE_PX`."""
    grey = Image.fromarray((255 - strokes * (255 / BLACKEST)).astype(np.uint8))
    inner = SIDE_PX - 2 * MARGIN_PX
    picture = Image.new("L", (SIDE_PX, SIDE_PX), color=255)
    picture.paste(grey.resize((inner, inner), Image.Resampling.BICUBIC), (MARGIN_PX, MARGIN_PX))
    return picture
