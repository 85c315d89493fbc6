"""Connections to machines that were looked at: a name is resolved once, and what is connected to is what was checked.

So a name that answers otherwise the second time (DNS rebinding) leads nowhere. Every byte is read against the clock of
its whole request, so that a server that sends one letter a minute ends, too.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import contextmanager
from typing import Any

from drivetrain.collecting.addresses import RefusedError, why_private
from drivetrain.errors import MissingExtraError

try:
    import httpcore2
except ImportError as error:
    raise MissingExtraError(
        "files are collected with httpcore2, which is not installed. To fix: pip install 'drivetrain[collect,train]'"
    ) from error

Resolve = Callable[[str, int], list[str]]
"""A host and port → the addresses of its machines."""

KEEP_ALIVE_S = 20.0

_clock = threading.local()


@contextmanager
def at_most(seconds: float) -> Generator[None]:
    """What this thread reads and writes inside this block ends after that time, however it is spread."""
    _clock.ends = time.monotonic() + seconds
    try:
        yield
    finally:
        _clock.ends = None


def _left(timeout: float | None) -> float | None:
    """What is left for one operation."""
    ends: float | None = getattr(_clock, "ends", None)
    if ends is None:
        return timeout
    left = ends - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("too slow")
    return left if timeout is None else min(left, timeout)


class _Timed(httpcore2.NetworkStream):
    """A connection that is read and written against the clock."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Checked(httpcore2.SyncBackend):
    """Connections to public machines alone.

    Args:
        allowed: Private machines that may be asked all the same, each as (address, port).
        resolve: Who is asked for addresses; None: the system.
    """

    def __init__(self, allowed: Collection[tuple[str, int]] = (), resolve: Resolve | None = None) -> None:
        self.allowed = frozenset(allowed)
        self.resolve = resolve or resolved

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Resolve, check every address, connect to one of them.

        Raises:
            RefusedError: One of them is private.
            httpcore2.ConnectError: The name is unknown, or nobody answers.
        """
        try:
            addresses = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"the name {host} is not known") from error
        for address in addresses:
            if (why := why_private(address)) and (address, port) not in self.allowed:
                raise RefusedError(f"private address: {host} is {address}, {why}")
        last: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses[:4]:
            try:
                stream = super().connect_tcp(address, port, _left(timeout), local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
                continue
            return _Timed(stream)
        raise last

    def connect_unix_socket(self, path: str, timeout: float | None = None, socket_options: Any = None) -> Any:
        """Never."""
        raise RefusedError("no web address: a socket of this machine")


def resolved(host: str, port: int) -> list[str]:
    """The addresses that the system knows of a host, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def pool_of(backend: Checked, connections: int) -> httpcore2.ConnectionPool:
    """Connections that are kept open for a while; through no proxy, which would resolve names itself."""
    return httpcore2.ConnectionPool(
        ssl_context=httpcore2.default_ssl_context(),
        max_connections=2 * connections,
        max_keepalive_connections=connections,
        keepalive_expiry=KEEP_ALIVE_S,
        network_backend=backend,
    )
