"""What is to be learned: one category, several labels or numbers; settled once from all target columns, and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drivetrain.data.listing import TASK_NAMES, Kind
from drivetrain.data.tables.cells import (
    MISSING_BY_PROGRAMS,
    MISSING_WORDS,
    Column,
    is_ambiguous,
    is_list_text,
    is_yes,
    items_of,
    numbers_of,
)
from drivetrain.data.tables.delimiters import LIKELY, SURE, Separator, find_separator
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.text import agreeing, counted, does, readable

MOST_CATEGORIES_AS_INTEGERS = 20
UNIT = re.compile(r"(?P<before>[^\w\s+.,-]?)\s*[+-]?\d+([.,]\d+)?\s*(?P<behind>[^\d]{0,10})")
CLASS_NAMES = frozenset(
    {"label", "labels", "class", "classes", "category", "categories", "species", "class_id", "label_id", "category_id"}
    | {"classid", "labelid", "class_idx", "label_idx", "classname", "class_name", "label_name", "target_class"}
)
"""Columns called so hold classes, also where these are numbered."""
PLAIN_NONE = frozenset({"none", "nil"})
"""Fair names of a class in lower case: no warning."""


@dataclass(frozen=True)
class Task:
    """What the target columns are read as."""

    kind: Kind
    reason: str
    delim: str | None = None
    """What separates labels in a cell."""
    bracketed: bool = False
    """Whether cells are lists written as text."""
    flags: tuple[str, ...] = ()
    """Columns of yes and no, which name a label."""
    missing: tuple[str, ...] = ()
    """Words of text columns that mean "no value"."""
    notes: tuple[str, ...] = ()
    """What the user should know, as warnings."""


def settle(
    columns: Sequence[Column], kind: Kind | None = None, delim: str | None = None, *, gap_words: Mapping[str, str] = {}
) -> Task:
    """The task that the target columns set, and why.

    Args:
        columns: All target columns.
        kind: What was asked for; None infers it.
        delim: What separates labels, where the user says so.
        gap_words: Words that stand for "no value" in other columns of the table, with the column.

    Raises:
        DataError: A column is empty, holds dates, or mixes numbers and text.
        SettingError: What was asked for does not go with the columns.

    Example:
        >>> from drivetrain.data.tables.cells import column_of
        >>> settle([column_of("age", [1.5, 2.5])]).reason
        "the values are numbers with decimals; for classes, pass task='category'"
        >>> settle([column_of("rot", [0, 1, 1]), column_of("scab", [1, 1, 0])]).kind
        'categories'
    """
    for column in columns:
        _require_values(column)
    asked = _check_asked(columns, kind, delim)
    if kind != "category":
        _refuse_dates(columns, kind)
    found = _several(columns, asked, delim) if len(columns) > 1 else _single(columns[0], asked, delim)
    return _with_gaps(found, columns, gap_words, asked=kind)


def _require_values(column: Column) -> None:
    words = column.counts.keys()
    if not column.has_lists and all(word.casefold() in MISSING_BY_PROGRAMS for word in words):
        raise DataError(f"target column {column.name!r} has no value in any row. To fix: choose another target column.")


def _check_asked(columns: Sequence[Column], kind: Kind | None, delim: str | None) -> Kind | None:
    if delim is not None and kind not in (None, "categories"):
        raise SettingError(
            f"label_delim={delim!r} has no effect with task={TASK_NAMES[kind]!r}; expected task='multilabel'. "
            "To fix: leave one of them out."
        )
    lists = [column.name for column in columns if column.has_lists]
    if lists and kind not in (None, "categories"):
        raise SettingError(
            f"task={TASK_NAMES[kind]!r} cannot read cells that are lists, in {first_few(map(repr, lists))}; expected "
            "task='multilabel'. To fix: leave task= out, or name another target."
        )
    if kind == "category" and len(columns) > 1 and not all(column.is_yes_no for column in columns):
        raise SettingError(
            f"task='category' needs one target column, got {len(columns)}: "
            f"{first_few(repr(column.name) for column in columns)}. To fix: pass one, or task='multilabel'."
        )
    return kind


def _refuse_dates(columns: Sequence[Column], kind: Kind | None) -> None:
    for column in columns:
        if column.is_dates and not column.stated:
            raise DataError(
                f"target column {column.name!r} holds {len(column.counts)} different dates or times, such as "
                f"{next(iter(column.counts))!r}; expected classes or numbers. To fix: make a column of what is to be "
                "predicted, such as days since the first date, or the month; or pass task='category' for a class per "
                f"date{'' if kind is None else ', as they are no numbers'}."
            )


def _single(column: Column, kind: Kind | None, delim: str | None) -> Task:
    in_brackets = column.is_bracketed and kind in (None, "categories")
    if column.has_lists or in_brackets:
        _refuse_vectors(column, [items_of(cell) for cell in column.cells if cell is not None])
    if column.has_lists:
        return Task("categories", "the cells are lists", notes=_vector_notes(column))
    if in_brackets:
        example = readable(next(text for text in column.counts if is_list_text(text))[:30])
        return Task(
            "categories",
            f"the cells are lists written as text, such as {example}; for a class per combination, pass "
            "task='category'",
            bracketed=True,
            notes=_vector_notes(column),
        )
    if delim is not None:
        return _by_delimiter([column], delim)
    if kind is not None:
        return _asked(column, kind)
    return _numeric(column) if column.number_format else _text(column)


def _refuse_vectors(column: Column, lists: Sequence[Sequence[str]]) -> None:
    """Raise a DataError where each list is a row of zeros and ones, which says which labels a row has, not their names.

    Lists of labels repeat none, and are hardly all of one length.
    """
    items = {item.casefold() for each in lists for item in each}
    length = len(lists[0]) if lists else 0
    if items not in ({"0", "1"}, {"false", "true"}):
        return
    if any(len(each) != length for each in lists) or all(len(set(each)) == len(each) for each in lists):
        return
    raise DataError(
        f"target {column.name!r} holds {length} zeros and ones in each cell; expected the names of labels, or a column "
        f"of zeros and ones for each label. To fix: make {length} columns of it, named by label, and pass target=, "
        "their names."
    )


def _vector_notes(column: Column) -> tuple[str, ...]:
    """A word where the lists are as many numbers each, which are measurements rather than labels."""
    lists = [items_of(cell) for cell in column.cells if cell is not None]
    items = {item for each in lists for item in each}
    if len({len(each) for each in lists}) > 1 or len(items) <= MOST_CATEGORIES_AS_INTEGERS:
        return ()
    if not all(map(_is_number, items)):
        return ()
    return (
        f"target {column.name!r} holds lists of {len(lists[0])} numbers each: every number is taken as a label. "
        "If they are measurements, make a column of each and pass target=, their names.",
    )


def _asked(column: Column, kind: Kind) -> Task:
    """One column read as the user says."""
    if kind == "number":
        notes = _number_notes(column) if is_ambiguous(column) else ()
        return Task("number", _how(column, "asked for"), notes=notes)
    found = find_separator(column.counts) if kind == "categories" else None
    if found is not None and found.followed:
        return Task("categories", f"asked for; {_parts(found)}", delim=found.sign)
    return Task(kind, "asked for" if kind == "category" else "asked for; each cell is one label")


def _numeric(column: Column) -> Task:
    """One column of numbers: classes where they are few and whole, or where the table or its name says so."""
    n, n_rows = len(column.valued), sum(column.counts.values()) - sum(column.gaps.values())
    often = 2 * n <= n_rows
    if column.is_whole and n <= MOST_CATEGORIES_AS_INTEGERS:
        return Task("category", f"{counted(n, 'distinct integer')}; for numbers, pass task='number'")
    if column.is_whole and often and column.name.casefold().replace(" ", "_").replace("-", "_") in CLASS_NAMES:
        why = f"{counted(n, 'distinct integer')} in a column called {column.name!r}; for numbers, pass task='number'"
        return Task("category", why)
    odd = _odd_writing(column) if n <= MOST_CATEGORIES_AS_INTEGERS and often and not column.is_whole else ""
    if odd:
        return Task(
            "category", f"{counted(n, 'distinct code')} as they are written: {odd}; for numbers, pass task='number'"
        )
    if column.stated:
        return Task(
            "category",
            f"{counted(n, 'category', 'categories')}, as the table declares; for numbers, pass task='number'",
        )
    notes = _number_notes(column)
    if column.is_whole:
        if often and _are_codes(column):
            notes += (
                f"target {column.name!r} has the integers {min(map(int, column.valued))} to "
                f"{max(map(int, column.valued))}, each about {n_rows / n:.0f} times: taken as numbers. "
                "If they are codes of classes, pass task='category'; if not, task='number' says so.",
            )
        return Task(
            "number", _how(column, f"{counted(n, 'distinct integer')}; for classes, pass task='category'"), notes=notes
        )
    return Task(
        "number", _how(column, "the values are numbers with decimals; for classes, pass task='category'"), notes=notes
    )


def _are_codes(column: Column) -> bool:
    if not all(text.isdigit() for text in column.valued):
        return False
    codes = sorted(map(int, column.valued))
    return codes[0] in (0, 1) and codes[-1] - codes[0] == len(codes) - 1


def _odd_writing(column: Column) -> str:
    """Why a column that could be read as numbers is none: one number written in two ways, or codes such as 1E2."""
    written: dict[float, str] = {}
    for text in sorted(column.valued):
        number = float(column.number_format.plain(text)) if column.number_format else 0.0
        if number in written:
            return f"{written[number]!r} and {text!r} differ"
        written[number] = text
    if all(
        text[:1].isdigit() and "e" in text.casefold() and "." not in text and not set("+-") & set(text)
        for text in column.valued
    ):
        return f"no number is written like {next(iter(sorted(column.valued)))!r}"
    return ""


def _text(column: Column) -> Task:
    """One column of text: a category, unless the texts are plainly several labels each."""
    _refuse_mixed([column])
    n = len(column.counts)
    found = find_separator(column.counts)
    for sign in (*SURE, *LIKELY, " "):
        _refuse_vectors(column, [[part.strip() for part in text.split(sign)] for text in column.counts])
    if found is not None and found.followed:
        return Task(
            "categories",
            f"{_parts(found)}; for a class per combination, pass task='category'",
            delim=found.sign,
        )
    note = _number_like(column)
    notes: tuple[str, ...] = (note,) if note else ()
    if found is not None and not note:
        example = next(text for text in column.counts if found.sign in text.strip(found.sign))
        notes += (
            f"{found.n_cells} of {n} classes in {column.name!r} {does(found.n_cells, 'have')} {found.sign!r} inside, "
            f"such as {readable(example[:60])!r}: each is taken as one class. If it separates labels, pass "
            f"label_delim={found.sign!r}; if not, task='category' says so.",
        )
    first = next((text for text in column.counts if not _is_number(text)), next(iter(column.counts)))
    why = "no or yes" if column.is_yes_no else f"not numbers (such as {readable(first[:30])!r})"
    return Task("category", f"{counted(n, 'distinct value')}, {why}", notes=notes)


def _number_like(column: Column) -> str:
    """A word where one or two texts make classes of a column of many different whole numbers."""
    numbers = [text for text in column.counts if _is_number(text)]
    others = [text for text in column.counts if not _is_number(text)]
    if not numbers and (unit := _unit(column)):
        return (
            f"target {column.name!r} holds {counted(len(others), 'different text')} such as {others[0]!r}: taken as "
            f"classes. If they are numbers, remove {unit!r}; if not, pass task='category'."
        )
    if len(numbers) <= MOST_CATEGORIES_AS_INTEGERS or len(others) > 2:
        return ""
    said = first_few(f"{readable(text[:30])!r} ({counted(column.counts[text], 'cell')})" for text in others)
    return (
        f"target {column.name!r} holds {len(numbers)} different numbers and {said}: taken as classes. If they are "
        "numbers, empty these cells or pass task='number', which leaves their rows out; if not, pass task='category'."
    )


def _unit(column: Column) -> str:
    """What stands before or behind a number in every cell, such as kg, where there are many different numbers."""
    found = [UNIT.fullmatch(text) for text in column.counts]
    around = {(match["before"], match["behind"]) for match in found if match}
    if len(found) <= MOST_CATEGORIES_AS_INTEGERS or None in found or len(around) > 1:
        return ""
    before, behind = around.pop()
    return before or behind


def _several(columns: Sequence[Column], kind: Kind | None, delim: str | None) -> Task:
    all_flags = all(column.is_yes_no for column in columns)
    flags = tuple(column.name for column in columns if column.is_yes_no and (all_flags or not column.is_marked))
    numeric = all(column.number_format for column in columns)
    if kind == "number":
        notes = tuple(note for column in columns for note in _number_notes(column))
        return Task("number", "asked for", notes=notes)
    if delim is None and len(flags) == len(columns):
        return _one_hot(columns, kind)
    if delim is not None:
        return _by_delimiter(columns, delim, flags=flags)
    if kind is None and numeric:
        notes = tuple(note for column in columns for note in (*_number_notes(column), *_few_notes(column)))
        return Task(
            "number", f"{counted(len(columns), 'column')} of numbers; for labels, pass task='multilabel'", notes=notes
        )
    notes: tuple[str, ...] = ()
    if kind is None:
        _refuse_mixed(columns)
        notes = tuple(
            f"target {column.name!r} holds {len(column.valued)} different numbers and is taken as labels such as "
            f"'{column.name}={next(iter(column.counts))}', since other targets are text. If it is a measurement, train "
            "a model of its own for it; if not, task='multilabel' says so."
            for column in columns
            if column.is_whole and len(column.valued) > MOST_CATEGORIES_AS_INTEGERS
        )
    asked = "asked for; " if kind else ""
    named = f"; {first_few(map(repr, flags))} name a label where they say yes" if flags else ""
    lists = any(column.has_lists for column in columns)
    said = "the cells are lists" if lists else counted(len(columns), "column")
    bracketed = any(column.is_bracketed for column in columns)
    return Task(
        "categories",
        f"{asked}{said}; a label is written column=value{named}",
        flags=flags,
        bracketed=bracketed,
        notes=notes,
    )


def _few_notes(column: Column) -> tuple[str, ...]:
    """A word on a column among several that has three numbers at most, such as -1, 0 and 1 for unsure, no and yes."""
    if not column.is_whole or not 1 < len(column.valued) <= 3 or column.is_yes_no:
        return ()
    said = first_few(sorted(column.valued))
    return (
        f"target {column.name!r} holds only {said}: taken as numbers. If they say yes and no, write 1 and 0; if "
        "they are numbers, task='number' says so.",
    )


def _one_hot(columns: Sequence[Column], kind: Kind | None) -> Task:
    """Columns of yes and no: labels named by column; one category where exactly one is true in every row."""
    names = tuple(column.name for column in columns)
    n_true: Counter[int] = Counter()
    for cells in zip(*(column.cells for column in columns), strict=True):
        has_gap = any(cell is None or cell in column.gaps for cell, column in zip(cells, columns, strict=True))
        if (true := sum(map(is_yes, cells))) or not has_gap:
            n_true[true] += 1
    if kind == "category":
        others = sum(n for true, n in n_true.items() if true != 1)
        notes = (
            (
                f"{agreeing(others, 'rows', 'have')} none or several of the {len(names)} target columns true, and "
                "one category was "
                "asked for: they are left out. To fix: pass task='multilabel'.",
            )
            if others
            else ()
        )
        return Task("category", f"asked for; the column that is true, of {len(names)}", flags=names, notes=notes)
    if kind is None and set(n_true) == {1}:
        return Task(
            "category",
            f"exactly one of {len(names)} columns of yes and no is true in every row: a one-hot coding of one "
            "category, named by column; for independent labels, pass task='multilabel'; for numbers, task='number'",
            flags=names,
        )
    asked = "asked for; " if kind else ""
    return Task(
        "categories",
        f"{asked}{len(names)} columns of yes and no; a row's labels are the columns that are true, none "
        "where none is" + ("" if kind else "; for numbers, pass task='number'"),
        flags=names,
    )


def _by_delimiter(columns: Sequence[Column], delim: str, *, flags: tuple[str, ...] = ()) -> Task:
    notes: tuple[str, ...] = ()
    if not any(column.has_lists or delim in text for column in columns for text in column.counts):
        example = readable(next((text for column in columns for text in column.counts), "")[:60])
        notes = (
            f"label_delim={delim!r} stands in no cell of {first_few(repr(column.name) for column in columns)}, such as "
            f"{example!r}: each cell is one label. To fix: pass what separates the labels.",
        )
    return Task("categories", f"label_delim={delim!r} separates labels", delim=delim, flags=flags, notes=notes)


def _refuse_mixed(columns: Sequence[Column]) -> None:
    """Raise a DataError where text beside many different decimals would make as many classes of them."""
    for column in columns:
        numbers = [text for text in column.counts if _is_number(text)]
        decimals = [text for text in numbers if not text.lstrip("+-").isdigit()]
        n = sum(column.counts[text] for text in numbers)
        if len(decimals) <= MOST_CATEGORIES_AS_INTEGERS or 2 * n < len(column.present):
            continue
        texts = {each.name: next((t for t in each.counts if not _is_number(t)), None) for each in columns}
        mend = "correct or empty such cells; or pass task='number', which leaves their rows out, or task='category'"
        other = column.name if texts[column.name] else next((name for name, text in texts.items() if text), None)
        if other is None:
            continue
        if other != column.name:
            mend = "name columns of one kind, and train a model for each kind"
        raise DataError(
            f"target {column.name!r} holds numbers ({n} of {counted(len(column.present), 'cell')}, such as "
            f"{decimals[0]}), target {other!r} text, such as {readable(str(texts[other])[:30])!r}; expected one kind. "
            f"To fix: {mend}."
        )


def _is_number(text: str) -> bool:
    return numbers_of(Column("", (text,)))[0] is not None


def _how(column: Column, why: str) -> str:
    form = column.number_format
    return f"{why}; they are written {form.name}" if form is not None and form.name else why


def _number_notes(column: Column) -> tuple[str, ...]:
    found = find_separator(column.counts) if any("," in text for text in column.counts) else None
    if found and found.followed and found.sign == "," and len(column.counts) <= MOST_CATEGORIES_AS_INTEGERS:
        example = next(text for text in column.counts if "," in text)
        return (
            f"target {column.name!r} has cells such as {example!r}: taken as numbers with a decimal comma. If it "
            "separates labels, pass label_delim=','; if not, task='number' says so.",
        )
    if not is_ambiguous(column):
        return ()
    example = next(text for text in column.counts if "," in text)
    return (
        f"target {column.name!r} has cells such as {example!r}: the comma is taken to stand between thousands. "
        f"If it stands before decimals, write {example.replace(',', '.')!r}.",
    )


def _parts(found: Separator) -> str:
    return (
        f"{found.sign!r} separates labels in {counted(found.n_cells, 'different cell')}, whose {found.n_parts} parts "
        "recur in other company"
    )


def _with_gaps(task: Task, columns: Sequence[Column], gap_words: Mapping[str, str], *, asked: Kind | None) -> Task:
    """Settle what words such as NA mean, and say so."""
    notes = list(task.notes)
    missing: set[str] = set()
    for column in columns:
        as_numbers = asked is None and task.kind == "category" and bool(column.number_format or column.is_yes_no)
        by_number = task.kind == "number" or column.name in task.flags or as_numbers
        for word, n in sorted(column.counts.items()):
            if word.casefold() not in MISSING_WORDS or column.has_lists:
                continue
            cells = f"{counted(n, 'cell')} of target {column.name!r} {does(n, 'are')} {word!r}"
            if by_number and (word in column.gaps or task.kind == "number"):
                missing.add(word)
                kept = "" if column.name in task.flags or asked else " To keep it as a class, pass task='category'."
                others = "numbers" if column.number_format else "yes or no"
                notes.append(f"{cells}: taken as no value, as the other cells are {others}.{kept}")
            elif word.casefold() in MISSING_BY_PROGRAMS:
                missing.add(word)
                notes.append(f"{cells}: taken as no value. If it is a label, write another word.")
            elif word in gap_words:
                missing.add(word)
                notes.append(
                    f"{cells}: taken as no value, as it is in column {gap_words[word]!r}. If it is a label, write "
                    "another word."
                )
            elif word not in PLAIN_NONE:
                notes.append(f"{cells}: taken as the label {word!r}. If it means no value, empty the cells.")
    return Task(task.kind, task.reason, task.delim, task.bracketed, task.flags, tuple(sorted(missing)), tuple(notes))
