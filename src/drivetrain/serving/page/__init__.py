"""The page at /: one frame for all kinds of input, and how its files are found in the installed package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from textwrap import indent
from typing import Any

from drivetrain.pages.page import resource
from drivetrain.pages.terms import reference_as_json

PAGE_FILES = {
    "/": "frame.html",
    "/page.css": "page.css",
    "/page.js": "page.js",
    "/model.js": "model.js",
    "/many.js": "many.js",
    "/mattered.js": "mattered.js",
    "/terms.js": "terms.js",
    "/terms.json": "terms.json",
    "/icon.svg": "icon.svg",
}
"""Path → file: `page.js` is that of the kind of input; what explains terms is that of all pages."""
SLOTS = ("ask", "under", "beside", "more")
"""Pieces of the frame that a kind fills: how an input is given; what stands under an answer, beside it, and after it. A
kind without an own `ask.html` is asked in JSON."""
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


@cache
def page_file(name: str, folder: Any = None) -> tuple[bytes, str]:
    """Content and media type, from the folder of a kind if it has such a file; else from here.

    Example:
        >>> page_file("frame.html")[1]
        'text/html; charset=utf-8'
    """
    content = _content(name, folder)
    assert content is not None, name
    if name == "page.css":
        content += resource("terms.css").encode()
    if name == "page.css" and folder is not None and (own := folder / "own.css").is_file():
        content += own.read_bytes()
    if name == "frame.html":
        for slot in SLOTS:
            piece = (_content(f"{slot}.html", folder) or b"").decode()
            content = content.replace(f"    <!-- {slot} -->\n".encode(), indent(piece, "    ").encode())
    return content, _TYPES[name[name.rindex(".") :]]


def _content(name: str, folder: Any) -> bytes | None:
    """Of a file in the folder, or here; None where neither has it."""
    if name == "terms.json":
        return reference_as_json().encode()
    if name == "terms.js":
        return resource(name).encode()
    places = [files(__name__) / name] if folder is None else [folder / name, files(__name__) / name]
    return next((place.read_bytes() for place in places if place.is_file()), None)
