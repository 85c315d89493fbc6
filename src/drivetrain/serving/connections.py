"""Connections that take too long, ask too much or are too many are cut: uvicorn alone would wait for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar, cast

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from drivetrain.runtime.refusals import Refusal
from drivetrain.serving.settings import Limits

HEALTH_PATHS = frozenset(
    {b"/livez", b"/readyz", b"/metrics", b"/v2/health/live", b"/v2/health/ready"},
)
"""What is answered when there are as many connections as there may be."""
SMALL_CHUNKS, BYTES_PER_CHUNK = 1000, 256
"""A body may come in so many chunks, and one more for each so many bytes."""
MOST_PIPELINED = 4
"""Requests that were sent before the answer to the one before; browsers and proxies send none."""
MOST_REFUSED = 64
"""Connections beyond those for health that are told so at once; further ones are closed without a word."""
_CLOSE = (b"connection", b"close")


class _Messages(h11.Connection):
    """What a connection says, in the order it comes; bodies of very small chunks, each of which costs, are refused."""

    _bodies = _body_bytes = 0

    def next_event(self) -> Any:
        """The next part of a request; raises RemoteProtocolError."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._bodies = self._body_bytes = 0
        elif isinstance(event, h11.Data):
            self._bodies, self._body_bytes = self._bodies + 1, self._body_bytes + len(event.data)
            if self._bodies > SMALL_CHUNKS + self._body_bytes // BYTES_PER_CHUNK:
                raise h11.RemoteProtocolError("too many small chunks")
        return event


class Connection(H11Protocol):
    """HTTP/1.1 by h11, which bounds the bytes of a request's headers, with bounds on time, requests and connections."""

    limits: ClassVar[Limits]

    _patience: asyncio.TimerHandle | None = None
    _sweep: asyncio.TimerHandle | None = None
    _unread_since: float | None = None
    _heard_at = 0.0
    _asked = 0
    _pipelined = 0
    _health_only = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller has connected."""
        super().connection_made(transport)
        self._answer = cast("ASGIApp", self.app)
        self.app = cast("Any", self._counted)
        self.conn = _Messages(h11.SERVER, self.limits.header_bytes)
        self._heard_at = self.loop.time()
        self._sweep = self.loop.call_later(self._sweep_s, self._look_for_readers)
        others = cast("Iterable[Connection]", self.connections)
        open_ = [one for one in others if not one.transport.is_closing()]
        if len(open_) > self.limits.connections:
            waiting = [one for one in open_ if one is not self and one.waits_for_caller]
            if waiting:
                min(waiting, key=lambda one: one._heard_at).make_room()
            elif len(open_) > self.limits.connections + self.limits.health_connections:
                self._refuse(_TOO_MANY, tell=len(open_) < self.limits.connections + MOST_REFUSED)
                return
            else:
                self._health_only = True
        self._wait_for_headers()

    @property
    def waits_for_caller(self) -> bool:
        """Whether nothing is being worked on: headers or a body are to come, or an answer is to be read."""
        asked = cast("RequestResponseCycle | None", self.cycle)
        return asked is None or asked.response_complete or asked.more_body or self._unread

    def make_room(self) -> None:
        """Close this connection for a new one."""
        if self._unread:
            self.transport.abort()
        else:
            self.send_400_response("", _TOO_MANY)

    @property
    def _unread(self) -> bool:
        return self.transport.get_write_buffer_size() > 0

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        self._heard_at = self.loop.time()
        super().data_received(data)
        self._wait_for_headers()

    def on_response_complete(self) -> None:
        """An answer has been written; who sent many requests without waiting for it is not served further."""
        if self.conn.trailing_data[0]:
            self._pipelined += 1
            if self._pipelined > MOST_PIPELINED:
                self.transport.close()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone."""
        self._stop_waiting()
        if self._sweep is not None:
            self._sweep.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str, refusal: Refusal | None = None) -> None:
        """What is no HTTP is told so, as everything else, in JSON."""
        del msg
        asked = cast("RequestResponseCycle | None", self.cycle)
        answering = asked is not None and not asked.response_complete
        if asked is not None and answering:  # its body is what cannot be read
            asked.disconnected = True
            asked.message_event.set()
        self._refuse(refusal or _NOT_HTTP, tell=asked is None or not answering or not asked.response_started)

    @property
    def _sweep_s(self) -> float:
        return self.limits.write_s / 10

    def _look_for_readers(self) -> None:
        """Cut the connection where what was written has not been read for too long."""
        now = self.loop.time()
        if not self._unread:
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = now
        elif now - self._unread_since >= self.limits.write_s:
            self.transport.abort()
            return
        self._sweep = self.loop.call_later(self._sweep_s, self._look_for_readers)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, and the end of the connection after so many requests."""
        self._asked += 1
        if self._health_only and scope["raw_path"] not in HEALTH_PATHS:
            await send({"type": "http.response.start", "status": 503, "headers": [*_headers(_TOO_MANY), _CLOSE]})
            await send({"type": "http.response.body", "body": _TOO_MANY.body()})
            return
        last = self._health_only or self._asked >= self.limits.requests_per_connection

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start" and _CLOSE not in message["headers"]:
                message["headers"] = [*message["headers"], _CLOSE]
            await send(message)

        await self._answer(scope, receive, send_last if last else send)

    def _refuse(self, refusal: Refusal, *, tell: bool = True) -> None:
        """Close, with an answer that is not one to a request."""
        if self.transport.is_closing():
            return
        if tell:
            lines = [f"HTTP/1.1 {refusal.status} {_PHRASES[refusal.status]}".encode()]
            lines += [name + b": " + value for name, value in [*_headers(refusal), _CLOSE]]
            self.transport.write(b"\r\n".join([*lines, b"", refusal.body()]))
        self._stop_waiting()
        self.transport.close()

    def _wait_for_headers(self) -> None:
        """The clock runs from the first byte of a request, or from connecting, until its headers are complete."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop_waiting()
        elif self._patience is None:
            self._patience = self.loop.call_later(self.limits.header_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if self.conn.their_state is h11.IDLE:
            self._refuse(_TOO_SLOW)


_PHRASES = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}
_NOT_HTTP = Refusal(400, "this is not an HTTP/1.1 request that can be understood without doubt")
_TOO_SLOW = Refusal(408, "the headers did not arrive in time")
_TOO_MANY = Refusal(503, "there are too many connections; come again", {"retry-after": "1"})


def _headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    given = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    size = str(len(refusal.body())).encode()
    return [(b"content-type", b"application/json"), (b"content-length", size), *given]


def connection_class(limits: Limits) -> type[Connection]:
    """The protocol for uvicorn, with these limits."""
    made = type("LimitedConnection", (Connection,), {"limits": limits})
    return cast("type[Connection]", cast("Any", made))
