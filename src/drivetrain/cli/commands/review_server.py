"""The local page of `drivetrain review`. Pictures are asked for by row number: no path is ever read from a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from drivetrain.cli.local_server import HTML, Answer, LocalServer, as_json, refusal
from drivetrain.pages.page import resource
from drivetrain.pages.terms import reference_as_json

PAGES = {
    "/": ("page.html", HTML),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/terms.js": ("terms.js", "text/javascript; charset=utf-8"),
    "/terms.json": ("terms.json", "application/json"),
}

Items = Callable[[], Mapping[str, Any]]
Picture = Callable[[int], tuple[bytes, str] | None]
Decide = Callable[[int, str, Any], Mapping[str, Any]]


def row_after(beginning: str, path: str) -> int | None:
    """The number of a row that a path names.

    Example:
        >>> row_after("/picture/", "/picture/12"), row_after("/sound/", "/picture/12"), row_after("/sound/", "/sound/x")
        (12, None, None)
    """
    number = path.removeprefix(beginning)
    known = path.startswith(beginning) and number.isascii() and number.isdigit() and len(number) < 11
    return int(number) if known else None


class ReviewServer(LocalServer):
    """Serves the page until it is closed.

    Args:
        items: What is to be looked at, and what was decided so far, ready for JSON.
        picture: Row number → what is shown of it, and its media type; None where it is unknown or cannot be read.
        decide: Stores a decision (row, action, label) and returns all of them; a DrivetrainError says why it cannot.
        sound: As `picture`, of what is heard of a row; None: rows make no sound.
        port: 0 takes a free one.

    Raises:
        SettingError: The port is taken.

    Example:
        >>> with ReviewServer(dict, lambda row: None, lambda row, action, label: {}) as server:
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(
        self, items: Items, picture: Picture, decide: Decide, *, sound: Picture | None = None, port: int = 0
    ) -> None:
        self.items, self.picture, self.sound, self.decide = items, picture, sound, decide
        super().__init__("review", self._shown, self._decided, port=port)

    def _shown(self, path: str) -> Answer | None:
        if path in PAGES:
            name, kind = PAGES[path]
            return Answer(_content(name), kind)
        if path == "/items":
            return as_json(self.items())
        if (row := row_after("/picture/", path)) is not None:
            return _file(self.picture(row), "picture")
        if (row := row_after("/sound/", path)) is not None:
            return _file(self.sound(row) if self.sound else None, "sound")
        return None

    def _decided(self, path: str, said: Any) -> Answer | None:
        if path != "/decide":
            return None
        try:
            row, action, label = said["row"], said["action"], said.get("label")
            if not isinstance(row, int) or not isinstance(action, str):
                raise TypeError
        except (TypeError, KeyError, AttributeError):
            return refusal(HTTPStatus.BAD_REQUEST, "expected JSON with row, action and label")
        return as_json({"decisions": self.decide(row, action, label)})


def _content(name: str) -> bytes:
    """Of a file of the page; what explains terms is that of all pages."""
    if name == "terms.json":
        return reference_as_json().encode()
    if name == "terms.js":
        return resource(name).encode()
    page = files("drivetrain.cli").joinpath("review_page", name).read_text(encoding="utf-8")
    return (f"{resource('theme.css')}{page}{resource('terms.css')}" if name == "page.css" else page).encode()


def _file(found: tuple[bytes, str] | None, noun: str) -> Answer:
    return refusal(HTTPStatus.NOT_FOUND, f"there is no such {noun}") if found is None else Answer(*found)
