"""A split that a table brings in its columns: words, codes, or columns of yes and no such as is_valid."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drivetrain.data.splitting.split import PART_WORDS, PARTS, SYNONYMS, Part, parts_from_names
from drivetrain.data.tables.cells import Column, column_of, is_yes
from drivetrain.data.tables.columns import known_column
from drivetrain.errors import SplitError, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.text import counted, readable

SPLIT_NAMES = ("split", "set", "subset", "part", "partition")
FLAGS: dict[str, Part] = {
    **dict.fromkeys(
        ("isvalid", "isvalidation", "isval", "valid", "validation", "val", "isdev", "invalidation"), "valid"
    ),
    **dict.fromkeys(("istest", "test", "testing", "isholdout", "intest", "istestset"), "test"),
    **dict.fromkeys(("istrain", "istraining", "train", "training", "intrain"), "train"),
}
"""Columns of yes and no called so say which rows a part has; names in lower case, without blanks and underscores."""
FLAG = re.compile(
    r"(?:is|in)(?:a|an|the)?(?P<part>train|training|valid|validation|val|dev|test|testing|holdout)"
    r"(?:image|img|picture|row|sample|example|item|set|data|split|flag)?"
)
FOLDS = ("fold", "folds", "foldid", "kfold", "cvfold", "cv", "foldnumber", "foldno")
CODES: dict[str, Part] = {"0": "train", "1": "valid", "2": "test"}
MOST_FOLDS = 20
MOST_HELD_OUT = 0.4
"""A column called valid or test that says yes of more rows says rather which rows are in order, or how a test ended."""
MOST_WORDS = 6
CELLS_LOOKED_AT = 1000
MOST_VALUES = 60
"""Of a column that may name parts, each written in several ways, among the cells that are looked at first."""


@dataclass(frozen=True)
class OwnSplit:
    """The columns that name each row's part, if any do; and those that seem to, but are not followed."""

    columns: tuple[str, ...] = ()
    decision: Decision | None = None
    seeming: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What the user should know, as warnings."""


def choose_split(columns: Mapping[str, Sequence[Any]], asked: str | None, taken: Sequence[str]) -> OwnSplit:
    """The columns that name each row's part, and why.

    Args:
        columns: Of the table.
        asked: The column that the user names.
        taken: Columns that say something else.

    Example:
        >>> choose_split({"is_valid": [True, False], "label": ["a", "b"]}, None, []).columns
        ('is_valid',)
    """
    if asked is not None:
        return OwnSplit((known_column(columns, asked, "split"),))
    names = [name for name in columns if name not in taken]
    free = {
        name: column_of(name, columns[name]) for name in names if _is_named_so(name) or _has_few_words(columns[name])
    }
    notes: list[str] = []
    seeming: list[str] = []
    for name, column in free.items():
        if _plain(name) not in SPLIT_NAMES or not column.counts:
            continue
        words = {text.casefold() for text in column.counts}
        if words <= SYNONYMS.keys():
            reason = "its name, and its cells are " + first_few(sorted(words))
            return OwnSplit((name,), Decision(value=name, reason=f"{reason}; to draw a split, drop it"))
        if note := _odd_words(column):
            notes.append(note)
            seeming.append(name)
    flags = [name for name, column in free.items() if _flag(name) and column.is_yes_no]
    if len(flags) == 1 < len(names) and (note := _says_something_else(free[flags[0]])):
        seeming.append(flags[0])
        notes.append(note)
        flags = []
    if len(set(_plain_parts(flags))) == len(flags) and flags and len(names) > len(flags):
        how = ", ".join(f"{name} → {PART_WORDS[part]}" for name in flags if (part := _flag(name)))
        reason = f"yes and no by the names of the columns: {how}, other rows → {_rest_word(flags)}"
        decision = Decision(value=", ".join(flags), reason=f"{reason}; to draw a split, drop them")
        return OwnSplit(tuple(flags), decision, tuple(seeming), tuple(notes))
    for name, column in free.items():
        if name in seeming:
            continue
        words = {text.casefold() for text in column.counts}
        if _are_parts(words):
            seeming.append(name)
            notes.append(
                f"column {name!r} says {first_few(sorted(words))} and was not followed. To use it: pass split={name!r}."
            )
        elif _sound_like_parts(words):
            seeming.append(name)
            said = first_few(sorted(map(repr, column.counts)))
            notes.append(
                f"column {name!r} looks like a split, but its cells are {said}, and it was not followed. To use it: "
                f"write train, valid and test, and pass split={name!r}."
            )
        elif _plain(name) in FOLDS and 2 <= len(words) <= MOST_FOLDS:
            seeming.append(name)
            said = f"column {name!r} looks like {len(words)} folds and was not followed."
            notes.append(f"{said} To use it: {_of_folds(name)}")
    return OwnSplit((), None, tuple(seeming), tuple(notes))


def _is_named_so(name: str) -> bool:
    return _plain(name) in (*SPLIT_NAMES, *FOLDS) or _flag(name) is not None


def _has_few_words(cells: Sequence[Any]) -> bool:
    """Whether the first cells are few different ones: a column of many values names no parts, and is not read whole."""
    try:
        return len(set(cells[:CELLS_LOOKED_AT])) <= MOST_VALUES
    except TypeError:  # lists
        return False


def _says_something_else(column: Column) -> str:
    """A word on a column called valid or test that says yes of so many rows that it hardly names a part."""
    part = _flag(column.name)
    n_yes, n = sum(map(is_yes, column.cells)), len(column.cells)
    if part == "train" or _plain(column.name).startswith(("is", "in")) or n_yes <= MOST_HELD_OUT * n:
        return ""
    return (
        f"column {column.name!r} says yes of {n_yes} of {counted(n, 'row')}, too many for "
        f"{PART_WORDS[part or 'valid']}, and was not followed as a split. To use it: pass split={column.name!r}, or "
        f"call it is_{part}."
    )


def parts_of(columns: Mapping[str, Sequence[Any]], names: Sequence[str]) -> list[Part | None]:
    """The part that these columns give each row; None where they give none.

    Raises:
        SplitError: A value names no part.

    Example:
        >>> parts_of({"is_test": ["1", "0"], "is_valid": ["0", "1"]}, ["is_test", "is_valid"])
        ['test', 'valid']
        >>> parts_of({"split": ["Train", None]}, ["split"])
        ['train', None]
    """
    found = [column_of(name, columns[name]) for name in names]
    first = found[0]
    if all(_flag(column.name) and column.is_yes_no for column in found):
        return _parts_of_flags(found)
    words = first.counts.keys()
    if _plain(first.name) in FOLDS and not {word.casefold() for word in words} <= SYNONYMS.keys():
        raise SplitError(
            f"column {first.name!r} has {len(words)} folds ({first_few(sorted(words))}); expected train, valid or "
            f"test. To fix: {_of_folds(first.name)}"
        )
    if words and words <= CODES.keys() and "2" in words:
        return [CODES[cell] if isinstance(cell, str) else None for cell in first.cells]
    if first.is_yes_no and not words <= SYNONYMS.keys():
        raise SplitError(
            f"column {first.name!r} says {first_few(sorted(words))}, and its name does not tell which part that is; "
            "expected train, valid or test. To fix: call it is_valid, is_test or is_train, or write these words."
        )
    places = [row for row, cell in enumerate(first.cells) if cell is not None]
    named = parts_from_names([str(first.cells[row]) for row in places], f"column {first.name!r}")
    parts: list[Part | None] = [None] * len(first.cells)
    for row, part in zip(places, named, strict=True):
        parts[row] = part
    return parts


def _parts_of_flags(flags: Sequence[Column]) -> list[Part | None]:
    own: list[Part] = _plain_parts([column.name for column in flags])
    rest = _rest([column.name for column in flags])
    says_no = [any(not is_yes(text) for text in column.valued) for column in flags]
    parts: list[Part | None] = []
    for row, cells in enumerate(zip(*(column.cells for column in flags), strict=True)):
        yes: list[Part] = [part for part, cell in zip(own, cells, strict=True) if is_yes(cell)]
        if len(yes) > 1:
            raise SplitError(
                f"row {row + 1} is in {len(yes)} parts by the columns {first_few(repr(c.name) for c in flags)}; "
                "expected one. To fix: leave one of them true."
            )
        gone = any(cell is None and no for cell, no in zip(cells, says_no, strict=True))
        parts.append(yes[0] if yes else None if gone else rest)
    return parts


def _rest(flags: Sequence[str]) -> Part | None:
    """Where rows go for which no column says yes: what is set apart is rather tested on than chosen by."""
    order: tuple[Part, ...] = ("train", "test", "valid")
    return next((part for part in order if part not in _plain_parts(flags)), None)


def _rest_word(flags: Sequence[str]) -> str:
    rest = _rest(flags)
    return "left out" if rest is None else PART_WORDS[rest]


def _plain_parts(flags: Sequence[str]) -> list[Part]:
    return [part for name in flags if (part := _flag(name)) is not None]


def _flag(name: str) -> Part | None:
    """The part that a column of yes and no sets apart, by its name."""
    plain = _plain(name)
    found = FLAG.fullmatch(plain)
    return FLAGS.get(plain) or (FLAGS["is" + found["part"]] if found else None)


def _are_parts(words: Collection[str]) -> bool:
    """Whether all words name parts, several of them and that for training."""
    parts = {SYNONYMS.get(word) for word in words}
    return len(parts) > 1 and "train" in parts and None not in parts


def _sound_like_parts(words: Collection[str]) -> bool:
    """Whether each of a few words has train, val, test or the like inside, and one of them train."""
    return (
        1 < len(words) <= MOST_WORDS
        and any("train" in word for word in words)
        and all(re.search(r"train|trn|val|test|tst|dev|hold", word) for word in words)
    )


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _odd_words(column: Column) -> str:
    """A word on a column called split whose cells are not all known."""
    words = column.counts
    known = {text for text in words if text.casefold() in SYNONYMS}
    looks = f"column {column.name!r} looks like a split, but"
    n = len(words)
    if column.is_whole and 2 < n <= MOST_FOLDS and not words.keys() <= CODES.keys():
        said = f"{looks} its cells are {n} numbers, as folds have, and it was not followed. To use it: "
        return said + _of_folds(column.name) if _is_split(column) else ""
    if words.keys() <= CODES.keys() and len(words) > 1:
        said = first_few(sorted(words))
        if "2" in words:
            return (
                f"{looks} its cells are {said}, and it was not followed. To use it: "
                f"pass split={column.name!r} (0 training, 1 validation, 2 test), or write train, valid and test."
            )
        return f"{looks} its cells are {said}, and it was not followed. To use it: write train, valid and test."
    n_known = sum(words[text] for text in known)
    if not known or (not _is_split(column) and 2 * n_known < len(column.present)):
        return ""
    odd = Counter({text: n for text, n in words.items() if text not in known})
    said = first_few(f"{readable(text[:30])!r} ({counted(n, 'row')})" for text, n in odd.most_common())
    return (
        f"{looks} {said} names no part, and it was not followed. To use it: write "
        f"one of {', '.join(PARTS)} in every row."
    )


def _is_split(column: Column) -> bool:
    """Whether the name says it alone; a set, a subset or a part may be something else."""
    return _plain(column.name) in ("split", "partition")


def _of_folds(name: str) -> str:
    return (
        f"make a column from it that says valid for the rows of one fold and train for the others, and pass "
        f"split= its name; or pass group={name!r}, which keeps every fold whole, also in data.folds()."
    )
