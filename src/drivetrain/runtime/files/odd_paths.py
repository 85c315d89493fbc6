"""What is wrong with a path that cannot be read as a picture: a pattern, a web address, a folder, a table, ..."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, cast

from drivetrain.errors import SettingError
from drivetrain.runtime.pictures.faults import MENDS, UnreadableError
from drivetrain.settings import shown
from drivetrain.text import counted, readable

TABLES = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".json", ".jsonl")
LONGEST_PATH = 4096
MOST_COUNTED = 1000

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/{1,3}")
_MAGIC = re.compile(r"[*?\[]")


def mend(source: Any, fault: UnreadableError) -> tuple[str, str]:
    """The reason why a picture cannot be read, and what to do; a path that is no file is looked at closely.

    Example:
        >>> mend("https://a.org/b.jpg", UnreadableError("file is missing"))[0]
        'it is a web address, and nothing is fetched'
    """
    reason = str(fault)
    group = reason.split(":", maxsplit=1)[0]
    if isinstance(source, str | os.PathLike):
        path = os.fsdecode(cast("str | os.PathLike[str]", source))
        listed = group == "cannot be opened" and os.path.isdir(path)  # noqa: PTH112 - Path's raises for long names
        odd = _odd(path) if group in ("file is missing", "not a file", "cannot be opened") and not listed else None
        if odd is not None:
            return odd
        if Path(path).suffix.lower() in TABLES:
            return f"{reason}; its name is that of a table", "in Python pass its column of paths to predict_many"
        near = _nearly(Path(path)) if group == "file is missing" else None
        if near is not None:
            return reason, f"check the path; {readable(near)} is there"
    return reason, MENDS.get(group, "open it in a viewer and save it again as JPEG or PNG, or leave it out")


def check_whole_path(path: str | os.PathLike[str]) -> None:
    """Refuse a text that names neither one picture nor a folder, where it is all that was given.

    Raises:
        SettingError: It is a pattern, an address, a table, ...
    """
    text = os.fsdecode(path)
    if os.path.isfile(text) and Path(text).suffix.lower() in TABLES:  # noqa: PTH113 - Path's raises for long names
        raise SettingError(
            f"{readable(text)} is a table, not a picture. To fix: read it, and pass its column of paths, such as "
            "pandas.read_csv(...)['path']."
        )
    odd = None if os.path.exists(text) else _odd(text)  # noqa: PTH110
    if odd is not None:
        raise SettingError(f"{shown(text)} is no picture and no folder: {odd[0]}. To fix: {odd[1]}.")


def _odd(path: str) -> tuple[str, str] | None:
    """Reason and mend of a text that is no path of one file; None where nothing is odd about it."""
    kinds: tuple[tuple[Callable[[str], object], str, str], ...] = (
        (lambda text: not text.strip(), "the path is empty", "give the path of a picture"),
        (lambda text: text == "-", "standard input is not read", "write it into a file first, and give that"),
        (_is_text, "it is a long text and no path", "if it is base64, pass base64.b64decode(text)"),
        (lambda text: text.startswith("file:"), "it is an address and no path", "give the path, without file://"),
        (_ADDRESS.match, "it is a web address, and nothing is fetched", "download it, and give the file"),
        (os.path.isdir, "not a file: it is a folder", "pass it to predict_many, which takes all pictures below it"),
        (_is_home, "file is missing; ~ is not replaced here", "pass os.path.expanduser(path)"),
    )
    for fits, reason, fix in kinds:
        if fits(path):
            return reason, fix
    return _pattern(path) if _MAGIC.search(path) else None


def _nearly(path: Path) -> Path | None:
    """A file beside it whose name differs in the suffix or in capital letters alone."""
    try:
        with os.scandir(path.parent) as beside:
            names = [entry.name for entry in islice(beside, MOST_COUNTED)]
    except (OSError, ValueError):
        return None
    name = path.name.casefold()
    same = [found for found in names if found.casefold() == name] or [
        found for found in names if _stem(found) in (name, _stem(name))
    ]
    return path.with_name(same[0]) if len(same) == 1 else None


def _stem(name: str) -> str:
    return Path(name).stem.casefold()


def _is_text(text: str) -> bool:
    return text.startswith("data:") or len(text) > LONGEST_PATH


def _is_home(path: str) -> bool:
    home = os.path.expanduser(path)  # noqa: PTH111
    return home != path and os.path.exists(home)  # noqa: PTH110


def _pattern(path: str) -> tuple[str, str]:
    """A path with ``*``: how many files it fits."""
    folder, name = os.path.split(path)
    try:
        n = sum(1 for _ in islice(Path(folder).glob(name), MOST_COUNTED))
    except (ValueError, OSError, NotImplementedError):
        n = 0
    if n == 0:
        return "file is missing, and as a pattern it fits no file", "check it"
    fits = f"{n:,} or more files" if n == MOST_COUNTED else counted(n, "file")
    return f"it is a pattern, which fits {fits}", "pass glob.glob(pattern) to predict_many"
