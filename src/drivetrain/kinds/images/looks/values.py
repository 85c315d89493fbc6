"""What came out of decoding: one range for values of more than 8 bits, and pictures that are of one colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drivetrain.errors import first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.pictures.read import Probe
from drivetrain.runtime.pictures.wide import MOST, ValueRange
from drivetrain.text import counted, does, readable

DEPTHS = (8, 10, 12, 14, 16)
"""Bits per value that cameras and scanners have."""
NARROW = 8
"""Values that fill less than this part of their depth are spread from the smallest to the largest."""
MUCH_DARKER_BITS = 4
DARK = 32
"""Of 256: where no picture has a brighter value, the whole data set is nearly black."""


@dataclass(frozen=True)
class RangeChoice:
    """The range of a data set, and what to say of it."""

    value_range: ValueRange | None = None
    decision: Decision | None = None
    notes: tuple[str, ...] = ()


def choose_range(paths: Sequence[Path], checked: Sequence[Probe]) -> RangeChoice:
    """One range for all files of more than 8 bits, from the smallest and largest value in any of them.

    None, the upper 8 of 16 bits, where the values need 16 bits; else the full range of the least depth that holds
    them; or, where they fill a small part of that, from the smallest to the largest.

    Example:
        >>> choose_range([Path("a.png")], [Probe(values=(3, 4000))]).value_range
        (0, 4095)
    """
    wide = [(path, found.values) for path, found in zip(paths, checked, strict=True) if found.values is not None]
    if not wide:
        return RangeChoice()
    low, high = min(values[0] for _, values in wide), max(values[1] for _, values in wide)
    depth = _depth(high)
    notes = _of_other_depth(wide, depth)
    if high > low > 0 and (high - low) * NARROW < (1 << depth):
        chosen, what = (low, high), f"they fill little of {depth} bits"
    elif depth < DEPTHS[-1] and high > low:
        chosen, what = (0, (1 << depth) - 1), f"they use {depth} of 16 bits"
    else:
        return RangeChoice(notes=notes)
    said = f"{len(wide)} files of more than 8 bits have values from {low} to {high}: {what}"
    told = f"{said}; {chosen[0]} becomes black and {chosen[1]} white, here and wherever the model reads pictures"
    return RangeChoice(chosen, Decision(value=f"{chosen[0]} to {chosen[1]}", reason=said), (told, *notes))


def judge_range(paths: Sequence[Path], checked: Sequence[Probe], of_model: ValueRange | None) -> tuple[str, ...]:
    """What to say where a model reads data whose values are not as those it was trained on."""
    wide = [found.values for _, found in zip(paths, checked, strict=True) if found.values is not None]
    if not wide:
        return ()
    low, high = min(values[0] for values in wide), max(values[1] for values in wide)
    least, most = of_model or (0, MOST)
    found = (
        f"{len(wide)} files of more than 8 bits have values from {low} to {high}, and the model reads {least} to {most}"
    )
    if high > most or low < least:
        outside = sum(values[0] < least or values[1] > most for values in wide)
        return (
            f"{found}: what is outside is cut off, in {counted(outside, 'file')}. To fix: scale them as the "
            "training data were",
        )
    if DEPTHS.index(_depth(most)) - DEPTHS.index(_depth(high)) > 1:
        return (f"{found}: they come out dark. To fix: scale them as the training data were",)
    return ()


def notes_on_looks(paths: Sequence[Path], checked: Sequence[Probe]) -> list[str]:
    """What to say of pictures that came out as one colour, nearly black, or from a later frame of their file."""
    notes: list[str] = []
    good = [(path, found) for path, found in zip(paths, checked, strict=True) if found.problem is None]
    flat = [(path, found.flat) for path, found in good if found.flat]
    if flat:
        why = ", ".join(f"{n} × {cause}" for cause, n in Counter(cause for _, cause in flat).most_common())
        names = first_few((readable(path) for path, _ in flat), most=3)
        notes.append(f"{len(flat)} of {len(good)} pictures {does(len(flat), 'are')} of one colour ({why}): {names}")
    later = [path for path, found in good if found.frame]
    if later:
        names = first_few(map(readable, later), most=3)
        notes.append(
            f"the first frame of {counted(len(later), 'file')} is blank, and the first that is not was taken instead: "
            f"{names}"
        )
    brightest = max((found.brightest for _, found in good), default=255)
    if brightest < DARK and len(flat) < len(good):
        notes.append(
            f"no picture has a value above {brightest} of 255: all are nearly black, as label masks and values of "
            "fewer bits are. To fix: scale the values to 0-255"
        )
    return notes


def _depth(high: int) -> int:
    return next(depth for depth in DEPTHS if high < 1 << depth)


def _of_other_depth(wide: Sequence[tuple[Path, ValueRange]], depth: int) -> tuple[str, ...]:
    """Files much darker than the brightest, as where 12 and 16 bits are mixed."""
    darker = [path for path, values in wide if _depth(values[1]) <= depth - MUCH_DARKER_BITS]
    if not darker or 4 * len(darker) < len(wide):
        return ()
    names = first_few(map(readable, darker), most=3)
    return (
        f"{len(darker)} of {len(wide)} files of more than 8 bits use at least {MUCH_DARKER_BITS} bits less than the "
        f"others ({depth}) and come out dark: {names}. To fix: scale all alike",
    )
