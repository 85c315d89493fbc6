"""Names of classes, labels and files: one spelling for what looks the same, and what differs by next to nothing."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

LOOSE = re.compile(r"[\s_\-]+")
LOOK_ALIKE = str.maketrans("аеорсухіѕαορν", "aeopcyxisaopv")
"""Small Cyrillic and Greek letters, and the Latin ones that they look like."""
LITTER = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", ".ds_store", ".localized", ".directory"})
"""Files in lower case that macOS, Windows and KDE put into folders; macOS also writes ``._NAME`` beside a file."""
UNSORTED = re.compile(
    r"(un|not (yet )?|to )(sort|label|classif|categori[sz]|tag)\w*|to ?do|misc|miscellaneous|inbox|trash|backup|"
    r"te?mp|duplicates?|(new|untitled) folder|screenshots?|camera roll"
)
"""What folders are called, in small letters, into which somebody put what belongs to no class."""


def normal(name: str) -> str:
    r"""The composed form (NFC), so that one name has one spelling on every system.

    Example:
        >>> normal("cafe\u0301") == "caf\u00e9"
        True
    """
    return unicodedata.normalize("NFC", name)


def near_equal(names: Iterable[str]) -> list[list[str]]:
    """Names that differ by case, blanks, ligatures or letters that look the same, in groups of two and more.

    Example:
        >>> near_equal(["cat", "Cat", "cat ", "dog", "sea_lion", "sea lion"])
        [['Cat', 'cat', 'cat '], ['sea lion', 'sea_lion']]
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        groups[LOOSE.sub(" ", unicodedata.normalize("NFKC", name).casefold().translate(LOOK_ALIKE)).strip()].append(
            name
        )
    return [group for group in groups.values() if len(group) > 1]


def service_name(folder: str | os.PathLike[str]) -> str:
    """What a model is called in an address: its folder's name without `.model`, in letters that need no quoting.

    Example:
        >>> service_name("models/my fruit.model"), service_name("/mnt/models")
        ('my-fruit', 'models')
    """
    name = Path(folder).resolve().name.removesuffix(".model")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"


def is_unsorted(name: str) -> bool:
    """Whether a folder is called like one for what belongs to no class; a number after the name does not matter.

    Example:
        >>> [is_unsorted(name) for name in ("Unsorted", "to_sort", "New folder (2)", "sorted", "other", "template")]
        [True, True, True, False, False, False]
    """
    plain = re.sub(r"[\s()\d]+$", "", LOOSE.sub(" ", name.casefold()).strip())
    return UNSORTED.fullmatch(plain) is not None


def is_litter(name: str) -> bool:
    """Whether a file is called what the operating system leaves behind where somebody looked at a folder.

    Example:
        >>> is_litter(".DS_Store"), is_litter("._a.jpg"), is_litter("a.jpg")
        (True, True, False)
    """
    return name.lower() in LITTER or name.startswith("._")
