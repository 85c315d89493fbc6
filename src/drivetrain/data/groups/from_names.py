"""Groups in file names, such as the speaker of ``7_jackson_32.png``, told apart from classes and running numbers.

A name is cut at blanks, points, hyphens and underscores, and its parts are counted from the right, and from the left
too where names have not all as many (``ann_12_Oat-Milk_1`` beside ``bob_7_Juice_1``). A part may be a group if it takes
few values, each on several rows, recurs inside a class or is in several, does not merely say the class, and is no
index: a number that is new for each name of a class that begins alike (take 32 of jackson's 7, picture 0001 of a
folder). Hashes, dates, and what cameras call their files are no groups of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from drivetrain.data.groups.guesses import GroupGuess, Grouping
from drivetrain.data.splitting.split import SYNONYMS, Part

CUT = r"_\-\s."
PART = re.compile(rf"[^{CUT}]+")
MOST_PARTS = 6
FEWEST_GROUPS = 4
FEWEST_WORDS = 3
"""Three people may be told by their names; three numbers, and two words such as wet and dry, are hardly groups."""
FEWEST_PER_WORD = 3
OFTEN = 0.8
MOST_PER_NUMBER = 100
"""A number that is never in two classes and has more rows than this is taken for a kind, such as a WordNet id."""
OF_EACH_PART = 0.2
"""Numbers that hardly recur within a part, but do across parts, are counted from 1 in each part. A random split leaves
more than half of the pairs together."""

NUMBER = re.compile(r"([^\W\d_]*)(\d+)")
HEXADECIMAL = re.compile(r"[0-9a-f]{4,}", re.IGNORECASE)
DAY = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])")
YEAR = re.compile(r"(19|20)\d\d")
WRITTEN_DATE = re.compile(rf"(19|20)\d\d[{CUT}](0[1-9]|1[0-2])[{CUT}]([0-2]\d|3[01])")
SIZE = re.compile(r"\d+x\d+")
NO_GROUPS = frozenset(
    (
        *("img", "dsc", "dscn", "dscf", "pxl", "mvi", "sam", "dji", "gopr", "photo", "image", "images"),
        *("pic", "picture", "screenshot", "scan", "frame", "whatsapp", "left", "right", "front", "back"),
        *("top", "bottom", "side", "up", "down", "north", "south", "east", "west", "crop", "cropped"),
        *("flip", "flipped", "rot", "rotated", "aug", "augmented", "copy", "small", "medium", "large"),
        *("thumb", "orig", "original", "edit", "edited", "final", "rgb", "bgr", "gray", "grey", "mask"),
        *("depth", "jpg", "jpeg", "png"),
    )
) | set(SYNONYMS)
"""Words that name a camera's habit, a view or a version."""


def guess_from_names(names: Sequence[str], classes: Sequence[str], parts: Sequence[Part]) -> list[GroupGuess]:
    """Parts of the names that may be groups, words before numbers.

    Args:
        names: Where each row lies inside its source, without suffix.
        classes: The category of each row; the same text for all where there is none.
        parts: Of the split.

    Example:
        >>> names = [f"{digit}/{digit}_{who}_{take}" for digit in "01" for who in "abcde" for take in range(9)]
        >>> names = [name.replace("_a_", "_ann_").replace("_b_", "_bob_") for name in names]
        >>> guess_from_names(names, [name[0] for name in names], ["train", "valid"] * 45)
        []
        >>> names = [f"{digit}/{digit}_speaker{who}_{take}" for digit in "01" for who in range(5) for take in range(9)]
        >>> guess_from_names(names, [name[0] for name in names], ["train", "valid"] * 45)[0].such_as
        ('speaker0', 'speaker1', 'speaker2', 'speaker3')
    """
    stems = [name.rpartition("/")[2] for name in names]
    if 2 * sum(WRITTEN_DATE.search(stem) is not None for stem in stems) > len(stems):
        return []
    folders = [name.rpartition("/")[0] for name in names]
    cut = [list(PART.finditer(stem)) for stem in stems]
    fewest = min(MOST_PARTS, min(map(len, cut), default=0))
    places = [-1 - place for place in range(fewest)]
    if len(set(map(len, cut))) > 1:
        places += reversed(range(fewest))
    words: list[GroupGuess] = []
    numbers: list[GroupGuess] = []
    for place in places:
        own = [matches[place] for matches in cut]
        before = [stem[: match.start()] for stem, match in zip(stems, own, strict=True)]
        texts = [match.group() for match in own]
        is_number = _are_numbers(texts)
        grouping = Grouping(texts, classes)
        fewest_groups = FEWEST_GROUPS if is_number else FEWEST_WORDS
        if not fewest_groups <= len(grouping.sizes) < len(texts) or grouping.says_the_class():
            continue
        if is_number and place > 0:  # counters of names of several lengths stand here in turn
            continue
        likely = _likely_number(grouping, folders, before, parts) if is_number else _likely_word(grouping)
        if likely is not None:
            guess = grouping.guess(_where(place), _pattern(place, names, texts), parts, likely=likely)
            (numbers if is_number else words).append(guess)
    # where names have not all as many parts, one count of two is off and mixes words; of numbers, the left is wider
    return sorted(words, key=lambda guess: guess.n_groups) + numbers[::-1]


def _likely_word(grouping: Grouping) -> bool | None:
    """Whether a word is likely a group; None where it is none."""
    texts = list(grouping.sizes)
    plain = [re.sub(r"\d", "", text).casefold() for text in texts]
    views = sum(
        text in NO_GROUPS or len(text) < 2 or SIZE.fullmatch(whole.lower()) is not None
        for text, whole in zip(plain, texts, strict=True)
    )
    same_length = len({len(text) for text in texts}) == 1
    mixed = sum(bool(text) and text != whole.casefold() for text, whole in zip(plain, texts, strict=True))
    is_hash = same_length and all(map(HEXADECIMAL.fullmatch, texts)) and 10 * mixed >= len(texts)
    bare, digits = sum(text == whole.casefold() for text, whole in zip(plain, texts, strict=True)), plain.count("")
    is_mixed = 20 * min(bare, digits) >= len(texts)  # such as a counter of some names and a class of others
    if 2 * views >= len(texts) or is_hash or is_mixed:
        return None
    if grouping.mean_size < FEWEST_PER_WORD or grouping.share_in_groups_of(FEWEST_PER_WORD) < OFTEN:
        return None
    if grouping.share_that_recurs(grouping.classes) < OFTEN and (grouping.n_classes < 2 or grouping.crossing() < OFTEN):
        return None
    return grouping.crossing() >= 0.5 if grouping.n_classes > 1 else grouping.numbered()


def _likely_number(
    grouping: Grouping, folders: Sequence[str], before: Sequence[str], parts: Sequence[Part]
) -> bool | None:
    """Whether a number is likely a group; None where it is an index, also one of each part, or recurs by chance."""
    texts = list(grouping.sizes)
    cell = (folders, before, grouping.classes)
    recurs, within_a_part = grouping.share_that_recurs(*cell), grouping.share_that_recurs(*cell, parts)
    if recurs < 0.5 or within_a_part < OF_EACH_PART * recurs:
        return None
    is_date = all(map(DAY.fullmatch, texts)) or all(map(YEAR.fullmatch, texts))
    is_kind = grouping.crossing() < 0.1 and grouping.mean_size > MOST_PER_NUMBER
    return not is_date and not is_kind


def _are_numbers(texts: Sequence[str]) -> bool:
    """Whether all are numbers, after the same letters (none, or such as "patient")."""
    found = [NUMBER.fullmatch(text) for text in texts]
    return all(found) and len({match[1] for match in found if match}) == 1


def _where(place: int) -> str:
    """In words: a place from the left, or from the right where it is below 0."""
    if place in (0, -1):
        return f"the {'last' if place else 'first'} part of the file names"
    counted = f"{place + 1} from the left" if place > 0 else f"{-place} from the right"
    return f"part {counted} of the file names"


def _pattern(place: int, names: Sequence[str], texts: Sequence[str]) -> str:
    """A regular expression for `group=` that finds this part: a short one where the names are that regular."""
    if place >= 0:
        return rf"(?:^|/)[{CUT}]*" + rf"[^/{CUT}]+[{CUT}]+" * place + rf"([^/{CUT}]+)[^/]*$"
    after = -1 - place
    for sign in "_-.":
        short = f"([^/{sign}]+)" + f"[{sign}][^{sign}]+".replace("[_]", "_").replace("[-]", "-") * after + "$"
        found = [re.search(short, name) for name in names]
        if [match and match[1] for match in found] == list(texts):
            return short
    return rf"([^/{CUT}]+)" + rf"[{CUT}]+[^/{CUT}]+" * after + rf"[{CUT}]*$"
