"""`texts`: from a table of texts or a folder of text files to checked, divided rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from drivetrain.calls import named
from drivetrain.data.asking import asked_target
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
from drivetrain.errors import SettingError
from drivetrain.settings import flag, refuse, several


@named
def texts(
    source: Source,
    *,
    text: str | Sequence[str] | None = None,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    html: bool = True,
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
    """Texts and what is to be said of them, checked and divided into training, validation and test set.

    Args:
        source: A CSV, TSV, Parquet or JSON-lines file with a column of texts, packed or not; a table in memory of any
            library; a folder with one sub-folder of text files per class (.txt, .md, .rst, .html), or with train/,
            valid/ and test/ that hold such folders; or a table with a column of paths to such files.
        text: Column of the texts; several are read one after the other, with an empty line between. None takes the
            column whose name or cells say so, and tells which.
        target: As of `drivetrain.images`, and so are all that follow.
        path: Column of the paths, where the table names files instead of holding texts.
        html: Whether tags of HTML in the texts are left out and entities read, as a browser does. False: they stay.
        split: Column that says train, valid or test, or a split that was made elsewhere.
        group: What rows belong to; no group is in two parts: a column, "near-duplicates", "folder", a regular
            expression on the path, or a function.
        time: When a text was written.
        gap: Least time between training, validation and test rows.
        valid_pct: Fraction held out for validation.
        test_pct: Fraction held out for the test set.
        seed: Another number draws another split.
        stratify: Divide every class in the same proportion.
        task: What the target is: "category", "multilabel" or "number".
        label_delim: What separates several labels in one cell.
        labels_from: Of a folder: "top" or "leaf", which folders name the classes.
        broken: "leave out" goes on without texts that cannot be used, with a warning; "error" stops.
        review: File of decisions that `drivetrain review` wrote.
        seal: Sealed test sets that somebody else holds.
        retire: A reason to give up, on the record, sealed test sets that this split would train on.
        project: The folder that remembers what is sealed.

    Raises:
        DataError: The source is empty or unclear, no row is usable, or there is nothing to tell apart.
        SplitError: The parts cannot be made as asked.
        SealError: Texts that would be trained or validated on are sealed as test rows.
        SettingError: An argument cannot be used, alone or with this source.

    Example:
        >>> texts("/no/such.csv")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such.csv does not exist; expected a folder of texts or a table file. ...
    """
    columns = asked_texts(text)
    if columns is not None and path is not None:
        raise SettingError(
            f"text={text!r} and path={path!r} are both given; expected one: the column that holds the texts, or the "
            "one that names their files. To fix: leave one of them out."
        )
    named_targets = asked_target(target)
    both = set(columns or ()) & set([named_targets] if isinstance(named_targets, str) else named_targets or ())
    if both:
        refuse("text", text, "other columns than the target", fix=f"To fix: leave {sorted(both)[0]!r} out.")
    options: dict[str, Any] = {"html": flag("html", html)}
    return open_source(
        source,
        "texts",
        options=options,
        columns=columns,
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


def asked_texts(text: object) -> list[str] | None:
    """The columns that hold the text, or None.

    Raises:
        SettingError: They are no names of columns.

    Example:
        >>> asked_texts("question"), asked_texts(("title", "body"))
        (['question'], ['title', 'body'])
    """
    if text is None:
        return None
    expected = "the name of a column, or a list of such names"
    names = several("text", text, expected, single=str)
    if not names or any(not isinstance(name, str) or not name.strip() for name in names):
        refuse("text", text, expected)
    if len(set(names)) < len(names):
        refuse("text", text, "names of different columns")
    return [str(name) for name in names]
