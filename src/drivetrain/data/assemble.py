"""From a source to `Data`: one way for every kind of input.

A kind's public function (`drivetrain.images`) checks what is its own, and calls `open_source`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from drivetrain.data.asking import asked_by, asked_column, asked_delimiter, asked_target, asked_task
from drivetrain.data.check import LeftOut
from drivetrain.data.data import Data, Sealed
from drivetrain.data.groups.following import following_guess
from drivetrain.data.groups.grouping import Group, Time, check_told, with_groups, with_times
from drivetrain.data.groups.guess import guess_groups, warn_of_torn_groups
from drivetrain.data.kind import checked_options, source_kind
from drivetrain.data.layout import LabelsFrom
from drivetrain.data.listing import Listed, TaskName
from drivetrain.data.rows import Broken, open_rows, placed, reviewed, without_parts
from drivetrain.data.seals.project import Project, ProjectPlace
from drivetrain.data.seals.seal import Seals
from drivetrain.data.seals.sealing import SealFiles, asked_seals, seal_data, undisturbed
from drivetrain.data.sources import Source, read_source
from drivetrain.data.splitting.divide import (
    Division,
    Fractions,
    divide,
    fit_target,
    leave_out_unknown,
    require_rows,
    warn_copies,
    warn_same_content,
    warn_unseen_in_validation,
)
from drivetrain.data.splitting.holding import divide_beside_seals
from drivetrain.data.splitting.split import PARTS, Part, Split, asked_fractions
from drivetrain.data.splitting.split_files import AskedSplit, Brought, read_split
from drivetrain.data.tables.number_targets import look_at_numbers
from drivetrain.data.tables.times import Gap, seconds_of_gap
from drivetrain.errors import SettingError
from drivetrain.runtime.targets import Target
from drivetrain.settings import choice, flag, place, text, whole


@dataclass(frozen=True)
class Asked:
    """How rows that were listed become data."""

    fractions: Fractions
    brought: Brought | None = None
    """A split that the caller brings."""
    group: Group | None = None
    time: Time | None = None
    broken: Broken = "leave out"
    review: str | os.PathLike[str] | None = None
    seal: Sequence[str] = ()
    retire: str | None = None
    project: ProjectPlace = None
    location: str | None = None
    """Absolute path of the source, where it has one."""
    follow_groups: bool = False
    """Whether likely groups that nobody named divide the rows."""


def open_source(
    source: Source,
    kind: str,
    *,
    options: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    span: tuple[str, str] | Literal[False] | None = None,
    split: AskedSplit | None = None,
    group: Group | None = None,
    time: Time | None = None,
    gap: Gap = None,
    valid_pct: float | None = None,
    test_pct: float | None = None,
    seed: int = 42,
    stratify: bool = True,
    task: TaskName | None = None,
    label_delim: str | None = None,
    labels_from: LabelsFrom | None = None,
    broken: Broken = "leave out",
    review: str | os.PathLike[str] | None = None,
    seal: SealFiles = None,
    retire: str | None = None,
    project: ProjectPlace = None,
    follow_groups: bool = False,
) -> Data:
    """Rows of any kind of input and what they show, checked and divided into training, validation and test set.

    Args:
        source: A folder with one sub-folder per class, a table file, or a table in memory.
        kind: Of the input, as in `drivetrain.runtime.kinds`.
        options: How the kind reads its inputs; they go to `check` of its face `source`, and are kept with the data.
        columns: Of a table without files, the columns that the model may see; None takes all that say nothing else.
        target: Target column or columns; None takes the one whose name or place says so.
        path: Column of the paths, of a kind whose rows are files.
        span: Columns that say where in its file a row begins and ends, so that rows are parts of files; None: those of
            a kind that has such rows, by their names; False: rows are whole files.
        split: Column that says train, valid or test; or a split that was made elsewhere.
        group: What rows belong to: a column, "folder", a regular expression on the path, a function of the input, or
            what the kind tells, such as "near-duplicates".
        time: When a row was taken: a column, a regular expression on the path, or a function of the input.
        gap: Least time between training, validation and test rows.
        valid_pct: Fraction held out for validation; None means 0.2, or what the source itself sets apart.
        test_pct: Fraction held out for the test set; likewise.
        seed: Another number draws another split.
        stratify: Divide every class in the same proportion.
        task: What the target is: "category", "multilabel" or "number"; None infers it.
        label_delim: What separates several labels in one cell.
        labels_from: Of a folder: "top" or "leaf", which folders name the classes; None makes out which.
        broken: "leave out" goes on without rows that cannot be used, with a warning; "error" stops.
        review: File of decisions that `drivetrain review` wrote.
        seal: Sealed test sets that somebody else holds.
        retire: A reason to give up, on the record, sealed test sets that this split would train on.
        project: The folder that remembers what is sealed.
        follow_groups: Where no group, time or split is given, divide by groups that are likely, such as speakers, and
            say so; else they are warned of.

    Raises:
        DataError: The source is empty or unclear, no row is usable, or there is nothing to tell apart.
        SplitError: The parts cannot be made as asked.
        SealError: Rows that would be trained or validated on are sealed as test rows, or look like some.
        SettingError: There is no such kind, or an argument cannot be used, alone or with this source.

    Example:
        >>> open_source("/no/such/folder", "images")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such/folder does not exist; expected a folder of pictures or a table file. ...
    """
    options = checked_options(source_kind(kind), options)
    target, path, told = asked_target(target), asked_column("path", path), asked_task(task)
    group, time, label_delim = asked_by("group", group), asked_by("time", time), asked_delimiter(label_delim)
    broken = choice("broken", broken, ("leave out", "error"))
    seed = whole("seed", seed, least=0)
    valid_pct, test_pct = asked_fractions(valid_pct, test_pct)
    labels_from = choice("labels_from", labels_from, (None, "top", "leaf"))
    fractions = Fractions(valid_pct, test_pct, seed, flag("stratify", stratify), _gap(gap, time))
    review = None if review is None else place("review", review)
    seal, retire = asked_seals(seal), None if retire is None else text("retire", retire, what="a reason, in your words")
    Project.find(project)  # says so now if it cannot be one
    split_column, brought = read_split(split)
    listed = read_source(
        source,
        target=target,
        path=path,
        span=span,
        split=split_column,
        kind=told,
        label_delim=label_delim,
        aside=[name for name in (group, time) if isinstance(name, str)],
        own_split=brought is None,
        labels_from=labels_from,
        columns=columns,
        input_kind=kind,
        options=options,
    )
    location = os.path.abspath(source) if isinstance(source, (str, os.PathLike)) else None  # noqa: PTH100 - keeps links
    asked = Asked(fractions, brought, group, time, broken, review, seal, retire, project, location, follow_groups)
    return assemble(listed, asked)


def assemble(listed: Listed, asked: Asked) -> Data:
    """The listed rows opened, grouped, reviewed, divided and sealed; the errors are those of `open_source`."""
    brought = asked.brought
    listed = with_times(with_groups(listed, asked.group), asked.time)
    listed = open_rows(without_parts(listed) if brought else listed, broken=asked.broken)
    check_told(listed.rows, listed.spec.group_by)
    listed = placed(reviewed(listed, asked.review), brought)
    if listed.task == "number":
        numbers = cast("Sequence[tuple[float, ...]]", listed.rows.values)
        seem = look_at_numbers(listed.target_names, numbers)
        listed = listed if seem is None else listed.deciding(numbers=seem)
    warn_same_content(listed.rows, listed.parts)
    if listed.task == "category" and len(set(listed.rows.values)) < 2:
        fit_target(listed.task, listed.target_names, listed.rows.values)  # says so before a split is tried
    require_rows(listed.parts or ("train",), ("train",))
    if brought and brought.stored and not brought.stored.valid:  # it was made without
        fractions = replace(asked.fractions, valid_pct=asked.fractions.valid_pct or 0.0)
        asked = replace(asked, fractions=fractions)
    if asked.follow_groups and asked.group is None and asked.time is None:
        listed = following_guess(listed, asked.fractions)
    seals = Seals(Project.find(asked.project))

    def once() -> Data:
        """Divide by what is sealed now, and seal: to be done anew where another process has sealed in between."""
        version = seals.version()
        rows, parts, task, fractions = listed.rows, listed.parts, listed.task, asked.fractions
        giver, adopted = "the source" if brought is None else "split=", None
        if asked.retire is None:
            found = divide_beside_seals(rows, parts, kind=task, asked=fractions, giver=giver, project=asked.project)
            division, adopted = found.division, found.adopted
        else:
            division = divide(rows, parts, kind=task, asked=fractions, giver=giver)
        data = _data_of(listed, division, asked)
        if adopted is not None:
            data = replace(data, seal=adopted.sealed)
        return seal_data(data, project=asked.project, seal=asked.seal, retire=asked.retire, version=version)

    return undisturbed(seals, once)


def _data_of(listed: Listed, division: Division, asked: Asked) -> Data:
    """The rows in their parts, not yet sealed."""
    listed, parts = _judgeable(listed, division)
    train, valid, test = (listed.rows.subset([i for i, part in enumerate(parts) if part == name]) for name in PARTS)
    warn_unseen_in_validation(train, valid, is_given=listed.parts is not None and "valid" in listed.parts)
    if copies := warn_copies(train, valid, test):
        listed = listed.deciding(copies=copies)
    guessed = guess_groups(listed, parts)
    if guessed and division.method in ("random", "stratified"):
        listed = listed.deciding(**warn_of_torn_groups(guessed))
    return Data(
        train=train,
        valid=valid,
        sealed_test=Sealed(test),
        target=_fitted(listed, parts),
        split=_split_of(listed, parts, division, asked),
        spec=listed.spec,
        source=listed.description,
        location=asked.location,
        report=listed.report,
        decisions={**listed.decisions, "split": division.decision},
        groups_guessed=guessed,
    )


def _judgeable(listed: Listed, division: Division) -> tuple[Listed, list[Part]]:
    """The rows that are in a part and whose class the training rows have, and their parts."""
    inputs = listed.rows.inputs
    listed = listed.without({row: LeftOut(inputs.name(row), why) for row, why in division.reasons.items()})
    parts: list[Part] = [part for part in division.parts if part is not None]
    kept, unknown = leave_out_unknown(listed.rows, parts, _fitted(listed, parts))
    strange = sorted(set(range(len(parts))) - set(kept))
    listed = listed.without(dict(zip(strange, unknown, strict=True)))
    left: list[Part] = [parts[row] for row in kept]
    require_rows(left, set(parts))
    return listed, left


def _fitted(listed: Listed, parts: Sequence[Part]) -> Target:
    """The target, from the training rows alone."""
    trained = [value for value, part in zip(listed.rows.values, parts, strict=True) if part == "train"]
    return fit_target(listed.task, listed.target_names, trained, input_kind=listed.spec.input)


def _split_of(listed: Listed, parts: Sequence[Part], division: Division, asked: Asked) -> Split:
    """The parts by content, and how they came about: as stored, where nothing was drawn anew."""
    stored = asked.brought.stored if asked.brought else None
    if stored is not None and not division.valid_pct and not division.test_pct:
        settings = stored.model_dump(exclude={"train", "valid", "test", "identity"})
        return Split.of(listed.rows.digests, parts, **settings)
    return Split.of(
        listed.rows.digests,
        parts,
        method=division.method,
        seed=asked.fractions.seed,
        valid_pct=division.valid_pct,
        test_pct=division.test_pct,
        group=(listed.spec.group or "a function") if listed.rows.groups else None,
        time=asked.time if asked.time is None or isinstance(asked.time, str) else "a function",
        gap=asked.fractions.gap,
    )


def _gap(gap: Gap, time: Time | None) -> float:
    if gap is not None and time is None:
        raise SettingError(f"gap={gap!r} has no effect without time. To fix: say what tells the time, or leave it out.")
    return seconds_of_gap(gap)
