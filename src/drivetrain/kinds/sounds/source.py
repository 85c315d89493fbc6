"""Sounds as the source of rows: what is broken, silent or clipped, how long they are, and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np

from drivetrain.data.check import Checked, open_each
from drivetrain.data.examples import Examples
from drivetrain.data.groups.guesses import GroupGuess, Grouping
from drivetrain.data.inputs import Files, Inputs, Spans
from drivetrain.data.kind import Settled
from drivetrain.data.splitting.split import Part
from drivetrain.errors import InputError
from drivetrain.kinds.sounds.listening import STEP_S, Heard, listen
from drivetrain.kinds.sounds.near import MARK, fingerprint, near, small_wave
from drivetrain.kinds.sounds.reading import SUFFIXES, opened
from drivetrain.kinds.sounds.spec import SILENT
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.spans import Span
from drivetrain.runtime.trust.system_limits import raise_if_limit
from drivetrain.text import does, readable

__all__ = [
    "METADATA",
    "SEEM",
    "SPAN_COLUMNS",
    "TELLER",
    "check",
    "contents",
    "groupings",
    "guess_groups",
    "metadata",
    "name",
    "near",
    "noun",
    "settle",
    "suffixes",
]

name = "sounds"
noun = "sounds"
suffixes = SUFFIXES
SEEM = "sound"
METADATA = "length, level, leading silence, sample rate, codec and bandwidth"
"""What `metadata` gives, in words."""
TELLER = "its file"
"""What tells the recording."""

SPAN_COLUMNS = (
    ("start", "end"),
    ("begin", "end"),
    ("onset", "offset"),
    ("start_s", "end_s"),
    ("start_time", "end_time"),
    ("begin_time", "end_time"),
    ("start time", "end time"),
    ("begin time (s)", "end time (s)"),
)
"""Names of columns that say where in its file a row begins and ends, as Audacity, Raven and others write them."""
LONGEST_CLIP_S = 10.0
"""Of a window that nobody asked for."""
SHORTEST_CLIP_S = 0.1
MOST_WINDOWS = 16
"""Read of each row when it is judged, where nobody asked for another number."""
USUAL = 95
"""Per cent of the sounds that are not longer than what counts as the usual length."""
CLIPPED_SHARE = 0.001
"""From here on a sound counts as clipped."""
UNSCALED = 8.0
"""Largest sample from which on floats seem to be in the units of integers."""


def check(
    inputs: Inputs,
    /,
    *,
    clip_s: float | None = None,
    hop_s: float | None = None,
    windows: int | None = None,
    sample_rate: int | None = None,
    channel: int | None = None,
    keep_silent: bool = False,
    pcen: bool = False,
    recorded_hz: int | None = None,
) -> list[Checked]:
    """Decode each sound: its digest, what is wrong with it, how long and how loud it is, and its fingerprint."""
    rows, files = list(inputs), cast("Files", inputs)
    heard = open_each(rows, partial(look, channel=channel, keep_silent=keep_silent), noun=noun)
    paths = open_each(files.paths, _digest, noun=noun)
    spans = files if isinstance(files, Spans) else None
    return [
        Checked(digest if spans is None or not digest else spans.digest_of(row, digest), problem, looks, facts)
        for row, ((facts, problem, looks), digest) in enumerate(zip(heard, paths, strict=True))
    ]


def _digest(path: Any) -> str:
    """Of a file's bytes; "" where it cannot be read, which listening explains."""
    try:
        return Files([path]).digest(0)
    except (OSError, ValueError) as error:
        raise_if_limit(error, path)
        return ""


def look(row: Any, *, channel: int | None = None, keep_silent: bool = False) -> tuple[Heard | None, str | None, bytes]:
    """What a sound is like, what is wrong with it, without its name, and its fingerprint."""
    try:
        with opened(row) as sound:
            heard = listen(sound, channel)
    except InputError as error:
        raise_if_limit(error, row)
        return None, _short(str(error), row), b""
    if heard.peak < SILENT:
        return heard, None if keep_silent else "the sound is silent", MARK
    return heard, None, fingerprint(small_wave(row, channel=channel))


def _short(message: str, row: Any) -> str:
    """What a message says of a sound, without what is expected and how to fix it."""
    said = message.partition(". To fix:")[0].partition("; expected")[0]
    path = getattr(row, "path", row)
    for name in (f" ({readable(path.name)})", f"{readable(path)}: ", f"{readable(path)} "):
        said = said.replace(name, "")
    return said


def settle(inputs: Files, checked: Sequence[Checked], options: Mapping[str, Any], *, decide: bool) -> Settled:
    """How long a window is and how many of them are read, by the length of all sounds; what deserves a word."""
    heard = [one.facts for one in checked if one.problem is None and one.facts is not None]
    notes = (*_past_the_end(inputs, checked), *_notes(heard, options))
    if not decide or not heard:
        return Settled(checked, options, notes=notes)
    seconds = np.array([one.seconds for one in heard])
    usual = float(np.percentile(seconds, USUAL, method="higher"))
    decisions: dict[str, Decision] = {}
    clip_s = options.get("clip_s")
    if clip_s is None:
        clip_s = float(np.ceil(100 * min(LONGEST_CLIP_S, max(SHORTEST_CLIP_S, usual)) - 1e-6) / 100)
        why = f"{USUAL} % of the sounds are not longer than {usual:.3g} s"
        longer = int((seconds > clip_s + 1e-6).sum())
        if longer and usual <= LONGEST_CLIP_S:
            why += f"; what is longer ({longer}) is judged by all of its windows"
        if usual > LONGEST_CLIP_S:
            why += f"; a window is {LONGEST_CLIP_S:g} s at most unless asked for"
        decisions["clip_s"] = Decision(value=clip_s, reason=why)
    hop_s = options.get("hop_s") or clip_s / 2
    windows = options.get("windows")
    if windows is None:
        wanted = 1 + int(np.ceil(max(0.0, usual - clip_s - 1e-6) / hop_s))
        windows = min(wanted, MOST_WINDOWS)
        why = f"{clip_s:g} s each, every {hop_s:g} s, spread over {usual:.3g} s" if windows > 1 else "one holds a sound"
        if wanted > MOST_WINDOWS:
            why += f"; what is longer than all of them together is judged every {hop_s:g} s to its end"
        decisions["windows"] = Decision(value=windows, reason=why)
    rates = Counter(one.file.sample_rate for one in heard)
    told = {**options, "clip_s": clip_s, "hop_s": hop_s, "windows": windows}
    if options.get("sample_rate") is None:
        rate = max(rates, key=lambda rate: (rates[rate], rate))
        decisions["recorded_hz"] = Decision(
            value=rate, reason=f"{rates[rate]} of {len(heard)} sounds {does(rates[rate], 'have')} it"
        )
        told["recorded_hz"] = rate
    return Settled(checked, told, decisions, notes)


def _past_the_end(inputs: Files, checked: Sequence[Checked]) -> tuple[str, ...]:
    """That spans end behind their files, as where times are in other units or of other files."""
    ends = [
        (row.end, one.facts.file)
        for row, one in zip(inputs, checked, strict=True)
        if isinstance(row, Span) and row.end is not None and one.facts is not None
    ]
    behind = [end - file.n_frames / file.sample_rate for end, file in ends]
    n = sum(seconds > STEP_S for seconds in behind)
    if not n:
        return ()
    return (
        f"{n} of {len(checked)} spans {does(n, 'end')} behind the end of the sound, by up to {max(behind):.3g} s, "
        f"and {does(n, 'are')} heard up to there; are their times in seconds, and of these files?",
    )


def _notes(heard: Sequence[Heard], options: Mapping[str, Any]) -> list[str]:
    """What all sounds together make worth a word."""
    notes: list[str] = []
    rates = Counter(one.file.sample_rate for one in heard)
    if len(rates) > 1:
        said = ", ".join(f"{n} × {rate:,} Hz" for rate, n in rates.most_common(4)) + (", …" if len(rates) > 4 else "")
        notes.append(
            f"the sounds have different sample rates ({said}) and are all resampled to one; where a rate belongs to a "
            "class, what is missing above half of it tells the class"
        )
    asked = options.get("sample_rate")
    if asked is not None and any(rate < asked for rate in rates):
        n = sum(count for rate, count in rates.items() if rate < asked)
        notes.append(
            f"{n} of {len(heard)} sounds {does(n, 'have')} fewer than the {asked:,} samples a second that were "
            "asked for, and "
            "nothing above half of their own rate"
        )
    several = Counter(one.file.channels for one in heard if one.file.channels > 1)
    if several and options.get("channel") is None:
        said = ", ".join(f"{n} with {channels}" for channels, n in several.most_common(4))
        notes.append(f"of several channels the mean is heard ({said}); pass channel=0 for the first alone")
    beyond = [one.peak for one in heard if one.peak > UNSCALED]
    if beyond:
        notes.append(
            f"{len(beyond)} of {len(heard)} sounds {does(len(beyond), 'have')} samples far above 1 (up to "
            f"{max(beyond):,.0f}): they seem not "
            "to be scaled to -1 to 1, and count as that much louder"
        )
    clipped = sum(one.clipped >= CLIPPED_SHARE for one in heard)
    if clipped:
        notes.append(
            f"{clipped} of {len(heard)} sounds {does(clipped, 'are')} clipped (more than {CLIPPED_SHARE:.1%} of the "
            "samples are cut off "
            "at the loudest value): they were recorded too loudly"
        )
    return notes


def groupings() -> Mapping[str, Callable[[Examples], Sequence[str]]]:
    """The recording that spans are parts of; whole files tell none."""
    return {"recording": _recordings}


def _recordings(rows: Examples) -> Sequence[str]:
    spans = rows.inputs if isinstance(rows.inputs, Spans) else None
    return [""] * len(rows) if spans is None else [str(path) for path in spans.paths]


def guess_groups(rows: Examples, classes: Sequence[str], parts: Sequence[Part], /) -> list[GroupGuess]:
    """Files that several spans are parts of."""
    names = _recordings(rows)
    grouping = Grouping(names, classes)
    if not any(names) or grouping.share_in_groups_of(2) == 0:
        return []
    return [grouping.guess("the files that they are spans of", "recording", parts, likely=True)]


def metadata(rows: Examples, /) -> dict[str, list[Any]]:
    """Column → a value per row, None where it is not known."""
    channel = rows.options.get("channel")
    found = [heard for heard, _, _ in open_each(list(rows.inputs), partial(look, channel=channel), noun=noun)]
    return {column: [None if one is None else value(one) for one in found] for column, value in _COLUMNS.items()}


_COLUMNS: Mapping[str, Callable[[Heard], Any]] = {
    "length": lambda one: one.seconds,
    "level": lambda one: one.level_db,
    "peak": lambda one: one.peak,
    "leading silence": lambda one: one.lead_s,
    "clipped share": lambda one: one.clipped,
    "bandwidth": lambda one: one.bandwidth_hz,
    "sample rate": lambda one: float(one.file.sample_rate),
    "channels": lambda one: float(one.file.channels),
    "format": lambda one: one.file.container,
    "codec": lambda one: one.file.codec,
}
contents = frozenset({"length", "level", "peak", "bandwidth"})
"""Columns of `metadata` that may rightly tell classes apart."""
