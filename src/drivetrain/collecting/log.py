"""What came of each address: a line of JSON each, written as it is known, so that a run goes on where one was killed.

The first line names the format. A line that a kill cut short is passed over: what it said is done again.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from drivetrain.errors import DataError
from drivetrain.notices import warn
from drivetrain.text import agreeing, readable, short_reason

HEADER = {"format": "drivetrain collect", "version": 1}

State = Literal["got", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What came of one address."""

    url: str
    state: State
    reason: str = ""
    """Why there is no file, or what is wrong with it, as "group: detail"."""
    later: bool = False
    """Whether another run may do better."""
    when: str = ""
    """UTC, ISO 8601."""
    final_url: str = ""
    sha256: str = ""
    suffix: str = ""
    n_bytes: int = 0
    """Of the file; of one that was too large, how large one might be."""
    height: int = 0
    width: int = 0
    looks: str = ""
    """The fingerprint by which near-duplicates are found, in base64."""
    version: int = 0
    """Of that fingerprint."""

    @property
    def name(self) -> str:
        """Of the file: its content alone names it."""
        return f"{self.sha256[:32]}{self.suffix}"

    @property
    def fingerprint(self) -> bytes:
        """By which near-duplicates are found."""
        return base64.b64decode(self.looks)


_FIELDS = {each.name: each.type for each in fields(Outcome)}


class Log:
    """The file of outcomes.

    Args:
        path: Where; it is made where it is not there.

    Raises:
        DataError: It is something else, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outcomes = _read(path)
        self._lock = threading.Lock()
        self._file = path.open("ab")
        if not path.stat().st_size:
            self._write(HEADER)
        elif not _ends_whole(path):
            self._file.write(b"\n")

    def add(self, outcome: Outcome) -> None:
        """Write down one more; it is with the system before this returns, so that a kill does not lose it."""
        with self._lock:
            if self._file.closed:
                return
            self.outcomes[outcome.url] = outcome
            known = asdict(outcome)
            self._write({name: value for name, value in known.items() if value or name in ("url", "state")})

    def close(self) -> None:
        """Have it on the disk; nothing is added any more."""
        with self._lock:
            if not self._file.closed:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        self._file.flush()


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _read(path: Path) -> dict[str, Outcome]:
    """The last outcome of each address."""
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise DataError(f"{readable(path)} cannot be read: {short_reason(error)}. To fix: check it.") from error
    if not data:
        return {}
    first, *lines = data.decode("utf-8", "replace").split("\n")
    header = _parsed(first)
    if header is None or header.get("format") != HEADER["format"] or header.get("version") != HEADER["version"]:
        raise DataError(
            f"{readable(path)} is no log of this version of `drivetrain collect`. To fix: collect into another folder."
        )
    found: dict[str, Outcome] = {}
    broken = 0
    for line in lines:
        if not line.strip():
            continue
        said = _parsed(line)
        outcome = None if said is None else _outcome(said)
        if outcome is None:
            broken += 1
        else:
            found[outcome.url] = outcome
    if broken:
        warn(
            f"{readable(path)}: {agreeing(broken, 'lines', 'are')} not whole (cut short by a kill?); what was said "
            "there is done again."
        )
    return found


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _outcome(said: Mapping[str, Any]) -> Outcome | None:
    kinds = {"str": str, "State": str, "int": int, "bool": bool}
    if not isinstance(said.get("url"), str) or said.get("state") not in ("got", "failed"):
        return None
    if any(not isinstance(value, kinds[str(_FIELDS[name])]) for name, value in said.items() if name in _FIELDS):
        return None
    outcome = Outcome(**{name: value for name, value in said.items() if name in _FIELDS})
    is_named = len(outcome.sha256) == 64 and outcome.sha256.isalnum() and outcome.suffix[1:].isalnum()
    if outcome.state == "got" and not is_named:  # the name of a file is made of it
        return None
    try:
        base64.b64decode(outcome.looks, validate=True)
    except (binascii.Error, ValueError):
        return None
    return outcome
