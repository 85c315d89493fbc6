"""Lists of web addresses as search engines, interfaces and programs write them, as flat rows.

JSON is flattened: what is inside an object becomes `outer.inner`; an object that holds several pictures becomes several
rows. A few forms say something that no name of a column says; these are brought into the usual one here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

Row = Mapping[str, Any]

DEPTH = 6
SEVERAL = ("imageinfo", "photos", "media", "images", "sounds", "files")
"""Keys of lists of objects with an address each, inside a row: the first that holds one makes several rows."""
ROWS = (
    "results", "value", "hits", "photo", "photos", "images_results", "images", "items", "data", "recordings", "rows",
)  # fmt: skip
"""Keys of the list of rows, in what interfaces answer."""
OF_ADDRESSES = re.compile(r"ur[li]|link|href|image|img|photo|picture|file|src|page|thumb|page|original")
"""Names of columns of addresses, which are no classes."""
FLICKR_FILES = "https://live.staticflickr.com"
FLICKR_PAGES = "https://www.flickr.com/photos"
FLICKR_LICENCES = (
    "all rights reserved", "CC BY-NC-SA 2.0", "CC BY-NC 2.0", "CC BY-NC-ND 2.0", "CC BY 2.0", "CC BY-SA 2.0",
    "CC BY-ND 2.0", "no known copyright restrictions", "United States government work", "CC0 1.0",
    "public domain mark 1.0",
)  # fmt: skip
"""By Flickr's numbers, see flickr.photos.licenses.getInfo."""


def rows_in(found: Any) -> list[Row]:
    """The rows that some JSON holds: a list of objects, or what an interface answered; none where there are no rows.

    Example:
        >>> rows_in({"results": [{"url": "https://a.org/1.jpg", "tags": {"name": "fig"}}]})
        [{'url': 'https://a.org/1.jpg', 'tags.name': 'fig'}]
        >>> rows_in(["https://a.org/1.jpg"])
        [{'url': 'https://a.org/1.jpg'}]
    """
    listed = _by_class(found) or _listed(found, 0)
    rows: list[Row] = []
    for one in listed:
        if isinstance(one, str):
            rows.append({"url": one})
        elif isinstance(one, Mapping):
            rows += [_usual(flat) for flat in _expanded(cast("Mapping[str, Any]", one))]
    return rows


def _by_class(found: Any) -> list[Any]:
    """The rows of {"fig": [addresses], "pear": [addresses]}, which names classes, no columns."""
    held = cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}
    of_addresses = [
        isinstance(value, list) and bool(value) and all(isinstance(one, str) and is_address(one) for one in value)
        for value in held.values()
    ]
    if len(held) < 2 or not all(of_addresses) or any(OF_ADDRESSES.search(name.lower()) for name in held):
        return []
    return [{"url": one, "label": name} for name, listed in held.items() for one in cast("list[str]", listed)]


def _listed(found: Any, depth: int) -> Sequence[Any]:
    """Where in some JSON the rows are."""
    if isinstance(found, list):
        return cast("list[Any]", found)
    if not isinstance(found, Mapping) or depth > DEPTH:
        return []
    held = cast("Mapping[str, Any]", found)
    if isinstance(pages := held.get("pages"), Mapping):  # Wikimedia
        return list(cast("Mapping[str, Any]", pages).values())
    named = [held[key] for key in ("pages", *ROWS) if isinstance(held.get(key), list) and held[key]]
    inside = (_listed(inner, depth + 1) for inner in held.values() if isinstance(inner, Mapping))
    is_row = any(isinstance(value, str) and is_address(value) for value in held.values())
    others = [[held]] if is_row else [value for value in held.values() if isinstance(value, list) and value]
    return next(iter([*named, *filter(None, inside), *others]), [])


def _expanded(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row, or one for each of the pictures in it."""
    for key in SEVERAL:
        inner = row.get(key)
        if isinstance(inner, list) and any(isinstance(one, Mapping) for one in cast("list[Any]", inner)):
            rest = flattened({name: value for name, value in row.items() if name not in SEVERAL})
            for one in cast("list[Any]", inner):
                if isinstance(one, Mapping):
                    own = flattened(cast("Mapping[str, Any]", one))
                    yield {**{f"{'row.' if name in own else ''}{name}": value for name, value in rest.items()}, **own}
            return
    yield flattened(row)


def flattened(row: Mapping[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    """What is inside objects, under names with dots; lists of texts as they are, other lists left out."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping) and depth < DEPTH:
            flat |= flattened(cast("Mapping[str, Any]", value), f"{before}{name}.", depth + 1)
        elif not isinstance(value, list | Mapping):
            flat[f"{before}{name}"] = value
    return flat


def _usual(row: dict[str, Any]) -> dict[str, Any]:
    """A row of an interface that names what it means otherwise, in the usual names."""
    if {"server", "secret", "id"} <= row.keys():
        return _flickr(row)
    if {"taxon.name", "url"} <= row.keys() and "square" in str(row["url"]):  # iNaturalist's smallest of five sizes
        row["url"] = re.sub(r"/square\.", "/medium.", str(row["url"]))
        row["origin"] = row.get("row.uri") or row.get("uri")
    if {"file", "gen", "sp"} <= row.keys():  # xeno-canto
        row.setdefault("species", f"{row['gen']} {row['sp']}")
        row["origin"] = row.pop("url", None)
    if row.get("license") and row.get("license_version") and "foreign_landing_url" in row:  # Openverse
        code = str(row["license"])
        row["license"] = f"{'' if code in ('cc0', 'pdm') else 'CC '}{code.upper()} {row.pop('license_version')}"
        row.pop("category", None)  # "photograph": says nothing of what is seen
    return row


def _flickr(row: dict[str, Any]) -> dict[str, Any]:
    """Flickr gives the parts of an address, and numbers for licences."""
    sizes = [f"url_{size}" for size in ("l", "c", "z", "m", "o")]
    made = f"{FLICKR_FILES}/{row['server']}/{row['id']}_{row['secret']}_b.jpg"
    row["image_url"] = next((row[size] for size in sizes if row.get(size)), made)
    licence = str(row.get("license", ""))
    if licence.isdecimal() and int(licence) < len(FLICKR_LICENCES):
        row["license"] = FLICKR_LICENCES[int(licence)]
    if row.get("owner"):
        row["origin"] = f"{FLICKR_PAGES}/{row['owner']}/{row['id']}"
    return row


def is_address(text: str) -> bool:
    """Whether a cell holds a web address.

    Example:
        >>> is_address("https://a.org/1.jpg"), is_address("a.jpg")
        (True, False)
    """
    return bool(re.match(r"\s*(https?:)?//[^\s/]+", text, re.IGNORECASE))
