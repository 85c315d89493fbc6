"""Encodings by the names that web pages and messages call them."""

from __future__ import annotations

import codecs

TAKEN = ("utf-8", "utf-16", "utf-32", "ascii", "iso8859", "cp", "koi8", "mac", "gb", "big5", "euc", "shift", "tis")
"""How Python's names of encodings of texts begin; others, such as punycode, are no encodings of a text."""


def known_encoding(said: str) -> str | None:
    """Python's name of an encoding; None where it is none of a text.

    Example:
        >>> known_encoding("Windows-1251"), known_encoding("punycode"), known_encoding("no-such-one")
        ('cp1251', None, None)
    """
    try:
        name = codecs.lookup(said).name
    except (LookupError, ValueError):
        return None
    return name if name.startswith(TAKEN) else None
