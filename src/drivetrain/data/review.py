"""What a person decided about single pictures: a plain file, one decision a line, written as it is made.

The first line names the format, every other one is a decision; of several about one picture the last holds. A line that
a crash cut short is passed over, so nothing that was decided before is lost. A file written by hand may instead be one
JSON object, ``{"version": 1, "decisions": {DIGEST: {"action": "relabel", "label": "pear"}}}``.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from drivetrain.data.check import LeftOut
from drivetrain.data.examples import Examples
from drivetrain.data.listing import Kind
from drivetrain.data.notices import warn
from drivetrain.data.tables.labels import label_text
from drivetrain.errors import DataError, SettingError, did_you_mean, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import TargetValue
from drivetrain.text import agreeing, counted, one_of, readable

Action = Literal["keep", "relabel", "remove"]
VERSION = 1
HEADER = {"format": "drivetrain review", "version": VERSION}
REMOVED = "removed in review"


class ReviewDecision(BaseModel):
    """What to do with one picture.

    Example:
        >>> ReviewDecision(action="relabel", label="pear").label
        'pear'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    label: str | float | tuple[float, ...] | tuple[str, ...] | None = None
    """The right target, for "relabel": a category, the labels, or the numbers."""
    when: str = ""
    """UTC, ISO 8601."""

    @model_validator(mode="after")
    def _label_goes_with_relabel(self) -> ReviewDecision:
        if (self.label is not None) != (self.action == "relabel"):
            raise ValueError(f"action {self.action!r} {'needs a' if self.label is None else 'has no'} label")
        return self


Review = Mapping[str, ReviewDecision]
"""Digest of a picture's content → what was decided of it."""


def record(path: str | os.PathLike[str], digest: str, action: Action, label: TargetValue | float | None = None) -> None:
    """Add one decision to a review file, on the disk before this returns; the file is made where it is not there.

    Args:
        path: The file.
        digest: Content of the picture, see `drivetrain.runtime.pictures.read.digest`.
        action: "keep" as it is, "relabel" or "remove".
        label: For "relabel": the category, the labels, or the numbers.

    Raises:
        SettingError: The action is unknown, or does not go with the label.
        DataError: The file is something else than a review, or cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import drivetrain as dt
        >>> with TemporaryDirectory() as folder:
        ...     dt.record_review(f"{folder}/review.json", "9f3c", "relabel", "pear")
        ...     read_review(f"{folder}/review.json")["9f3c"].label
        'pear'
    """
    try:
        decision = ReviewDecision(action=action, label=label, when=datetime.now(UTC).isoformat(timespec="seconds"))
    except ValidationError as error:
        raise SettingError(f"this cannot be recorded: {_first_fault(error)}.") from error
    place = Path(path)
    try:
        if not place.exists() or not place.stat().st_size:
            _append(place, [HEADER])
        elif not _is_lines(place):
            _rewrite(place, read_review(place))
        _append(place, [_line(digest, decision)])
    except OSError as error:
        raise DataError(f"{readable(place)} cannot be written: {error.strerror or error}.") from error


def read_review(path: str | os.PathLike[str]) -> dict[str, ReviewDecision]:
    """The last decision about each picture.

    Raises:
        DataError: The file is missing, or no review.

    Example:
        >>> read_review("/no/such/review.json")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such/review.json cannot be read: No such file or directory.
    """
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(
            f"{readable(place)} cannot be read: {error.strerror or error}. To fix: pass a file that "
            "`drivetrain review` wrote."
        ) from error
    whole = _parsed(text)
    if isinstance(whole, dict) and "decisions" in whole:
        _check_version(whole, place)
        return {digest: _decision(found, place, digest) for digest, found in dict(whole["decisions"]).items()}
    lines = text.split("\n")
    first = _parsed(lines[0])
    if not isinstance(first, dict) or first.get("format") != HEADER["format"]:
        raise DataError(
            f"{readable(place)} is no review; expected a file that `drivetrain review` wrote. "
            "To fix: pass that file, or leave review out."
        )
    _check_version(first, place)
    return _last_decisions(lines, place)


@dataclass(frozen=True)
class Reviewed:
    """What a review changes."""

    left_out: Mapping[int, LeftOut]
    """Rows that it removes."""
    relabelled: Mapping[str, TargetValue]
    """Digest → the value it gives; kept in the artefact, where the source still says the old one."""
    decision: Decision


def apply_review(review: Review, examples: Examples, *, kind: Kind, n_numbers: int = 1, name: str = "") -> Reviewed:
    """Which rows a review removes and relabels; "keep", and what is said of pictures that are not here, change nothing.

    Args:
        review: What `read_review` gave.
        examples: The rows as the source has them.
        kind: What the target is.
        n_numbers: Numbers per row, for that kind of target.
        name: What the file is called, for messages.

    Raises:
        DataError: A new label is none of those that the source has, or does not fit the target.

    Example:
        >>> from drivetrain.data.inputs import Files
        >>> rows = Examples(Files([Path("a.jpg"), Path("b.jpg")]), ("00", "11"), ("apple", "pear"))
        >>> found = apply_review({"00": ReviewDecision(action="relabel", label="pear")}, rows, kind="category")
        >>> with_new_values(rows, found.relabelled).values
        ('pear', 'pear')
    """
    known = {label for value in examples.values for label in _labels(value)}
    left_out: dict[int, LeftOut] = {}
    relabelled: dict[str, TargetValue] = {}
    done: Counter[str] = Counter()
    for row, digest in enumerate(examples.digests):
        found = review.get(digest)
        if found is None:
            continue
        done[found.action] += 1
        if found.action == "remove":
            left_out[row] = LeftOut(examples.inputs.name(row), REMOVED)
        elif found.action == "relabel":
            relabelled[digest] = _new_value(found, kind, known, n_numbers, f"{name}, {one_of(examples.noun)} {digest}")
    elsewhere = len(review.keys() - set(examples.digests))
    said = f"{counted(done['keep'], 'row')} kept, {done['relabel']} relabelled, {done['remove']} removed"
    said += f"; {agreeing(elsewhere, 'decisions', 'are')} about {examples.noun} that are not here" if elsewhere else ""
    return Reviewed(left_out, relabelled, Decision(value=name, reason=said))


def with_new_values(examples: Examples, relabelled: Mapping[str, TargetValue]) -> Examples:
    """The rows as they were trained: what a review relabelled has its new value.

    Example:
        >>> from drivetrain.data.inputs import Files
        >>> rows = Examples(Files([Path("a.jpg")]), ("00",), ("apple",))
        >>> with_new_values(rows, {"00": "pear"}).values
        ('pear',)
    """
    values = zip(examples.digests, examples.values, strict=True)
    return replace(examples, values=tuple(relabelled.get(digest, value) for digest, value in values))


def _new_value(decision: ReviewDecision, kind: Kind, known: set[str], n_numbers: int, where: str) -> TargetValue:
    """The label as the target's kind has it."""
    label = decision.label
    if kind == "number":
        numbers = label if isinstance(label, tuple) else (label,)
        found = tuple(number for number in numbers if isinstance(number, float) and math.isfinite(number))
        if len(found) != len(numbers) or len(found) != n_numbers:
            raise DataError(f"{where}: the label is {label!r}; expected {n_numbers} finite numbers.")
        return found
    labels = label if isinstance(label, tuple) else (label,)
    for one in labels:
        if not isinstance(one, str) or label_text(one) not in known:
            raise DataError(
                f"{where}: {one!r} is none of the {len(known)} labels of the data.{did_you_mean(str(one), known)} "
                "To fix: decide again about this row, or add rows of that label."
            )
    texts = tuple(label_text(one) for one in labels)
    if kind == "categories":
        return texts
    if len(texts) != 1:
        raise DataError(f"{where}: the label is {label!r}; expected one category.")
    return texts[0]


def _labels(value: TargetValue) -> Sequence[Any]:
    return (value,) if isinstance(value, str) else value


def _last_decisions(lines: Sequence[str], place: Path) -> dict[str, ReviewDecision]:
    """Of several about one picture the last; what is no decision is passed over with a warning."""
    decisions: dict[str, ReviewDecision] = {}
    broken: list[int] = []
    for number, line in enumerate(lines, start=1):
        found = _parsed(line)
        if not isinstance(found, dict):
            broken += [number] if line.strip() else []
            continue
        if "format" in found:  # the header
            continue
        digest = found.pop("digest", None)
        if not isinstance(digest, str):
            raise DataError(f"{readable(place)}, line {number}: there is no digest; expected one per decision.")
        decisions[digest] = _decision(found, place, f"line {number}")
    if broken:
        warn(f"{readable(place)}: lines {first_few(broken)} are no decisions (cut short by a crash?) and passed over.")
    return decisions


def _decision(found: object, place: Path, where: str) -> ReviewDecision:
    try:
        return ReviewDecision.model_validate(found)
    except ValidationError as error:
        raise DataError(f"{readable(place)}, {where}: {_first_fault(error)}.") from error


def _check_version(header: Mapping[str, Any], place: Path) -> None:
    if header.get("version") != VERSION:
        raise DataError(
            f"{readable(place)} has version {header.get('version')!r}; expected {VERSION}. "
            "To fix: read it with the drivetrain that wrote it."
        )


def _line(digest: str, decision: ReviewDecision) -> dict[str, Any]:
    return {"digest": digest, **decision.model_dump(mode="json", exclude_none=True)}


def _is_lines(place: Path) -> bool:
    """Whether the file begins with the header of a review; raises where it is nothing of the kind."""
    with place.open(encoding="utf-8", errors="replace") as stream:
        first = _parsed(stream.readline())
    return isinstance(first, dict) and first.get("format") == HEADER["format"]


def _append(place: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write whole lines in one go and wait for the disk; the remains of a line that a crash cut short are ended."""
    with place.open("ab+") as stream:
        data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
        if stream.seek(0, os.SEEK_END):
            stream.seek(-1, os.SEEK_END)
            data = data if stream.read(1) == b"\n" else b"\n" + data
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _rewrite(place: Path, review: Review) -> None:
    """A review that somebody wrote as one object, as lines."""
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    _append(beside, [HEADER, *(_line(digest, decision) for digest, decision in review.items())])
    beside.replace(place)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    return ": ".join(filter(None, [".".join(map(str, fault["loc"])), fault["msg"]]))
