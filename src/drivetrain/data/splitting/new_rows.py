"""Rows of later data that a saved model has never seen: what it is judged on where it will be used."""

from __future__ import annotations

from collections import Counter

from drivetrain.data.check import LeftOut
from drivetrain.data.examples import Examples
from drivetrain.data.notices import warn
from drivetrain.data.splitting.divide import labels_of
from drivetrain.data.splitting.split import PART_WORDS, Split
from drivetrain.errors import DataError, first_few
from drivetrain.progress import say
from drivetrain.runtime.targets import NumberTarget, Target
from drivetrain.text import agreeing, does

MOST_NAMES = 10


def only_new(examples: Examples, split: Split, target: Target, description: str) -> Examples:
    """The rows that no part of the model's own split holds, compared by content; how many there are is said.

    Args:
        examples: Rows of classes that the model knows.
        split: Of the model.
        target: Of the model.
        description: Of the source.

    Raises:
        DataError: None is new.
    """
    parts = {digest: part for part in ("train", "valid", "test") for digest in split.find(part)}
    rows = [row for row, digest in enumerate(examples.digests) if digest not in parts]
    seen = Counter(PART_WORDS[parts[digest]] for digest in examples.digests if digest in parts)
    own = ", ".join(f"{n} of its {part} set" for part, n in seen.items())
    if not rows:
        raise DataError(
            f"{description} holds no new row: {own}. To fix: pass data that the model was not made with, or judge its "
            "validation set, part='valid' (without --new)."
        )
    found = examples.subset(rows)
    _warn_missing_classes(found, target)
    left_out = f"; left out, since the model was made with them: {own}" if own else ""
    say(f"judged: {len(found)} rows of {description} that the model has never seen{left_out}")
    return found


def known_rows(examples: Examples, target: Target, description: str) -> tuple[list[int], tuple[LeftOut, ...]]:
    """Rows whose classes the model knows, and the others, which no answer of it could be right about.

    Raises:
        DataError: There is no row of a class it knows.
    """
    if isinstance(target, NumberTarget):
        return list(range(len(examples))), ()
    vocab = set(target.vocab)
    strange = [sorted(set(labels_of(value)) - vocab) for value in examples.values]
    counts = Counter(label for labels in strange for label in labels)
    names = first_few((f"{label!r} ({n})" for label, n in sorted(counts.items())), MOST_NAMES)
    kept = [row for row, labels in enumerate(strange) if not labels]
    if not kept:
        raise DataError(
            f"{description} has no row with a class the model knows. It has {names}; the model knows "
            f"{first_few(map(repr, target.vocab), MOST_NAMES)}. To fix: give its classes the names the model knows."
        )
    if counts:
        warn(
            f"{description} has classes that the model does not know: {names}. "
            f"{agreeing(len(examples) - len(kept), 'rows', 'are')} therefore not judged, and its answers to such "
            f"{examples.noun} are wrong. To fix: name them as the model does, or train with {examples.noun} of them."
        )
    unknown = (
        LeftOut(examples.inputs.name(row), f"class is not in the training set: {labels[0]!r}")
        for row, labels in enumerate(strange)
        if labels
    )
    return kept, tuple(unknown)


def _warn_missing_classes(examples: Examples, target: Target) -> None:
    if isinstance(target, NumberTarget):
        return
    seen = {label for value in examples.values for label in labels_of(value)}
    missing = [label for label in target.vocab if label not in seen]
    if missing:
        warn(
            f"{len(missing)} of the model's {len(target.vocab)} classes {does(len(missing), 'have')} no row in the "
            f"data, so these scores say nothing about them: {first_few(map(repr, missing), MOST_NAMES)}. To fix: add "
            f"{examples.noun} of them."
        )
