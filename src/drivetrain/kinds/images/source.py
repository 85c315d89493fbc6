"""Images as the source of rows: what is broken, what looks alike, which camera took them, and on what day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drivetrain.data.check import Checked
from drivetrain.data.examples import Examples
from drivetrain.data.groups.guesses import GroupGuess, Grouping
from drivetrain.data.inputs import Files
from drivetrain.data.kind import Settled
from drivetrain.data.splitting.split import Part
from drivetrain.kinds.images.looks.exif import cameras_of, days_of, read_all_exif
from drivetrain.kinds.images.looks.values import choose_range, judge_range, notes_on_looks
from drivetrain.kinds.images.metadata import contents, metadata
from drivetrain.kinds.images.near import near, probe_pictures
from drivetrain.runtime.files.formats import PICTURE_SUFFIXES
from drivetrain.runtime.pictures.read import Probe
from drivetrain.runtime.pictures.wide import ValueRange

__all__ = ["check", "contents", "groupings", "guess_groups", "metadata", "name", "near", "noun", "settle", "suffixes"]

METADATA = "file size, dimensions, camera and mean colours"
"""What `metadata` gives, in words."""
name = "images"
noun = "pictures"
suffixes = PICTURE_SUFFIXES
TELLER = "EXIF"
"""What tells camera and day."""

MOST_HEADERS = 2000
"""Pictures whose EXIF is read for a guess; where the first few have none, none."""
FIRST_HEADERS = 50


def check(inputs: Files, /, *, channels: int = 3, value_range: ValueRange | None = None) -> list[Checked]:
    """Open each picture once: its digest, its signature, and what is wrong with it."""
    found = probe_pictures(inputs.paths, channels=channels, value_range=value_range)
    return [Checked(probe.digest, probe.problem, probe.signature, probe) for probe in found]


def settle(inputs: Files, checked: Sequence[Checked], options: Mapping[str, Any], *, decide: bool) -> Settled:
    """One range for all values of more than 8 bits; the files that have some are looked at again where it matters."""
    probes = [_probe(one) for one in checked]
    if not decide:
        told = (*judge_range(inputs.paths, probes, options.get("value_range")), *notes_on_looks(inputs.paths, probes))
        return Settled(checked, options, notes=told)
    chosen = choose_range(inputs.paths, probes)
    found = {} if chosen.decision is None else {"values": chosen.decision}
    checked = list(checked)
    if chosen.value_range is not None:
        options = {**options, "value_range": chosen.value_range}
        wide = [row for row, probe in enumerate(probes) if probe.values is not None]
        for row, again in zip(wide, check(inputs.take(wide), **options), strict=True):
            checked[row] = again
    notes = (*chosen.notes, *notes_on_looks(inputs.paths, [_probe(one) for one in checked]))
    return Settled(checked, options, found, notes)


def _probe(checked: Checked) -> Probe:
    """What was noticed; of a content that was known before and not opened, nothing."""
    return checked.facts or Probe(checked.digest)


def groupings() -> Mapping[str, Callable[[Examples], Sequence[str]]]:
    """Camera, and camera and day, as EXIF names them."""
    return {"camera": lambda rows: cameras_of(_paths(rows)), "day": lambda rows: days_of(_paths(rows))}


def guess_groups(rows: Examples, classes: Sequence[str], parts: Sequence[Part], /) -> list[GroupGuess]:
    """Days of shooting, and cameras, among the first rows by content."""
    some = sorted(range(len(rows)), key=lambda row: rows.digests[row])[:MOST_HEADERS]
    paths = _paths(rows.subset(some))
    found = read_all_exif(paths[:FIRST_HEADERS])
    if not any(exif.day or exif.camera for exif in found):
        return []
    found += read_all_exif(paths[FIRST_HEADERS:])
    few_classes = [classes[row] for row in some]
    few_parts: list[Part] = [parts[row] for row in some]
    guesses: list[GroupGuess] = []
    days = Grouping([exif.day for exif in found], few_classes)
    known = sum(bool(exif.day) for exif in found) / len(found)
    if known >= 0.8 and len(days.sizes) >= 4 and days.mean_size >= 3 and not days.says_the_class():
        often = days.share_in_groups_of(3) >= 0.6
        guesses.append(days.guess("camera and day, in EXIF", "day", few_parts, likely=often))
    cameras = Grouping([exif.camera for exif in found], few_classes)
    if len(cameras.sizes) >= 2 and cameras.mean_size >= 3 and not cameras.says_the_class():
        guesses.append(cameras.guess("the camera, in EXIF", "camera", few_parts, likely=False))
    return guesses


def _paths(rows: Examples) -> tuple[Path, ...]:
    assert isinstance(rows.inputs, Files), "images are files"
    return rows.inputs.paths
