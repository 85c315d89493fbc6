"""`images`: from a folder, a table file or a DataFrame to checked, divided pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from drivetrain.calls import named
from drivetrain.data.asking import asked_by, asked_column, asked_delimiter, asked_kind, asked_target
from drivetrain.data.check import LeftOut
from drivetrain.data.data import Data, Sealed
from drivetrain.data.divide import (
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
from drivetrain.data.grouping import Group, Time, check_told, with_groups, with_times
from drivetrain.data.groups import guess_groups, warn_of_torn_groups
from drivetrain.data.holding import divide_beside_seals
from drivetrain.data.layout import LabelsFrom
from drivetrain.data.listing import Kind
from drivetrain.data.number_targets import look_at_numbers
from drivetrain.data.project import Project, ProjectPlace
from drivetrain.data.rows import Broken, Rows, open_rows, placed, reviewed, without_parts
from drivetrain.data.seal import Seals
from drivetrain.data.sealing import SealFiles, asked_seals, seal_data, undisturbed
from drivetrain.data.sources import Source, read_source
from drivetrain.data.split import PARTS, Part, Split, asked_fractions
from drivetrain.data.split_files import AskedSplit, read_split
from drivetrain.data.times import Gap, seconds_of_gap
from drivetrain.errors import SettingError
from drivetrain.runtime.targets import Target
from drivetrain.settings import choice, flag, place, text, whole
from drivetrain.text import readable


@named
def images(
    source: Source,
    *,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    split: AskedSplit | None = None,
    group: Group | None = None,
    time: Time | None = None,
    gap: Gap = None,
    valid_pct: float | None = None,
    test_pct: float | None = None,
    seed: int = 42,
    stratify: bool = True,
    kind: Kind | None = None,
    label_delim: str | None = None,
    channels: int = 3,
    labels_from: LabelsFrom | None = None,
    broken: Broken = "leave out",
    review: str | os.PathLike[str] | None = None,
    seal: SealFiles = None,
    retire: str | None = None,
    project: ProjectPlace = None,
) -> Data:
    """Pictures and what they show, checked and divided into training, validation and test set.

    Args:
        source: A folder with one sub-folder per class, or with train/, valid/ and test/ that hold such folders; a
            CSV, TSV or Parquet file; or a table in memory: a DataFrame of any library, an Arrow table, a dict of
            lists, a list of dicts or of (path, label) pairs. Paths in a table are absolute or start at the table's
            folder (of a table in memory: at the working directory); where they lead nowhere, one rule for all rows
            is looked for that finds most files, and told.
        target: Target column or columns; None takes one called label, target, class, ..., or the only one left.
            Several columns of yes and no (0/1, True/False, ...) are labels named by column.
        path: Column of the paths; None takes one called path, file, image, ..., or the one that looks like it.
        split: Column that says train, valid or test; None takes one called split, set, ... if all its cells do, or
            columns of yes and no called is_valid, is_test, train, ... Or a split that was made elsewhere: a `.json`
            file that `data.split.save` wrote, or part → list of names, or part → text file with one name a line. Rows
            that such a split does not know are left out with a warning; without a list for training, what is in no
            list trains.
        group: What rows belong to; no group is in two parts. A column of a table; "folder", the folder a picture is
            in; a regular expression, whose first (group) is looked for in the path inside the source, without suffix;
            a function of the path; or what the pictures tell: "near-duplicates", "camera" or "day" (from EXIF).
        time: When a row was taken, as a date or a number: a column, a regular expression, or a function of the path.
            Validation is later than training, the test set later than validation. With `group`, a group belongs to
            the part of its latest row, and its rows in earlier parts are left out.
        gap: Least time between training, validation and test rows, such as "7d", a timedelta, or a number in the
            unit of `time`; what lies between is left out.
        valid_pct: Fraction held out for validation; None means 0.2, or what the source itself sets apart.
        test_pct: Fraction held out for the test set; None means 0.2, or what the source itself sets apart.
        seed: Another number draws another split; the same one draws the same rows on any machine.
        stratify: Divide every class in the same proportion (one category per row only).
        kind: What the target is; None infers it from whole columns and records why. Labels stay as they are written.
        label_delim: What separates several labels in one cell, such as ";"; None finds signs whose parts recur.
        channels: 1 grey, 3 colour, 4 colour with transparency; other numbers need `.npy` files.
        labels_from: Of a folder: "top", the outermost folder names the class (below train/, valid/, test/ where there
            are such); "leaf", the folder that a picture is in does; None makes out which, and warns where it is not
            clear.
        broken: "leave out" goes on without files that cannot be read, with a warning; "error" stops.
        review: File of decisions that `drivetrain review` wrote: rows to remove or to relabel, before the split.
        seal: Sealed test sets that somebody else holds (files of `drivetrain seals export`): none of their pictures
            may be in the training or validation set.
        retire: A reason to give up, on the record, sealed test sets that this split would train on; without one they
            stay test sets, whatever seed, fraction or target is asked for, once a trial has used them.
        project: The folder that remembers what is sealed; None takes what DRIVETRAIN_PROJECT says, or `.drivetrain`.

    Raises:
        DataError: The source is empty or unclear, no row is usable, or there is nothing to tell apart.
        SplitError: The parts cannot be made as asked.
        SealError: Pictures that would be trained or validated on are sealed as test pictures, or look like some.
        SettingError: An argument cannot be used, alone or with this source.

    Example:
        >>> images("/no/such/folder")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such/folder does not exist; expected a folder of pictures or a table file.
    """
    target, path, kind = asked_target(target), asked_column("path", path), asked_kind(kind)
    group, time, label_delim = asked_by("group", group), asked_by("time", time), asked_delimiter(label_delim)
    broken = choice("broken", broken, ("leave out", "error"))
    channels, seed = whole("channels", channels, least=1), whole("seed", seed, least=0)
    valid_pct, test_pct = asked_fractions(valid_pct, test_pct)
    labels_from = choice("labels_from", labels_from, (None, "top", "leaf"))
    asked = Fractions(valid_pct, test_pct, seed, flag("stratify", stratify), _gap(gap, time))
    review = None if review is None else place("review", review)
    seal, retire = asked_seals(seal), None if retire is None else text("retire", retire, what="a reason, in your words")
    Project.find(project)  # says so now if it cannot be one
    split_column, brought = read_split(split)
    listed = read_source(
        source,
        target=target,
        path=path,
        split=split_column,
        kind=kind,
        label_delim=label_delim,
        aside=[name for name in (group, time) if isinstance(name, str)],
        own_split=brought is None,
        labels_from=labels_from,
    )
    listed = with_times(with_groups(listed, group), time)
    rows = open_rows(without_parts(listed) if brought else listed, channels=channels, broken=broken)
    check_told(rows.examples, rows.listed.spec.group_by)
    rows = placed(reviewed(rows, review), brought)
    if rows.kind == "number":
        numbers = cast("Sequence[tuple[float, ...]]", rows.examples.values)
        seem = look_at_numbers(rows.listed.target_names, numbers)
        rows = rows if seem is None else rows.deciding(numbers=seem)
    warn_same_content(rows.examples, rows.given)
    if rows.kind == "category" and len(set(rows.examples.values)) < 2:
        fit_target(rows.kind, rows.listed.target_names, rows.examples.values)  # says so before a split is tried
    require_rows(rows.given or ("train",), ("train",))
    stored = brought.stored if brought else None
    if stored and not stored.valid:
        asked = replace(asked, valid_pct=valid_pct or 0.0)  # it was made without
    giver = "the source" if brought is None else "split="
    seals = Seals(Project.find(project))

    def once() -> Data:
        """Divide by what is sealed now, and seal: to be done anew where another process has sealed in between."""
        version = seals.version()
        adopted = None
        if retire is None:
            found = divide_beside_seals(
                rows.examples, rows.given, kind=rows.kind, asked=asked, giver=giver, project=project
            )
            division, adopted = found.division, found.adopted
        else:
            division = divide(rows.examples, rows.given, kind=rows.kind, asked=asked, giver=giver)
        data = _data_of(rows, division, asked=asked, stored=stored, time=time, source=source, channels=channels)
        if adopted is not None:
            data = replace(data, seal=adopted.sealed)
        return seal_data(data, project=project, seal=seal, retire=retire, version=version)

    return undisturbed(seals, once)


def _data_of(
    rows: Rows,
    division: Division,
    *,
    asked: Fractions,
    stored: Split | None,
    time: Time | None,
    source: Source,
    channels: int,
) -> Data:
    """The rows in their parts, not yet sealed."""
    rows, parts = _judgeable(rows, division)
    train, valid, test = (rows.examples.subset([i for i, part in enumerate(parts) if part == name]) for name in PARTS)
    warn_unseen_in_validation(train, valid, is_given=rows.given is not None and "valid" in rows.given)
    if copies := warn_copies(train, valid, test):
        rows = rows.deciding(copies=copies)
    guessed = guess_groups(rows.listed, rows.examples, parts)
    if guessed and division.method in ("random", "stratified"):
        rows = rows.deciding(**warn_of_torn_groups(guessed))
    return Data(
        train=train,
        valid=valid,
        sealed_test=Sealed(test),
        target=_fitted(rows, parts),
        split=_split_of(rows, parts, division, stored=stored, asked=asked, time=time),
        spec=rows.listed.spec,
        source=rows.listed.description,
        location=os.path.abspath(source) if isinstance(source, (str, os.PathLike)) else None,  # noqa: PTH100 - keeps links
        channels=channels,
        report=rows.report,
        decisions={**rows.listed.decisions, "split": division.decision},
        groups_guessed=guessed,
    )


def _judgeable(rows: Rows, division: Division) -> tuple[Rows, list[Part]]:
    """The rows that are in a part and whose class the training rows have, and their parts."""
    paths = rows.examples.paths
    rows = rows.without({row: LeftOut(readable(paths[row]), why) for row, why in division.reasons.items()})
    parts: list[Part] = [part for part in division.parts if part is not None]
    kept, unknown = leave_out_unknown(rows.examples, parts, _fitted(rows, parts))
    strange = sorted(set(range(len(parts))) - set(kept))
    rows = rows.without(dict(zip(strange, unknown, strict=True)))
    left: list[Part] = [parts[row] for row in kept]
    require_rows(left, set(parts))
    return rows, left


def _fitted(rows: Rows, parts: Sequence[Part]) -> Target:
    """The target, from the training rows alone."""
    trained = [value for value, part in zip(rows.examples.values, parts, strict=True) if part == "train"]
    return fit_target(rows.kind, rows.listed.target_names, trained)


def _split_of(
    rows: Rows, parts: Sequence[Part], division: Division, *, stored: Split | None, asked: Fractions, time: Time | None
) -> Split:
    """The parts by content, and how they came about: as stored, where nothing was drawn anew."""
    if stored is not None and not division.valid_pct and not division.test_pct:
        settings = stored.model_dump(exclude={"train", "valid", "test", "identity"})
        return Split.of(rows.examples.digests, parts, **settings)
    spec = rows.listed.spec
    return Split.of(
        rows.examples.digests,
        parts,
        method=division.method,
        seed=asked.seed,
        valid_pct=division.valid_pct,
        test_pct=division.test_pct,
        group=(spec.group or "a function") if rows.examples.groups else None,
        time=time if time is None or isinstance(time, str) else "a function",
        gap=asked.gap,
    )


def _gap(gap: Gap, time: Time | None) -> float:
    if gap is not None and time is None:
        raise SettingError(f"gap={gap!r} has no effect without time. To fix: say what tells the time, or leave it out.")
    return seconds_of_gap(gap)
