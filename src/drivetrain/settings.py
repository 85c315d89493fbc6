"""The gate for settings: every argument of a public call is checked here, before anything is done with it.

Each check gives back the value in the form that the code works with. A value that means the same in another form
(``"42"``, ``np.int64(3)``, ``8.0`` where a whole number is expected) is taken; anything else is a `SettingError` that
names what was received, what is expected, and how to fix it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, NoReturn, TypeVar

from drivetrain.errors import SettingError, did_you_mean
from drivetrain.text import readable

Choice = TypeVar("Choice")
Checked = TypeVar("Checked")

LEAST_PERCENT = 10
"""A number from here on may be meant in percent where a share is expected; a smaller one may be meant otherwise."""
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
    exact = int(value) if found is not None and isinstance(value, Integral | str) and _is_int(value) else None
    if found is None or not (exact is not None or found.is_integer()):
        near = None if found is None or not math.isfinite(found) else round(found)
        fits = near is not None and (least is None or near >= least) and (most is None or near <= most)
        refuse(name, value, expected, fix=f"To fix: {name}={near}." if fits else "")
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

    def fits(candidate: float) -> bool:
        return (
            (above is None or candidate > above)
            and (least is None or candidate >= least)
            and (below is None or candidate < below)
            and (most is None or candidate <= most)
        )

    if found is None or not math.isfinite(found) or not fits(found):
        percent = _percent(name, value) if 1 in (below, most) else None
        meant = (
            f"Did you mean {percent:g}? To fix: {name}={percent:g}." if percent is not None and fits(percent) else ""
        )
        refuse(name, value, expected, fix=meant)
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
        if each is value or (isinstance(each, str) and isinstance(value, str) and each == str(value)):
            return each
        if type(each) is type(value) and isinstance(each, int | float) and each == value:
            return each
    words = [repr(each) for each in known]
    expected = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
    texts = [each for each in known if isinstance(each, str)]
    near = did_you_mean(value.casefold(), texts).strip() if isinstance(value, str) else ""
    return refuse(name, value, expected, fix=f"{near} To fix: pass one of them.".strip())


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


def text(name: str, value: Any, *, what: str = "text", empty: bool = False) -> str:
    """Text, and where `empty` does not allow it otherwise some letters of it.

    Args:
        name: Of the argument, for the message.
        value: What was passed.
        what: Is expected, for the message.
        empty: Whether no letters at all are fine.

    Raises:
        SettingError: The value is no text, or blank.

    Example:
        >>> text("title", "Fruit")
        'Fruit'
        >>> text("path", 3, what="the name of a column")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: path=3 cannot be used: expected the name of a column. To fix: ...
    """
    if not isinstance(value, str) or not (empty or value.strip()):
        refuse(name, value, what)
    return str(value)


def place(name: str, value: Any, *, what: str = "a path, as text or pathlib.Path") -> str:
    """A path, as text: what `os.fspath` gives.

    Raises:
        SettingError: The value is no path, or none that a file system knows.

    Example:
        >>> from pathlib import PurePosixPath
        >>> place("path", PurePosixPath("models/fruit.model"))
        'models/fruit.model'
        >>> place("path", 7)
        Traceback (most recent call last):
        drivetrain.errors.SettingError: path=7 cannot be used: expected a path, as text or pathlib.Path. To fix: ...
    """
    if not isinstance(value, str | os.PathLike):
        refuse(name, value, what)
    try:
        path = os.fspath(value)  # pyright: ignore[reportUnknownVariableType] - of anybody's making
    except Exception:  # noqa: BLE001 - somebody else's code
        path = None
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        refuse(name, value, what)
    return path


def instance(
    name: str, value: Any, kind: type[Checked] | tuple[type[Checked], ...], expected: str, *, fix: str = ""
) -> Checked:
    """An object of a class.

    Raises:
        SettingError: It is of another class; the message tells the class itself from an object of it.

    Example:
        >>> instance("gap", 3, int, "a whole number")
        3
        >>> instance("gap", int, int, "a whole number")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: gap=<class 'int'> cannot be used: expected a whole number. ...
    """
    if isinstance(value, kind):
        return value
    if isinstance(value, type) and issubclass(value, kind):
        fix = f"That is the class itself. To fix: pass one of its objects, such as {value.__name__}(...)."
    return refuse(name, value, expected, fix=fix)


def several(name: str, value: Any, expected: str, *, single: type | tuple[type, ...] = ()) -> list[Any]:
    """What was listed, in order; one thing alone is a list of one.

    Args:
        name: Of the argument, for the message.
        value: What was passed: a list, a tuple, an array or anything else that has an order and an end.
        expected: For the message.
        single: Classes whose objects are one thing, though they may be gone through.

    Raises:
        SettingError: It is no list of things.

    Example:
        >>> several("names", ("a", "b"), "names", single=str), several("names", "a", "names", single=str)
        (['a', 'b'], ['a'])
    """
    if single and isinstance(value, single):
        return [value]
    if isinstance(value, str | bytes | Mapping | set | frozenset) or not isinstance(value, Iterable):
        refuse(name, value, expected)
    if getattr(value, "ndim", 1) == 0:  # numpy's and torch's single numbers say that they can be gone through
        refuse(name, value, expected)
    try:
        return list(value)  # pyright: ignore[reportUnknownArgumentType] - anything
    except Exception:  # noqa: BLE001 - somebody else's code
        return refuse(name, value, expected)


def function(name: str, value: Any, expected: str) -> Callable[..., Any]:
    """Something that can be called.

    Raises:
        SettingError: It cannot.
    """
    return value if callable(value) else refuse(name, value, expected)


_PRECISIONS = {
    "fp32": ("32", "32-true", "float32", "float", "single", "no", "full"),
    "bf16": ("bf16-mixed", "bf16-true", "bfloat16"),
    "fp16": ("16", "16-mixed", "16-true", "float16", "half"),
    "int8": ("8", "qint8", "quint8"),
}
"""What other libraries call a precision."""


def precision(value: Any, known: Collection[str]) -> str:
    """The name of a precision, also as torch, PyTorch Lightning and Accelerate write it.

    Raises:
        SettingError: It is none that is known here.

    Example:
        >>> precision("16-mixed", ("auto", "fp32", "bf16", "fp16"))
        'fp16'
    """
    is_dtype = type(value).__module__ == "torch" and type(value).__name__ == "dtype"
    is_number = isinstance(value, int) and not isinstance(value, bool)
    written = str(value).removeprefix("torch.") if isinstance(value, str) or is_dtype or is_number else None
    for name, others in _PRECISIONS.items():
        if name in known and written is not None and written.casefold() in (name, *others):
            return name
    return choice("precision", value, known)


def device(value: Any) -> str:
    """The name of a device, also where it is a number (of a CUDA GPU) or a `torch.device`.

    Raises:
        SettingError: It is no name.

    Example:
        >>> device("cpu"), device(0)
        ('cpu', 'cuda:0')
    """
    expected = "'auto', 'cpu', 'gpu', or a torch device such as 'cuda:0'"
    if type(value).__module__ == "torch" and type(value).__name__ == "device":
        return str(value)
    if isinstance(value, bool):
        refuse("device", value, expected)
    if isinstance(value, Integral):
        return f"cuda:{value}" if int(value) >= 0 else refuse("device", value, expected)
    if isinstance(value, str) and value.strip().isdecimal():
        return f"cuda:{int(value)}"
    return text("device", value, what=expected).strip().casefold()


def refuse(name: str, value: Any, expected: str, *, fix: str = "") -> NoReturn:
    """Raise the SettingError of a value: received, expected, how to fix it.

    Args:
        name: Of the argument.
        value: What was passed.
        expected: What the argument may be, as it ends a sentence.
        fix: How to fix it; a sentence that says so is added where it has none.

    Example:
        >>> refuse("arch", 3, "the name of an architecture", fix="To fix: pass arch='resnet18'.")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: arch=3 cannot be used: expected the name of an architecture. To fix: ...
    """
    if "To fix:" not in fix:
        leave = "" if "[" in name else f", or leave {name} out"
        fix = f"{fix} To fix: pass such a value{leave}.".strip()
    raise SettingError(f"{name}={shown(value)} cannot be used: expected {expected}. {fix}")


def shown(value: Any) -> str:
    """A value as a message repeats it: short, in one line, and whatever its `repr` does.

    Example:
        >>> shown("red" * 100)[-4:]
        'dre…'
    """
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()  # 7, not np.int64(7)
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - somebody else's code: the message about their value must not fail on it
        text = type(value).__name__
    text = readable(text)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _as_float(value: Any) -> float | None:
    """A number, or the text of one, or a single one of numpy or torch; None of truth values and complex numbers."""
    kind = str(getattr(value, "dtype", type(value).__name__))
    if "bool" in kind or "complex" in kind:
        return None
    if not isinstance(value, Real | Decimal | str) and getattr(value, "ndim", None) != 0:
        return None
    try:
        return float(value)
    except Exception:  # noqa: BLE001 - somebody else's code
        return None


def _percent(name: str, value: Any) -> float | None:
    """What "20%" and 20 mean where a share is expected."""
    written = value.strip().removesuffix("%") if isinstance(value, str) else value
    found = _as_float(written)
    least = 2 if name.endswith("_pct") else LEAST_PERCENT
    if found is None or not math.isfinite(found) or (found < least and written is value):
        return None
    return found / 100


def _is_int(value: Any) -> bool:
    try:
        int(value)
    except (TypeError, ValueError, OverflowError):
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
