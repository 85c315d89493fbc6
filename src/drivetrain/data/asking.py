"""The arguments that say how a source is read: checked before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, cast

from drivetrain.data.listing import TASK_NAMES, Kind
from drivetrain.data.notices import warn
from drivetrain.data.splitting.split import Split
from drivetrain.errors import SettingError
from drivetrain.settings import choice, place, refuse, several, shown, text

COLUMN = "the name of a column"


def asked_task(task: Any, kind: Any = None) -> Kind | None:
    """What the target is said to be, as artefacts call it, or None.

    Args:
        task: As people say it; the older word "categories" is understood, with a warning.
        kind: The older name of the argument, with a warning.

    Raises:
        SettingError: It is no task, or both are given.

    Example:
        >>> asked_task("multilabel")
        'categories'
        >>> asked_task("multi")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: task='multi' cannot be used: expected None, 'category', 'multilabel' or ...
    """
    if task is not None and kind is not None:
        raise SettingError(
            f"task={shown(task)} and kind={shown(kind)} are both given; expected task= alone, of which kind= is the "
            "older name. To fix: leave kind= out."
        )
    said = kind if task is None else task
    word = "multilabel" if isinstance(said, str) and said == "categories" else said
    own = choice("task" if kind is None else "kind", word, (None, *TASK_NAMES.values()))
    if kind is not None:
        warn(f"kind= is called task= now, and the old name goes with the next version. To fix: pass task={own!r}.")
    elif word is not said:
        warn(
            "the task 'categories' is called 'multilabel' now, and the old word goes with the next version. "
            "To fix: pass task='multilabel'."
        )
    return next((kind for kind, name in TASK_NAMES.items() if name == own), None)


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
