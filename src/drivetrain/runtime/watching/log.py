"""The service's log of answers, read back for `drivetrain watch`."""

from __future__ import annotations

import json
import math
import os
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from drivetrain.errors import DataError
from drivetrain.settings import place, whole

MODEL_DIGITS = 16
"""Of the hash of a model's parameters, by which a line says which model answered."""


@dataclass
class Live:
    """Rows of a log, column by column; a column may be shorter than `n` where rows lack it."""

    n: int = 0
    said: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    several: bool = False
    """Whether a row may say several labels."""
    confidence: list[float] = field(default_factory=list[float])
    numbers: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    inputs: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    names: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    gaps: dict[str, int] = field(default_factory=dict[str, int])
    """Rows that say nothing of an input's number."""
    of_other_models: int = 0
    """Lines left out since another model wrote them."""
    unreadable: int = 0
    """Lines left out since they are no answers: cut off, or something else."""
    failed: int = 0
    """Lines left out since this model, asked beside another one, gave no answer."""
    of_a_shadow: int = 0
    """Lines left out since a second model said it beside this one; see `runtime.watching.shadow`."""

    def times_said(self, label: str) -> int:
        """Rows that say a label."""
        return sum(label in labels for labels in self.said)


def read_log(path: str | os.PathLike[str], parameters_sha256: str, *, last: int | None = None) -> Live:
    """The answers of one model in a log.

    Args:
        path: As ``drivetrain serve --log-predictions`` wrote it.
        parameters_sha256: Of the manifest.
        last: Only so many of its newest answers; None takes all.

    Raises:
        DataError: The file cannot be read.
    """
    last = None if last is None else whole("last", last, least=1)
    try:
        with Path(place("path", path)).open(encoding="utf-8", errors="replace") as lines:
            return collect(lines, parameters_sha256[:MODEL_DIGITS], last)
    except OSError as error:
        raise DataError(
            f"{os.fspath(path)} cannot be read: {error.strerror}. To fix: give the file of serve --log-predictions."
        ) from error


def collect(lines: Iterable[str], model: str, last: int | None = None) -> Live:
    """Rows from lines of JSON.

    Example:
        >>> line = '{"model": "a", "label": "pear", "confidence": 0.9, "inputs": {"aspect": 1.5}}'
        >>> live = collect([line, "rubb"], "a")
        >>> live.n, live.said, live.inputs, live.unreadable
        (1, [('pear',)], {'aspect': [1.5]}, 1)
    """
    live = Live()
    rows: deque[Mapping[str, Any]] = deque(maxlen=last)
    for line in lines:
        row = row_of(line)
        if row is None:
            live.unreadable += 1
        elif row.get("model") != model:
            answered = row.get("beside")
            beside = cast("Mapping[str, Any]", answered).get("model") if isinstance(answered, dict) else None
            live.of_a_shadow += beside == model
            live.of_other_models += beside != model
        elif "error" in row:
            live.failed += 1
        else:
            rows.append(row)
    for row in rows:
        _add(live, row)
    return live


def row_of(line: str) -> Mapping[str, Any] | None:
    """A line's object; None where it is none, or does not say which model answered."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("Mapping[str, Any]", row) if isinstance(row, dict) and "model" in row else None


def _add(live: Live, row: Mapping[str, Any]) -> None:
    live.n += 1
    if isinstance(row.get("label"), str):
        live.said.append((row["label"],))
    elif isinstance(row.get("labels"), list):
        live.said.append(tuple(str(label) for label in row["labels"]))
        live.several = True
    _append(live.confidence, row.get("confidence"))
    for name, value in _cells(row, "values"):
        _append(live.numbers.setdefault(name, []), value)
    for name, value in _cells(row, "inputs"):
        if value is None:
            live.gaps[name] = live.gaps.get(name, 0) + 1
        elif isinstance(value, str):
            live.names.setdefault(name, []).append(value)
        else:
            _append(live.inputs.setdefault(name, []), value)


def _cells(row: Mapping[str, Any], key: str) -> Iterable[tuple[str, Any]]:
    values = row.get(key)
    return cast("Mapping[str, Any]", values).items() if isinstance(values, dict) else ()


def _append(column: list[float], value: Any) -> None:
    if isinstance(value, int | float) and math.isfinite(value):
        column.append(float(value))
