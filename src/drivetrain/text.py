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


def short_reason(error: BaseException) -> str:
    r"""An exception's message in one line of at most 120 letters.

    Example:
        >>> short_reason(ValueError("too\n many."))
        'too many'
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return readable(re.sub(r"\s+", " ", text)).strip().rstrip(".")[:120] or type(error).__name__
