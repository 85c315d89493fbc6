"""Which picture is meant: names of one picture in two sources, which often differ by folder, ending or zeros."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

from drivetrain.errors import DataError, first_few
from drivetrain.text import readable

_DIGITS = re.compile(r"(\d+)$")


def _path(name: str) -> str:
    return str(PurePosixPath(name.replace("\\", "/")))


def _number(name: str) -> str:
    found = _DIGITS.search(PurePosixPath(_path(name)).stem)
    return str(int(found[1])) if found else ""


def _is_number(name: str) -> bool:
    return PurePosixPath(_path(name)).stem.isdigit()


def _contradict(one: str, other: str) -> bool:
    """Whether two paths name different folders: neither is the end of the other.

    Example:
        >>> _contradict("Apple/1.jpg", "Pear/1.jpg"), _contradict("1.jpg", "Pear/1.jpg")
        (True, False)
    """
    mine, theirs = PurePosixPath(_path(one)).parent.parts[::-1], PurePosixPath(_path(other)).parent.parts[::-1]
    return any(a != b for a, b in zip(mine, theirs, strict=False))


BY_NUMBER = "by the number that the name of the file ends in"
FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("as they are written", lambda name: name),
    ("as paths", _path),
    ("by the name of the file", lambda name: PurePosixPath(_path(name)).name),
    ("by the name of the file without its ending", lambda name: PurePosixPath(_path(name)).stem),
    (BY_NUMBER, _number),
)
"""Ways to compare two names, the strictest first."""


def match(names: Sequence[str], others: Iterable[str], what: str, whose: str) -> tuple[dict[str, str], str]:
    """Name → the other name of the same picture, of those that have one; and how the names were compared.

    Of the ways in `FORMS` that one is taken that finds most; where two names of one source are one, it is no way. Once
    some names are alike with their folders, others whose folders differ are different pictures; and the number alone
    says it only where one of the two sources has nothing else, as COCO: `cat_1` is not `dog_1`.

    Args:
        names: Of the captions' pictures.
        others: Of the other source.
        what: What the other source holds, for the message.
        whose: What the first one holds.

    Raises:
        DataError: No name is in both.

    Example:
        >>> match(["img/a.jpg", "img/b.jpg"], ["a.jpg", "c.jpg"], "references", "captions")
        ({'img/a.jpg': 'a.jpg'}, 'by the name of the file')
        >>> match(["397133"], ["COCO_val2014_000000397133.jpg"], "pictures", "captions")[1]
        'by the number that the name of the file ends in'
    """
    own, theirs = list(dict.fromkeys(names)), list(dict.fromkeys(others))
    best: dict[str, str] = {}
    way = FORMS[0][0]
    for said, form in FORMS:
        keys, other_keys = [form(name) for name in own], [form(name) for name in theirs]
        if len(set(keys)) < len(keys) or len(set(other_keys)) < len(other_keys) or "" in keys:
            continue
        if said == BY_NUMBER and not (all(map(_is_number, own)) or all(map(_is_number, theirs))):
            continue
        by_key = dict(zip(other_keys, theirs, strict=True))
        found = {name: by_key[key] for name, key in zip(own, keys, strict=True) if key in by_key}
        if best:
            found = {name: other for name, other in found.items() if not _contradict(name, other)}
        if len(found) > len(best):
            best, way = found, said
        if len(best) == len(own):
            break
    if not best:
        raise DataError(
            f"no picture of the {whose} ({_some(own)}) is among those of the {what} ({_some(theirs)}); expected "
            "the same names, paths or numbers in both. To fix: name the pictures alike, or name their column."
        )
    return best, way


def _some(names: Sequence[str]) -> str:
    return first_few([readable(name) for name in names], 2) if names else "none"
