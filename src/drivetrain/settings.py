"""The gate for settings: every argument of a public call is checked here, before anything is done with it.

Each check gives back the value in the form that the code works with. A value that means the same in another form
(``"42"``, ``np.int64(3)``, ``8.0`` where a whole number is expected) is taken; anything else is a `SettingError` that
names what was received, what is expected, and how to fix it.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from numbers import Integral, Real
from typing import Any, NoReturn, TypeVar

from drivetrain.errors import SettingError, did_you_mean
from drivetrain.text import readable

Choice = TypeVar("Choice")

SHOWN = 60
"""Letters of a value that a message repeats."""


def whole(name: str, value: Any, *, least: int | None = None, most: int | None = None) -> int:
    """A whole number within bounds.

    Args:
        name: Of the argument, for the message.
        value: What was passed: an integer, or a float or text that is one.
        least: Smallest value allowed.
        most: Largest value allowed.

    Raises:
        SettingError: The value is no whole number, or out of bounds.

    Example:
        >>> whole("seed", "42", least=0)
        42
        >>> whole("batch_size", 8.5, least=1)
        Traceback (most recent call last):
        drivetrain.errors.SettingError: batch_size=8.5 cannot be used: expected a whole number of at least 1.
    """
    expected = "a whole number" + _bounds(least=least, most=most)
    found = _as_float(value)
    exact = int(value) if isinstance(value, Integral | str) and _is_int(value) else None
    if isinstance(value, bool) or found is None or not found.is_integer():
        refuse(name, value, expected)
    result = exact if exact is not None else int(found)
    if (least is not None and result < least) or (most is not None and result > most):
        refuse(name, value, expected)
    return result


def number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> float:
    """A finite number within bounds; `above` and `below` are excluded, `least` and `most` included.

    Raises:
        SettingError: The value is no number, not finite, or out of bounds.

    Example:
        >>> number("dropout", "0.5", least=0, below=1)
        0.5
        >>> number("clip_norm", 0, above=0)
        Traceback (most recent call last):
        drivetrain.errors.SettingError: clip_norm=0 cannot be used: expected a number above 0.
    """
    expected = "a number" + _bounds(above=above, least=least, below=below, most=most)
    found = _as_float(value)
    if isinstance(value, bool) or found is None or not math.isfinite(found):
        refuse(name, value, expected)
    outside = (
        (above is not None and not found > above)
        or (least is not None and not found >= least)
        or (below is not None and not found < below)
        or (most is not None and not found <= most)
    )
    if outside:
        refuse(name, value, expected)
    return found


def choice(name: str, value: Any, known: Collection[Choice]) -> Choice:
    """One of the known values.

    Raises:
        SettingError: The value is none of them.

    Example:
        >>> choice("broken", "eror", ("leave out", "error"))
        Traceback (most recent call last):
        drivetrain.errors.SettingError: broken='eror' cannot be used: expected 'leave out' or 'error'. ...
    """
    for each in known:
        if type(each) is type(value) and each == value:
            return each
    words = [repr(each) for each in known]
    expected = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
    near = did_you_mean(value, [each for each in known if isinstance(each, str)]) if isinstance(value, str) else ""
    return refuse(name, value, expected, fix=near.strip())


def flag(name: str, value: Any) -> bool:
    """True or False; numpy's too, but no other value that Python would take for one.

    Raises:
        SettingError: The value is neither.

    Example:
        >>> flag("stratify", "no")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: stratify='no' cannot be used: expected True or False.
    """
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return bool(value)
    return refuse(name, value, "True or False")


def refuse(name: str, value: Any, expected: str, *, fix: str = "") -> NoReturn:
    """Raise the SettingError of a value: received, expected, how to fix it.

    Example:
        >>> refuse("arch", 3, "the name of an architecture", fix="To fix: pass arch='resnet18'.")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: arch=3 cannot be used: expected the name of an architecture. To fix: ...
    """
    raise SettingError(f"{name}={shown(value)} cannot be used: expected {expected}." + (f" {fix}" if fix else ""))


def shown(value: Any) -> str:
    """A value as a message repeats it: short, in one line, and whatever its `repr` does.

    Example:
        >>> shown("red" * 100)[-4:]
        'dre…'
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - somebody else's code: the message about their value must not fail on it
        text = type(value).__name__
    text = readable(text)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _as_float(value: Any) -> float | None:
    if not isinstance(value, Real | str) and getattr(value, "ndim", None) != 0:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_int(value: Any) -> bool:
    try:
        int(value)
    except (TypeError, ValueError):
        return False
    return True


def _bounds(
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> str:
    if least is not None and most is not None:
        return f" from {least:g} to {most:g}"
    low = f" above {above:g}" if above is not None else f" of at least {least:g}" if least is not None else ""
    high = f" below {below:g}" if below is not None else f" of at most {most:g}" if most is not None else ""
    return f"{low} and{high}" if low and high else low or high
