"""Which column of a table is the text, where nobody has said so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from drivetrain.data.tables.labels import tidy
from drivetrain.errors import DataError, first_few
from drivetrain.runtime.decisions import Decision

TEXT_NAMES = (
    *("text", "texts", "sentence", "document", "content", "body", "message", "review", "comment", "question", "query"),
    *("utterance", "tweet", "post", "description", "abstract", "headline", "title", "subject", "transcript", "note"),
)
LOOKED_AT = 1000
"""Cells of a column."""


def choose_cells(
    columns: Mapping[str, Sequence[Any]], apart: Collection[str], targets: Collection[str]
) -> tuple[list[str], Decision]:
    """The column of texts, and why.

    Args:
        columns: Of the table.
        apart: Columns that say something else.
        targets: Names that a target usually has, in lower case, where none was named.

    Raises:
        DataError: It is not clear which one.

    Example:
        >>> table = {"id": ["1", "2"], "question": ["where is it", "what is it"], "label": ["a", "b"]}
        >>> choose_cells(table, [], ["label"])
        (['question'], Decision(value='question', reason='its name'))
    """
    rest = [name for name in columns if name not in apart]
    by_name = sorted(
        (TEXT_NAMES.index(tidy(name).casefold()), name) for name in rest if tidy(name).casefold() in TEXT_NAMES
    )
    if by_name:
        others = [name for _, name in by_name[1:]]
        beside = f"; {first_few(map(repr, others))} could be read as well: pass text=" if others else ""
        return [by_name[0][1]], Decision(value=by_name[0][1], reason=f"its name{beside}")
    rest = [name for name in rest if tidy(name).casefold() not in targets]
    words = {name: _words(columns[name]) for name in rest}
    likely = [name for name, n in words.items() if n > 1.5]
    if len(likely) == 1 or len(rest) == 1:
        found = (likely or rest)[0]
        return [found], Decision(
            value=found, reason="the only column whose cells are words" if likely else "the only one left"
        )
    what = f"columns {first_few(map(repr, likely))} could all be the text" if likely else "no column holds texts"
    raise DataError(
        f"{what}; the columns are {first_few(map(repr, columns), most=20)}. To fix: pass text=, the name of the "
        "column, or several that are read one after the other."
    )


def _words(cells: Sequence[Any]) -> float:
    """Words of a cell, on average."""
    texts = [cell for cell in cells[:LOOKED_AT] if isinstance(cell, str)]
    return sum(len(text.split()) for text in texts) / len(texts) if texts else 0.0
