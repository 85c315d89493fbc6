"""Names in any script: drawn in an installed font that has their letters, or numbered where none has."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from drivetrain.progress import say

MOST_LISTED = 8
"""Numbered names that the note below a drawing spells out."""


def legible(said: str, usual: tuple[str, ...], numbers: dict[str, str]) -> tuple[str, list[str]]:
    """Text, and the fonts to draw it in, the usual ones first; letters that no font has become ``#1``, ``#2``, ….

    Args:
        said: The text.
        usual: Names of fonts.
        numbers: What was numbered in this drawing before, letters → number; added to.
    """
    missing = _missing(said, usual)
    if not missing:
        return said, list(usual)
    fonts, unknown = fonts_with(missing)
    return (_numbered(said, unknown, numbers) if unknown else said), [*usual, *fonts]


@lru_cache(maxsize=64)
def fonts_with(letters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Names of installed fonts that together have these letters, the most useful first, and the letters none has."""
    fonts: list[str] = []
    while letters:
        found = {name: letters & _letters_of(name) for name in _families()}
        best = max(sorted(found), key=lambda name: (len(found[name]), "sans" in name.lower()), default=None)
        if best is None or not found[best]:
            break
        fonts.append(best)
        letters -= found[best]
    return tuple(fonts), letters


def _missing(text: str, families: tuple[str, ...]) -> frozenset[str]:
    """Letters that none of these fonts has."""
    letters = {letter for letter in text if not letter.isascii() and letter.isprintable() and not letter.isspace()}
    for family in families if letters else ():
        letters -= _letters_of(family)
    return frozenset(letters)


def _families() -> dict[str, str]:
    """Installed fonts that stand upright → file of the weight nearest to that of running text."""
    fonts = (entry for entry in font_manager.fontManager.ttflist if not _LAST_RESORT.search(entry.name))
    upright = [entry for entry in fonts if entry.style == "normal"]
    return {entry.name: entry.fname for entry in sorted(upright, key=_distance_from_regular, reverse=True)}


def _distance_from_regular(font: font_manager.FontEntry) -> float:
    return abs((font.weight if isinstance(font.weight, int | float) else font_manager.weight_dict[font.weight]) - 400)


_NO_LETTERS = frozenset("\ufffd")
_LAST_RESORT = re.compile("last *resort|blank", re.IGNORECASE)
"""Fonts, matplotlib's own among them, that draw a sign for the script in place of each letter."""


@cache
def _letters_of(family: str) -> frozenset[str]:
    """All letters that a font has; what is drawn for "no such letter" is none."""
    try:
        path = _families().get(family) or font_manager.findfont(font_manager.FontProperties(family=[family]))
        return frozenset(map(chr, FT2Font(path).get_charmap())) - _NO_LETTERS
    except (ValueError, OSError, RuntimeError):
        return frozenset()  # a generic name without a font, or a damaged file


def _numbered(text: str, unknown: frozenset[str], numbers: dict[str, str]) -> str:
    """The text with each run of unknown letters as a number of its own."""
    run = re.compile(f"[{re.escape(''.join(sorted(unknown)))}]+")
    return run.sub(lambda found: numbers.setdefault(found[0], f"#{len(numbers) + 1}"), text)


def note(numbers: dict[str, str]) -> str:
    """What was numbered, as code points, for a line below the drawing, whose letters cannot be drawn."""
    listed = list(numbers.items())[:MOST_LISTED]
    codes = ", ".join(f"{number} = {' '.join(f'U+{ord(a):04X}' for a in letters)}" for letters, number in listed)
    more = f" and {len(numbers) - len(listed)} more" if len(numbers) > len(listed) else ""
    return f"no installed font has: {codes}{more}"


def tell(numbers: dict[str, str]) -> None:
    """Say on the terminal what was numbered, in its letters."""
    shown = ", ".join(f"{number} = {letters}" for letters, number in numbers.items())
    say(
        f"figure: no installed font has the letters of {len(numbers)} names, which are numbered: {shown}. "
        "To fix: install a font that has them, such as Noto Sans CJK, or save the figure as .svg or .html"
    )
