"""Tables that a plan file names."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from drivetrain.decisions.models.table import frame_of
from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.settings import shown
from drivetrain.text import readable


def read(path: Path, name: str, as_text: Collection[str]) -> pd.DataFrame:
    """A table, see `frame_of`.

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
    frame = frame_of(path, name, as_text=as_text)
    names = [str(column) for column in frame.columns]
    for column in as_text:
        if column not in names:
            raise SettingError(
                f"text has {shown(column)}, which is no column of {readable(path)}.{did_you_mean(column, names)} "
                f"Expected one of {first_few(map(readable, names), 12)}. To fix: write one of these."
            )
    return frame
