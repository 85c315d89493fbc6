"""What the manifest of an updated model keeps: parent, data by hash, what changed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from drivetrain.learner.updating.joining import Joined
from drivetrain.learner.updating.judging import Flips, Judged
from drivetrain.learner.updating.old import OldModel
from drivetrain.learner.updating.updated import Outcome
from drivetrain.runtime.lineage import MOST_FLIPS, Change, CurvePoint, FlipRecord, LowRank, Update


def record_of(old: OldModel, joined: Joined, outcome: Outcome, *, low_rank: LowRank | None = None) -> Update:
    """One update, as plain data."""
    new = joined.data.train.digests[joined.n_rehearsed :]
    return Update(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        parent=old.identity,
        parent_name=old.name,
        data_sha256=hashlib.sha256("\n".join(sorted(new)).encode()).hexdigest(),
        n_new=len(new),
        n_rehearsed=joined.n_rehearsed,
        old_rows=str(old.rows.value),
        new_classes=joined.new_classes,
        alpha=outcome.alpha,
        curve=tuple(CurvePoint(**point.as_json()) for point in outcome.curve),
        old=_change(outcome.old),
        new=_change(outcome.new),
        flips=None if outcome.flips is None else _flip_record(outcome.flips),
        held_back=outcome.held_back,
        decisions=outcome.decisions,
        low_rank=low_rank,
    )


def _flip_record(flips: Flips) -> FlipRecord:
    said = flips.as_json()
    said.pop("share")
    return FlipRecord(**said, rows=flips.rows[:MOST_FLIPS])


def _change(judged: Judged | None) -> Change | None:
    if judged is None:
        return None
    name = next(iter(judged.before))
    found = judged.comparison
    return Change(
        metric=name,
        before=judged.before[name].value,
        after=judged.after[name].value,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        n=judged.before.n,
    )
