"""Stands before every route: who may come in, how much they may bring, and what is said about them afterwards."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drivetrain.runtime.refusals import Refusal
from drivetrain.serving.page import PAGE_FILES
from drivetrain.serving.service import Service, say
from drivetrain.serving.settings import is_loopback

OPEN_PATHS = frozenset(PAGE_FILES) | {
    "/docs",
    "/openapi.json",
    "/livez",
    "/readyz",
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
}
"""Asked without a token: they say nothing about the model or about who uses it."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cache-control", b"no-store"),
]
HEARING = {
    b"content-security-policy": f"{POLICY}; media-src 'self' blob:".encode(),
    b"permissions-policy": b"camera=(), microphone=(self), geolocation=()",
}
"""What is another for a kind of input whose page records and plays."""
CLOSE = (b"connection", b"close")
_SCHEMES = (b"http", b"https")
"""Of pages of this service; the second where TLS stands in front of it."""
ONCE = frozenset(
    {b"host", b"origin", b"sec-fetch-site", b"authorization", b"content-type", b"content-encoding", b"content-length"}
)
"""Headers that decide; of two each program may take another one."""
DISCARD_BYTES = 2**26
DISCARD_S = 2.0
"""Of a body that nobody wanted, so much is still read and thrown away before the answer is sent."""


def headers_for(kind: object) -> list[tuple[bytes, bytes]]:
    """What every answer carries; the page of a kind that says `MICROPHONE` may use that, and play sounds.

    Example:
        >>> headers_for(None) == HEADERS
        True
    """
    changed = HEARING if getattr(kind, "MICROPHONE", False) else {}
    return [(name, changed.get(name, value)) for name, value in HEADERS]


class Guard:
    """ASGI middleware.

    Args:
        app: What comes after.
        service: Whose settings and counts these are.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service
        self.headers = headers_for(service.model.kind)
        self.limits = service.settings.limits
        token = service.settings.token
        self._token = None if token is None else token.encode()
        self._names = None if token is not None else _own_names(service.settings.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await _Visit(self, scope, receive, send).run()
        else:
            await send({"type": "websocket.close", "code": 1008})

    def check(self, scope: Scope) -> None:
        """Raises Refusal for who may not come in."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(headers) > self.limits.header_count:
            raise Refusal(431, f"the request has more than {self.limits.header_count} headers")
        if sum(len(name) + len(value) for name, value in headers) > self.limits.header_bytes:
            raise Refusal(431, f"the headers have more than {self.limits.header_bytes:,} bytes")
        if len(scope["path"]) > 2048:
            raise Refusal(414, "the path is too long")
        found = dict(headers)
        if twice := [name for name, n in Counter(name for name, _ in headers).items() if n > 1 and name in ONCE]:
            raise Refusal(400, f"there is more than one header {twice[0].decode()}", {"connection": "close"})
        if b"transfer-encoding" in found and b"content-length" in found:
            raise Refusal(400, "Content-Length and Transfer-Encoding contradict each other", {"connection": "close"})
        if found.get(b"content-encoding", b"identity").lower() not in (b"identity", b""):
            raise Refusal(415, "send the body as it is, without a Content-Encoding")
        if scope["method"] not in ("GET", "HEAD") and self._is_foreign(found):
            raise Refusal(403, "requests from pages of other sites are not answered")
        if self._names is not None and _host_name(found.get(b"host", b"")) not in self._names:
            raise Refusal(421, "the Host header names another host than this one listens on")
        if self._token is not None and scope["path"] not in OPEN_PATHS:
            kind, _, given = found.get(b"authorization", b"").partition(b" ")
            if kind.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
                raise Refusal(401, "send the token as Authorization: Bearer …", {"www-authenticate": "Bearer"})

    def _is_foreign(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a page of another origin (scheme, host and port) sends this; what is no browser says neither.

        A proxy in front may give the service another name than the page has, so with a token, which no other page can
        send, the browser's own word is enough.
        """
        site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
        if site is not None and site.lower() not in (b"same-origin", b"none"):
            return True
        if origin is None or (site is not None and self._token is not None):
            return False
        scheme, _, name = origin.lower().partition(b"://")
        return scheme not in _SCHEMES or name != headers.get(b"host", b"").lower()


class _Visit:
    """One request on its way in and out."""

    def __init__(self, guard: Guard, scope: Scope, receive: Receive, send: Send) -> None:
        self.guard, self.scope = guard, scope
        self._receive, self._send = receive, send
        self.began = time.perf_counter()
        self.status = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.all_read = False

    async def run(self) -> None:
        try:
            self.guard.check(self.scope)
            await self.guard.app(self.scope, self.receive, self.send)
        except Refusal as refusal:
            await self._refuse(refusal)
        except Exception as error:
            say("error", path=self.scope["path"][:200], error=type(error).__name__)
            if self.status:
                raise
            await self._refuse(Refusal(500, "an error that should not have happened; the log names it"))
        finally:
            self._tell()

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.bytes_in += len(message.get("body", b""))
            self.all_read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            unread = self._has_body() and not self.all_read
            if unread:
                await self._discard()
            self.status = message["status"]
            given: list[tuple[bytes, bytes]] = list(message.get("headers", []))
            named = {name for name, _ in given}
            added = [header for header in self.guard.headers if header[0] not in named]
            message["headers"] = given + added + ([CLOSE] if unread else [])
        else:
            self.bytes_out += len(message.get("body", b""))
        await self._send(message)

    def _has_body(self) -> bool:
        names = {name for name, value in self.scope["headers"] if value != b"0"}
        return bool(names & {b"content-length", b"transfer-encoding"})

    async def _refuse(self, refusal: Refusal) -> None:
        response = Response(refusal.body(), refusal.status, refusal.headers, "application/json")
        await response(self.scope, self.receive, self.send)

    async def _discard(self) -> None:
        """Read on for a moment: whoever is cut off while sending never sees the answer."""
        if self.bytes_in == 0 and any(name == b"expect" for name, _ in self.scope["headers"]):
            return  # it waits to be told to send, and will be told not to
        most = self.bytes_in + DISCARD_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_S):
                while not self.all_read and self.bytes_in < most:
                    if (await self.receive())["type"] != "http.request":
                        return

    def _tell(self) -> None:
        took = time.perf_counter() - self.began
        route = getattr(self.scope.get("route"), "path", "other")
        metrics = self.guard.service.metrics
        method = self.scope["method"] if self.scope["method"] in {"GET", "HEAD", "POST"} else "other"
        metrics.requests.labels(route, method, str(self.status)).inc()
        metrics.request_seconds.labels(route).observe(took)
        say(
            "request",
            method=self.scope["method"][:20],
            path=self.scope["path"][:200],
            status=self.status,
            ms=round(1000 * took, 2),
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
        )


def _own_names(host: str) -> frozenset[str] | None:
    """Names under which a loopback service may be asked for.

    A page of another site that makes its own name point here (DNS rebinding) sends that name.
    """
    return frozenset({"localhost", "127.0.0.1", "::1", host.lower()}) if is_loopback(host) else None


def _host_name(header: bytes) -> str:
    """Without the port.

    Example:
        >>> _host_name(b"[::1]:8000"), _host_name(b"LOCALHOST"), _host_name(b"127.0.0.1:80")
        ('::1', 'localhost', '127.0.0.1')
    """
    text = header.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if ":" in text else text
