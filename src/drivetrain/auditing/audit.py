"""`audit`: look at data before training on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.auditing.balance import balance_findings
from drivetrain.auditing.columns import Column, read_columns
from drivetrain.auditing.duplicates import LOOKS, Copies, copies_findings, find_copies
from drivetrain.auditing.findings import Finding, by_severity
from drivetrain.auditing.leaks import leak_findings
from drivetrain.auditing.overlap import group_findings, time_findings
from drivetrain.auditing.rows import AuditRows
from drivetrain.auditing.shift import shift_findings
from drivetrain.auditing.shortcut import ShortcutAudit, chosen_rows, look_for_shortcuts, shortcut_findings
from drivetrain.auditing.sources import Reading, broken_findings, rows_of
from drivetrain.calls import named
from drivetrain.data.asking import asked_by, asked_column, asked_delimiter, asked_target, asked_task
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.groups.grouping import Group, Time
from drivetrain.data.kind import hook
from drivetrain.data.layout import LabelsFrom
from drivetrain.data.listing import TaskName
from drivetrain.data.sources import Source
from drivetrain.errors import DataError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.kinds import known_kind
from drivetrain.settings import choice, flag, text, whole
from drivetrain.text import agreeing, counted, does, printable, readable

Features = NDArray[np.floating] | Callable[[Examples], NDArray[np.floating]]
"""(N, D) of the rows of an audit, or what computes them."""


@dataclass(frozen=True, repr=False)
class Audit:
    """What was found; printing it shows `summary`.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from PIL import Image
        >>> import drivetrain as dt
        >>> noise = np.random.default_rng(0).integers(0, 155, (24, 16, 16, 3), dtype=np.uint8)
        >>> with TemporaryDirectory() as folder:
        ...     for i, pixels in enumerate(noise):
        ...         place = Path(folder, ["blue", "red"][i % 2])
        ...         place.mkdir(exist_ok=True)
        ...         Image.fromarray(pixels + np.uint8([[0, 0, 99], [99, 0, 0]][i % 2])).save(place / f"{i}.png")
        ...     _ = Path(folder, "red", "copy.png").write_bytes(Path(folder, "blue", "0.png").read_bytes())
        ...     found = dt.audit(folder)
        >>> found.counts, found.findings[0].title
        ({'rows': 25}, '1 pair of copies with different targets')
    """

    source: str
    counts: Mapping[str, int]
    """Rows per part."""
    findings: tuple[Finding, ...]
    """Problems first, then warnings, then notes."""
    looked: Mapping[str, str]
    """What was looked at, and how far."""
    root: str = ""
    """The folder that names of pictures start from."""
    shortcuts: ShortcutAudit = field(default_factory=ShortcutAudit)
    seconds: float = 0.0

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """Problems and warnings."""
        return tuple(finding for finding in self.findings if finding.alarm)

    @property
    def ok(self) -> bool:
        """Whether there is nothing but notes."""
        return not self.alarms

    @property
    def metadata_predictions(self) -> Predictions | None:
        """What a small model says from metadata alone, on rows it was not fitted on: a baseline for any network.

        At most 5,000 training and validation rows; None where there are too few.
        """
        return self.shortcuts.predictions

    def summary(self) -> str:
        """All findings, and what was looked at, as lines of text."""
        parts = ", ".join(f"{n:,} {part}" for part, n in self.counts.items())
        lines = [f"audit of {self.source}: {parts}; {self.seconds:.0f} s"]
        lines += [str(finding) for finding in self.findings] or ["nothing was found"]
        lines.append("looked at:")
        lines += [f"  {what}: {how}" for what, how in self.looked.items()]
        return "\n".join(lines)

    def __str__(self) -> str:
        return printable(self.summary())

    def __repr__(self) -> str:
        return printable(self.summary())

    def as_json(self) -> dict[str, Any]:
        """Everything but the predictions; valid JSON."""
        return {
            "source": self.source,
            "root": self.root,
            "rows": dict(self.counts),
            "ok": self.ok,
            "findings": [finding.as_json() for finding in self.findings],
            "looked_at": dict(self.looked),
            "seconds": round(self.seconds, 2),
        }


@named
def audit(
    data: Data | Source,
    *,
    features: Features | None = None,
    shortcuts: bool = True,
    looks: int = LOOKS,
    seed: int = 0,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    split: str | None = None,
    task: TaskName | None = None,
    label_delim: str | None = None,
    group: Group | None = None,
    time: Time | None = None,
    channels: int | None = None,
    labels_from: LabelsFrom | None = None,
    input: str | None = None,
    kind: str | None = None,
) -> Audit:
    """Look for what makes a score wrong: copies, torn groups, shifts, broken files, and shortcuts.

    Nothing is trained but small forests on metadata, and the test set is not opened: its pictures are compared with
    the others, and its classes counted, but no picture and no target of a test row is shown.

    Args:
        data: What `drivetrain.images` gave; or a folder, table file or DataFrame, which is then read, not divided.
        features: (N, D) for the rows in their order: training, validation, test (or without the test rows), as
            `drivetrain.training.features.body_features` gives them; or a function of the rows that gives such. With
            them crops are found too.
        shortcuts: Also fit small models on metadata.
        looks: How many pairs of pictures are looked at a second time.
        seed: Of what is drawn at random.
        target: As of `drivetrain.images`, like all that follow: how a source is read.
        path: Column of the paths.
        split: Column that says train, valid or test.
        task: What the target is: "category", "multilabel" or "number".
        label_delim: What separates several labels in one cell.
        group: What each row belongs to; metadata models are then judged on groups they have not seen.
        time: When each row was taken.
        channels: Of pictures: 1 grey, 3 colour, 4 colour with transparency.
        labels_from: Which folders of a folder name the classes.
        input: The kind of input, as in `drivetrain.runtime.kinds`; None takes images.
        kind: The older name of `task`, which goes with the next version.

    Raises:
        DataError: The source cannot be read; or `features` has another number of rows.
        SettingError: A setting says how to read a source, and data were given.

    Example:
        >>> audit("/no/such/folder")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such/folder does not exist; expected a folder of pictures or a table file.
    """
    began = monotonic()
    shortcuts, looks, seed = flag("shortcuts", shortcuts), whole("looks", looks, least=0), whole("seed", seed, least=0)
    target, path, split = asked_target(target), asked_column("path", path), asked_column("split", split)
    asked = asked_task(task, kind)
    label_delim, group, time = asked_delimiter(label_delim), asked_by("group", group), asked_by("time", time)
    channels = None if channels is None else whole("channels", channels, least=1)
    labels_from = choice("labels_from", labels_from, (None, "top", "leaf"))
    input = None if input is None else known_kind(text("input", input, what="a kind of input, such as 'images'"))
    rows = rows_of(data, Reading(target, path, split, asked, label_delim, group, time, channels, input, labels_from))
    table = _checked(features, rows)
    copies = find_copies(rows, table, looks=looks)
    findings = [*broken_findings(rows), *copies_findings(rows, copies), *balance_findings(rows)]
    findings += [*group_findings(rows), *time_findings(rows)]
    found = ShortcutAudit(why_not="not asked for")
    if shortcuts:
        own = hook(rows.of_kind, "findings")
        findings += leak_findings(rows, seed=seed) if own is None else own(rows, seed=seed)
        chosen, columns = _metadata(rows, seed)
        if rows.parts is not None:
            findings += shift_findings(
                columns, [rows.parts[row] for row in chosen], rows.method, noun=rows.of_kind.noun
            )
        found = _shortcuts(rows, chosen, columns, seed)
        findings += shortcut_findings(found, noun=rows.of_kind.noun)
    return Audit(
        source=rows.source,
        counts=rows.counts,
        findings=by_severity(findings),
        root=readable(rows.root),
        looked=_looked(rows, copies, features is not None, found),
        shortcuts=found,
        seconds=monotonic() - began,
    )


def _checked(features: Features | None, rows: AuditRows) -> NDArray[np.floating] | None:
    """Features as an array, one row for each row of the audit, or for each but the test rows, which come last."""
    if features is None:
        return None
    table = np.asarray(features(rows.examples) if callable(features) else features)
    n_test = len(rows.of_part("test"))
    n_rows = (len(rows), len(rows) - n_test)
    if table.dtype.kind not in "biuf" or table.ndim != 2 or len(table) not in n_rows or not np.isfinite(table).all():
        raise DataError(
            f"features have shape {table.shape}; expected {len(rows)} rows of finite numbers (training, validation "
            "and test rows in this order), or without the test rows. To fix: compute them from the same data."
        )
    return table


def _metadata(rows: AuditRows, seed: int) -> tuple[NDArray[np.int64], list[Column]]:
    """A bounded number of labelled rows, as many test rows in proportion, and their columns."""
    chosen = chosen_rows(rows, seed=seed)
    test = rows.of_part("test")
    if len(test) and len(rows.labelled):
        n = round(len(test) * len(chosen) / len(rows.labelled))
        drawn = np.random.default_rng(seed).permutation(len(test))[:n]
        chosen = np.concatenate([chosen, test[np.sort(drawn)]])
    return chosen, read_columns(rows, chosen)


def _shortcuts(rows: AuditRows, chosen: NDArray[np.int64], columns: Sequence[Column], seed: int) -> ShortcutAudit:
    """On the labelled ones of the chosen rows."""
    sealed = set(rows.of_part("test").tolist())
    kept = np.array([i for i, row in enumerate(chosen.tolist()) if row not in sealed], dtype=np.int64)
    own = [Column(c.name, c.family, c.values[kept], c.categorical) for c in columns]
    varying = [column for column in own if len(np.unique(column.values)) > 1]
    digests = rows.examples.digests
    groups = rows.examples.groups or (digests if len(set(digests)) < len(digests) else ())  # copies stay together
    of_rows = [groups[row] for row in chosen[kept]] if groups else None
    return look_for_shortcuts(rows, chosen[kept], varying, of_rows, seed=seed)


def _looked(rows: AuditRows, copies: Copies, with_features: bool, found: ShortcutAudit) -> dict[str, str]:
    """What was looked at, and how far."""
    looks = getattr(rows.of_kind, "ALIKE", None)
    by = "content, looks and features" if with_features else "content and looks (crops need features)"
    by = by if looks is None else f"content and {looks}"
    by = "content alone" if rows.of_kind.near is None else by
    said = f"by {by}; {counted(copies.looked_at, 'pair')} compared in full"
    if copies.not_looked_at:
        said += f", {copies.not_looked_at:,} more {does(copies.not_looked_at, 'were')} not (raise looks)"
    if copies.not_comparable:
        why = "too flat" if looks is None else "too short"
        said += f"; {agreeing(copies.not_comparable, rows.of_kind.noun, 'are')} {why} to compare"
    known = (
        f"as given {rows.group_name}".strip() if rows.examples.groups else "none given: guessed from names and files"
    )
    looked = {"copies": said, "groups": known}
    for shortcut in found.families:
        looked[f"metadata, {shortcut.family}"] = str(shortcut.skill)
    if found.why_not:
        looked["metadata"] = found.why_not
    if rows.parts is None:
        looked["parts"] = "none: what lies between parts can be told once the rows are divided"
    return looked


Audit.__module__ = "drivetrain"  # where people find it, so that messages and help say so
