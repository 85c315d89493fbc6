"""From what a user has, data or a source, to the rows of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from drivetrain.auditing.findings import Finding, RowRef
from drivetrain.auditing.rows import AuditRows, signatures_of
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.groups.grouping import Group, Time, with_groups, with_times
from drivetrain.data.groups.guess import guess_groups
from drivetrain.data.kind import checked_options, options_of, source_kind
from drivetrain.data.layout import LabelsFrom
from drivetrain.data.listing import Kind
from drivetrain.data.rows import open_rows
from drivetrain.data.sources import Source, read_source
from drivetrain.data.splitting.divide import fit_target
from drivetrain.data.splitting.split import PARTS, Part
from drivetrain.errors import SettingError
from drivetrain.runtime.kinds import known_kind
from drivetrain.text import counted


@dataclass(frozen=True)
class Reading:
    """How a source is read, as of `drivetrain.images`; nothing of this goes with data that were read already."""

    target: str | Sequence[str] | None = None
    path: str | None = None
    split: str | None = None
    task: Kind | None = None
    label_delim: str | None = None
    group: Group | None = None
    time: Time | None = None
    channels: int | None = None
    input: str | None = None
    labels_from: LabelsFrom | None = None


def rows_of(data: Data | Source, how: Reading) -> AuditRows:
    """All rows of data, or of a source that is read here and not divided (what it divides itself stays so).

    Raises:
        DataError: The source cannot be read, or has no two classes.
        SettingError: Data were given, and a setting that says how to read a source.
    """
    if isinstance(data, Data):
        given = [field.name for field in fields(how) if getattr(how, field.name) is not None]
        if given:
            raise SettingError(
                f"{given[0]}= says how a source is read, but these data were read already. To fix: pass it to "
                "drivetrain.images, or pass the source itself to audit."
            )
        return _rows_of_data(data)
    return _rows_of_source(data, how)


def broken_findings(rows: AuditRows) -> list[Finding]:
    """Rows that could not be used, by reason."""
    left_out = rows.report.left_out
    if not left_out:
        return []
    reasons = {reason: len(found) for reason, found in rows.report.by_reason.items()}
    said = ", ".join(f"{n} × {reason}" for reason, n in reasons.items())
    by_class = [f"C{loss[1:]}." for loss in rows.report.losses]
    return [
        Finding(
            "broken files",
            "warning",
            f"{len(left_out):,} of {counted(rows.report.n_rows, 'row')} cannot be used",
            " ".join([f"They are left out: {said}.", *by_class]),
            mend="replace or remove these files; where one class has most of them, see how it was collected.",
            rows=tuple(RowRef(row.path, reason=row.reason) for row in left_out),
            facts={"rows": len(left_out), "of": rows.report.n_rows, "reasons": reasons},
        )
    ]


def _rows_of_data(data: Data) -> AuditRows:
    sealed = data.sealed_test.open()  # to be compared with the other parts, which is no opening: no target is used
    parts = (data.train, data.valid, sealed)
    of_parts = zip(PARTS, parts, strict=True)
    examples = Examples.concat(parts)
    return AuditRows(
        examples=examples,
        parts=tuple(part for part, rows in of_parts for _ in range(len(rows))),
        target=data.target,
        signatures=signatures_of(examples),
        report=data.report,
        source=data.source,
        layout=data.spec.layout,
        method=data.split.method,
        group_name="" if data.spec.group is None else f"group={data.spec.group!r}",
        guessed=data.groups_guessed,
        kind=examples.kind,
    )


def _rows_of_source(source: Source, how: Reading) -> AuditRows:
    kind = known_kind(how.input or "images")
    own, options = options_of(source_kind(kind)), {} if how.channels is None else {"channels": how.channels}
    options = {"channels": 3, **options} if "channels" in own else options
    listed = read_source(
        source,
        target=how.target,
        path=how.path,
        split=how.split,
        kind=how.task,
        label_delim=how.label_delim,
        aside=[name for name in (how.group, how.time) if isinstance(name, str)],
        labels_from=how.labels_from,
        input_kind=kind,
        options=checked_options(source_kind(kind), options),
    )
    opened = open_rows(with_times(with_groups(listed, how.group), how.time))
    parts = opened.parts
    guessed = guess_groups(opened, parts or ("train",) * len(opened.rows))
    examples, parts = _in_order(opened.rows, parts)
    trained = [value for row, value in enumerate(examples.values) if parts is None or parts[row] == "train"]
    return AuditRows(
        examples=examples,
        parts=parts,
        target=fit_target(opened.task, listed.target_names, trained or examples.values),
        signatures=signatures_of(examples),
        report=opened.report,
        source=listed.description,
        layout=listed.spec.layout,
        method="given" if parts else "",
        group_name="" if listed.spec.group is None else f"group={listed.spec.group!r}",
        guessed=guessed,
        kind=examples.kind,
    )


def _in_order(examples: Examples, given: Sequence[Part] | None) -> tuple[Examples, tuple[Part, ...] | None]:
    """Training rows first, then validation, then test."""
    if given is None:
        return examples, None
    order = [row for part in PARTS for row, own in enumerate(given) if own == part]
    return examples.subset(order), tuple(given[row] for row in order)
