"""A split that was made elsewhere: one that was saved, or lists of names."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from drivetrain.data.asking import asked_split
from drivetrain.data.check import LeftOut
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Inputs
from drivetrain.data.notices import warn
from drivetrain.data.splitting.split import PART_WORDS, PARTS, Part, Split, parts_from_names
from drivetrain.errors import SettingError, SplitError, first_few
from drivetrain.text import does, readable

Names = str | os.PathLike[str] | Sequence[str]
"""A text file with one name a line, or the names."""
AskedSplit = str | os.PathLike[str] | Split | Mapping[str, Names]
NOT_LISTED = "not in the split that was given"


class Brought(NamedTuple):
    """A split that the user brings: one of the two."""

    stored: Split | None = None
    lists: Mapping[Part, tuple[str, ...]] | None = None


class Placed(NamedTuple):
    """A part for each row that the split knows, and why the others are left out."""

    parts: tuple[Part | None, ...]
    left_out: Mapping[int, LeftOut]


def read_split(split: AskedSplit | None) -> tuple[str | None, Brought | None]:
    """The column that `images(…, split=)` names, or the split it brings.

    Raises:
        SplitError: A file cannot be read, or is no split.
        SettingError: It is none of what is expected.

    Example:
        >>> read_split("fold"), read_split({"train": ["a.jpg"], "val": ["b.jpg"]})[1].lists
        (('fold', None), {'train': ('a.jpg',), 'valid': ('b.jpg',)})
    """
    asked_split(split)
    if split is None:
        return None, None
    if isinstance(split, Split):
        return None, Brought(stored=split)
    if isinstance(split, Mapping):
        parts = parts_from_names(split, "split=")
        if len(set(parts)) < len(parts) or not parts:
            raise SettingError(f"split= names {first_few(split) or 'nothing'}; expected each part at most once.")
        return None, Brought(lists={part: _names(names) for part, names in zip(parts, split.values(), strict=True)})
    if isinstance(split, str) and not split.lower().endswith(".json"):
        return split, None
    return None, Brought(stored=Split.load(split))


def place_rows(brought: Brought, examples: Examples, names: Sequence[str]) -> Placed:
    """The part that a split from elsewhere gives each row; rows that it does not know are left out.

    Args:
        brought: What `read_split` gave.
        examples: The rows.
        names: Where each row lies inside its source, without suffix (`drivetrain.data.groups.grouping.inner_names`).

    Raises:
        SplitError: It knows none of the rows, or a name is in two parts.
    """
    if brought.stored is not None:
        parts, n_known, n_found = _by_content(brought.stored, examples.digests)
        what = "contents"
    else:
        parts, n_known, n_found = _by_name(brought.lists or {}, examples.inputs, names)
        what = "names"
    if not n_found:
        how = "pass the split that was made of them"
        if brought.lists and n_known and names:
            example = next(name for listed in brought.lists.values() for name in listed)
            row = names[0] + _suffix(examples.inputs[0])
            how = (
                f"write names as they lie in the source, such as {readable(row)!r}, not {readable(example)!r}; a file "
                "name alone does where no two pictures have it"
            )
        raise SplitError(f"none of the {n_known} {what} in the split that was given is in these data. To fix: {how}.")
    if n_found < n_known:
        warn(f"{n_known - n_found} of the {n_known} {what} in the split that was given are not in these data.")
    left_out = {row: LeftOut(examples.inputs.name(row), NOT_LISTED) for row, part in enumerate(parts) if part is None}
    if left_out:
        warn(
            f"{len(left_out)} of {len(examples)} rows {does(len(left_out), 'are')} not in the split that was given, "
            "and left out."
        )
    return Placed(tuple(parts), left_out)


def _by_content(stored: Split, digests: Sequence[str]) -> tuple[list[Part | None], int, int]:
    """A content that the split has in several parts goes to the last of them: what tests shall not train."""
    part_of: dict[str, Part] = {digest: part for part in PARTS for digest in stored.find(part)}
    return [part_of.get(digest) for digest in digests], len(part_of), len(part_of.keys() & set(digests))


def _by_name(
    lists: Mapping[Part, Sequence[str]], inputs: Inputs, names: Sequence[str]
) -> tuple[list[Part | None], int, int]:
    """Where there is no list for training, rows in no list train."""
    rows_of = _rows_by_name(inputs, names)
    rest: Part | None = None if "train" in lists else "train"
    parts: list[Part | None] = [rest] * len(inputs)
    claimed: dict[int, Part] = {}
    n_found = 0
    for part, listed in lists.items():
        for name in listed:
            row = next((rows_of[form] for form in _forms(name) if form in rows_of), None)
            if row is None:
                continue
            n_found += 1
            if claimed.setdefault(row, part) != part:
                raise SplitError(
                    f"{inputs.name(row)} is in the {PART_WORDS[claimed[row]]} and in the {PART_WORDS[part]} list. "
                    "To fix: leave it in one."
                )
            parts[row] = part
    return parts, sum(map(len, lists.values())), n_found


def _rows_by_name(inputs: Inputs, names: Sequence[str]) -> dict[str, int]:
    """What each row may be called: its path, its place in the source, its file name; each where it is unmistakable."""
    rows_of: dict[str, set[int]] = defaultdict(set)
    for row, (given, name) in enumerate(zip(inputs, names, strict=True)):
        of_file = (given.as_posix(), name + given.suffix, given.name, given.stem) if isinstance(given, Path) else ()
        for form in (name, *of_file):
            rows_of[_composed(form)].add(row)
    return {form: min(rows) for form, rows in rows_of.items() if len(rows) == 1}


def _suffix(given: object) -> str:
    return given.suffix if isinstance(given, Path) else ""


def _forms(line: str) -> tuple[str, ...]:
    """The whole line; or, as many lists have it, the name before a comma or blank and what follows."""
    text = _composed(line.strip().replace("\\", "/").removeprefix("./"))
    forms = text, text.split(",")[0].rstrip(), text.rpartition(" ")[0].rstrip()
    return (*forms, *(Path(os.path.abspath(form)).as_posix() for form in forms if form))  # noqa: PTH100 - no link followed


def _composed(name: str) -> str:
    """A name as other systems write it: with composed letters."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _names(names: Names) -> tuple[str, ...]:
    """The names, read from a file where one is named."""
    if not isinstance(names, str | os.PathLike):
        return tuple(str(name) for name in names)
    place = Path(names)
    try:
        lines = place.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SplitError(
            f"{readable(place)} cannot be read: {error.strerror or error}. To fix: pass a text file with one name a "
            "line, or a list of names."
        ) from error
    except UnicodeDecodeError as error:
        raise SplitError(f"{readable(place)} is not UTF-8 text; expected one name a line.") from error
    return tuple(line.strip() for line in lines if line.strip())
