"""Grids of pictures: a batch, what was said of some rows, and the rows with the highest losses."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.figures._canvas import DARK, GREY, RIGHT, WRONG, Figure, ending, new_grid, short
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import Array, TargetValue
from drivetrain.settings import whole
from drivetrain.text import number_text

LoadPicture = Callable[[int], Array]
"""Position of a row in the predictions → (H, W, 3) uint8 picture; (H, W) is shown in grey."""

_PANEL = 3.0
"""Width and height of a picture, inches."""
_LINE = 40
"""Characters that fit above a picture."""

MOST_CHANNELS = 16
"""An array with more of them has its channels first."""


def batch(pictures: Sequence[Array], labels: Sequence[object]) -> Figure:
    """Pictures as the model gets them, each under its label.

    Args:
        pictures: (H, W, 3) uint8 each; sizes may differ.
        labels: One text, tuple of texts or number(s) per picture.

    Raises:
        DataError: There are no pictures, or not as many labels, or an array is no picture.
    """
    if len(pictures) != len(labels) or not len(pictures):
        raise DataError(f"received {len(pictures)} pictures and {len(labels)} labels, expected as many, at least one.")
    figure, panels = new_grid(len(pictures), width=_PANEL, height=_PANEL + 0.3)
    for axes, picture, label in zip(panels, pictures, labels, strict=True):
        _show(axes, picture, [_words(label)], DARK)
    return figure


def results(predictions: Predictions, load_picture: LoadPicture, *, n: int = 9, seed: int = 0) -> Figure:
    """Rows drawn at random, with what is true and what was said: green and ✓ where right, red and ✗ where wrong.

    A number is never simply right or wrong: its panel is neutral.

    Args:
        predictions: Rows of any kind of target, labelled or not.
        load_picture: Position of a row in `predictions` → its picture.
        n: How many rows, or all where there are fewer.
        seed: The same seed draws the same rows.
    """
    n, seed = whole("n", n, least=1), whole("seed", seed, least=0)
    if not len(predictions):
        raise SettingError("there are no rows to show; expected at least one. To fix: pass labelled rows.")
    rows = np.random.default_rng(seed).permutation(len(predictions))[:n]
    drawn = predictions.subset(rows)
    figure, panels = new_grid(len(rows), width=_PANEL, height=_PANEL + 0.45)
    said = drawn.decoded()
    true = None if drawn.truth is None else drawn.decoded_truth()
    right = None if true is None or drawn.target.kind == "number" else drawn.hits()
    for i, axes in enumerate(panels):
        lines = [f"predicted: {_words(said[i])}"]
        colour = DARK
        if true is not None:
            lines.insert(0, f"actual: {_words(true[i])}")
        if right is not None:
            lines[-1] += " ✓" if right[i] else " ✗"
            colour = RIGHT if right[i] else WRONG
        _show(axes, load_picture(int(rows[i])), lines, colour)
    return figure


def top_losses(predictions: Predictions, load_picture: LoadPicture, *, n: int = 9) -> Figure:
    """The rows with the highest loss: wrong labels and odd pictures show up here first.

    Each panel says what was predicted and what is true, with their probabilities, and the loss.

    Args:
        predictions: Labelled rows with losses.
        load_picture: Position of a row in `predictions` → its picture.
        n: How many rows, or all where there are fewer.

    Raises:
        DataError: The rows are unlabelled or carry no losses.
    """
    rows = predictions.top_losses(n)
    worst = predictions.subset(rows)
    if not len(worst) or worst.loss is None:
        raise DataError("there are no rows to show. To fix: give at least one labelled row.")
    said, true = worst.decoded(), worst.decoded_truth()
    figure, panels = new_grid(len(worst), width=_PANEL, height=_PANEL + 0.85)
    for i, axes in enumerate(panels):
        lines = [f"predicted: {_words(said[i])}", f"actual: {_words(true[i])}", f"loss {worst.loss[i]:.3g}"]
        if worst.target.kind == "category":
            truth = int(worst.known_truth()[i])
            lines[0] += f" ({worst.output[i].max():.0%})"
            lines[1] += f" ({worst.output[i, truth]:.0%})"
        colour = DARK if worst.target.kind == "number" else RIGHT if worst.hits()[i] else WRONG
        _show(axes, load_picture(int(rows[i])), lines, colour)
        if worst.names is not None:
            axes.set_xlabel(ending(worst.names[i]), fontsize=8, color=GREY, parse_math=False)
    return figure


def _words(value: TargetValue | object) -> str:
    """A label in at most two lines of a panel."""
    if isinstance(value, tuple | list):
        parts = [number_text(part) if isinstance(part, float) else short(part, 18) for part in value]
        return textwrap.shorten(", ".join(parts), 48, placeholder=" …") if parts else "(none)"
    return number_text(value) if isinstance(value, float) else short(value)


def _show(axes: Axes, picture: Array, lines: list[str], colour: str) -> None:
    picture = np.asarray(picture)
    if picture.ndim == 3 and picture.shape[2] not in (3, 4) and picture.shape[2] <= MOST_CHANNELS:
        picture = picture.mean(axis=2)  # neither grey nor colour: the channels' average
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (3, 4)) or not picture.size:
        raise DataError(
            f"an array of shape {picture.shape} is no picture: (height, width, 3) is expected. "
            "To fix: move the channels last."
        )
    axes.imshow(picture, cmap="gray" if picture.ndim == 2 else None)
    height, width = picture.shape[:2]
    side = max(height, width)  # a square panel, so that titles of narrow pictures have room and rows line up
    axes.set_xlim(-0.5 - (side - width) / 2, width - 0.5 + (side - width) / 2)
    axes.set_ylim(height - 0.5 + (side - height) / 2, -0.5 - (side - height) / 2)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    wrapped = [part for line in lines for part in textwrap.wrap(line, _LINE)[:2]]
    axes.set_title("\n".join(wrapped), fontsize=9, color=colour, loc="left", parse_math=False)
