"""The page at /, and how its files are found in the installed package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

PAGE_FILES = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js", "/icon.svg": "icon.svg"}
"""Path → file."""
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def page_file(name: str) -> tuple[bytes, str]:
    """Content and media type.

    Example:
        >>> page_file("index.html")[1]
        'text/html; charset=utf-8'
    """
    content = files(__name__).joinpath(name).read_bytes()
    return content, _TYPES[name[name.rindex(".") :]]
