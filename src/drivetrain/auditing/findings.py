"""What an audit says: findings, with the rows that show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from drivetrain.text import printable

Severity = Literal["problem", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "note")
"""A problem makes the score wrong, a warning may, a note is good to know. Notes are no alarm."""

Kind = Literal[
    "copies across parts",
    "conflicting labels",
    "copies within a part",
    "group overlap",
    "time overlap",
    "missing class",
    "class shift",
    "input shift",
    "class balance",
    "broken files",
    "shortcut",
    "input statistics",
    "bookkeeping",
    "same columns",
    "leak",
]
SHOWN = 5
"""Pairs or rows that a finding names when it is printed."""


@dataclass(frozen=True)
class RowRef:
    """One row, as a person finds it again.

    Example:
        >>> print(RowRef("cats/1.jpg", "validation", "cat"), RowRef("x/2.jpg", "test", None), sep=" | ")
        cats/1.jpg (validation, 'cat') | x/2.jpg (test)
        >>> print(RowRef("cats/3.jpg", reason="the file is empty"))
        cats/3.jpg (the file is empty)
    """

    path: str
    part: str | None = None
    """training, validation or test; None where the rows are not divided."""
    label: str | None = None
    """None for test rows: their labels stay sealed."""
    source: Any = None
    """What its kind of input reads, such as a path; None where it is not to be shown: test rows stay sealed."""
    reason: str | None = None
    """Why the row cannot be used; None where it can."""
    kind: str = "images"
    """Of its input."""

    def __str__(self) -> str:
        known = [self.part or "", "" if self.label is None else repr(self.label), self.reason or ""]
        said = ", ".join(word for word in known if word)
        return printable(f"{self.path} ({said})" if said else self.path)

    def as_json(self) -> dict[str, str | None]:
        """Path, part and label, and why the row cannot be used; valid JSON."""
        return {"path": self.path, "part": self.part, "label": self.label, "reason": self.reason}


@dataclass(frozen=True)
class Pair:
    """Two rows that show the same, and how that was seen."""

    one: RowRef
    other: RowRef
    how: str

    def __str__(self) -> str:
        return f"{self.one} = {self.other} [{self.how}]"

    def as_json(self) -> dict[str, Any]:
        """Both rows, and how; valid JSON."""
        return {"one": self.one.as_json(), "other": self.other.as_json(), "how": self.how}


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Example:
        >>> print(Finding("class balance", "note", "2 classes are rare", "pear has 3 rows.", mend="add rows."))
        note: 2 classes are rare. pear has 3 rows.
          To fix: add rows.
    """

    kind: Kind
    severity: Severity
    title: str
    """A short sentence without its full stop."""
    text: str
    """What it means, in one to three sentences."""
    mend: str = ""
    """What to do, where something can be done."""
    pairs: tuple[Pair, ...] = ()
    rows: tuple[RowRef, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The numbers behind the text, for programs; valid JSON."""

    @property
    def alarm(self) -> bool:
        """Whether something should be done, or looked at."""
        return self.severity != "note"

    def __str__(self) -> str:
        lines = [f"{self.severity}: {self.title}. {self.text}"]
        shown = [str(item) for item in (*self.pairs[:SHOWN], *self.rows[:SHOWN])]
        more = max(0, len(self.pairs) - SHOWN) + max(0, len(self.rows) - SHOWN)
        lines += [f"    {item}" for item in shown]
        lines += [f"    … {more:,} more"] if more else []
        lines += [f"  To fix: {self.mend}"] if self.mend else []
        return printable("\n".join(lines))

    def as_json(self) -> dict[str, Any]:
        """Everything; valid JSON."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "title": self.title,
            "text": self.text,
            "mend": self.mend,
            "pairs": [pair.as_json() for pair in self.pairs],
            "rows": [row.as_json() for row in self.rows],
            "facts": dict(self.facts),
        }


def by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Problems first, notes last; otherwise in the order given."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def share(count: int, total: int) -> str:
    """A count with its share.

    Example:
        >>> share(12, 600)
        '12 of 600 (2.0 %)'
    """
    return f"{count:,} of {total:,} ({100 * count / total if total else 0:.1f} %)"
