"""`binaries`: from a folder, a table file or a DataFrame to checked, divided files of any format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from drivetrain.calls import named
from drivetrain.data.assemble import open_source
from drivetrain.data.data import Data
from drivetrain.data.groups.grouping import Group, Time
from drivetrain.data.layout import LabelsFrom
from drivetrain.data.listing import TaskName
from drivetrain.data.rows import Broken
from drivetrain.data.seals.project import ProjectPlace
from drivetrain.data.seals.sealing import SealFiles
from drivetrain.data.sources import Source
from drivetrain.data.splitting.split_files import AskedSplit
from drivetrain.data.tables.times import Gap
from drivetrain.kinds.binaries.timing import with_time_told
from drivetrain.settings import choice, flag, whole


@named
def binaries(
    source: Source,
    *,
    layout: Literal["width", "hilbert"] = "width",
    pieces: int = 1,
    pairs: bool = True,
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
    labels_from: LabelsFrom | None = None,
    broken: Broken = "leave out",
    review: str | os.PathLike[str] | None = None,
    seal: SealFiles = None,
    retire: str | None = None,
    project: ProjectPlace = None,
) -> Data:
    """Files of any format as pictures of their bytes, checked and divided into training, validation and test set.

    For triage and for telling file types and families apart; never the last line against malware: whoever writes a
    file can change its bytes and keep what it does. No file is run, loaded or unpacked; archives are bytes.

    Args:
        source: A folder with one sub-folder per class (every file in it counts, whatever its name ends in), a zip file
            of such a folder, a table file, or a table in memory; as of `drivetrain.images`.
        layout: How bytes become a picture: "width", in rows as long as the size of the file says (Nataraj et al.
            2011); "hilbert", along a Hilbert curve, on which what is appended moves nothing.
        pieces: 1: all of a file in one picture, shrunk by the mean over areas. More: so many pieces of 4,096 bytes,
            spread evenly, one byte for each pixel; the answer is the mean over them.
        pairs: Also draw which byte follows which, wherever in the file: that stays when code is moved.
        target: As of `drivetrain.images`.
        path: Column of the paths; a path may lead into a zip file (``files.zip/1.so``).
        split: As of `drivetrain.images`.
        group: What files belong to; no group is in two parts: a column such as the module, "folder", a regular
            expression on the path, a function of it, or "near-duplicates", files that share most of their bytes.
        time: When a file was made or first seen: validation is later than training, the test set later still. Without
            it a score says how well old files are told apart, not new ones.
        gap: As of `drivetrain.images`.
        valid_pct: Fraction held out for validation; None means 0.2, or what the source itself sets apart.
        test_pct: Fraction held out for the test set; None means 0.2, or what the source itself sets apart.
        seed: Another number draws another split; the same one draws the same rows on any machine.
        stratify: Divide every class in the same proportion (one category per row only).
        task: What the target is: "category", "multilabel" or "number"; None infers it.
        label_delim: What separates several labels in one cell.
        labels_from: Of a folder: "top" or "leaf", which folders name the classes; None makes out which.
        broken: "leave out" goes on without files that cannot be read, with a warning; "error" stops.
        review: File of decisions that `drivetrain review` wrote.
        seal: Sealed test sets that somebody else holds.
        retire: A reason to give up, on the record, sealed test sets that this split would train on.
        project: The folder that remembers what is sealed.

    Raises:
        DataError: The source is empty or unclear, no row is usable, or there is nothing to tell apart.
        SplitError: The parts cannot be made as asked.
        SealError: Files that would be trained or validated on are sealed as test files, or look like some.
        SettingError: An argument cannot be used, alone or with this source.

    Example:
        >>> binaries("/no/such/folder")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such/folder does not exist; expected a folder of files or a table file. ...
    """
    layout = choice("layout", layout, ("width", "hilbert"))
    pieces = whole("pieces", pieces, least=1, most=63)
    pairs = flag("pairs", pairs)
    usual = {"layout": "width", "pieces": 1, "pairs": True}
    given = {"layout": layout, "pieces": pieces, "pairs": pairs}
    asked = {name: value for name, value in given.items() if value != usual[name]}
    data = open_source(
        source,
        "binaries",
        options=asked,
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
    return with_time_told(data)
