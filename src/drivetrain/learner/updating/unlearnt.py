"""New classes that an update has not learnt, by its own validation rows: an average over all of them hides one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivetrain.errors import first_few
from drivetrain.evaluation.predictions import Predictions
from drivetrain.learner.updating.joining import Joined
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.text import readable

NOT_LEARNT = "not learnt"
"""The decision that tells of them."""


def unlearnt(new: Sequence[str], said: Predictions) -> dict[str, int]:
    """New class of whose validation rows none is answered with it → how many these are.

    Args:
        new: The new classes.
        said: What the updated model says of the validation rows of the new task.
    """
    if not isinstance(said.target, CategoryTarget):
        return {}
    truth, answered = said.judged.known_truth(), said.judged.output.argmax(axis=1)
    found: dict[str, int] = {}
    for label in new:
        at = said.target.vocab.index(label)
        mine = truth == at
        if mine.any() and not np.any(answered[mine] == at):
            found[label] = int(mine.sum())
    return found


def told_of_unlearnt(joined: Joined, said: Predictions | None) -> dict[str, Decision]:
    """For people: new classes that the updated model recognises in no validation row; empty where there are none."""
    found = {} if said is None else unlearnt(joined.new_classes, said)
    if not found:
        return {}
    trained = joined.data.train.values[joined.n_rehearsed :]
    told = first_few(f"{readable(one)}: 0 of {n}, {trained.count(one)} to train on" for one, n in found.items())
    reason = (
        f"new classes that are recognised in no validation row: {told}. What helps is more rows of them, or "
        "recipe=dt.Recipe(class_weights='balanced')"
    )
    return {NOT_LEARNT: Decision(value=len(found), reason=reason)}
