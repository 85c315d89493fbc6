"""Groups that are likely divide the rows, of a kind of input whose scores are known to flatter otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

from drivetrain.data.groups.grouping import groups_told, told_by, with_groups
from drivetrain.data.groups.guess import guess_groups
from drivetrain.data.groups.guesses import GroupGuess
from drivetrain.data.inputs import Spans
from drivetrain.data.kind import source_kind
from drivetrain.data.listing import Listed
from drivetrain.data.notices import warn
from drivetrain.data.splitting.divide import Fractions, divide
from drivetrain.data.splitting.split import Part
from drivetrain.errors import SplitError
from drivetrain.runtime.decisions import Decision
from drivetrain.text import one_of

RECORDING = "recording"
"""What spans of one file have in common; kinds that have spans tell it."""
FEWEST_GROUPS = 3
"""One for each part."""


def following_guess(listed: Listed, fractions: Fractions) -> Listed:
    """The rows with the groups that they likely belong to, so that no group is in two parts, and a word about it.

    Spans of one file are a group where nothing wider is likely. Rows that have groups, times or parts are left as they
    are, and so are those without a likely group.

    Args:
        listed: The rows, opened.
        fractions: How they are to be divided.
    """
    rows = listed.rows
    if rows.groups or rows.times or listed.parts is not None:
        return listed
    torn = _by_chance(listed, fractions)
    if torn is None:
        return listed
    likely = [guess for guess in guess_groups(listed, torn) if guess.likely and guess.n_groups >= FEWEST_GROUPS]
    inputs = rows.inputs
    for guess in likely:
        if not guess.n_torn:
            continue
        found = _grouped(listed, guess.argument)
        if not isinstance(inputs, Spans):
            return _said(found, guess)
        n_files, n_groups = len(set(inputs.paths)), len(set(found.rows.groups))
        if n_groups < n_files == len(set(zip(inputs.paths, found.rows.groups, strict=True))):
            return _said(found, guess)  # it is wider than files, and tears none
    if isinstance(inputs, Spans) and len(set(inputs.paths)) < len(inputs):
        n = len(set(inputs.paths))
        found = _grouped(listed, RECORDING)
        return found.deciding(group=Decision(value=RECORDING, reason=f"spans of one file stay together; {n} files"))
    return listed


def _by_chance(listed: Listed, fractions: Fractions) -> Sequence[Part] | None:
    """The parts that the rows would have by chance; None where they cannot be divided, which dividing will say."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = divide(listed.rows, None, kind=listed.task, asked=fractions).parts
    except SplitError:
        return None
    return [part or "train" for part in found]


def _grouped(listed: Listed, argument: str) -> Listed:
    """As if that were asked for, without leaving out rows that tell no group."""
    found = with_groups(listed, argument, keep_all=True)
    by = found.spec.group_by
    if by is None or found.rows.groups or argument not in told_by(listed):
        return found
    return replace(found, rows=replace(found.rows, groups=groups_told(found.rows, by)))


def _said(listed: Listed, guess: GroupGuess) -> Listed:
    kind = source_kind(listed.spec.input)
    warn(
        f"{kind.noun} seem to come in groups. {guess.evidence[0].upper()}{guess.evidence[1:]} of a random split, "
        f"whose score would say how a model does with {kind.noun} of groups that it knows. They are divided by group "
        f"instead, as with group={guess.argument!r}. To fix: pass group=, if another one is meant, or group='none', if "
        f"each {one_of(kind.noun)} stands for itself."
    )
    reason = f"likely: {guess.evidence} of a random split; group='none' divides by chance"
    return listed.deciding(group=Decision(value=guess.argument, reason=reason))
