"""Find the rows of a stored split again, wherever their files are now."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from drivetrain.data.check import CheckReport
from drivetrain.data.divide import PART_WORDS, leave_out_unknown
from drivetrain.data.examples import Examples
from drivetrain.data.listing import SourceSpec
from drivetrain.data.new_rows import known_rows, only_new
from drivetrain.data.notices import warn
from drivetrain.data.review import apply_review, read_review, with_new_values
from drivetrain.data.rows import open_rows
from drivetrain.data.sources import Source, reread_source
from drivetrain.data.split import Part, Split
from drivetrain.errors import DataError, SettingError
from drivetrain.progress import say
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target, TargetValue
from drivetrain.text import readable


class Matched(NamedTuple):
    """Rows to evaluate, and how many are not there."""

    examples: Examples
    n_missing: int
    """Stored pictures that the source does not have; for "all", rows whose class the model does not know."""


class NotThereError(DataError):
    """None of the rows asked for is in the source."""


def images_for_evaluation(
    source: Source,
    *,
    spec: SourceSpec,
    target: Target,
    part: Literal["valid", "test", "new", "all"],
    split: Split | None = None,
    path: str | None = None,
    target_columns: str | Sequence[str] | None = None,
    label_delim: str | None = None,
    review: str | os.PathLike[str] | None = None,
) -> Matched:
    """The rows of `source` that belong to one part of a stored split, found by content; or all rows of new data.

    Args:
        source: Folder, table file or DataFrame; files may have moved or been renamed since training.
        spec: How the training source was read; the same columns are read here.
        target: The trained model's target; rows with a class it does not know are left out with a warning.
        part: "valid", "test" and "new" need `split`; "new" takes the rows that no part of it holds, "all" every row.
        split: The stored split.
        path: Path column, where it is called something else than in `spec`.
        target_columns: Target columns, likewise, in the order of `spec`.
        label_delim: What separates several labels in one cell, likewise.
        review: File of decisions; its labels count instead of those of the source.

    Raises:
        DataError: The source cannot be read, or none of the rows asked for is in it.
        SettingError: `part` and `split` do not go together.

    Example:
        >>> from drivetrain.data.listing import SourceSpec
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget.fit("fruit", ["apple", "pear"])
        >>> images_for_evaluation("/no/such", spec=SourceSpec(layout="folder"), target=fruit, part="all")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such does not exist; ...
    """
    if (split is None) != (part == "all"):
        raise SettingError(f"part={part!r} {'needs split=' if split is None else 'does not use split='}.")
    changes: dict[str, object] = {"kind": target.kind}
    if path is not None:
        changes["path"] = path
    if target_columns is not None:
        changes["target"] = (target_columns,) if isinstance(target_columns, str) else tuple(target_columns)
    if label_delim is not None:
        changes["label_delim"] = label_delim
    spec = spec.model_copy(update=changes)
    if isinstance(target, NumberTarget) and spec.target and len(spec.target) != len(target.names):
        raise SettingError(f"{len(spec.target)} target columns given; the model says {len(target.names)} numbers.")
    listed = reread_source(source, spec, with_parts=part != "all", known=classes_of(target))
    opened = open_rows(listed, decide=False)
    examples, given = opened.rows, opened.parts
    if review is not None:
        examples, kept_rows, _ = with_review(examples, review, spec)
        left: list[Part] | None = None if given is None else [given[row] for row in kept_rows]
        given = None if left is None else tuple(left)
    if part in ("new", "all"):
        kept, unknown = known_rows(examples, target, listed.description)
        rows = examples.subset(kept)
        if part == "new" and split is not None:
            rows = only_new(rows, split, target, listed.description)
        return Matched(rows, len(unknown))
    n_missing = 0
    if split is not None:
        rows, n_missing = match_by_content(examples.digests, split, part, given=given)
        if not rows:
            raise NotThereError(
                f"none of the {len(split.find(part))} pictures of the stored {PART_WORDS[part]} set is in "
                f"{listed.description} (compared by content). To fix: pass the data the model was trained from; or "
                "judge rows that are new to it, part='new' (--new)."
            )
        known = frozenset[str]().union(*(split.find(each) for each in ("train", "valid", "test")))
        n_new = len(set(examples.digests) - known)
        if n_new:
            say(
                f"{listed.description} holds {n_new} pictures that the model was not made with; they are not judged. "
                "To judge them: part='new' (--new)"
            )
        examples = examples.subset(rows)
    judged: list[Part] = [part] * len(examples)
    kept, unknown = leave_out_unknown(examples, judged, target)
    if not kept:
        raise DataError(
            f"{listed.description} has no row with a class the model knows. {CheckReport(listed.n_rows, unknown)}"
        )
    return Matched(examples.subset(kept), n_missing)


def classes_of(target: Target) -> tuple[str, ...]:
    """The categories of a target that has some."""
    return target.vocab if isinstance(target, CategoryTarget) else ()


def with_review(
    examples: Examples, review: str | os.PathLike[str], spec: SourceSpec
) -> tuple[Examples, list[int], Mapping[str, TargetValue]]:
    """Rows as a review that was named decided, and a warning that says how many it changed.

    Args:
        examples: As the source has them.
        review: File of decisions that `drivetrain review` wrote.
        spec: How the source was read.

    Returns:
        The rows that are left, with their labels; which rows of `examples` they are; and digest → new label.

    Raises:
        DataError: The file cannot be read, or its labels are none of the data's.
    """
    name = readable(os.path.basename(review))  # noqa: PTH119 - of a name, not of a file
    found = apply_review(read_review(review), examples, kind=spec.kind, n_numbers=max(len(spec.target), 1), name=name)
    kept = [row for row in range(len(examples)) if row not in found.left_out]
    warn(f"labels count as decided in {found.decision}")
    return with_new_values(examples.subset(kept), found.relabelled), kept, found.relabelled


def match_by_content(
    digests: Sequence[str], split: Split, part: Part, *, given: Sequence[Part] | None = None
) -> tuple[list[int], int]:
    """Row numbers whose content is in `part`, and how many stored contents were not found.

    Args:
        digests: Content of each row.
        split: The stored split.
        part: Which part of it.
        given: The part that the source itself names for each row; settles contents that are in several parts.

    Example:
        >>> split = Split.of(["00", "11"], ["train", "valid"], method="random", seed=1, valid_pct=0.5, test_pct=0.0)
        >>> match_by_content(["11", "22"], split, "valid")
        ([0], 0)
    """
    wanted = split.find(part)
    elsewhere = frozenset[str]().union(*(split.find(other) for other in ("train", "valid", "test") if other != part))
    rows = [
        row
        for row, digest in enumerate(digests)
        if digest in wanted and (given is None or digest not in elsewhere or given[row] == part)
    ]
    return rows, len(wanted - {digests[row] for row in rows})


def warn_of_learnt(digests: Sequence[str], split: Split, part: Literal["valid", "test"]) -> None:
    """Say so where rows that judge a model have the content of rows that it was trained on, or chosen by.

    Args:
        digests: Content of each row that judges.
        split: Of the model.
        part: What the rows are.

    Example:
        >>> split = Split.of(["00", "11"], ["train", "valid"], method="random", seed=1, valid_pct=0.5, test_pct=0.0)
        >>> warn_of_learnt(["11"], split, "valid")
    """
    trained, chosen = split.find("train"), split.find("valid")
    n_trained = sum(digest in trained for digest in digests)
    n_chosen = sum(digest in chosen - trained for digest in digests) if part == "test" else 0
    if n_trained or n_chosen:
        also = f", and {n_chosen} that of validation rows" if n_chosen else ""
        warn(
            f"{n_trained} of {len(digests)} {PART_WORDS[part]} rows have the content of rows that this model was "
            f"trained on{also}, so the score flatters. To fix: remove the copies from the data, and train again."
        )
