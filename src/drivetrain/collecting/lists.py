"""What is wanted: the rows of lists, with an address each, and what the lists say of them."""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from drivetrain.collecting.addresses import RefusedError, web_address
from drivetrain.collecting.forms import Row, is_address, rows_in
from drivetrain.data.tables.frames import is_table, table_of
from drivetrain.data.tables.labels import label_text
from drivetrain.data.tables.packed import inner_suffix, unpacked
from drivetrain.data.tables.reading import TABLE_SUFFIXES, read_table
from drivetrain.errors import DataError, did_you_mean, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.western import western
from drivetrain.settings import refuse
from drivetrain.text import readable, short_reason

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
LIST_SUFFIXES = (*TABLE_SUFFIXES, ".json")
EXPECTED = (
    "a list of web addresses: a file (csv, tsv, json, jsonl, parquet, txt), a folder of such, or a table in memory"
)

ADDRESSES = (
    "contenturl", "imageurl", "imgurl", "photourl", "pictureurl", "mediaurl", "audiourl", "soundurl", "fileurl",
    "originalurl", "largeimageurl", "downloadurl", "identifier", "original", "srcoriginal", "urlsraw", "urlsfull",
    "urlsregular", "previewspreviewhqmp3", "image", "img", "photo", "audio", "file", "src", "url", "uri",
    "link", "href",
)  # fmt: skip
"""Names of columns with addresses of files, the surest first; letters and digits alone count."""
NOT_THESE = re.compile(
    r"thumb|icon|avatar|page|landing|license|licence|creator|author|rights|context|profile|tiny|link$"
)
"""Names of columns whose addresses are others."""
LABELS = (
    "label", "class", "classname", "category", "query", "searchquery", "searchterm", "keyword", "species",
    "scientificname", "taxonname", "commonname",
)  # fmt: skip
SAID: Mapping[str, tuple[str, ...]] = {
    "license": (
        "license", "licence", "licensecode", "licenseshortnamevalue", "extmetadatalicenseshortnamevalue", "lic",
        "rights", "licenseurl", "usageterms",
    ),
    "origin": (
        "origin", "hostpageurl", "foreignlandingurl", "descriptionurl", "originallandingurl", "sourcepage", "pageurl",
        "observationurl", "references", "contextlink", "imagecontextlink", "sourceurl", "sourcepageurl", "linkshtml",
        "link", "url", "source", "hostpagedisplayurl", "rowuri", "uri",
    ),
    "creator": (
        "creator", "author", "artist", "extmetadataartistvalue", "photographer", "rightsholder", "ownername",
        "attribution", "credit", "username", "userlogin", "rec",
    ),
    "title": ("caption", "text", "alttext", "alt", "title", "description", "name"),
}  # fmt: skip
"""What is kept of a row → names of columns that say it, the surest first."""
NO_LABEL = "no label"
LEAST_SHARE = 0.5
"""Of the filled cells of a column of addresses that hold one."""


@dataclass(frozen=True)
class Wanted:
    """One file that a list names."""

    url: str
    """In its normal form."""
    label: str = ""
    license: str = ""
    origin: str = ""
    creator: str = ""
    title: str = ""


@dataclass(frozen=True)
class Wishes:
    """All that is wanted, each address once, in the order of the lists."""

    wanted: tuple[Wanted, ...] = ()
    n_rows: int = 0
    """Of the lists."""
    refused: tuple[tuple[str, str], ...] = ()
    """(what the row says, reason "group: detail") of rows that are not asked for."""
    repeated: int = 0
    """Rows whose address stood before, with the same label."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])


@dataclass(frozen=True)
class _List:
    name: str
    rows: Sequence[Row]


def read_lists(sources: Any, *, url: str | None = None, label: str | None = None) -> Wishes:
    """What lists name.

    Args:
        sources: A list, as a path, a table of any library or rows in memory; or several of them.
        url: The column of addresses; None finds it.
        label: The column of labels; None finds it, and takes the names of the lists where there are several.

    Raises:
        DataError: A list cannot be read, holds no address, or it is not clear which column holds them.

    Example:
        >>> found = read_lists([{"url": "https://a.org/1.jpg", "class": "fig"}])
        >>> found.wanted[0].label, str(found.decisions["label"])
        ('fig', 'class (a column of that name)')
    """
    lists = _lists_of(sources)
    wanted: list[Wanted] = []
    refused: list[tuple[str, str]] = []
    decisions: dict[str, Decision] = {}
    for each in lists:
        more = f" of {each.name}" if len(lists) > 1 else ""
        found, faults, why = _wanted(each, url, label)
        if label is None and len(lists) > 1 and "label" not in why:
            found = [replace(one, label=each.name) for one in found]
            why.pop(NO_LABEL, None)
            why["label"] = Decision(value=each.name, reason="the name of the list, which has no column of labels")
        wanted += found
        refused += faults
        decisions |= {f"{name}{more}": decision for name, decision in why.items()}
    once, conflicts, repeated = _each_once(wanted)
    return Wishes(
        wanted=tuple(once),
        n_rows=sum(len(each.rows) for each in lists),
        refused=(*refused, *conflicts),
        repeated=repeated,
        decisions=decisions,
    )


def _each_once(wanted: Sequence[Wanted]) -> tuple[list[Wanted], list[tuple[str, str]], int]:
    """Each address once; those under two labels not at all, since one of the two is wrong."""
    labels: dict[str, dict[str, None]] = {}
    for one in wanted:
        labels.setdefault(one.url, {})[one.label] = None
    torn = {url: first_few(map(repr, found)) for url, found in labels.items() if len(found) > 1}
    first = {one.url: one for one in reversed(wanted)}
    kept = [first[url] for url in labels if url not in torn]
    conflicts = [(url, f"two labels for one address: {said}") for url, said in torn.items()]
    return kept, conflicts, len(wanted) - len(kept) - sum(one.url in torn for one in wanted)


# ── where lists are ─────────────────────────────────────────────────────────────────────────────────────────────────


def _lists_of(sources: Any) -> list[_List]:
    if isinstance(sources, str | os.PathLike):
        return _of_place(cast("str | os.PathLike[str]", sources))
    if isinstance(sources, list | tuple):
        given = cast("Sequence[Any]", sources)
        if given and all(isinstance(one, str) and is_address(one) for one in given):
            return [_List("the list", [{"url": one} for one in given])]
        if given and all(isinstance(one, str | os.PathLike) for one in given):
            return [each for one in given for each in _of_place(one)]
        if given and all(isinstance(one, Mapping) for one in given):
            return [_List("the list", rows_in(list(given)))]
    if is_table(sources):
        return [_List("the table", _rows(table_of(sources).columns))]
    return refuse("lists", sources, EXPECTED, fix="To fix: pass one of these.")


def _of_place(place: str | os.PathLike[str]) -> list[_List]:
    path = Path(place)
    if isinstance(place, str) and is_address(place):
        return [_List("the list", [{"url": place}])]
    if path.is_dir():
        inside = sorted(one for one in path.iterdir() if one.is_file() and inner_suffix(one) in LIST_SUFFIXES)
        if not inside:
            raise DataError(
                f"{readable(path)} holds no list; expected files ending in {', '.join(LIST_SUFFIXES)}. "
                "To fix: pass the list."
            )
        rows = [row for one in inside for row in _rows_of_file(one)]
        return [_List(readable(path.name), rows)]
    if not path.is_file():
        raise DataError(f"{readable(path)} does not exist; expected {EXPECTED}. To fix: check the path.")
    return [_List(readable(path.name.split(".")[0]), _rows_of_file(path))]


def _rows_of_file(path: Path) -> list[Row]:
    suffix = inner_suffix(path)
    if suffix == ".txt" and (lines := _plain_lines(path)):
        return lines
    if suffix in JSON_SUFFIXES:
        return _rows_of_json(path, suffix)
    table, _ = read_table(path, suffixes=frozenset())
    names = list(table.columns)
    rows = _rows(table.columns)
    if any(is_address(name) for name in names):  # there is no header: its cells are the first row
        others = ["title"] if len(names) == 2 else [f"column {place}" for place in range(1, len(names) + 1)]
        rest = iter(others)  # of two columns the other says in words what is seen
        at = {name: "url" if is_address(name) else next(rest) for name in names}
        return [{at[name]: cell for name, cell in row.items()} for row in ({name: name for name in names}, *rows)]
    return rows


def _text_of(path: Path) -> str:
    try:
        data, _ = unpacked(path, path.read_bytes(), LIST_SUFFIXES)
    except OSError as error:
        raise DataError(f"{readable(path)} cannot be read: {short_reason(error)}. To fix: check the path.") from error
    for encoding in ("utf-16",) if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return western(data)[0]


def _plain_lines(path: Path) -> list[Row]:
    """An address a line; none where lines hold more than that."""
    lines = [line.strip() for line in _text_of(path).splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or any(re.search(r"\s", line) for line in lines if is_address(line)):
        return []
    return [{"url": line} for line in lines] if sum(map(is_address, lines)) >= LEAST_SHARE * len(lines) else []


def _rows_of_json(path: Path, suffix: str) -> list[Row]:
    text = _text_of(path)
    try:
        if suffix == ".json":
            return rows_in(json.loads(text))
        return [row for line in text.split("\n") if line.strip() for row in rows_in([json.loads(line)])]
    except (ValueError, RecursionError) as error:
        if suffix == ".json" and text.count("\n{") and not isinstance(error, RecursionError):
            return _rows_of_json(path, ".jsonl")
        raise DataError(f"{readable(path)} is no JSON: {short_reason(error)}. To fix: write the list again.") from error


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[Row]:
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


# ── what columns say ────────────────────────────────────────────────────────────────────────────────────────────────


def _wanted(
    each: _List, url: str | None, label: str | None
) -> tuple[list[Wanted], list[tuple[str, str]], dict[str, Decision]]:
    columns = list(dict.fromkeys(name for row in each.rows for name in row))
    if not each.rows:
        raise DataError(f"{each.name} has no rows; expected {EXPECTED}. To fix: check the list.")
    addresses, why = _choose_addresses(each, columns, url)
    decisions = {"url": why}
    labels = _choose_label(each, columns, label, addresses)
    if labels is not None:
        reason = "asked for" if label is not None else "a column of that name"
        decisions["label"] = Decision(value=labels, reason=reason)
    said = {key: _of_names(columns, names, {addresses, labels}) for key, names in SAID.items()}
    known = {addresses, *(name for names in said.values() for name in names)}
    if labels is None and (others := [name for name in columns if name not in known]):
        reason = f"no column is called label, class or alike; others are {first_few(map(repr, others))}, pass label="
        decisions[NO_LABEL] = Decision(value="none", reason=reason)
    found: list[Wanted] = []
    faults: list[tuple[str, str]] = []
    for row in each.rows:
        cell = row.get(addresses)
        if cell is None or not str(cell).strip():
            faults.append(("", "no address: the cell is empty"))
            continue
        try:
            address = str(web_address(str(cell)))
        except RefusedError as error:
            faults.append((str(cell)[:200], str(error)))
            continue
        name = "" if labels is None else _as_text(row.get(labels))
        if labels is not None and not name:
            faults.append((address, "no label: the cell is empty"))
            continue
        more = {key: next(filter(None, (_as_text(row.get(one)) for one in names)), "") for key, names in said.items()}
        found.append(Wanted(address, label_text(name) if name else "", **more))
    return found, faults, decisions


def _as_text(cell: Any) -> str:
    """A cell as text; markup, as Wikimedia's authors have it, is taken off."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    text = str(cell).strip()
    return re.sub(r"<[^<>]*>", "", text).strip() if "<" in text and ">" in text else text


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _of_names(columns: Iterable[str], names: Sequence[str], apart: set[str | None]) -> list[str]:
    plain = {_plain(column): column for column in columns if column not in apart}
    return [plain[name] for name in names if name in plain]


def _choose_addresses(each: _List, columns: Sequence[str], asked: str | None) -> tuple[str, Decision]:
    if asked is not None:
        return _known(columns, asked, "url", each.name), Decision(value=asked, reason="asked for")
    filled: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for row in each.rows:
        for name, cell in row.items():
            if isinstance(cell, str) and cell.strip():
                filled[name] += 1
                held[name] += is_address(cell)
    likely = [name for name in columns if held[name] and held[name] >= LEAST_SHARE * filled[name]]
    by_name = _of_names(likely, ADDRESSES, set())
    plausible = [name for name in likely if not NOT_THESE.search(_plain(name))]
    if by_name:
        others = [name for name in plausible if name != by_name[0]]
        beside = f"; other addresses are in {first_few(map(repr, others))}" if others else ""
        return by_name[0], Decision(value=by_name[0], reason=f"a column of that name with web addresses{beside}")
    choices = plausible or likely
    if len(choices) == 1:
        return choices[0], Decision(value=choices[0], reason="the only column with web addresses")
    named = first_few(map(repr, choices or columns))
    if choices:
        raise DataError(
            f"{each.name} has web addresses in {named}; expected one column of them. To fix: pass url=, its name."
        )
    raise DataError(
        f"no column of {each.name} holds web addresses ({named}); expected one such as 'url'. "
        "To fix: check the list, or pass url=, the name of the column."
    )


def _choose_label(each: _List, columns: Sequence[str], asked: str | None, addresses: str) -> str | None:
    if asked is not None:
        return _known(columns, asked, "label", each.name)
    found = _of_names(columns, LABELS, {addresses})
    return next((name for name in found if any(_as_text(row.get(name)) for row in each.rows)), None)


def _known(columns: Sequence[str], asked: str, setting: str, name: str) -> str:
    if asked in columns:
        return asked
    near = did_you_mean(asked, columns)
    raise DataError(
        f"{setting}={asked!r} names no column of {name}; expected one of {first_few(map(repr, columns))}.{near} "
        f"To fix: pass the name of one of them, or leave {setting} out."
    )
