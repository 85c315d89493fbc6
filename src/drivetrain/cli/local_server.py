"""A page for one person on this machine: standard library only.

What keeps others out: it listens on the loopback address alone; every request needs a cookie that only the printed
address sets; the Host header must name this server (another site cannot reach it under its own name), and what is sent
must come from the page itself (Origin).
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from drivetrain.errors import DrivetrainError, SettingError

SCHEME, ADDRESS = "http", "127.0.0.1"
MOST_BYTES = 64 * 1024
"""Of a request's body."""
TIMEOUT_S = 30.0
"""For a client that stops in the middle of a request."""
HTML = "text/html; charset=utf-8"

POLICY = "Content-Security-Policy"
HEADERS = {
    POLICY: (
        "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    body: bytes
    kind: str
    """Media type."""
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def as_json(value: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """An answer for a script.

    Example:
        >>> as_json({"n": 1}).body
        b'{"n": 1}'
    """
    return Answer(json.dumps(value, allow_nan=False).encode(), "application/json", status)


def refusal(status: HTTPStatus, why: str) -> Answer:
    """An answer that says why there is none."""
    return as_json({"error": why}, status)


class LocalServer:
    """Answers until it is closed.

    Args:
        name: The command it is of, such as ``review``.
        get: Path → what it shows; None where there is no such page. A DrivetrainError says why it cannot be shown.
        post: Path and what was sent, as JSON → what is answered; None where there is nothing to send to.
        port: 0 takes a free one.

    Raises:
        SettingError: The port cannot be had.

    Example:
        >>> with LocalServer("demo", lambda path: None) as server:
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(
        self,
        name: str,
        get: Callable[[str], Answer | None],
        post: Callable[[str, Any], Answer | None] | None = None,
        *,
        port: int = 0,
    ) -> None:
        self.name, self.get, self.post = name, get, post
        self.token = secrets.token_urlsafe(24)
        self.writing = threading.Lock()
        handler = type("Handler", (_Handler,), {"local": self})
        try:
            self._http = _Server((ADDRESS, port), handler)
        except OSError as error:
            raise SettingError(
                f"port {port} cannot be had: {error.strerror}; expected a free one. To fix: leave --port out."
            ) from error
        self.port = int(self._http.server_address[1])
        self.cookie = f"drivetrain_{name}_{self.port}"
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

    def __enter__(self) -> Self:
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

    local: LocalServer
    server_version, sys_version = "drivetrain", ""
    timeout = TIMEOUT_S

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        if not self._is_for_us():
            return
        if place.path == "/" and place.query:
            self._let_in(parse_qs(place.query).get("token", [""])[0])
        elif not self._is_let_in():
            self._refuse(HTTPStatus.FORBIDDEN, f"open the address that drivetrain {self.local.name} printed")
        else:
            self._found(lambda: self.local.get(place.path))

    def do_POST(self) -> None:
        body = self._body()
        if not self._is_for_us():
            return
        origin = self.headers.get("Origin")
        post, path = self.local.post, urlsplit(self.path).path
        if not self._is_let_in() or origin not in {f"{SCHEME}://{host}" for host in self.local.hosts}:
            self._refuse(HTTPStatus.FORBIDDEN, "decisions are taken from the page alone")
        elif post is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
        elif body is None:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {MOST_BYTES} bytes")
        elif self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.BAD_REQUEST, "expected JSON")
        else:
            try:
                said = json.loads(body)
            except (ValueError, RecursionError):
                self._refuse(HTTPStatus.BAD_REQUEST, "expected JSON")
                return
            with self.local.writing:  # one after another
                self._found(lambda: post(path, said))

    def _found(self, make: Callable[[], Answer | None]) -> None:
        """What there is, or why there is nothing."""
        try:
            answer = make()
        except DrivetrainError as error:
            answer = refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        self._send(answer or refusal(HTTPStatus.NOT_FOUND, "there is no such page"))

    def _body(self) -> bytes | None:
        """What was sent, read even where it is refused, or the refusal would be lost; None where it is too long."""
        length = self.headers.get("Content-Length", "")
        n = int(length) if length.isascii() and length.isdigit() and len(length) < 10 else 0
        sent = self.rfile.read(min(n, 16 * MOST_BYTES))
        return sent if n <= MOST_BYTES else None

    def _is_for_us(self) -> bool:
        if self.local.closed:
            return False
        if self.headers.get("Host") in self.local.hosts:
            return True
        self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server answers under its own address alone")
        return False

    def _let_in(self, token: str) -> None:
        if not secrets.compare_digest(token.encode(), self.local.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, f"open the address that drivetrain {self.local.name} printed")
            return
        cookie = f"{self.local.cookie}={self.local.token}; Path=/; HttpOnly; SameSite=Strict"
        self._send(Answer(b"", "text/plain", HTTPStatus.SEE_OTHER, {"Set-Cookie": cookie, "Location": "/"}))

    def _is_let_in(self) -> bool:
        """By the cookie; other programs on this machine may have set others, in whatever form."""
        wanted = f"{self.local.cookie}={self.local.token}".encode()
        known = str(self.headers.get("Cookie", "")).split(";")
        return any(secrets.compare_digest(part.strip().encode("utf-8", "replace"), wanted) for part in known)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send(refusal(status, why))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        described = {"Content-Type": answer.kind, "Content-Length": str(len(answer.body))}
        for name, value in {**HEADERS, **described, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal belongs to who reads it."""
