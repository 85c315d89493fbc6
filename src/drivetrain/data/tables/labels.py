"""Names of classes, labels and columns in one spelling, and a word where two of them are nearly the same."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from drivetrain.data.notices import warn
from drivetrain.errors import first_few
from drivetrain.names import near_equal
from drivetrain.text import counted, does, one_of

INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
"""Letters that nobody sees: soft hyphen, zero-width space, word joiner, mark."""
AT_ENDS = "\u200c\u200d\u200e\u200f"
"""Joiners and marks of direction: inside a word they have a meaning, in Persian, in Arabic or in an emoji."""
BLANKS = re.compile("[^\\S\n\r]")


def tidy(text: str) -> str:
    r"""A name in its one spelling: composed (NFC), no invisible letters, every blank a plain one, none at the ends.

    Example:
        >>> tidy("cafe\u0301"), tidy("\u200bpear\u00a0"), tidy("no\u00a0label")
        ('café', 'pear', 'no label')
    """
    if text.isascii():
        return text.strip()
    text = BLANKS.sub(" ", text.translate(INVISIBLE))
    return unicodedata.normalize("NFC", text.strip(f" \n\r\t{AT_ENDS}"))


def label_text(cell: Any) -> str:
    r"""A label as tidy and valid text; 3 and 3.0 are both "3".

    Example:
        >>> label_text(3.0), label_text(" pear "), label_text("a\udcff")
        ('3', 'pear', 'a\\xff')
    """
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = tidy(str(cell))
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode().replace("\\udc", "\\x")


def warn_of_spellings(written: Iterable[str], where: str) -> None:
    r"""Say which names were written in several ways that `tidy` makes one, or have letters that nobody sees.

    Args:
        written: Every name as it was written, once per row.
        where: What they are, for the message.

    Example:
        >>> warn_of_spellings(["cat", "cat"], "labels in 'class'")
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for name in written:
        found[tidy(name)][name] += 1
    several = {name: ways for name, ways in found.items() if len(ways) > 1 or any(_has_unseen(way) for way in ways)}
    if several:
        said = (
            f"{name!r} ({', '.join(f'{way!a} {_times(n)}' for way, n in ways.most_common(4))})"
            for name, ways in several.items()
        )
        noun, blank, rest = where.partition(" ")
        n = len(several)
        warn(
            f"{counted(n, one_of(noun), noun)}{blank}{rest} {does(n, 'are')} written with blanks at an end, with "
            "letters that nobody sees, or in composed "
            f"and decomposed letters; each is taken as one name: {first_few(said, most=4)}. "
            "To fix: write each in one way."
        )


def _times(n: int) -> str:
    return counted(n, "time")


def warn_of_near_names(counts: Counter[str], where: str) -> None:
    """Say which names differ by case, blanks, ligatures or letters that look the same, and so may be meant to be one.

    Example:
        >>> warn_of_near_names(Counter(cat=3, dog=2), "labels in 'class'")
    """
    sets = [sorted(names, key=lambda name: -counts[name]) for names in near_equal(counts)]
    noun, blank, rest = where.partition(" ")
    if n := len(sets):
        said = (" and ".join(f"{name!r} ({counts[name]})" for name in names[:4]) for names in sets)
        warn(
            f"{counted(n, one_of(noun), noun)}{blank}{rest} {does(n, 'have')} nearly the same name as another and "
            f"{does(n, 'stay')} apart: {first_few(said, most=4)}. "
            "To fix: write them alike if they are one; if they are not, go on."
        )


def same_name(asked: str, known: Iterable[str]) -> str | None:
    """The known name that `asked` means: itself, else the only one with the same tidy spelling.

    Example:
        >>> same_name("cafe\u0301", ["café", "tea"]), same_name("tee", ["tea"])
        ('café', None)
    """
    known = list(known)
    if asked in known:
        return asked
    found = [name for name in known if tidy(name) == tidy(asked)]
    return found[0] if len(found) == 1 else None


def column_names(names: Sequence[object]) -> list[str]:
    """Names of columns in one spelling; where two would become one, these stay as they are written.

    Example:
        >>> column_names([" path", 3, "a", "a "])
        ['path', '3', 'a', 'a ']
    """
    written = [str(name) for name in names]
    counts = Counter(map(tidy, written))
    return [tidy(name) if counts[tidy(name)] == 1 else name for name in written]


def _has_unseen(name: str) -> bool:
    return "\u00a0" in name or name.translate(INVISIBLE).strip(AT_ENDS) != name
