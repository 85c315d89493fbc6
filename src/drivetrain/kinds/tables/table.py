"""`table`: from a table file or a table in memory to checked, divided rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from drivetrain.calls import named
from drivetrain.data.assemble import open_source
from drivetrain.data.data import Data
from drivetrain.data.groups.grouping import Group, Time
from drivetrain.data.listing import TaskName
from drivetrain.data.rows import Broken
from drivetrain.data.seals.project import ProjectPlace
from drivetrain.data.seals.sealing import SealFiles
from drivetrain.data.sources import Source
from drivetrain.data.splitting.split_files import AskedSplit
from drivetrain.data.tables.times import Gap
from drivetrain.settings import refuse


@named
def table(
    source: Source,
    *,
    target: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    types: Mapping[str, Any] | None = None,
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
    broken: Broken = "leave out",
    review: str | os.PathLike[str] | None = None,
    seal: SealFiles = None,
    retire: str | None = None,
    project: ProjectPlace = None,
) -> Data:
    """Rows of a table and what is to be said of them, checked and divided into training, validation and test set.

    Args:
        source: A CSV, TSV, JSON-lines or Parquet file, packed (`.csv.gz`, a `.zip` of one) or not; or a table in
            memory: a DataFrame of any library, an Arrow table, a dict of lists or a list of dicts; or the cursor of a
            database with the rows of a query, such as `sqlite3.connect("shop.db").execute("SELECT …")`.
        target: As of `drivetrain.images`.
        columns: The columns that the model may see; None takes all that say nothing else.
        types: Column → "number", "category", "ordered", "date", "text" or "left out"; or the values of an ordered
            column, from low to high. What is not named is inferred, and told with its reason. "01" is a name, and so
            are whole numbers in a column whose name says so (zip, id, code).
        split: As of `drivetrain.images`.
        group: What rows belong to; no group is in two parts: a column, or a function of the row.
        time: When a row came about: a column, or a function of the row.
        gap: As of `drivetrain.images`.
        valid_pct: Fraction held out for validation; None means 0.2, or what the source itself sets apart.
        test_pct: Fraction held out for the test set; None means 0.2, or what the source itself sets apart.
        seed: Another number draws another split; the same one draws the same rows on any machine.
        stratify: Divide every class in the same proportion (one category per row only).
        task: What the target is: "category", "multilabel" or "number"; None infers it.
        label_delim: What separates several labels in one cell.
        broken: "leave out" goes on without rows that cannot be used, with a warning; "error" stops.
        review: File of decisions that `drivetrain review` wrote.
        seal: Sealed test sets that somebody else holds.
        retire: A reason to give up, on the record, sealed test sets that this split would train on.
        project: The folder that remembers what is sealed.

    Raises:
        DataError: The source is empty or unclear, no row is usable, or there is nothing to tell apart.
        SplitError: The parts cannot be made as asked.
        SealError: Rows that would be trained or validated on are sealed as test rows.
        SettingError: An argument cannot be used, alone or with this source.

    Example:
        >>> table("/no/such.csv")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such.csv does not exist; expected a table file. ...
    """
    if types is not None and not isinstance(types, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        refuse("types", types, "a mapping of columns to types", fix='To fix: pass such as {"zip": "category"}.')
    told: dict[str, Any] = {"stated": stated} if (stated := _stated(source)) else {}
    return open_source(
        source,
        "table",
        options=told if types is None else {**told, "types": dict(types)},
        columns=columns,
        target=target,
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
        broken=broken,
        review=review,
        seal=seal,
        retire=retire,
        project=project,
    )


def _stated(source: Any) -> dict[str, list[Any]]:
    """Columns of a DataFrame of pandas that are categories → their order, where they have one."""
    types = getattr(source, "dtypes", None)
    if types is None or not hasattr(types, "items"):
        return {}
    return {
        str(name): list(each.categories) if each.ordered else []
        for name, each in types.items()
        if hasattr(each, "categories") and hasattr(each, "ordered")
    }
