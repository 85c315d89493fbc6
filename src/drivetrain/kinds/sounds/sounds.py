"""`sounds`: from a folder, a table file or a DataFrame to checked, divided sounds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, cast

from drivetrain.calls import named
from drivetrain.data.assemble import open_source
from drivetrain.data.data import Data
from drivetrain.data.groups.grouping import Group, Time
from drivetrain.data.inputs import Spans
from drivetrain.data.layout import LabelsFrom
from drivetrain.data.listing import TaskName
from drivetrain.data.notices import warn
from drivetrain.data.rows import Broken
from drivetrain.data.seals.project import ProjectPlace
from drivetrain.data.seals.sealing import SealFiles
from drivetrain.data.sources import Source
from drivetrain.data.splitting.split_files import AskedSplit
from drivetrain.data.tables.times import Gap
from drivetrain.errors import SettingError
from drivetrain.kinds.sounds.reading import LEAST_RATE, MOST_CHANNELS, MOST_RATE
from drivetrain.settings import flag, number, refuse, whole
from drivetrain.text import readable

LEAST_S, MOST_S = 0.08, 20.0
"""Seconds of a window: 8 and 2,000 frames of a spectrogram."""
MOST_WINDOWS = 64
BY_CHANCE = "none"
"""As a group, in a command line: rows stand for themselves."""


@named
def sounds(
    source: Source,
    *,
    clip_s: float | None = None,
    hop_s: float | None = None,
    windows: int | None = None,
    sample_rate: int | None = None,
    channel: int | None = None,
    keep_silent: bool = False,
    pcen: bool = False,
    span: tuple[str, str] | str | Literal[False] | None = None,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    split: AskedSplit | None = None,
    group: Group | Literal[False] | None = None,
    time: Time | None = None,
    gap: Gap = None,
    valid_pct: float | None = None,
    test_pct: float | None = None,
    seed: int = 42,
    stratify: bool = True,
    task: TaskName | None = None,
    label_delim: str | None = None,
    labels_from: LabelsFrom | None = None,
    broken: Broken = "leave out",
    review: str | os.PathLike[str] | None = None,
    seal: SealFiles = None,
    retire: str | None = None,
    project: ProjectPlace = None,
) -> Data:
    """Sounds and what is heard in them, checked and divided into training, validation and test set.

    A row is a file, or with `span` a part of one. A row that is longer than a window is heard in several windows, which
    are never in different parts.

    Args:
        source: A folder with one sub-folder per class, or with train/, valid/ and test/ that hold such folders; a
            table file or a table in memory with a column of paths; or a zip file of such. Files are WAV, FLAC, OGG,
            MP3 and what else libsndfile reads.
        clip_s: Seconds that the network hears at once, 0.08 to 20; None: as long as 95 % of the sounds, at most 10.
        hop_s: Seconds from one window to the next, where a long sound is answered with times; None: half of `clip_s`.
        windows: How many are heard of each sound when it is judged, spread evenly; None: as many as `hop_s` makes of a
            sound of the usual length, at most 16.
        sample_rate: Samples a second that the network hears; None: those of the body, or of most of the sounds.
        channel: Of sounds with several channels the one that is heard, counted from 0; None: the mean of all.
        keep_silent: Take silence for a sound; else such files are left out, with a warning.
        pcen: Per-channel energy normalisation in place of decibels, for far or outdoor microphones.
        span: Columns that say at what second of its file a row begins and ends, such as ("start", "end"); None: where
            columns are so called, they do; False: a row is a whole file.
        target: As of `drivetrain.images`, and so are all that follow.
        path: Column of the paths.
        split: Column that says train, valid or test, or a split that was made elsewhere.
        group: What rows belong to, such as a column "speaker"; no group is in two parts. None: where speakers,
            recordings or sites are likely, by columns, folders or names, they are followed, with a warning, since a
            random split says how a model does with speakers that it knows; spans of one file stay together. False (or
            "none"): divided by chance.
        time: When a row was recorded.
        gap: Least time between training, validation and test rows.
        valid_pct: Fraction held out for validation.
        test_pct: Fraction held out for the test set.
        seed: Another number draws another split.
        stratify: Divide every class in the same proportion.
        task: What the target is: "category", "multilabel" or "number".
        label_delim: What separates several labels in one cell.
        labels_from: Of a folder: "top" or "leaf", which folders name the classes.
        broken: "leave out" goes on without files that cannot be used, with a warning; "error" stops.
        review: File of decisions that `drivetrain review` wrote.
        seal: Sealed test sets that somebody else holds.
        retire: A reason to give up, on the record, sealed test sets that this split would train on.
        project: The folder that remembers what is sealed.

    Raises:
        DataError: The source is empty or unclear, no row is usable, or there is nothing to tell apart.
        MissingExtraError: soundfile is not installed.
        SplitError: The parts cannot be made as asked.
        SealError: Sounds that would be trained or validated on are sealed as test sounds.
        SettingError: An argument cannot be used, alone or with this source.

    Example:
        >>> sounds("/no/such/folder")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such/folder does not exist; expected a folder of sounds or a table file. ...
    """
    options = _windows_asked(clip_s, hop_s, windows)
    if sample_rate is not None:
        options["sample_rate"] = whole("sample_rate", sample_rate, least=LEAST_RATE, most=MOST_RATE)
    if channel is not None:
        options["channel"] = whole("channel", channel, least=0, most=MOST_CHANNELS - 1)
    options |= {name: True for name, on in (("keep_silent", keep_silent), ("pcen", pcen)) if flag(name, on)}
    by_chance = group is False or (isinstance(group, str) and group == BY_CHANCE)
    data = open_source(
        source,
        "sounds",
        options=options,
        target=target,
        path=path,
        span=_asked_span(span),
        split=split,
        group=None if by_chance else cast("Group | None", group),
        time=time,
        gap=gap,
        valid_pct=valid_pct,
        test_pct=test_pct,
        seed=seed,
        stratify=stratify,
        task=task,
        label_delim=label_delim,
        labels_from=labels_from,
        broken=broken,
        review=review,
        seal=seal,
        retire=retire,
        project=project,
        follow_groups=not by_chance,
    )
    _warn_of_torn_files(data)
    return data


def _warn_of_torn_files(data: Data) -> None:
    """That spans of one file are in different parts, which is as if a recording were trained and tested on."""
    parts = [part.inputs for part in (data.train, data.valid) if isinstance(part.inputs, Spans)]
    if len(parts) < 2:
        return
    torn = sorted(set(parts[0].paths) & set(parts[1].paths))
    if torn:
        warn(
            f"spans of one file are in the training and in the validation set: {len(torn)} files, such as "
            f"{readable(torn[0].name)}, so the scores may flatter. To fix: pass group='recording', or leave group and "
            "split out."
        )


def _windows_asked(clip_s: object, hop_s: object, windows: object) -> dict[str, Any]:
    """What was asked for, each value checked; what was not is left out."""
    found: dict[str, Any] = {}
    if clip_s is not None:
        found["clip_s"] = number("clip_s", clip_s, least=LEAST_S, most=MOST_S)
    if hop_s is not None:
        found["hop_s"] = number("hop_s", hop_s, least=0.01, most=MOST_S)
        if found["hop_s"] > found.get("clip_s", MOST_S):
            raise SettingError(
                f"hop_s={found['hop_s']:g} is longer than clip_s={found['clip_s']:g}: what lies between two windows "
                "would not be heard. To fix: pass hop_s of at most clip_s."
            )
    if windows is not None:
        found["windows"] = whole("windows", windows, least=1, most=MOST_WINDOWS)
    return found


def _asked_span(span: object) -> tuple[str, str] | Literal[False] | None:
    if span is None or span is False:
        return span
    names = span.split(",") if isinstance(span, str) else span
    if not isinstance(names, tuple | list) or len(names) != 2 or not all(isinstance(one, str) for one in names):
        what = "the names of two columns, where a row begins and ends"
        refuse("span", span, what, fix="To fix: span=('start', 'end').")
    first, second = names
    return str(first).strip(), str(second).strip()
