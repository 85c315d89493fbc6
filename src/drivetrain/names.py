"""Names of classes and labels: one spelling for what looks the same, and what differs by next to nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable


def normal(name: str) -> str:
    r"""The composed form (NFC), so that one name has one spelling on every system.

    Example:
        >>> normal("cafe\u0301") == "caf\u00e9"
        True
    """
    return unicodedata.normalize("NFC", name)


def near_equal(names: Iterable[str]) -> list[list[str]]:
    """Names that differ by case, spaces, underscores or hyphens alone, in groups of two and more.

    Example:
        >>> near_equal(["cat", "Cat", "cat ", "dog", "sea_lion", "sea lion"])
        [['Cat', 'cat', 'cat '], ['sea lion', 'sea_lion']]
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        key = re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()
        groups[key].append(name)
    return [group for group in groups.values() if len(group) > 1]
