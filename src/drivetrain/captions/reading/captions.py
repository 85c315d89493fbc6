"""Captions and references as people have them, as rows: which picture, which text, how sure the model was."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drivetrain.captions.judging.words import MOST_LETTERS
from drivetrain.captions.reading.columns import (
    CAPTION_NAMES,
    LIKELIHOOD_NAMES,
    PICTURE_NAMES,
    cell_text,
    cell_texts,
    column,
    columns_of,
    two_columns,
)
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import shown
from drivetrain.text import counted, readable

CAPTIONS = (
    "a table with a column of pictures and one of captions (a CSV, TSV, Parquet, JSON or JSON-lines file, a DataFrame, "
    "a dict of lists), a dict of picture → caption or captions, a function of a picture, or the folder of a captioner"
)
REFERENCES = (
    "a table with a column of pictures and one of references (a row for each), or a dict of picture → its references"
)


@dataclass(frozen=True)
class Said:
    """One caption of one picture."""

    picture: str
    text: str
    sure: float | None = None
    """Mean probability (geometric) of the caption's words by the model that wrote it; in (0, 1]."""


@dataclass(frozen=True)
class ReadCaptions:
    """Captions, in order, and what was decided about reading them."""

    rows: tuple[Said, ...]
    decisions: Mapping[str, Decision]
    n_empty: int = 0
    """Rows whose caption held nothing."""
    likelihood_of: str | None = None
    """Where the likelihoods come from; None: there are none."""


def read_captions(
    source: Any, *, picture: str | None = None, caption: str | None = None, likelihood: str | None = None
) -> ReadCaptions:
    """Captions of a table, a mapping or pairs.

    Args:
        source: As `CAPTIONS` says, without functions and folders.
        picture: Column of the pictures.
        caption: Column of the captions.
        likelihood: Column of the mean probability, or log probability, of a caption's words.

    Raises:
        DataError: A column is missing, no caption holds anything, or likelihoods are none.
        SettingError: It is nothing of the kind.

    Example:
        >>> [said.text for said in read_captions({"a.jpg": "a dog", "b.jpg": ["a cat", "a kitten"]}).rows]
        ['a dog', 'a cat', 'a kitten']
    """
    columns, decisions = columns_of(source, "captions", CAPTIONS, pair="caption", asked=(picture, caption))
    pictures = column(columns, picture, PICTURE_NAMES, "picture")
    texts = column(columns, caption, [n for n in CAPTION_NAMES if n != pictures], "caption")
    sure = column(columns, likelihood, LIKELIHOOD_NAMES, "likelihood", needed=False)
    assert pictures is not None and texts is not None
    _different(pictures, texts)
    told = dict(decisions)
    for name, found, asked in (("picture", pictures, picture), ("caption", texts, caption)):
        if asked is None and len(columns) > 2:
            told[name] = Decision(value=found, reason="its name")
    numbers = [None] * len(columns[texts]) if sure is None else _likelihoods(columns[sure], sure)
    rows, n_empty, long = _rows(columns[pictures], columns[texts], numbers)
    if not rows:
        raise DataError(
            f"no row has a picture and a caption ({counted(n_empty, 'row')} without); expected texts in the column "
            f"{readable(texts)!r}. To fix: name the right columns with picture= and caption=."
        )
    _check_texts([row.text for row in rows], texts)
    if long:
        warn(f"{counted(long, 'caption')} have more than {MOST_LETTERS:,} letters; only these are read.")
    given = [row for row in rows if row.sure is not None]
    if given and len(given) < len(rows):
        warn(
            f"{counted(len(rows) - len(given), 'caption')} of {len(rows):,} have no likelihood; those are left out of "
            "all that is said of it."
        )
    of_what = f"the column {readable(sure)}" if sure and given else None
    if of_what is not None and any(_is_below_0(cell) for cell in columns[str(sure)]):
        of_what += ", read as logarithms"
    return ReadCaptions(tuple(rows), told, n_empty, of_what)


def read_references(
    source: Any, *, picture: str | None = None, caption: str | None = None, like: Collection[str] = ()
) -> tuple[dict[str, list[str]], dict[str, Decision]]:
    """Picture → its references.

    Args:
        source: As `REFERENCES` says.
        picture: Column of the pictures in the captions, which it may have here, too.
        caption: Column of the texts in the captions, likewise.
        like: Names of the captions' pictures.

    Raises:
        DataError: A column is missing, or no reference holds anything.
        SettingError: It is nothing of the kind.

    Example:
        >>> read_references({"image": ["a", "a", "b"], "caption": ["one", "two", "three"]})[0]
        {'a': ['one', 'two'], 'b': ['three']}
    """
    columns, decisions = columns_of(
        source, "references", REFERENCES, pair="reference", asked=(picture, caption), like=like
    )
    usual = ("reference", "references", *CAPTION_NAMES)
    pictures, texts = two_columns(columns, "references", "reference", usual, picture=picture, text=caption)
    _different(pictures, texts)
    found: dict[str, list[str]] = {}
    for name, cell in zip(columns[pictures], columns[texts], strict=True):
        key = cell_text(name)
        if key is not None:
            found.setdefault(key, []).extend(cell_texts(cell))
    found = {name: texts for name, texts in found.items() if texts}
    if not found:
        raise DataError(
            f"no row has a picture and a reference; expected texts in the column {readable(texts)!r}. To fix: name the "
            "right columns."
        )
    _check_texts([text for several in found.values() for text in several], texts)
    return found, decisions


def _rows(
    pictures: Sequence[Any], texts: Sequence[Any], numbers: Sequence[float | None]
) -> tuple[list[Said], int, int]:
    """Rows, how many held no caption, and how many are longer than what is read."""
    rows: list[Said] = []
    empty = long = 0
    for name, cell, sure in zip(pictures, texts, numbers, strict=True):
        key, several = cell_text(name), cell_texts(cell)
        if key is None or not several:
            empty += 1
            continue
        long += sum(len(text) > MOST_LETTERS for text in several)
        rows += [Said(key, " ".join(text[:MOST_LETTERS].split()), sure) for text in several]
    return rows, empty, long


def _different(pictures: str, texts: str) -> None:
    if pictures == texts:
        raise SettingError(
            f"the column {readable(texts)!r} would be both picture and text; expected two columns. To fix: name the "
            "other one."
        )


def _check_texts(texts: Sequence[str], where: str) -> None:
    """Raise where a column holds numbers or paths rather than texts."""
    if all(_is_number(text) for text in texts):
        raise DataError(
            f"the column {readable(where)!r} holds numbers, such as {shown(texts[0])}; expected captions. To fix: name "
            "the column of the captions with caption=."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_below_0(cell: Any) -> bool:
    text = cell_text(cell)
    return text is not None and _is_number(text) and float(text) < 0


def _likelihoods(cells: Sequence[Any], name: str) -> list[float | None]:
    """Mean probabilities in (0, 1], from probabilities or their logarithms."""
    found: list[float | None] = []
    for cell in cells:
        text = cell_text(cell)
        try:
            value = None if text is None else float(text)
        except ValueError as error:
            raise DataError(
                f"the column {readable(name)!r} holds {shown(text)}; expected probabilities from 0 to 1, or their "
                "logarithms. To fix: name another column with likelihood=, or leave it out of the table."
            ) from error
        found.append(value if value is not None and math.isfinite(value) else None)
    known = [value for value in found if value is not None]
    if not known:
        return found
    if not any(known):
        raise DataError(
            f"the column {readable(name)!r} holds 0 alone, which is the probability of nothing and the logarithm of 1; "
            "expected likelihoods that differ. To fix: name another column with likelihood=, or leave it out of the "
            "table."
        )
    if all(value <= 0 for value in known):
        return [None if value is None else max(math.exp(value), 1e-12) for value in found]
    if all(0 <= value <= 1 for value in known):
        return [None if value is None else max(value, 1e-12) for value in found]
    odd = first_few([f"{value:.4g}" for value in known if not 0 <= value <= 1], 2)
    raise DataError(
        f"the column {readable(name)!r} holds {odd}; expected probabilities from 0 to 1, or their logarithms, which "
        "are below 0. To fix: write the mean log probability of each caption's words, or name another column with "
        "likelihood=."
    )
