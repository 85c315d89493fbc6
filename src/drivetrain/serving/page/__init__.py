"""The page at /, and how its files are found in the installed package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

PAGE_FILES = {
    "/": "index.html",
    "/page.css": "page.css",
    "/page.js": "page.js",
    "/model.js": "model.js",
    "/icon.svg": "icon.svg",
}
"""Path → file: the first and the third are those of the kind of input."""
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def page_file(name: str, folder: Any = None) -> tuple[bytes, str]:
    """Content and media type, from the folder if it has such a file; else from here.

    Example:
        >>> page_file("index.html")[1]
        'text/html; charset=utf-8'
    """
    own = None if folder is None else folder / name
    content = (own if own is not None and own.is_file() else files(__name__) / name).read_bytes()
    return content, _TYPES[name[name.rindex(".") :]]
