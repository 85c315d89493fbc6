"""Words of the command line that go through the same gate as the arguments of a call, before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import typer

from drivetrain.cli.spelling import as_typed
from drivetrain.errors import SettingError
from drivetrain.settings import device, number, place, whole

Value = TypeVar("Value")


def checked(check: Callable[[str], Value], name: str) -> Callable[[str], Value]:
    """A parser for an option: what the gate refuses, the command line says of the option.

    Example:
        >>> checked(partial(whole, "epochs", least=1), "epochs")("4")
        4
    """

    def parse(word: str) -> Value:
        try:
            return check(word)
        except SettingError as error:
            raise typer.BadParameter(as_typed(str(error), [name])) from error

    return parse


def whole_of(name: str, *, least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """A parser for a whole number within bounds."""
    return checked(partial(whole, name, least=least, most=most), name)


def number_of(
    name: str,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> Callable[[str], float]:
    """A parser for a number within bounds, see `drivetrain.settings.number`."""
    return checked(partial(number, name, above=above, least=least, below=below, most=most), name)


def path_of(name: str) -> Callable[[str], Path]:
    """A parser for a path; no letters at all, as of a variable that is not set, are none."""
    return checked(lambda word: Path(place(name, word)), name)


def text_path_of(name: str) -> Callable[[str], str]:
    """The same for what stays text."""
    return checked(partial(place, name), name)


DEVICE = checked(device, "device")
"""A parser for the name of a device."""


def seconds_of_budget(budget: str | None, epochs: int | None) -> float | None:
    """The time given, in seconds."""
    if budget is None:
        return None
    if epochs is not None:
        raise typer.BadParameter("--epochs and --budget are both given: choose one.")
    from drivetrain.errors import SettingError  # noqa: PLC0415
    from drivetrain.runtime.times import seconds_of  # noqa: PLC0415

    try:
        return seconds_of(budget)
    except SettingError as error:
        raise typer.BadParameter(str(error), param_hint="--budget") from error
