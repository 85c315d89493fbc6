"""The arguments that say how a source is read: checked before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, cast, get_args

from drivetrain.data.listing import Kind
from drivetrain.data.splitting.split import Split
from drivetrain.settings import choice, place, refuse, several, text

COLUMN = "the name of a column"


def asked_kind(kind: Any) -> Kind | None:
    """What the target is said to be, or None.

    Raises:
        SettingError: It is no kind of target.
    """
    return choice("kind", kind, (None, *get_args(Kind)))


def asked_target(target: Any) -> str | list[str] | None:
    """The name of a column, or of several.

    Raises:
        SettingError: It is neither.

    Example:
        >>> asked_target(("height", "width"))
        ['height', 'width']
    """
    if target is None or isinstance(target, str):
        return target if target is None else text("target", target, what=COLUMN)
    expected = "the name of a column, or a list of such names"
    names = several("target", target, expected)
    if not names or any(not isinstance(name, str) or not name.strip() for name in names):
        refuse("target", target, expected)
    return [str(name) for name in names]


def asked_column(name: str, value: Any) -> str | None:
    """The name of a column, or None.

    Raises:
        SettingError: It is neither.
    """
    return None if value is None else text(name, value, what=COLUMN)


def asked_delimiter(value: Any) -> str | None:
    """What separates the labels in a cell, or None.

    Raises:
        SettingError: It is neither, or has no letters.
    """
    if value is not None and (not isinstance(value, str) or not value):
        refuse("label_delim", value, "what separates the labels in a cell, such as ';'")
    return value


def asked_split(split: Any) -> Any:
    """A column, a file, a Split, or part → names, or None.

    Raises:
        SettingError: It is none of these.
    """
    if split is None or isinstance(split, Split):
        return split
    if isinstance(split, Mapping):
        for part, names in cast(Mapping[Any, Any], split).items():
            expected = "train, valid or test → a list of names, or a text file with one name a line"
            if not isinstance(part, str):
                refuse("split", split, expected)
            several(f"split[{part!r}]", names, expected, single=(str, os.PathLike))
        return split
    expected = "a column, a .json file, a Split, or part → names"
    if isinstance(split, str | os.PathLike):
        return split if isinstance(split, str) and split.strip() else place("split", split, what=expected)
    return refuse("split", split, expected)


def asked_by(name: str, value: Any) -> str | Callable[..., object] | None:
    """What groups or dates rows: a column, a regular expression or a function, or None.

    Raises:
        SettingError: It is none of these.
    """
    if value is None or callable(value) or (isinstance(value, str) and value.strip()):
        return value
    return refuse(name, value, "the name of a column, a regular expression with a (group), or a function of the path")
