"""What a page shows of a curve: the curve."""

import numpy as np

from drivetrain.errors import InputError
from drivetrain.pages.svg import Scale, drawing, path


def show(loaded, /, *, alt="", side_px=192):
    curve = np.asarray(loaded[0], dtype=np.float64)
    x, y = Scale(0, len(curve) - 1, 2, side_px - 2), Scale(curve.min(), curve.max(), side_px / 2 - 2, 2)
    line = path([(x.at(i), y.at(value)) for i, value in enumerate(curve.tolist())], "accent curve")
    name = f"curve-{abs(hash((alt, curve.tobytes()))):x}"
    return drawing(name, side_px, side_px / 2, alt or "a curve", f"{len(curve)} values", line)


def show_source(source, /, *, alt="", side_px=192, **_):
    try:
        return show((np.load(source, allow_pickle=False),), alt=alt, side_px=side_px)
    except (OSError, ValueError) as error:
        raise InputError(f"{source} is no curve.") from error
