"""The local page of `drivetrain review`: standard library only, for one person on this machine.

What keeps others out: it listens on the loopback address alone; every request needs a cookie that only the printed
address sets; the Host header must name this server (another site cannot reach it under its own name), and decisions
must come from the page itself (Origin). Pictures are asked for by row number, so no path is ever read from a request.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from drivetrain.errors import DrivetrainError
from drivetrain.pages.page import resource

SCHEME, ADDRESS = "http", "127.0.0.1"
MOST_BYTES = 64 * 1024
"""Of a request's body."""
TIMEOUT_S = 30.0
"""For a client that stops in the middle of a request."""

PAGES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
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


class ReviewServer:
    """Serves the page until it is closed.

    Args:
        items: What is to be looked at, and what was decided so far, ready for JSON.
        picture: Row number → what is shown of it, and its media type; None where it is unknown or cannot be read.
        decide: Stores a decision (row, action, label) and returns all of them; a DrivetrainError says why it cannot.
        sound: As `picture`, of what is heard of a row; None: rows make no sound.
        port: 0 takes a free one.

    Raises:
        OSError: The port is taken.

    Example:
        >>> with ReviewServer(dict, lambda row: None, lambda row, action, label: {}) as server:
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(
        self, items: Items, picture: Picture, decide: Decide, *, sound: Picture | None = None, port: int = 0
    ) -> None:
        self.items, self.picture, self.sound, self.decide = items, picture, sound, decide
        self.token = secrets.token_urlsafe(24)
        self.writing = threading.Lock()
        handler = type("Handler", (_Handler,), {"review": self})
        self._http = _Server((ADDRESS, port), handler)
        self.port = int(self._http.server_address[1])
        self.cookie = f"drivetrain_review_{self.port}"
        self._thread: threading.Thread | None = None
        self.closed = False

    @property
    def url(self) -> str:
        """The address to open; it carries the token, once."""
        return f"{SCHEME}://{ADDRESS}:{self.port}/?token={self.token}"

    @property
    def hosts(self) -> tuple[str, str]:
        """What the Host header may say."""
        return f"{ADDRESS}:{self.port}", f"localhost:{self.port}"

    def run(self) -> None:
        """Answer until `close` is called from another thread, or the process is interrupted."""
        self._http.serve_forever(poll_interval=0.2)

    def __enter__(self) -> ReviewServer:
        """Answer in a thread of its own while the block lasts."""
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering, also on connections that are still open, and free the port."""
        self.closed = True
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._thread = None
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One request; its connection is closed afterwards."""

    review: ReviewServer
    server_version, sys_version = "drivetrain", ""
    timeout = TIMEOUT_S

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        if not self._is_for_us():
            return
        if place.path == "/" and place.query:
            self._let_in(parse_qs(place.query).get("token", [""])[0])
        elif not self._is_let_in():
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that drivetrain review printed")
        elif place.path in PAGES:
            name, kind = PAGES[place.path]
            page = files("drivetrain.cli").joinpath("review_page", name).read_bytes()
            self._answer(resource("theme.css").encode() + page if name == "page.css" else page, kind)
        elif place.path == "/items":
            self._json(self.review.items())
        elif (row := row_after("/picture/", place.path)) is not None:
            self._file(self.review.picture(row), "picture")
        elif (row := row_after("/sound/", place.path)) is not None:
            self._file(self.review.sound(row) if self.review.sound else None, "sound")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def _file(self, found: tuple[bytes, str] | None, noun: str) -> None:
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"there is no such {noun}")
        else:
            self._answer(*found)

    def do_POST(self) -> None:
        body = self._body()
        if not self._is_for_us():
            return
        origin = self.headers.get("Origin")
        if not self._is_let_in() or origin not in {f"{SCHEME}://{host}" for host in self.review.hosts}:
            self._refuse(HTTPStatus.FORBIDDEN, "decisions are taken from the page alone")
        elif urlsplit(self.path).path != "/decide":
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
        elif body is None:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {MOST_BYTES} bytes")
        elif self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.BAD_REQUEST, "expected JSON")
        else:
            self._decide(body)

    def _decide(self, body: bytes) -> None:
        try:
            said = json.loads(body)
            row, action, label = said["row"], said["action"], said.get("label")
            if not isinstance(row, int) or not isinstance(action, str):
                raise TypeError
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self._refuse(HTTPStatus.BAD_REQUEST, "expected JSON with row, action and label")
            return
        try:
            with self.review.writing:  # one line of the file after another
                decisions = self.review.decide(row, action, label)
        except DrivetrainError as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
            return
        self._json({"decisions": decisions})

    def _body(self) -> bytes | None:
        """What was sent, read even where it is refused, or the refusal would be lost; None where it is too long."""
        length = self.headers.get("Content-Length", "")
        n = int(length) if length.isascii() and length.isdigit() and len(length) < 10 else 0
        sent = self.rfile.read(min(n, 16 * MOST_BYTES))
        return sent if n <= MOST_BYTES else None

    def _is_for_us(self) -> bool:
        if self.review.closed:
            return False
        if self.headers.get("Host") in self.review.hosts:
            return True
        self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server answers under its own address alone")
        return False

    def _let_in(self, token: str) -> None:
        if not secrets.compare_digest(token.encode(), self.review.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that drivetrain review printed")
            return
        cookie = f"{self.review.cookie}={self.review.token}; Path=/; HttpOnly; SameSite=Strict"
        self._answer(b"", "text/plain", HTTPStatus.SEE_OTHER, {"Set-Cookie": cookie, "Location": "/"})

    def _is_let_in(self) -> bool:
        """By the cookie; other programs on this machine may have set others, in whatever form."""
        wanted = f"{self.review.cookie}={self.review.token}".encode()
        known = str(self.headers.get("Cookie", "")).split(";")
        return any(secrets.compare_digest(part.strip().encode("utf-8", "replace"), wanted) for part in known)

    def _json(self, value: Mapping[str, Any]) -> None:
        self._answer(json.dumps(value, allow_nan=False).encode(), "application/json")

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._answer(json.dumps({"error": why}).encode(), "application/json", status)

    def _answer(
        self,
        body: bytes,
        kind: str,
        status: HTTPStatus = HTTPStatus.OK,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal belongs to who reviews."""
