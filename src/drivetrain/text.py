"""Names and messages that can be printed, logged and stored anywhere."""

from __future__ import annotations

import os
import re


def readable(name: str | os.PathLike[str]) -> str:
    r"""A file name that can be printed and stored anywhere: one line, valid UTF-8.

    Example:
        >>> readable("two\nlines\udcff")
        'two\\nlines\\xff'
    """
    return "".join(
        letter if letter.isprintable() else f"\\x{ord(letter) - 0xDC00:02x}" if _is_byte(letter) else repr(letter)[1:-1]
        for letter in os.fspath(name)
    )


def _is_byte(letter: str) -> bool:
    """Whether Python put this letter in place of a byte that is not UTF-8."""
    return "\udc80" <= letter <= "\udcff"


def number_text(value: float) -> str:
    """A number for people: four digits that matter, and all those before the decimal point.

    Example:
        >>> number_text(1.23456), number_text(20240131.0), number_text(1_700_000_059.4), number_text(2.5e-9)
        ('1.235', '20240131', '1700000059', '2.5e-09')
    """
    whole = len(f"{abs(value):.0f}") if abs(value) < 1e15 else 0  # NaN and infinity have none, either
    return f"{value:.{max(whole, 4)}g}"


def short_reason(error: BaseException) -> str:
    r"""An exception's message in one line of at most 120 letters.

    Example:
        >>> short_reason(ValueError("too\n many."))
        'too many'
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return readable(re.sub(r"\s+", " ", text)).strip().rstrip(".")[:120] or type(error).__name__
