"""Bytes of a text that is not UTF-8, as somebody in Western Europe or America wrote them."""

from __future__ import annotations

from typing import Literal

LETTERS_OF_WINDOWS = bytes(set(range(0x80, 0xA0)) - {0x81, 0x8D, 0x8F, 0x90, 0x9D})
"""Quotation marks, dashes and the euro in cp1252; control characters, which no text has, in Latin-1."""
NO_LETTERS = b"\x81\x8d\x8f\x90\x9d"
"""Of cp1252."""


def western(content: bytes) -> tuple[str, Literal["cp1252", "latin-1"]]:
    r"""The text, as Windows writes it where any byte says so, else as Latin-1; and which of the two.

    Example:
        >>> western("“naïve”".encode("cp1252")), western("naïve".encode("latin-1"))
        (('“naïve”', 'cp1252'), ('naïve', 'latin-1'))
    """
    if any(byte in LETTERS_OF_WINDOWS for byte in set(content)) and not any(byte in content for byte in NO_LETTERS):
        return content.decode("cp1252"), "cp1252"
    return content.decode("latin-1"), "latin-1"
