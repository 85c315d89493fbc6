"""The log that `drivetrain watch` reads, a line per answer without its input; and a bounded sample of inputs."""

from __future__ import annotations

import hashlib
import json
import os
import random
import stat
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from drivetrain.errors import SettingError
from drivetrain.runtime.serve import Admitted
from drivetrain.runtime.spec import Statistic
from drivetrain.runtime.watching.log import MODEL_DIGITS
from drivetrain.serving.model import Answer, Said
from drivetrain.settings import shown


class PredictionLog:
    """Appends lines; may be called from several threads, and several processes may share the file.

    Args:
        path: Made where it is missing; a line at a time is appended, so it can be moved away and truncated in place.
        parameters_sha256: Of the model, so that lines of an older one are told apart.

    Raises:
        SettingError: The file cannot be written to.
    """

    def __init__(self, path: Path, parameters_sha256: str) -> None:
        if path.exists() and not path.is_file():
            raise _unusable("log_predictions", path, "it is no file but a folder, a pipe, a socket or a device")
        try:
            # Without O_NONBLOCK a pipe that nobody reads would be waited for.
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o640)
        except OSError as error:
            raise _unusable("log_predictions", path, error.strerror or "it cannot be opened") from error
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            os.close(self._file)
            raise _unusable("log_predictions", path, "it is no ordinary file")
        self._model = parameters_sha256[:MODEL_DIGITS]

    def write(self, answer: Answer, sample: str | None, shadow: tuple[str, bool] | None = None) -> None:
        """One line; raises OSError where the disk is full.

        Args:
            answer: What was said, of which input.
            sample: Name under which the input was kept, if it was.
            shadow: Digits of a second model, and whether it is asked about this input; None: there is no second one.
        """
        row = line_of(answer, self._model, sample)
        if shadow is not None:
            row["shadow"] = {"model": shadow[0], "asked": shadow[1]}
        self._append(row)

    def write_shadow(
        self,
        found: Said | str,
        statistics: Mapping[str, Statistic],
        agrees: bool | None,
        model: str,
        *,
        beside: tuple[str, Said],
    ) -> None:
        """One line of a second model: what it said, or why it said nothing, beside what was answered.

        It is a line of the second model, so that `drivetrain watch` can compare it with that one's validation too.
        """
        answering, answered = beside
        row: dict[str, object] = {"time": _now(), "model": model}
        row |= {"error": found} if isinstance(found, str) else {**said_of(found), "inputs": statistics}
        self._append({**row, "beside": {"model": answering, **said_of(answered)}, "agrees": agrees})

    def _append(self, row: Mapping[str, object]) -> None:
        os.write(self._file, (json.dumps(row, allow_nan=False) + "\n").encode())

    def close(self) -> None:
        """Nothing can be written afterwards."""
        os.close(self._file)


def _unusable(setting: str, path: Path, why: str) -> SettingError:
    kind = "an ordinary file" if setting == "log_predictions" else "a folder"
    return SettingError(
        f"{setting}={shown(os.fspath(path))} cannot be written: {why}. To fix: name {kind} that this user may write to."
    )


def line_of(answer: Answer, model: str, sample: str | None) -> dict[str, object]:
    """What a line says: when, which model, what was said and how sure, and a few numbers of the input."""
    row: dict[str, object] = {"time": _now(), "model": model, **said_of(answer.said), "inputs": answer.statistics}
    return row if sample is None else {**row, "sample": sample}


def said_of(found: Said) -> dict[str, object]:
    """What was said, and how sure."""
    said = found.prediction
    row: dict[str, object] = {}
    if said.values is not None:
        row["values"] = said.values
    elif said.labels is not None:
        row["labels"] = list(said.labels)
    else:
        row["label"] = said.label
    return row | {"confidence": found.confidence, "abstained": said.abstained, "set": len(said.set)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Sampler:
    """Keeps a share of the inputs, as they were sent, under names made of their content.

    Args:
        folder: Made where it is missing.
        share: 0–1.
        most: Files in the folder; when there are as many, no more are kept.

    Raises:
        SettingError: The folder cannot be written to.
    """

    def __init__(self, folder: Path, share: float, most: int) -> None:
        if folder.exists() and not folder.is_dir():
            raise _unusable("sample_dir", folder, "it is not a folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._kept = sum(1 for _ in folder.iterdir())
        except OSError as error:
            raise _unusable("sample_dir", folder, error.strerror or "it cannot be opened") from error
        if not os.access(folder, os.W_OK):
            raise _unusable("sample_dir", folder, "it is not writable")
        self._folder, self._share, self._most = folder, share, most
        self._lock = threading.Lock()
        self._random = random.Random()

    def offer(self, admitted: Admitted) -> str | None:
        """Keep the input or not; its file name where it was kept. Raises OSError where the disk is full."""
        if self._random.random() >= self._share:
            return None
        name = hashlib.sha256(admitted.data).hexdigest()[:32] + admitted.suffix
        with self._lock:
            if self._kept >= self._most or (self._folder / name).exists():
                return None
            self._kept += 1
        partial = self._folder / f".{name}.partial"
        partial.write_bytes(admitted.data)
        partial.rename(self._folder / name)
        return name
