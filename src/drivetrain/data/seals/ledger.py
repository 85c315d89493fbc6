"""A log that can only grow: every line holds the hash of the one before, so that no line can be changed unnoticed.

A line is one JSON object: `line` (1, 2, …), `when` (UTC), `kind`, the facts, `previous` (hash of the line before) and
`hash` (SHA-256 of all the rest). What is changed, taken out, put in or moved breaks the chain at that line. What is cut
off at the end is missed by the head, a file beside the log, and by the copy of the head that every artefact carries.

It shows that somebody has tampered; it cannot keep anybody from replacing the whole folder. The artefact's copy can.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from drivetrain.data.seals.project import Project
from drivetrain.errors import SealError
from drivetrain.text import agreeing

START = "0" * 64
"""What the first line names as the hash of the one before."""
MEND = (
    "This record of sealed test sets is never edited. To fix: put the files back from a backup; or move the project "
    "folder away and begin a new one, which knows of no earlier opening but those in the artefacts."
)
OWN = ("line", "when", "kind", "previous", "hash")


@dataclass(frozen=True)
class Head:
    """Number and hash of a line, kept elsewhere to find out later whether the log still holds it."""

    n: int
    hash: str
    log: str
    """Hash of the first line: tells one log from another."""


@dataclass(frozen=True)
class Entry:
    """One line."""

    n: int
    when: str
    """UTC, ISO 8601."""
    kind: str
    facts: Mapping[str, Any]
    previous: str
    hash: str


class Ledger:
    """The log of a project.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ledger = Ledger(Project(Path(folder)))
        ...     _ = ledger.append("noted", {"what": "first"}), ledger.append("noted", {"what": "second"})
        ...     [(entry.n, entry.facts["what"]) for entry in ledger.entries()]
        [(1, 'first'), (2, 'second')]
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    @property
    def path(self) -> Path:
        """The file."""
        return self.project.log

    def entries(self, *heads: Head | None) -> list[Entry]:
        """All lines, oldest first, after the chain was verified.

        Args:
            heads: Lines that must be in it, such as those an artefact remembers; heads of other logs are passed over.

        Raises:
            SealError: A line was changed, taken out, put in, moved or cut off; the first such line is named.
        """
        known = self._head()  # before the lines: another process may be adding one, and writes the head last
        lines, torn = self._lines()
        entries = [self._entry(number, line) for number, line in enumerate(lines, 1)]
        previous = START
        for entry in entries:
            if entry.previous != previous:
                raise self._tampered(
                    entry.n, "does not follow the line before it: a line was taken out, put in or moved"
                )
            previous = entry.hash
        if known is None and len(entries) > 1:
            raise SealError(f"{self.project.head} is missing, which holds the hash of the last line. {MEND}")
        for head in (known, *(head for head in heads if head and entries and head.log == entries[0].hash)):
            if head is not None:
                self._check_head(head, entries, torn=torn)
        return entries

    def head(self) -> Head | None:
        """The last line, as it should be kept elsewhere; None where nothing was logged."""
        return head_of(self.entries())

    def append(self, kind: str, facts: Mapping[str, Any]) -> Entry:
        """Write one line, durably, after the lines before it were verified.

        Raises:
            SealError: The log was tampered with.
            OSError: It cannot be written.
        """
        assert not set(OWN) & set(facts), f"facts use names of the line itself: {sorted(set(OWN) & set(facts))}"
        with self.project.locked():
            entries = self.entries()
            self._drop_torn_line()
            when = datetime.now(UTC).isoformat(timespec="seconds")
            previous = entries[-1].hash if entries else START
            body = {"line": len(entries) + 1, "when": when, "kind": kind, **facts, "previous": previous}
            line = {**body, "hash": _hash(body)}
            entry = _entry_of(line)
            _write_at_end(self.path, (json.dumps(line, allow_nan=False) + "\n").encode())
            head = head_of([*entries, entry])
            assert head is not None
            _replace(self.project.head, (json.dumps(vars(head)) + "\n").encode())
            return entry

    def _lines(self) -> tuple[list[str], bool]:
        """Complete lines, and whether an incomplete one follows (the power went while it was written)."""
        if not self.path.exists():
            return [], False
        text = self.path.read_text(encoding="utf-8", errors="replace")
        *lines, rest = text.split("\n")
        return lines, bool(rest)

    def _drop_torn_line(self) -> None:
        if self.path.exists() and self._lines()[1]:
            content = self.path.read_bytes()
            _replace(self.path, content[: content.rfind(b"\n") + 1])

    def _entry(self, number: int, line: str) -> Entry:
        try:
            value = json.loads(line)
            entry = _entry_of(value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._tampered(number, "is no line of this log") from error
        if entry.hash != _hash({name: item for name, item in value.items() if name != "hash"}):
            raise self._tampered(number, "was changed after it was written")
        if entry.n != number:
            raise self._tampered(number, f"says that it is line {entry.n}: one was taken out, put in or moved")
        return entry

    def _head(self) -> Head | None:
        try:
            value = json.loads(self.project.head.read_text(encoding="utf-8"))
            return Head(int(value["n"]), str(value["hash"]), str(value["log"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise SealError(f"{self.project.head} is damaged, which holds the hash of the last line. {MEND}") from error

    def _check_head(self, head: Head, entries: Sequence[Entry], *, torn: bool) -> None:
        if head.n > len(entries):
            what = "is cut off" if torn else "is missing"
            raise self._tampered(len(entries) + 1, f"{what}: {agreeing(head.n, 'lines', 'were')} written")
        if (entries[head.n - 1].hash, entries[0].hash) != (head.hash, head.log):
            raise self._tampered(head.n, "is not the line that was written")

    def _tampered(self, number: int, what: str) -> SealError:
        return SealError(f"{self.path}: line {number} {what}. {MEND}")


def head_of(entries: Sequence[Entry]) -> Head | None:
    """What to remember of a log; None for an empty one."""
    return Head(entries[-1].n, entries[-1].hash, entries[0].hash) if entries else None


def of_kind(entries: Iterable[Entry], *kinds: str) -> list[Entry]:
    """The entries of these kinds."""
    return [entry for entry in entries if entry.kind in kinds]


def _entry_of(line: dict[str, Any]) -> Entry:
    facts = {name: value for name, value in line.items() if name not in OWN}
    return Entry(
        int(line["line"]), str(line["when"]), str(line["kind"]), facts, str(line["previous"]), str(line["hash"])
    )


def _hash(body: Mapping[str, Any]) -> str:
    text = json.dumps(cast("dict[str, Any]", body), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _write_at_end(path: Path, content: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
