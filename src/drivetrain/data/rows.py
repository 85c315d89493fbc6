"""The rows on their way from a source to a split: opened, reviewed, and put where a split from elsewhere has them."""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import replace
from typing import Literal

from drivetrain.data.cache.looks import looks_of
from drivetrain.data.check import check_unknown, problems
from drivetrain.data.groups.grouping import groups_told, inner_names, says
from drivetrain.data.kind import Settled, hook, source_kind
from drivetrain.data.listing import Listed
from drivetrain.data.notices import warn
from drivetrain.data.review import apply_review, read_review, with_new_values
from drivetrain.data.splitting.split_files import Brought, place_rows
from drivetrain.errors import DataError
from drivetrain.runtime.decisions import Decision
from drivetrain.text import readable

Broken = Literal["leave out", "error"]


def without_parts(listed: Listed) -> Listed:
    """A split that the user brings stands above the one that the source has."""
    decisions = {name: why for name, why in listed.decisions.items() if name not in ("split column", "parts")}
    return replace(listed, parts=None, spec=listed.spec.model_copy(update={"split": None}), decisions=decisions)


def open_rows(
    listed: Listed, *, broken: Broken = "leave out", decide: bool = True, known: Container[str] = ()
) -> Listed:
    """Open every listed row once, and go on with those that can be used.

    Args:
        listed: The rows of a source; how they are read is what its `spec.options` say.
        broken: What happens to rows that cannot be used.
        decide: Settle what all rows together decide, such as the range of wide values; else it is what
            `listed.spec.options` say.
        known: Digests of contents that could be opened before: these rows are hashed, and not opened.

    Raises:
        DataError: No row is usable; or one is broken and `broken` is "error".
    """
    kind = source_kind(listed.spec.input)
    options = listed.spec.options
    checked = check_unknown(kind, listed.rows.inputs, options, known)
    if settle := hook(kind, "settle"):
        found: Settled = settle(listed.rows.inputs, checked, options, decide=decide)
        checked, options = found.checked, found.options
        spec = listed.spec.model_copy(update={"options": options})
        listed = replace(listed, spec=spec, notes=(*listed.notes, *found.notes)).deciding(**found.decisions)
    bad = problems(listed.rows.inputs, checked)
    good = [one for one in checked if one.problem is None]
    opened = listed.without(bad)
    report = opened.report
    if not good:
        mend = listed.hint or "To fix: see the reasons above."
        raise DataError(f"{listed.description} has no usable row. {report}\n{mend}")
    if bad and broken == "error":
        raise DataError(
            f"{listed.description} has {kind.noun} that cannot be used, and broken='error' was asked for. {report}\n"
            "To fix: replace these files, or pass broken='leave out'."
        )
    if report.deserves_warning:
        warn(f"{listed.description}: {report}")
    rows = replace(opened.rows, digests=tuple(one.digest for one in good), options=options)
    rows = replace(
        rows, signatures=looks_of(rows, {one.digest: one.signature for one in good if one.digest not in known})
    )
    rows = with_new_values(rows, listed.spec.relabelled)
    by = listed.spec.group_by
    if by is None or rows.groups:
        return replace(opened, rows=rows)
    rows = replace(rows, groups=groups_told(rows, by))
    told = Decision(value=by, reason=f"{says(by, rows)}; {len(set(rows.groups))} groups")
    return replace(opened, rows=rows).deciding(group=told)


def reviewed(listed: Listed, review: str | os.PathLike[str] | None) -> Listed:
    """Rows removed and relabelled as a person decided."""
    if review is None:
        return listed
    name = readable(os.path.basename(review))  # noqa: PTH119 - of a name, not of a file
    found = apply_review(
        read_review(review), listed.rows, kind=listed.task, n_numbers=len(listed.spec.target), name=name
    )
    spec = listed.spec.model_copy(update={"relabelled": found.relabelled})
    listed = replace(listed, spec=spec).without(found.left_out).deciding(review=found.decision)
    return replace(listed, rows=with_new_values(listed.rows, found.relabelled))


def placed(listed: Listed, brought: Brought | None) -> Listed:
    """Rows in the parts that a split from elsewhere names."""
    if brought is None:
        return listed
    found = place_rows(brought, listed.rows, inner_names(listed))
    parts = tuple(part for part in found.parts if part is not None)
    return replace(replace(listed, parts=None).without(found.left_out), parts=parts)
