"""Which part of a sound an answer rests on: parts are silenced one after another, and the model is asked again.

Source: occlusion sensitivity, Zeiler & Fergus, Visualizing and Understanding Convolutional Networks (2014), section 4;
here over time and frequency of the spectrogram that the network reads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.sounds.mel import FrontEnd, to_hertz, to_mel
from drivetrain.kinds.sounds.windows import Stretches
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import Asked
from drivetrain.runtime.targets import NumberTarget, Target

BANDS = 6
"""Rows of the map."""
PARTS = 8
"""Columns of the map, for each window; of several windows fewer."""
LEAST_PARTS = 2
MOST_COLUMNS = 32
COVER = 1.5
"""Sides of what is silenced, in cells: neighbours overlap, which makes the map smoother."""
QUIET = 0.1
"""Of a spectrogram's values this share is lower than what a silenced part is given."""
MOST_WINDOWS = 128
"""Of a long sound, in each of which every band is silenced."""
AT_ONCE = 8
"""Sounds that go through the network together: its memory is bounded by it."""


@dataclass(frozen=True)
class Explanation:
    """How much an answer changes when a part is silenced."""

    prediction: Prediction
    change: list[list[float]]
    """Rows from low to high frequencies, columns over time: how far the probability of what was said falls when the
    cell and what lies next to it are silenced (for numbers: how far the first one moves, in standard deviations of the
    training set)."""
    seconds: list[list[float]]
    """From when to when each column lies."""
    hertz: list[list[float]]
    """From which frequency to which each row lies."""

    def as_json(self) -> dict[str, Any]:
        """Beside the answer."""
        return {"change": self.change, "seconds": self.seconds, "hertz": self.hertz}


@dataclass(frozen=True)
class Cells:
    """Where the cells of a map lie in the windows that the network reads of a sound."""

    starts: NDArray[np.int64]
    """Of the windows that differ, in samples, (V,)."""
    parts: int
    """Columns of each window."""

    @property
    def columns(self) -> list[tuple[int, int]]:
        """Start of a window in samples, and which part of it."""
        return [(start, part) for start in self.starts.tolist() for part in range(self.parts)]


def explain(model: Asked, data: bytes, *, until: float) -> Explanation | Refusal:
    """Answer for one sound and say what the answer rests on; costs 49 to 193 predictions.

    Of a sound that is answered by all of its windows, since they are more than a row has, stretches of time are
    silenced as a whole, in each window whose middle lies in them: of up to 128 windows, spread evenly.

    Args:
        model: What to ask.
        data: The encoded sound.
        until: On `time.monotonic`; what is not done by then is given up.
    """
    try:
        admitted = model.admit(data)
        pieces = model.pieces(admitted)
        if pieces is not None and not pieces.covered:
            return _explain_long(model, pieces, until=until)
        loaded = model.load(admitted)
    except Refusal as refusal:
        return refusal
    reader = model.predictor.reader
    (windows_WCHF,) = reader.view(loaded)
    said = model.say(windows_WCHF[None])[0]
    starts = reader.starts(loaded)
    cells = cells_of(starts)
    rows: list[NDArray[Any]] = []
    batch: list[NDArray[Any]] = []
    for covered in silenced(windows_WCHF, starts, cells):
        batch.append(covered)
        if len(batch) == AT_ONCE:
            if time.monotonic() > until:
                return Refusal(504, "the explanation took too long")
            rows.append(model.activated(np.stack(batch)))
            batch = []
    if batch:
        rows.append(model.activated(np.stack(batch)))
    change = change_of(model.predictor.target, said.row_K, np.concatenate(rows)).reshape(BANDS, -1)
    seconds, hertz = places(cells, reader.window(), reader.front, reader.length(loaded))
    return Explanation(said.prediction, change.tolist(), seconds, hertz)


def _explain_long(model: Asked, pieces: Stretches, *, until: float) -> Explanation:
    """What the answer to a long sound rests on: the mean over its windows, where those of a stretch have a quiet band.

    The windows come one after another and are not kept, so that an hour takes no more memory than a minute.
    """
    reader, starts = model.predictor.reader, pieces.starts
    chosen = [
        starts[at] for at in np.unique(np.linspace(0, len(starts) - 1, MOST_WINDOWS).round().astype(int)).tolist()
    ]
    said = model.say_over_time(pieces, until=until)
    times: list[tuple[float, float]] = []
    plain: list[NDArray[Any]] = []
    quiet: list[NDArray[Any]] = []
    for piece in pieces.only(chosen):
        if time.monotonic() > until:
            raise Refusal(504, "the explanation took too long: send a shorter part of the sound")
        (window_WCHF,) = piece.view
        outputs = model.predictor.run(np.stack([window_WCHF, *_without_each_band(window_WCHF)]))
        times.append((piece.start, piece.end))
        plain.append(outputs[0])
        quiet.append(outputs[1:])
    plain_NK, quiet_NBK = np.stack(plain).astype(np.float64), np.stack(quiet).astype(np.float64)
    groups = np.array_split(np.arange(len(times)), min(MOST_COLUMNS, len(times)))
    middles = [(start + end) / 2 for start, end in times]
    edges = [times[0][0], *((middles[group[0] - 1] + middles[group[0]]) / 2 for group in groups[1:]), times[-1][1]]
    before_K = model.predictor.activated(plain_NK.mean(axis=0, keepdims=True).astype(np.float32))[0]
    rows: list[NDArray[Any]] = []
    for band in range(BANDS):
        lost = [(quiet_NBK[group, band] - plain_NK[group]).sum(axis=0) / len(times) for group in groups]
        outputs = (plain_NK.mean(axis=0) + np.stack(lost)).astype(np.float32)
        after_NK = model.predictor.activated(outputs)
        rows.append(change_of(model.predictor.target, before_K, after_NK, said=int(said.row_K.argmax())))
    return Explanation(
        said.prediction, np.stack(rows).tolist(), [list(both) for both in pairwise(edges)], _bands(reader.front)
    )


def _without_each_band(window_WCHF: NDArray[Any]) -> list[NDArray[Any]]:
    """The same with one band and half of its neighbours quiet, low frequencies first."""
    quiet, height = np.quantile(window_WCHF, QUIET).astype(window_WCHF.dtype), window_WCHF.shape[2]
    found: list[NDArray[Any]] = []
    for band in range(BANDS):
        covered = window_WCHF.copy()
        covered[:, :, _span(band, BANDS, height)] = quiet
        found.append(covered)
    return found


def cells_of(starts: NDArray[np.int64]) -> Cells:
    """Columns for every different window, so many that all of them are no more than `MOST_COLUMNS` where possible.

    Example:
        >>> cells_of(np.array([0, 0])).parts, len(cells_of(np.arange(8)).columns)
        (8, 32)
    """
    different = np.unique(starts)
    return Cells(different, int(np.clip(MOST_COLUMNS // len(different), LEAST_PARTS, PARTS)))


def silenced(windows_WCHF: NDArray[Any], starts: NDArray[np.int64], cells: Cells) -> Iterator[NDArray[Any]]:
    """The windows of a sound with one cell and half of its neighbours quiet, cell by cell, low frequencies first.

    Windows that begin at the same place are silenced together.
    """
    height, width = windows_WCHF.shape[2:]
    quiet = np.quantile(windows_WCHF, QUIET).astype(windows_WCHF.dtype)
    for band in range(BANDS):
        for start, part in cells.columns:
            covered = windows_WCHF.copy()
            covered[starts == start, :, _span(band, BANDS, height), _span(part, cells.parts, width)] = quiet
            yield covered


def _span(cell: int, of: int, side: int) -> slice:
    """What is silenced of a side: a cell and what lies next to it."""
    centre, half = (cell + 0.5) * side / of, COVER * side / of / 2
    return slice(max(0, round(centre - half)), min(side, round(centre + half)))


def places(cells: Cells, window: int, front: FrontEnd, length: int) -> tuple[list[list[float]], list[list[float]]]:
    """From when to when each column lies, in seconds of the sound, and from which frequency to which each row."""
    part = window / cells.parts
    end = max(length, 1)
    times = [(start + at * part, start + (at + 1) * part) for start, at in cells.columns]
    seconds = [[min(side, end) / front.sample_rate for side in both] for both in times]
    return seconds, _bands(front)


def _bands(front: FrontEnd) -> list[list[float]]:
    """From which frequency to which each row of a map lies."""
    lowest, highest = to_mel(np.array([front.f_min, front.f_max]), front.mel)
    edges = to_hertz(np.linspace(lowest, highest, BANDS + 1), front.mel).tolist()
    return [list(both) for both in pairwise(edges)]


def change_of(
    target: Target, before_K: NDArray[Any], after_NK: NDArray[Any], *, said: int | None = None
) -> NDArray[np.float64]:
    """(N,): what silencing took from the answer; `said` is the place of what was said, else the largest.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> animal = CategoryTarget(name="animal", vocab=("cat", "dog"))
        >>> change_of(animal, np.array([0.25, 0.75]), np.array([[0.75, 0.25], [0.25, 0.75]])).tolist()
        [0.5, 0.0]
    """
    if isinstance(target, NumberTarget):
        return np.abs(after_NK[:, 0] - before_K[0]) / target.std[0]
    said = int(before_K.argmax()) if said is None else said
    return np.asarray(before_K[said] - after_NK[:, said], dtype=np.float64)
