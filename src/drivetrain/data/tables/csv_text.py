"""CSV and its kin as rows of text: what a spreadsheet, R, Excel or a person writes, and what was amiss with it."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

from drivetrain.data.notices import warn
from drivetrain.errors import DataError
from drivetrain.runtime.decisions import Decision
from drivetrain.text import counted, does

DELIMITERS = ",;\t|"
SEP_LINE = re.compile(r'"?sep=(?P<sign>.|\\t)"?\s*', re.IGNORECASE)
LINES_LOOKED_AT = 50
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
USUAL_NAMES = frozenset({"path", "file", "filename", "image", "img", "name", "id", "label", "class", "target", "split"})
COMMENTS = "lines that begin with #, left out"


class Row(NamedTuple):
    """Cells as they were written, and the line they begin on."""

    line: int
    cells: list[str]


class TextTable(NamedTuple):
    """The header, the cells below it, and what was decided on the way."""

    header: list[str]
    rows: list[list[str | None]]
    decisions: dict[str, Decision]


def read_csv_text(text: str, usual: str, name: str, suffixes: frozenset[str] = frozenset()) -> TextTable:
    r"""The table in a text whose delimiter is found, or named by a line such as "sep=;".

    Args:
        text: All of the file.
        usual: The delimiter where none is plain.
        name: Of the file, for messages.
        suffixes: Of the files that cells may name.

    Raises:
        DataError: There is no header, or a row has more cells than it.

    Example:
        >>> read_csv_text("sep=;\nfile;n\na.jpg;1,5\n", ",", "t.csv").rows
        [['a.jpg', '1,5']]
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    decisions: dict[str, Decision] = {}
    first, delimiter = 0, None
    if found := SEP_LINE.fullmatch(lines[0]):
        first, delimiter = 1, found["sign"].replace("\\t", "\t")
        decisions["delimiter"] = Decision(value=delimiter, reason=f"the first line says {lines[0].strip()!r}")
    start = _skip_comments(lines, first, decisions)
    if start == len(lines):
        raise DataError(
            f"{name} cannot be read as a table: it has no columns. To fix: put a line with their names on top."
        )
    if delimiter is None:
        delimiter = choose_delimiter(lines[start:], usual)
        if delimiter != usual:
            decisions["delimiter"] = delimiter_decision(delimiter)
    rows = list(_rows(lines, start, delimiter, name))
    header = rows[0].cells
    if any(PurePath(cell.strip()).suffix.lower() in suffixes for cell in header):
        raise DataError(
            f"the first line of {name} names a file; expected the names of the columns. "
            f"To fix: put a line such as path{delimiter}label on top."
        )
    body = _without_empty(_without_comments(rows[1:], len(header), decisions), decisions)
    header, cells = _even(header, _without_header(body, header, decisions), delimiter, name, decisions)
    _check_blanks(header, cells, name, suffixes)
    _check_names(header, cells, delimiter, name)
    return TextTable(header, cells, decisions)


def _skip_comments(lines: list[str], start: int, decisions: dict[str, Decision]) -> int:
    """The line of the header: the first that is neither blank nor a comment; a header may begin with # itself."""
    skipped = 0
    for place in range(start, len(lines)):
        line = lines[place].strip()
        if not line:
            continue
        after = next((each for each in lines[place + 1 :] if each.strip()), "")
        if not line.startswith("#") or (not after.startswith("#") and _shape(line) == _shape(after) != 0):
            lines[place] = lines[place].lstrip("# ") if line.startswith("#") else lines[place]
            if skipped:
                decisions["comments"] = Decision(value=skipped, reason=COMMENTS)
            return place
        skipped += 1
    return len(lines)


def _shape(line: str) -> int:
    return max(line.count(sign) for sign in DELIMITERS)


def delimiter_decision(delimiter: str) -> Decision:
    """Why another delimiter than the usual one was taken."""
    return Decision(value=delimiter, reason="the most frequent one in the header")


def choose_delimiter(lines: Sequence[str], usual: str) -> str:
    """The delimiter that as many lines as possible have as often as the header; then the most frequent one.

    A tabulator before all others: sentences have commas, and hardly any cell has it.
    """
    unquoted = [re.sub(r'"[^"]*"', "", line) for line in lines if line.strip()][:LINES_LOOKED_AT]
    header = unquoted[0].count

    def fits(sign: str) -> tuple[bool, float, bool, int, bool]:
        agree = sum(line.count(sign) == header(sign) for line in unquoted) / len(unquoted)
        return header(sign) > 0, round(agree, 1), sign == "\t", header(sign), sign == usual

    best = max(DELIMITERS, key=fits)
    return best if header(best) else usual


def _rows(lines: list[str], start: int, delimiter: str, name: str) -> Iterator[Row]:
    """Every row that is not blank; where a stray quotation mark would swallow rows, these lines are read without."""
    limit = csv.field_size_limit(sys.maxsize)
    stray: list[int] = []
    try:
        reader = csv.reader(
            io.StringIO("\n".join(lines[start:]), newline=""), delimiter=delimiter, skipinitialspace=True
        )
        width = line = 0
        for cells in reader:
            first, line = line, reader.line_num
            swallowed = lines[start + first : start + line]
            width = width or len(cells)
            several = len(swallowed) > 1 and width > 1 and not _is_one_row(swallowed, delimiter, width)
            if several and _are_rows(swallowed, delimiter, width):
                stray.append(start + first + 1)
                for place, each in enumerate(swallowed):
                    if each.strip():
                        yield Row(start + first + place + 1, _one_line(each, delimiter))
            elif any(cell.strip() for cell in cells) or len(cells) > 1 or '"' in swallowed[0]:
                yield Row(start + first + 1, cells)
    finally:
        csv.field_size_limit(limit)
    if stray:
        warn(
            f"{name} has a stray quotation mark on line {stray[0]}"
            + (f" and on {len(stray) - 1} more" if len(stray) > 1 else "")
            + ", which would make one cell of the lines that follow: these are read without it. "
            'To fix: remove it, or write it twice inside quotation marks ("5"" apple").'
        )


def _is_one_row(lines: Sequence[str], delimiter: str, width: int) -> bool:
    r"""Whether a cell over several lines is written as it has to be, and is likely: two lines, or commas of a sentence.

    Example:
        >>> _is_one_row(['"so, where', 'is it",card'], ",", 2), _is_one_row(['"5 apple,1', '"6 pear,2'], ",", 2)
        (True, False)
    """
    if len(lines) > 2 and not any(f"{delimiter} " in line for line in lines):
        return False
    try:
        found = list(csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return len(found) == 1 and len(found[0]) == width


def _are_rows(lines: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether lines that a quotation mark makes one cell of are as many rows, each by itself."""
    return all(len(_one_line(line, delimiter)) == width for line in lines if line.strip())


def _one_line(line: str, delimiter: str) -> list[str]:
    """The cells of one line, by quotation marks where they are in pairs."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True), [])
    except csv.Error:
        cells = line.split(delimiter)
    return [cell.strip().strip('"') if cell.count('"') % 2 else cell for cell in cells]


def _without_comments(rows: list[Row], width: int, decisions: dict[str, Decision]) -> list[Row]:
    kept = [row for row in rows if width == 1 or len(row.cells) > 1 or not row.cells[0].lstrip().startswith("#")]
    if len(kept) < len(rows):
        earlier = decisions["comments"].value if "comments" in decisions else 0
        decisions["comments"] = Decision(value=len(rows) - len(kept) + int(earlier or 0), reason=COMMENTS)
    return kept


def _without_empty(rows: list[Row], decisions: dict[str, Decision]) -> list[Row]:
    """Without rows that hold nothing in any cell, such as spreadsheets write below a table."""
    kept = [row for row in rows if any(cell.strip() for cell in row.cells)]
    if len(kept) < len(rows):
        decisions["empty rows"] = Decision(value=len(rows) - len(kept), reason="nothing in any cell, left out")
    return kept


def _even(
    header: list[str], rows: list[Row], delimiter: str, name: str, decisions: dict[str, Decision]
) -> tuple[list[str], list[list[str | None]]]:
    """Rows as wide as the header; what was added or dropped is told."""
    while len(header) > 1 and not header[-1].strip() and not _any_from(rows, len(header) - 1):
        header = header[:-1]  # every line ends with a delimiter
    width = len(header)
    cut = [Row(row.line, _cut(row.cells, width)) for row in rows]
    if cut and all(len(row.cells) == width + 1 for row in cut) and _counts([row.cells[0] for row in cut]):
        header, width = ["", *header], width + 1
        said = f"rows have {width} cells and the header {width - 1}, as R writes row names"
        decisions["row names"] = Decision(value="the first cell", reason=said)
    wide = [row for row in cut if len(row.cells) > width]
    if wide and width == 1:
        raise DataError(
            f"{name} cannot be read as a table: its first line is {header[0].strip()[:60]!r}, but line {wide[0].line} "
            f"has {counted(len(wide[0].cells), 'cell')}; expected the names of the columns on top. To fix: remove what "
            "stands above these names, such as a title."
        )
    if wide:
        more = f"; {len(wide) - 1} more {'lines' if wide[2:] else 'line'} too" if wide[1:] else ""
        comma = " Where numbers have decimal commas, separate the cells by semicolons." if delimiter == "," else ""
        raise DataError(
            f"{name} cannot be read as a table separated by {delimiter!r}: line {wide[0].line} has "
            f"{len(wide[0].cells)} cells, the header {width}{more}. To fix: give every row as many cells as the "
            f"header, and put cells with a {delimiter!r} inside in quotation marks.{comma}"
        )
    narrow = [row for row in cut if len(row.cells) < width]
    if narrow:
        warn(
            f"{len(narrow)} of {counted(len(cut), 'row')} of {name} {does(len(narrow), 'have')} fewer cells than the "
            f"header has names, the first on line {narrow[0].line}: the cells they lack are taken as empty. To fix: "
            "complete these lines."
        )
    return _without_counter(header, [[*row.cells, *[None] * (width - len(row.cells))] for row in cut], decisions)


def _without_header(rows: list[Row], header: list[str], decisions: dict[str, Decision]) -> list[Row]:
    """Without further lines of names, where files were put one behind the other."""
    kept = [row for row in rows if row.cells != header]
    if len(kept) < len(rows):
        decisions["headers"] = Decision(value=len(rows) - len(kept), reason="lines that repeat the header, left out")
    return kept


def _check_blanks(header: list[str], rows: list[list[str | None]], name: str, suffixes: frozenset[str]) -> None:
    """Raise a DataError where blanks separate the cells: in names of files and classes they stand as well."""
    if len(header) > 1 or not rows:
        return
    sign = max(DELIMITERS, key=header[0].count)
    if (n := header[0].count(sign)) and all((row[0] or "").count(sign) == n for row in rows):
        raise DataError(
            f"every line of {name} is one cell in quotation marks, such as {header[0][:60]!r}; expected cells "
            f"separated by {sign!r}. To fix: remove the quotation marks around whole lines."
        )
    words = [(row[0] or "").split() for row in rows]
    files = sum(PurePath(each[0]).suffix.lower() in suffixes for each in words if len(each) > 1)
    if 2 * files > len(rows):
        raise DataError(
            f"the cells of {name} seem to be separated by blanks; expected commas, semicolons, tabulators "
            "or |. To fix: write commas, or pass the DataFrame that pandas.read_csv(..., sep=r'\\s+') reads."
        )


def _check_names(header: list[str], rows: list[list[str | None]], delimiter: str, name: str) -> None:
    """Say where the first line is a row like the others: its cells are values of their columns.

    Raises:
        DataError: One of them is a number as well.
    """
    places = [str(place) for place in range(len(header))]  # as pandas writes columns without names
    if header == places or any(cell.strip().casefold() in USUAL_NAMES for cell in header):
        return
    values = [cell for place, cell in enumerate(header) if cell.strip() and any(row[place] == cell for row in rows)]
    if not values:
        return
    said = f"the first line of {name} is {delimiter.join(header)[:100]!r}, and {values[0]!r} is a value of its column"
    mend = "To fix: put a line with the names of the columns on top."
    if any(NUMBER.fullmatch(cell.strip()) for cell in header):
        raise DataError(f"{said}; expected the names of the columns. {mend}")
    warn(f"{said}: the line is taken as the names of the columns. {mend[:-1]}, if they have none.")


def _any_from(rows: list[Row], place: int) -> bool:
    """Whether any row has something from this place on."""
    return any(cell.strip() for row in rows for cell in row.cells[place:])


def _cut(cells: list[str], width: int) -> list[str]:
    """Without empty cells beyond the header."""
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _without_counter(
    header: list[str], rows: list[list[str | None]], decisions: dict[str, Decision]
) -> tuple[list[str], list[list[str | None]]]:
    """Without a column that has no name and counts the rows, as pandas and R write it."""
    if header[0].strip() not in ("", "Unnamed: 0") or len(header) < 2 or not rows:
        return header, rows
    if not _counts([row[0] for row in rows]):
        return header, rows
    decisions.setdefault("row names", Decision(value="left out", reason="the first column has no name and counts rows"))
    return header[1:], [row[1:] for row in rows]


def _counts(cells: list[str | None] | list[str]) -> bool:
    return any(cells == [str(start + row) for row in range(len(cells))] for start in (0, 1))
