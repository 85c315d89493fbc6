"""One file from one address: every step looked at, nothing believed that is said about it."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import httpcore2

from drivetrain.collecting.addresses import RefusedError, WebAddress
from drivetrain.collecting.content import HEAD_BYTES, suffix_of, why_not
from drivetrain.collecting.network import at_most
from drivetrain.collecting.robots import ALLOWS_ALL, MOST_BYTES, Rules, forbids_training, rules_of
from drivetrain.runtime.trust.system_limits import raise_if_limit
from drivetrain.text import readable, short_reason

MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
"""Answers of a server that may be another one the next time."""
GONE = {404: "not found", 410: "gone", 403: "forbidden", 401: "asks for a password", 451: "withheld by law"}
ROBOTS_TRIES = 3
ROBOTS_WAIT_S = 5.0
"""A host that asks for more time before its robots.txt is read gets it, and is asked nothing in this run."""
SLOWER_S = 0.5
"""From one request to the next, of a host that once asked for time."""


Again = Literal["", "now", "later"]


class FailedError(Exception):
    """Why nothing was got, as "group: detail".

    Args:
        reason: In words.
        again: When another try may do better: "now", "later" in another run, or "" never.
        wait_s: How long the host asks to be left alone.
        silent: Whether the host did not answer at all.
        host: That was asked last.
    """

    def __init__(
        self, reason: str, *, again: Again = "", wait_s: float | None = None, silent: bool = False, host: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason, self.again, self.wait_s, self.silent, self.host = reason, again, wait_s, silent, host


@dataclass(frozen=True)
class Got:
    """A file that came whole."""

    part: Path
    """Where it was written."""
    final: WebAddress
    """Where redirects led."""
    sha256: str
    n_bytes: int
    suffix: str
    """By its first bytes."""


class Turns(Protocol):
    """What `drivetrain.collecting.hosts.Hosts` gives."""

    def leave(self, host: str) -> None:
        """A request has ended."""

    def turn(self, host: str) -> Any:
        """Wait for a host, and leave it; why it is not asked any more, or ""."""

    def slow_down(self, host: str, *, wait_s: float = 0.0, pause_s: float = 0.0) -> None:
        """Ask it less often."""


class Fetcher:
    """Fetches files as one client.

    Args:
        pool: Connections of `drivetrain.collecting.network`.
        turns: Of the hosts.
        kind: "images", "sounds" or "files".
        agent: The header User-Agent.
        most_bytes: Of a file.
        timeout_s: For a file, from the first to the last byte.
        permitted: Hosts whose robots.txt is not asked for.
    """

    def __init__(
        self,
        pool: httpcore2.ConnectionPool,
        turns: Turns,
        *,
        kind: str,
        agent: str,
        most_bytes: int,
        timeout_s: float,
        permitted: frozenset[str] = frozenset(),
    ) -> None:
        self.pool, self.turns, self.kind = pool, turns, kind
        self.most_bytes, self.timeout_s, self.permitted = most_bytes, timeout_s, permitted
        self.headers = [(b"User-Agent", agent.encode("ascii", "replace")), (b"Accept-Encoding", b"identity")]
        self.headers += [(b"Accept", b"image/*,*/*;q=0.5" if kind == "images" else b"*/*")]
        self._rules: dict[str, Rules | FailedError] = {}
        self._asking: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def fetch(self, address: WebAddress, part: Path) -> Got:
        """Get one file; its host has been entered, and is left on return.

        Args:
            address: Of the file.
            part: Where it is written; what stands there is written over.

        Raises:
            FailedError: Why there is none.
            OSError: It cannot be written.
        """
        with _left_afterwards(lambda: self.turns.leave(address.host)):
            led = self._ask(address, part)
        for _ in range(MOST_REDIRECTS):
            if isinstance(led, Got):
                return led
            with self.turns.turn(led.host) as gone:
                if gone:
                    raise FailedError(gone, again="later", host=led.host)
                led = self._ask(led, part)
        if isinstance(led, Got):
            return led
        raise FailedError(f"redirects without end: more than {MOST_REDIRECTS}")

    def _ask(self, address: WebAddress, part: Path) -> Got | WebAddress:
        """The file, or where the server sends us."""
        with _explained(address):
            if not self._rules_of(address).allows(address.target):
                raise FailedError(f"robots.txt: {address.host} does not want programs to fetch this")
            with at_most(self.timeout_s), self._answer(address) as (answer, headers):
                if answer.status in REDIRECTS and b"location" in headers:
                    return address.joined(_location(headers))
                self._check_status(answer.status, headers, address.host)
                if (word := forbids_training(answer.headers)) and self.kind != "files":
                    raise FailedError(f"not to be learnt from: {address.host} says so ({word} in X-Robots-Tag)")
                return self._written(answer, headers, address, part)

    @contextmanager
    def _answer(self, address: WebAddress) -> Generator[tuple[httpcore2.Response, dict[bytes, bytes]]]:
        url = httpcore2.URL(
            scheme=address.scheme.encode(),
            host=address.host.encode(),
            port=address.port,
            target=address.target.encode(),
        )
        headers = [(b"Host", address.authority.encode()), *self.headers]
        timeout = {"connect": 15.0, "read": self.timeout_s, "write": self.timeout_s, "pool": self.timeout_s}
        with self.pool.stream("GET", url, headers=headers, extensions={"timeout": timeout}) as answer:
            yield answer, {name.lower(): value for name, value in answer.headers}

    def _written(
        self, answer: httpcore2.Response, headers: Mapping[bytes, bytes], address: WebAddress, part: Path
    ) -> Got:
        """The body, counted and looked at while it comes."""
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced[:20]) > self.most_bytes:
            raise FailedError(f"too large: {int(announced[:20]):,} bytes are announced, {self.most_bytes:,} allowed")
        hashed, n_bytes, start, looked = hashlib.sha256(), 0, b"", False
        with part.open("wb") as file:
            for block in _unpacked(answer.iter_stream(), headers.get(b"content-encoding", b"")):
                n_bytes += len(block)
                if n_bytes > self.most_bytes:
                    raise FailedError(f"too large: more than {self.most_bytes:,} bytes came")
                if not looked:
                    start += block[:HEAD_BYTES]
                    if looked := len(start) >= HEAD_BYTES:
                        self._look(start)
                hashed.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        suffix = self._look(start)
        return Got(part, address, hashed.hexdigest(), n_bytes, suffix)

    def _check_status(self, status: int, headers: Mapping[bytes, bytes], host: str) -> None:
        """Fail for all but 200; a host that asks for time gets it before anyone else takes its turn."""
        if status == 200:
            return
        if status not in TRY_AGAIN:
            raise FailedError(f"{GONE.get(status, 'refused')}: {status}")
        wait_s = _wait_of(headers.get(b"retry-after", b"").decode("latin-1"))
        if wait_s is not None:
            self.turns.slow_down(host, wait_s=wait_s, pause_s=SLOWER_S)
        what = "too many requests" if status == 429 else "server error"
        raise FailedError(f"{what}: {status}", again="now", wait_s=wait_s, host=host)

    def _look(self, start: bytes) -> str:
        suffix = suffix_of(start[:HEAD_BYTES], self.kind)
        if not suffix:
            raise FailedError(why_not(start[:HEAD_BYTES], self.kind))
        return suffix

    # ── robots.txt ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _rules_of(self, address: WebAddress) -> Rules:
        """What its site allows; asked for once."""
        if address.host in self.permitted:
            return ALLOWS_ALL
        with self._guard:
            lock = self._asking.setdefault(address.origin, threading.Lock())
        with lock:
            found = self._rules.get(address.origin)
            if found is None:
                found = self._rules[address.origin] = self._asked_rules(address)
                if isinstance(found, Rules) and found.delay_s:
                    self.turns.slow_down(address.host, wait_s=found.delay_s, pause_s=found.delay_s)
        if isinstance(found, FailedError):
            raise found
        return found

    def _asked_rules(self, address: WebAddress) -> Rules | FailedError:
        """RFC 9309, section 2.3.1: what is not there allows all, what cannot be had forbids all."""
        place = WebAddress(address.scheme, address.host, address.port, "/robots.txt")
        said, wait_s = "", None
        for attempt in range(ROBOTS_TRIES):
            try:
                return self._read_rules(place)
            except RefusedError as error:
                return FailedError(str(error))
            except FailedError as error:
                said, wait_s = error.reason.partition(": ")[2] or error.reason, error.wait_s
                if not error.again or error.silent or (wait_s or 0.0) > ROBOTS_WAIT_S:
                    break
                time.sleep(0.5 * 2**attempt if wait_s is None else wait_s)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                return _no_answer(error, address.host, again="later")
            except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
                said = _said(error)
        why = f"robots.txt cannot be had: {said}; so {address.host} is asked nothing"
        return FailedError(why, again="later", wait_s=wait_s, host=address.host)

    def _read_rules(self, place: WebAddress) -> Rules:
        for _ in range(MOST_REDIRECTS + 1):
            with at_most(self.timeout_s), self._answer(place) as (answer, headers):
                if answer.status in REDIRECTS and b"location" in headers:
                    place = place.joined(_location(headers))
                    continue
                if 400 <= answer.status < 500 and answer.status != 429:
                    return ALLOWS_ALL
                self._check_status(answer.status, headers, place.host)
                text = b""
                for block in _unpacked(answer.iter_stream(), headers.get(b"content-encoding", b"")):
                    text += block
                    if len(text) >= MOST_BYTES:
                        break
                return rules_of(text[:MOST_BYTES].decode("utf-8", "replace"))
        return ALLOWS_ALL  # the same section: after five redirects it counts as not there


@contextmanager
def _left_afterwards(leave: Callable[[], None]) -> Generator[None]:
    try:
        yield
    finally:
        leave()


@contextmanager
def _explained(address: WebAddress) -> Generator[None]:
    """What the network says, in words."""
    host = address.host
    try:
        yield
    except RefusedError as error:
        raise FailedError(str(error), host=host) from error
    except (httpcore2.ConnectError, httpcore2.ConnectTimeout, httpcore2.PoolTimeout) as error:
        if isinstance(error.__cause__, Exception):
            raise_if_limit(error.__cause__, host)
        raise _no_answer(error, host, again="now") from error
    except httpcore2.TimeoutException as error:
        raise FailedError("too slow: the time for one file ran out", again="later", host=host) from error
    except httpcore2.NetworkError as error:
        raise FailedError(f"cut off: {_said(error)}", again="now", host=host) from error
    except httpcore2.ProtocolError as error:
        said = _said(error)
        cut = _is_short(said)
        again = "now" if cut else ""
        raise FailedError(f"{'cut off' if cut else 'no HTTP'}: {said}", again=again, host=host) from error


def _no_answer(error: Exception, host: str, *, again: Again) -> FailedError:
    """A host that cannot be reached, or that cannot show that it is who it says."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FailedError(f"no valid certificate: {cause.verify_message}", again="later", host=host)
    return FailedError(f"no answer: {_said(error)}", again=again, silent=True, host=host)


def _said(error: Exception) -> str:
    """What the system says, where it said something."""
    cause = error.__cause__ or error.__context__
    return short_reason(cause if isinstance(cause, OSError) and cause.strerror else error)


def _is_short(said: str) -> bool:
    return "without sending" in said or "incomplete" in said or "closed connection" in said


def _location(headers: Mapping[bytes, bytes]) -> str:
    """Where a redirect leads; letters beyond ASCII are UTF-8 for nearly every server, whatever the standard says."""
    said = headers[b"location"]
    try:
        return said.decode("utf-8")
    except UnicodeDecodeError:
        return said.decode("latin-1")


def _wait_of(said: str) -> float | None:
    """Seconds that a Retry-After asks for: a number, or a date."""
    said = said.strip()
    if re.fullmatch(r"\d{1,9}", said):
        return float(said)
    try:
        when = parsedate_to_datetime(said)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)


def _unpacked(blocks: Iterator[bytes], encoding: bytes) -> Generator[bytes]:
    """A body as it is; one that was packed although nobody asked is unpacked bit by bit, so that no bomb goes off."""
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        yield from blocks
        return
    if name not in (b"gzip", b"x-gzip", b"deflate"):
        raise FailedError(f"packed: {readable(name.decode('latin-1'))[:40]}, which nobody asked for")
    unpack = zlib.decompressobj(47 if b"gzip" in name else 15)
    try:
        for block in blocks:
            rest = block
            while rest:
                made = unpack.decompress(rest, 1 << 16)
                if made:
                    yield made
                rest = unpack.unconsumed_tail
                if unpack.eof:
                    return
    except zlib.error as error:
        raise FailedError(f"packed: damaged, {short_reason(error)}") from error
    if not unpack.eof:
        raise FailedError("cut off: the packed body ends too soon", again="now")
