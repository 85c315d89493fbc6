"""The rows on their way from a source to a split: opened, reviewed, and put where a split from elsewhere has them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from drivetrain.data.check import Checked, CheckReport, LeftOut, check_pictures, problems
from drivetrain.data.examples import Examples
from drivetrain.data.grouping import HOW, groups_of_pictures, inner_names
from drivetrain.data.listing import Kind, Listed
from drivetrain.data.looks import looks_of
from drivetrain.data.notices import warn
from drivetrain.data.review import apply_review, read_review, with_new_values
from drivetrain.data.split import Part
from drivetrain.data.split_files import Brought, place_rows
from drivetrain.data.values import choose_range, judge_range, notes_on_looks
from drivetrain.errors import DataError
from drivetrain.runtime.decisions import Decision
from drivetrain.text import readable

Broken = Literal["leave out", "error"]


@dataclass(frozen=True)
class Rows:
    """What the source says, and the same rows as examples."""

    listed: Listed
    examples: Examples

    @property
    def given(self) -> tuple[Part, ...] | None:
        """Parts that the source, or a split from elsewhere, names."""
        return self.listed.parts

    @property
    def kind(self) -> Kind:
        """What the target is."""
        return self.listed.spec.kind

    @property
    def report(self) -> CheckReport:
        """What was left out so far."""
        return report_of(self.listed)

    def without(self, left_out: Mapping[int, LeftOut]) -> Rows:
        """The same without some rows, and why."""
        if not left_out:
            return self
        kept = [row for row in range(len(self.examples)) if row not in left_out]
        values = self.examples.values
        named = {
            row: replace(gone, label=value) if isinstance(value := values[row], str) else gone
            for row, gone in left_out.items()
        }
        return Rows(self.listed.without(named), self.examples.subset(kept))

    def deciding(self, **decisions: Decision) -> Rows:
        """The same, with decisions."""
        return replace(self, listed=replace(self.listed, decisions={**self.listed.decisions, **decisions}))


def without_parts(listed: Listed) -> Listed:
    """A split that the user brings stands above the one that the source has."""
    decisions = {name: why for name, why in listed.decisions.items() if name not in ("split column", "parts")}
    return replace(listed, parts=None, spec=listed.spec.model_copy(update={"split": None}), decisions=decisions)


def report_of(listed: Listed) -> CheckReport:
    """Rows used and left out so far, by class where each row has one."""
    used = Counter(value for value in listed.values if isinstance(value, str))
    return CheckReport(listed.n_rows, listed.left_out, listed.ignored, used, listed.notes)


def open_rows(
    listed: Listed, *, channels: int, broken: Broken, decide: bool = True, known: Container[str] = ()
) -> Rows:
    """Open every listed picture once, and go on with those that can be used.

    Args:
        listed: The rows of a source.
        channels: As for `read_picture`.
        broken: What happens to rows that cannot be used.
        decide: Choose a range for values of more than 8 bits; else it is the one that `listed.spec` names.
        known: Digests of contents that need no look: they could be decoded before. What they look like is found when
            somebody asks.
    """
    checked = check_pictures(listed.paths, channels=channels, value_range=listed.spec.value_range, known=known)
    listed, checked = _in_range(listed, checked, channels, decide=decide)
    bad = problems(listed.paths, checked, listed.values)
    unusable = [row for row, found in enumerate(checked) if found.problem is not None]
    good = [row for row, found in enumerate(checked) if found.problem is None]
    notes = (*listed.notes, *notes_on_looks(listed.paths, checked))
    opened = replace(listed.without(dict(zip(unusable, bad, strict=True))), notes=notes)
    report = report_of(opened)
    if not good:
        mend = listed.hint or "To fix: see the reasons above."
        raise DataError(f"{listed.description} has no usable row. {report}\n{mend}")
    if bad and broken == "error":
        raise DataError(
            f"{listed.description} has pictures that cannot be used, and broken='error' was asked for. {report}\n"
            "To fix: replace these files, or pass broken='leave out'."
        )
    if report.deserves_warning:
        warn(f"{listed.description}: {report}")
    listed = opened
    digests = tuple(checked[row].digest for row in good)
    seen = {checked[row].digest: checked[row].signature for row in good if checked[row].digest not in known}
    value_range = listed.spec.value_range
    examples = Examples(
        listed.paths,
        digests,
        listed.values,
        groups=listed.groups or (),
        times=listed.times or (),
        signatures=looks_of(listed.paths, digests, seen, channels=channels, value_range=value_range),
        value_range=value_range,
    )
    examples = with_new_values(examples, listed.spec.relabelled)
    by = listed.spec.group_by
    if by is None or listed.groups is not None:
        return Rows(listed, examples)
    examples = replace(examples, groups=groups_of_pictures(examples, by))
    told = Decision(value=by, reason=f"{HOW[by]}; {len(set(examples.groups))} groups")
    return Rows(listed, examples).deciding(group=told)


def _in_range(listed: Listed, checked: list[Checked], channels: int, *, decide: bool) -> tuple[Listed, list[Checked]]:
    """One range for all values of more than 8 bits; the files that have some are looked at again where it matters."""
    if not decide:
        told = judge_range(listed.paths, checked, listed.spec.value_range)
        return replace(listed, notes=(*listed.notes, *told)), checked
    chosen = choose_range(listed.paths, checked)
    listed = replace(listed, notes=(*listed.notes, *chosen.notes))
    if chosen.value_range is None:
        return listed, checked
    spec = listed.spec.model_copy(update={"value_range": chosen.value_range})
    decisions = dict(listed.decisions) | ({"values": chosen.decision} if chosen.decision else {})
    wide = [row for row, found in enumerate(checked) if found.values is not None]
    again = check_pictures([listed.paths[row] for row in wide], channels=channels, value_range=chosen.value_range)
    checked = list(checked)
    for row, found in zip(wide, again, strict=True):
        checked[row] = found
    return replace(listed, spec=spec, decisions=decisions), checked


def reviewed(rows: Rows, review: str | os.PathLike[str] | None) -> Rows:
    """Rows removed and relabelled as a person decided."""
    if review is None:
        return rows
    name = readable(os.path.basename(review))  # noqa: PTH119 - of a name, not of a file
    found = apply_review(
        read_review(review), rows.examples, kind=rows.kind, n_numbers=len(rows.listed.spec.target), name=name
    )
    spec = rows.listed.spec.model_copy(update={"relabelled": found.relabelled})
    rows = replace(rows, listed=replace(rows.listed, spec=spec)).without(found.left_out).deciding(review=found.decision)
    return replace(rows, examples=with_new_values(rows.examples, found.relabelled))


def placed(rows: Rows, brought: Brought | None) -> Rows:
    """Rows in the parts that a split from elsewhere names."""
    if brought is None:
        return rows
    found = place_rows(brought, rows.examples, inner_names(rows.listed))
    rows = rows.without(found.left_out)
    parts = tuple(part for part in found.parts if part is not None)
    return replace(rows, listed=replace(rows.listed, parts=parts))
