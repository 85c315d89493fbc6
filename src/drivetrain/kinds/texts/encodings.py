"""Bytes of somebody's file as text: in which encoding they are written, and why it is taken for that."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from drivetrain.errors import InputError
from drivetrain.runtime.files.charsets import known_encoding
from drivetrain.runtime.files.western import western

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ANNOUNCED = re.compile(
    rb"""<(?:meta\b[^>]{0,200}?\bcharset|\?xml\b[^>]{0,200}?\bencoding)\s*=\s*["']?([\w.:+-]{1,40})""", re.I
)
"""Where a page or XML says its encoding."""
ANNOUNCED_WITHIN = 1024
"""Bytes, as browsers have it."""
LOOKED_AT = 1 << 16
"""Bytes that say whether a file without a mark is UTF-16."""
MOST_NUL = 0.3
"""Of the bytes at odd or even places: from here on every second byte of a text in Latin letters as UTF-16."""


class Decoded(NamedTuple):
    """A text, and the encoding that its bytes were read in."""

    text: str
    encoding: str
    guessed: bool
    """Whether the bytes say no such thing themselves, so that letters may be wrong."""


def decoded(content: bytes) -> Decoded:
    r"""The text of some bytes.

    UTF-8, UTF-16 and UTF-32 say what they are, by their mark or because hardly any other bytes are valid. Of a page of
    HTML or XML that is none of these, what it announces is taken, where its bytes are that. Anything else is read as
    Windows' Western European (cp1252), or as Latin-1 where it has bytes that cp1252 does not know.

    Raises:
        InputError: They are no text: they have NUL bytes, or a mark that is not theirs.

    Example:
        >>> decoded("“naïve”".encode("cp1252")), decoded("\ufeffnaïve".encode("utf-16-le")).encoding
        (Decoded(text='“naïve”', encoding='cp1252', guessed=True), 'utf-16')
    """
    for mark, encoding in MARKS:
        if content.startswith(mark):
            try:
                return Decoded(content.decode(encoding), encoding.removesuffix("-sig"), False)
            except UnicodeDecodeError as error:
                if encoding == "utf-8-sig":
                    break
                raise _refused(f"the bytes begin like {encoding.upper()} but are not ({error.reason})") from error
    if b"\0" in content:
        return Decoded(_wide(content), "utf-16", True)
    try:
        return Decoded(content.decode("utf-8"), "utf-8", False)
    except UnicodeDecodeError:
        pass
    if said := _announced(content):
        try:
            return Decoded(content.decode(said), said, False)
        except UnicodeDecodeError:  # it announces what it is not
            pass
    text, encoding = western(content)
    return Decoded(text, encoding, True)


def _announced(content: bytes) -> str | None:
    """What a page says of itself in its first bytes; in UTF-16 it could not be read there."""
    found = ANNOUNCED.search(content[:ANNOUNCED_WITHIN])
    said = None if found is None else known_encoding(found[1].decode())
    return None if said is None or said.startswith(("utf-16", "utf-32")) else said


def _wide(content: bytes) -> str:
    """Bytes with NULs as UTF-16 without a mark, where every second one is NUL."""
    part = content[: LOOKED_AT & ~1]
    n = max(1, len(part) // 2)
    even, odd = part[0::2].count(0) / n, part[1::2].count(0) / n
    for name, nul, other in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if nul >= MOST_NUL and other < nul / 8 and len(content) % 2 == 0:
            try:
                return content.decode(name)
            except UnicodeDecodeError:
                break
    raise _refused("it has NUL bytes, as programs, pictures and archives have")


def _refused(what: str) -> InputError:
    return InputError(
        f"not a text: {what}; expected text in UTF-8, UTF-16 or a Western European encoding. To fix: save it as text "
        "in UTF-8."
    )
