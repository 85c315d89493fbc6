"""Groups and times that lie on both sides of a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from drivetrain.auditing.findings import Finding, Pair, RowRef, share
from drivetrain.auditing.rows import AuditRows
from drivetrain.data.groups.guesses import GroupGuess
from drivetrain.data.splitting.split import PART_WORDS, Part
from drivetrain.text import does

SIDES: tuple[tuple[Part, tuple[Part, ...]], ...] = (("valid", ("train",)), ("test", ("train", "valid")))
"""Each held-out part, and the parts that come before it."""
EARLIEST_DATE = 86_400.0 * 365
"""Times below are numbers of the source's own, not dates."""


def group_findings(rows: AuditRows) -> list[Finding]:
    """Groups with rows on both sides: what is learnt of them in training is known again in the score."""
    groups = rows.examples.groups
    if not groups or rows.parts is None:
        return [
            _guessed(guess, divided=rows.parts is not None) for guess in rows.guessed if _worth_telling(guess, rows)
        ]
    found: list[Finding] = []
    for held_out, before in SIDES:
        seen = {groups[row]: int(row) for part in before for row in rows.of_part(part)[::-1]}
        torn = [int(row) for row in rows.of_part(held_out) if groups[row] in seen]
        if not torn:
            continue
        names = sorted({groups[row] for row in torn})
        first = {groups[row]: row for row in reversed(torn)}
        pairs = [Pair(rows.ref(seen[group]), rows.ref(first[group]), f"group {group!r}") for group in names]
        n, word = len(rows.of_part(held_out)), PART_WORDS[held_out]
        of = f" ({rows.group_name})" if rows.group_name else ""
        found.append(
            Finding(
                "group overlap",
                "problem",
                f"{share(len(torn), n)} {word} rows {does(len(torn), 'are')} of a group{of} that is in training too",
                "A model can know the group again instead of answering the question: the score says nothing about "
                "new groups.",
                mend="let drivetrain draw the split, which keeps groups whole: leave split= out.",
                pairs=tuple(pairs),
                facts={"part": word, "groups": len(names), "rows": len(torn), "of": n},
            )
        )
    return found


def _worth_telling(guess: GroupGuess, rows: AuditRows) -> bool:
    """A likely guess, whose groups are torn apart or would be."""
    return not rows.examples.groups and guess.likely and (rows.parts is None or guess.n_torn > 0)


def _guessed(guess: GroupGuess, *, divided: bool) -> Finding:
    told = guess.evidence if divided else guess.evidence.rpartition(",")[0]
    return Finding(
        "group overlap",
        "warning",
        "rows seem to come in groups, and "
        + ("some are on both sides" if divided else "a random split would tear them"),
        f"{told[0].upper()}{told[1:]}. If these rows belong together, a model can know the group again instead of "
        "answering the question.",
        mend=f"pass group={guess.argument!r}; if they do not belong together, go on.",
        facts={"where": guess.where, "argument": guess.argument, "groups": guess.n_groups, "torn": guess.n_torn},
    )


def time_findings(rows: AuditRows) -> list[Finding]:
    """Held-out rows that are not later than all rows before them, where times are known."""
    times = rows.examples.times
    if rows.parts is None or not times:
        return []
    found: list[Finding] = []
    told = np.asarray(times, dtype=np.float64)
    for held_out, before in SIDES:
        earlier = np.concatenate([rows.of_part(part) for part in before])
        own = rows.of_part(held_out)
        if not len(own) or not len(earlier):
            continue
        latest = float(told[earlier].max())
        overlapping = own[told[own] <= latest]
        if not len(overlapping):
            continue
        word = PART_WORDS[held_out]
        found.append(
            Finding(
                "time overlap",
                "problem" if rows.method == "time" else "warning",
                f"{share(len(overlapping), len(own))} {word} rows {does(len(overlapping), 'are')} not later than the "
                "last training row",
                f"Training reaches to {_time_words(latest)}, the {word} set begins at "
                f"{_time_words(float(told[own].min()))}: the score says nothing about the time to come.",
                mend="let drivetrain split by time with time= (and gap=, where neighbours in time are alike).",
                rows=_refs(rows.ref, overlapping.tolist()),
                facts={"part": word, "rows": len(overlapping), "of": len(own)},
            )
        )
    return found


def _refs(ref: Callable[[int], RowRef], rows: Sequence[int]) -> tuple[RowRef, ...]:
    return tuple(ref(row) for row in rows)


def _time_words(time: float) -> str:
    if abs(time) < EARLIEST_DATE:
        return f"{time:g}"
    return datetime.fromtimestamp(time, UTC).isoformat(sep=" ", timespec="minutes").removesuffix("+00:00")
