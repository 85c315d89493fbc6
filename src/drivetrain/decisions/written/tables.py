"""Tables of files, whose columns of digits are numbers."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from drivetrain.decisions.models.table import frame_of
from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.progress import say
from drivetrain.settings import shown
from drivetrain.text import readable

_NUMBER = r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*"
_CODE = re.compile(r"\s*[+-]?0\d")
"""Digits that begin with a zero: a code, such as that of a post office, in which the zero counts."""


def read(path: Path, name: str, as_text: Collection[str]) -> pd.DataFrame:
    """A table: of its columns of text those become numbers whose every cell is one.

    Args:
        path: CSV or Parquet.
        name: Of the setting, for messages.
        as_text: Columns that stay text.

    Raises:
        DataError: It cannot be read.
        SettingError: There is no such file, or no column of that name.
    """
    if not path.is_file():
        raise SettingError(
            f"{name}={readable(path)} cannot be used: there is no such file; expected a CSV or Parquet file. To fix: "
            "give its path as seen from the plan file."
        )
    frame = frame_of(path, name)
    names = [str(column) for column in frame.columns]
    for column in as_text:
        if column not in names:
            raise SettingError(
                f"text has {shown(column)}, which is no column of {readable(path)}.{did_you_mean(column, names)} "
                f"Expected one of {first_few(map(readable, names), 12)}. To fix: write one of these."
            )
    turned = [column for column in names if column not in as_text and _is_numbers(frame[column])]
    if turned:
        frame = frame.copy()
        for column in turned:
            frame[column] = pd.to_numeric(frame[column])
        said = first_few(map(readable, turned), 8)
        say(f"{readable(path.name)}: read as numbers: {said}. Where one is no number: text = [...]")
    return frame


def _is_numbers(column: pd.Series) -> bool:
    """Whether all cells of a column of text are numbers, and none is a code."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    cells = column.dropna()
    if not len(cells) or not cells.map(lambda cell: isinstance(cell, str)).all():
        return False
    words = cells.astype(str)
    return bool(words.str.fullmatch(_NUMBER).all()) and not bool(words.str.match(_CODE).any())
