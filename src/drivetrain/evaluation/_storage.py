"""A table of predictions as one file: plain arrays and a JSON header in a zip, without pickle."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.targets import Array, Target
from drivetrain.text import short_reason

FORMAT = "drivetrain predictions"
VERSION = 1


def write_table(path: Path, header: dict[str, Any], arrays: dict[str, Array]) -> Path:
    """Write through a neighbouring file, so that an interrupted write leaves no half table behind."""
    if path.suffix != ".npz":
        raise SettingError(
            f"{path.name!r} does not end in '.npz', the one format that keeps every bit. To fix: name it "
            f"{path.with_suffix('.npz').name!r}, or use to_frame().to_csv(...) for a table to read."
        )
    # JSON (ASCII) rather than a text array: numpy drops trailing NULs and file names may hold lone surrogates.
    text = json.dumps({"format": FORMAT, "version": VERSION, **header})
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            arrays = {"header": np.frombuffer(text.encode("ascii"), dtype=np.uint8), **arrays}
            np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType] (a name is no `allow_pickle`)
        partial.replace(path)
    except OSError as err:
        raise DataError(f"{path} cannot be written: {short_reason(err)}. To fix: name another place.") from err
    return path


def read_table(path: Path) -> tuple[Target, dict[str, Any], dict[str, Array]]:
    """Target, header and arrays; raises DataError for a file that `write_table` did not write."""
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}. To fix: check the path, or save the predictions first.")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(arrays.pop("header").tobytes())
        if header["format"] != FORMAT or "output" not in arrays:
            raise ValueError("the header is not that of predictions")
        version = header["version"]
        target = TypeAdapter[Target](Target).validate_python(header["target"]) if version == VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError, zipfile.BadZipFile) as err:
        raise DataError(
            f"{path.name!r} is not a table of predictions, or it is damaged ({err}). "
            "To fix: give a file that Predictions.save wrote."
        ) from err
    if target is None:
        raise DataError(
            f"{path.name!r} has format version {version}, and this drivetrain reads version {VERSION}. "
            "To fix: upgrade drivetrain, or save the predictions again."
        )
    return target, header, arrays
