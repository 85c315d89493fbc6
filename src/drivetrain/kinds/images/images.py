"""`images`: from a folder, a table file or a DataFrame to checked, divided pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence

from drivetrain.calls import named
from drivetrain.data.asking import asked_task
from drivetrain.data.assemble import open_source
from drivetrain.data.data import Data
from drivetrain.data.groups.grouping import Group, Time
from drivetrain.data.layout import LabelsFrom
from drivetrain.data.listing import TASK_NAMES, TaskName
from drivetrain.data.rows import Broken
from drivetrain.data.seals.project import ProjectPlace
from drivetrain.data.seals.sealing import SealFiles
from drivetrain.data.sources import Source
from drivetrain.data.splitting.split_files import AskedSplit
from drivetrain.data.tables.times import Gap
from drivetrain.settings import whole


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
    task: TaskName | None = None,
    label_delim: str | None = None,
    channels: int = 3,
    labels_from: LabelsFrom | None = None,
    broken: Broken = "leave out",
    review: str | os.PathLike[str] | None = None,
    seal: SealFiles = None,
    retire: str | None = None,
    project: ProjectPlace = None,
    kind: str | None = None,
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
        task: What the target is: "category", one label per row; "multilabel", any number of labels; "number", one
            or more numbers. None infers it from whole columns and records why. Labels stay as they are written.
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
        kind: The older name of `task`, which goes with the next version.

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
    if kind is not None:
        said = asked_task(task, kind)
        task = None if said is None else TASK_NAMES[said]
    return open_source(
        source,
        "images",
        options={"channels": whole("channels", channels, least=1)},
        target=target,
        path=path,
        split=split,
        group=group,
        time=time,
        gap=gap,
        valid_pct=valid_pct,
        test_pct=test_pct,
        seed=seed,
        stratify=stratify,
        task=task,
        label_delim=label_delim,
        labels_from=labels_from,
        broken=broken,
        review=review,
        seal=seal,
        retire=retire,
        project=project,
    )
