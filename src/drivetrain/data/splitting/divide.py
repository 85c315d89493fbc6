"""From checked rows to training, validation and test rows, and the warnings that a person should read."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from drivetrain.data.check import LeftOut
from drivetrain.data.copies import folders_that_repeat
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.kind import alike, hook, source_kind
from drivetrain.data.listing import Kind
from drivetrain.data.notices import warn
from drivetrain.data.splitting.drawing import Labels, make_split
from drivetrain.data.splitting.grouped import draw_groups
from drivetrain.data.splitting.split import PART_WORDS, PARTS, Method, Part, check_fractions
from drivetrain.data.splitting.ties import Ties, are_versions, tie
from drivetrain.data.tables.times import split_by_time
from drivetrain.errors import DataError, SettingError, SplitError, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget, Target, TargetValue
from drivetrain.text import agreeing, counted, does, one_of, readable

VALID_PCT = 0.2
TEST_PCT = 0.2


@dataclass(frozen=True)
class Division:
    """A part for every row that is in one, and how it came about."""

    parts: tuple[Part | None, ...]
    method: Method
    valid_pct: float
    test_pct: float
    decision: Decision
    reasons: Mapping[int, str] = field(default_factory=dict[int, str])
    """Why a row is in no part."""


@dataclass(frozen=True)
class Fractions:
    """How a split is drawn."""

    valid_pct: float | None = None
    """None takes the default, or what the source sets apart."""
    test_pct: float | None = None
    seed: int = 42
    stratify: bool = True
    gap: float = 0.0


def divide(
    examples: Examples, given: Sequence[Part] | None, *, kind: Kind, asked: Fractions, giver: str = "the source"
) -> Division:
    """Follow the split that the source or somebody else brings, and draw what it leaves open.

    Rows with times are divided by time, rows with groups by group, others by chance or class by class.

    Raises:
        SplitError: A part has no rows, or there are too few to draw from.
        SettingError: A fraction is asked for of a part that the source already gives.

    Example:
        >>> from pathlib import Path
        >>> rows = Examples(Files(map(Path, "ab")), ("00", "11"), ((1.0,), (2.0,)))
        >>> str(divide(rows, ["train", "valid"], kind="number", asked=Fractions()).decision)
        'given (the source names training, validation)'
    """
    if given is None:
        valid_pct = VALID_PCT if asked.valid_pct is None else asked.valid_pct
        test_pct = TEST_PCT if asked.test_pct is None else asked.test_pct
        return draw_parts(examples, kind, replace(asked, valid_pct=valid_pct, test_pct=test_pct))
    named = [part for part in PARTS if part in given]
    for part, setting, value in (("valid", "valid_pct", asked.valid_pct), ("test", "test_pct", asked.test_pct)):
        if part in named and value is not None:
            raise SettingError(
                f"{setting}={value:g} was asked for, but {giver} already says which rows are "
                f"{PART_WORDS[part]}. To fix: leave {setting} out."
            )
    valid_pct = 0.0 if "valid" in named else VALID_PCT if asked.valid_pct is None else asked.valid_pct
    test_pct = asked.test_pct or 0.0
    check_fractions(valid_pct, test_pct)
    warn_torn(examples, given, giver)
    parts: list[Part | None] = list(given)
    reason = f"{giver} names " + ", ".join(PART_WORDS[part] for part in named)
    reasons: dict[int, str] = {}
    if valid_pct or test_pct:
        rows = [row for row, part in enumerate(given) if part == "train"]
        new = draw_parts(examples.subset(rows), kind, replace(asked, valid_pct=valid_pct, test_pct=test_pct))
        for row, part in zip(rows, new.parts, strict=True):
            parts[row] = part
        reasons = {rows[row]: why for row, why in new.reasons.items()}
        taken = [f"{PART_WORDS[p]} ({pct:g})" for p, pct in (("valid", valid_pct), ("test", test_pct)) if pct]
        reason += f"; {' and '.join(taken)} drawn from its training rows, {new.method}"
    return Division(tuple(parts), "given", valid_pct, test_pct, Decision(value="given", reason=reason), reasons)


def method_of(examples: Examples, kind: Kind, asked: Fractions) -> Method:
    """How rows are drawn: by time or group where these are known, else class by class or by chance."""
    by_class = kind == "category" and asked.stratify
    if len(examples.times):
        return "time"
    if len(examples.groups):
        return "stratified grouped" if by_class else "grouped"
    return "stratified" if by_class else "random"


def draw_parts(examples: Examples, kind: Kind, asked: Fractions) -> Division:
    """Parts for all rows, by what is known of them.

    Raises:
        SplitError: There are too few to draw from.
    """
    labels = None if kind == "number" else cast("Labels", examples.values)
    by_class = kind == "category" and asked.stratify
    valid_pct, test_pct = asked.valid_pct or 0.0, asked.test_pct or 0.0
    fractions = {"valid_pct": valid_pct, "test_pct": test_pct}
    reasons: Mapping[int, str] = {}
    parts: Sequence[Part | None]
    method = method_of(examples, kind, asked)
    why = "every class in the same proportion" if by_class else "drawn regardless of the target"
    ties = tie(examples, looks=not are_versions(examples)) if len(examples.times) or len(examples.groups) else None
    if ties is None:
        parts = make_split(examples.digests, labels, seed=asked.seed, stratify=asked.stratify, **fractions)
    elif len(examples.times):
        found = split_by_time(examples.times, ties.units, examples.digests, gap=asked.gap, **fractions)
        parts, reasons = found.parts, found.reasons
        why = "validation is later than training, test later than validation"
        why += f"; {len(reasons)} rows between them, or of groups that go on, are left out" if reasons else ""
    else:
        _require_groups(examples.groups, valid_pct + test_pct)
        joined = _note_of(ties, examples)
        parts = draw_groups(
            ties.units, examples.digests, labels, seed=asked.seed, stratify=asked.stratify, joined=joined, **fractions
        )
        why = "no group on both sides" + ("; every class in proportion as far as groups allow" if by_class else "")
    decision = Decision(value=method, reason=why + (_note_of(ties, examples) if ties else ""))
    return Division(tuple(parts), method, valid_pct, test_pct, decision, reasons)


def _require_groups(groups: Sequence[str], held_out: float) -> None:
    """Raise SplitError where there is nothing to divide by."""
    if held_out and len(set(groups)) == 1:
        raise SplitError(
            f"all {len(groups)} rows are of one group, {readable(groups[0])!r}, so none can be held out; expected "
            "several groups. To fix: name what tells rows apart, or leave group out."
        )


def _note_of(ties: Ties, examples: Examples) -> str:
    verb, noun = alike(examples.kind), examples.noun
    s = "s" if ties.n_joined == 1 else ""
    rows = counted(ties.n_joined, one_of(noun), noun)
    note = f"; {rows} that {verb}{s} the same as one elsewhere stay{s} with it" if ties.n_joined else ""
    if ties.n_not_looked_at:
        note += f"; {ties.n_not_looked_at} more pairs {verb} alike and were not compared"
    return note


def fit_target(
    kind: Kind, names: Sequence[str], values: Sequence[TargetValue], *, input_kind: str = "images"
) -> Target:
    """Describe the target from the values of the training rows; a kind of input may have targets of its own.

    Raises:
        DataError: The training rows give nothing to tell apart.

    Example:
        >>> fit_target("category", ["fruit"], ["pear", "apple"]).vocab
        ('apple', 'pear')
    """
    own = hook(source_kind(input_kind), "fit_target")
    if own is not None and (made := own(names, values)) is not None:
        return made
    name = ", ".join(names)
    if kind == "number":
        return NumberTarget.fit(tuple(names), cast("Sequence[tuple[float, ...]]", values))
    if len(set(values)) < 2:
        raise DataError(
            f"all {len(values)} training rows have the same {name!r}: {readable(str(values[0]))!r}; there is nothing "
            "to tell apart. To fix: add rows of a second class, or choose another target."
        )
    if kind == "categories":
        return CategoriesTarget.fit(name, cast("Sequence[tuple[str, ...]]", values))
    return CategoryTarget.fit(name, cast("Sequence[str]", values))


def leave_out_unknown(
    examples: Examples, parts: Sequence[Part], target: Target
) -> tuple[list[int], tuple[LeftOut, ...]]:
    """Rows that can be judged, and validation or test rows whose class the training set does not have."""
    if isinstance(target, NumberTarget):
        return list(range(len(examples))), ()
    vocab = set(target.vocab)
    kept: list[int] = []
    left_out: list[LeftOut] = []
    unknown: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row, value in enumerate(examples.values):
        strange = sorted(set(labels_of(value)) - vocab)
        if not strange:
            kept.append(row)
            continue
        part = PART_WORDS[parts[row]]
        left_out.append(LeftOut(examples.inputs.name(row), f"class is not in the training set: {strange[0]!r}"))
        for label in strange:
            unknown[part][label] += 1
    for part, counts in unknown.items():
        classes = first_few(f"{label!r} ({n})" for label, n in sorted(counts.items()))
        warn(
            f"{agreeing(len(counts), 'classes', 'are')} in the {part} set but not in the training set: {classes}. "
            f"Their rows are left out. To fix: put examples of them in the training set."
        )
    return kept, tuple(left_out)


def warn_unseen_in_validation(train: Examples, valid: Examples, *, is_given: bool) -> None:
    """Say which classes validation cannot judge; those with one row were named when the split was drawn.

    Where the validation rows are given, `valid_pct` changes nothing.
    """
    seen = {label for value in valid.values for label in labels_of(value)}
    contents: dict[str, set[str]] = defaultdict(set)
    for digest, value in zip(train.digests, train.values, strict=True):
        for label in labels_of(value):
            contents[label].add(digest)
    missing = sorted(label for label, digests in contents.items() if label not in seen and len(digests) > 1)
    if missing and len(valid):
        mend = "to the validation set" if is_given else "of them, or raise valid_pct"
        warn(
            f"{len(missing)} of {len(contents)} classes {does(len(missing), 'have')} no validation row, so "
            "validation says nothing about "
            f"them: {first_few(missing)}. To fix: add {source_kind(train.kind).noun} {mend}."
        )


def warn_same_content(examples: Examples, parts: Sequence[Part] | None) -> None:
    """Say where one content has different targets, or is in several parts of a given split."""
    first: dict[str, int] = {}
    conflicts: list[tuple[int, int]] = []
    leaks: list[tuple[int, int]] = []
    for row, digest in enumerate(examples.digests):
        earlier = first.setdefault(digest, row)
        if examples.values[row] != examples.values[earlier]:
            conflicts.append((earlier, row))
        if parts is not None and parts[row] != parts[earlier]:
            leaks.append((earlier, row))
    noun = source_kind(examples.kind).noun
    if conflicts:
        pair = _pair(examples, conflicts[0], [_said(examples.values[row]) for row in conflicts[0]])
        warn(
            f"{agreeing(len(conflicts), noun, 'have')} the content of another but a different target, and no model "
            "can be right "
            f"about both.\n  first: {pair}{_copies(examples)}\n"
            "  To fix: correct or remove one of each; scores count them as one group."
        )
    if leaks and parts is not None:
        pair = _pair(examples, leaks[0], [PART_WORDS[parts[row]] for row in leaks[0]])
        warn(
            f"{agreeing(len(leaks), noun, 'are')} in more than one part (same content), so the scores will flatter.\n"
            f"  first: {pair}{_copies(examples)}\n  To fix: remove the copies, or let drivetrain draw the split."
        )


def _said(value: TargetValue) -> str:
    """A target as a person reads it: without the brackets of a row of one."""
    return repr(value) if isinstance(value, str) else ", ".join(map(repr, value)) or "no label"


def _copies(examples: Examples) -> str:
    """Folders that repeat others, a line each."""
    if not isinstance(examples.inputs, Files):
        return ""
    noun = source_kind(examples.kind).noun
    lines = folders_that_repeat(examples.inputs.paths, examples.digests, noun=noun)
    return "".join(f"\n  {line}" for line in lines)


def warn_copies(train: Examples, valid: Examples, test: Examples) -> Decision | None:
    """Say where a part lists the same content several times; gives what becomes of it, None without copies."""
    told: list[str] = []
    noun = source_kind(train.kind).noun
    for name, examples in (("validation", valid), ("test", test)):
        n = len(set(examples.digests))
        if n < len(examples):
            told.append(f"{len(examples):,} {name} rows are {n:,} different {noun}")
    again = len(train) - len(set(train.digests))
    folders = _copies(Examples.concat([train, valid, test]))
    if told:
        shown = (examples for examples in (valid, train) if len(set(examples.digests)) < len(examples))
        pair = next(map(_copy_of, shown), "")  # of the sealed rows none is shown
        warn(
            f"{'; '.join(told)} (same content): scores, intervals and n count each {one_of(noun)} once."
            f"{pair}{folders}\n"
            f"  To fix: list each {one_of(noun)} once, or leave it so."
        )
    elif folders:
        said = f"folders hold the same {noun} as others, which so weigh more than once"
        warn(f"{said}:{folders}\n  To fix: remove them.")
    if not told and not again:
        return None
    kept = (
        [f"{agreeing(again, 'training rows', 'are')} copies of others, and weigh as often as they are listed"]
        if again
        else []
    )
    return Decision(value="count once", reason="; ".join([*told, *kept]))


def _copy_of(examples: Examples) -> str:
    """The first row that is the copy of an earlier one."""
    first: dict[str, int] = {}
    earlier, row = next(
        (first[digest], row) for row, digest in enumerate(examples.digests) if first.setdefault(digest, row) != row
    )
    one, other = examples.inputs.name(earlier), examples.inputs.name(row)
    return f"\n  first: {one} is listed twice" if one == other else f"\n  first: {one} = {other}"


def labels_of(value: TargetValue) -> Iterable[str]:
    """The labels in one value; none for numbers.

    Example:
        >>> list(labels_of("pear")), list(labels_of(("red", "round"))), list(labels_of((1.5,)))
        (['pear'], ['red', 'round'], [])
    """
    return (value,) if isinstance(value, str) else (label for label in value if isinstance(label, str))


def require_rows(parts: Sequence[Part], asked: Iterable[Part]) -> None:
    """Raise SplitError where a part that was asked for, or given, has no usable row."""
    for part in asked:
        if part not in parts:
            raise SplitError(
                f"the {PART_WORDS[part]} set has no usable row. To fix: add rows to it, or divide the data "
                "otherwise; where rows were left out, the warnings above say why."
            )


def warn_torn(examples: Examples, given: Sequence[Part], giver: str) -> None:
    """Say where a given split tears groups apart, or validates on what came before training."""
    parts_of: dict[str, set[Part]] = defaultdict(set)
    for group, part in zip(examples.groups, given if len(examples.groups) else (), strict=True):
        parts_of[group].add(part)
    torn = sorted(group for group, parts in parts_of.items() if len(parts) > 1)
    if torn:
        warn(
            f"{len(torn)} of {len(parts_of)} groups {does(len(torn), 'are')} in more than one part of the split "
            f"that {giver} brings, so "
            f"the scores will flatter: {first_few(torn)}. To fix: let drivetrain draw the split by group."
        )
    if len(examples.times):
        of: dict[str, list[float]] = defaultdict(list)
        for time, part in zip(examples.times, given, strict=True):
            of[part].append(time)
        present = [part for part in PARTS if part in of]
        for earlier, later in itertools.pairwise(present):
            if max(of[earlier]) >= min(of[later]):
                warn(
                    f"the {PART_WORDS[later]} set that {giver} brings begins before the {PART_WORDS[earlier]} set "
                    "ends, so the scores may flatter. To fix: let drivetrain draw the split by time."
                )


def _pair(examples: Examples, rows: tuple[int, int], what: Sequence[str]) -> str:
    one, other = (f"{examples.inputs.name(row)} ({note})" for row, note in zip(rows, what, strict=True))
    return f"{one} = {other}"
