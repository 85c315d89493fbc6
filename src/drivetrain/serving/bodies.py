"""Reading what callers send: bounded in bytes, files and time while it arrives, and in bytes over all callers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from drivetrain.runtime.refusals import Refusal, busy
from drivetrain.runtime.serve import ServeKind, too_many_bytes
from drivetrain.serving.charsets import as_utf8
from drivetrain.serving.settings import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

RAW_TYPES = ("", "application/octet-stream", "application/x-www-form-urlencoded")
"""For one input as the whole body, beside those of its kind; the third is what curl says where it is not told
otherwise."""
MULTIPART = "multipart/form-data"
STALLED_S = 0.5
"""A body of which nothing has come for so long makes room for others when there is none."""
MOST_FIELD_BYTES = 1024
"""Of parts that are no files; they are ignored."""
MOST_PARTS = 100
"""Files and other parts of a body: each takes time, however small it is."""


@dataclass
class Part:
    """One file of a multipart body."""

    name: str | None
    data: bytearray = field(default_factory=bytearray)


class Hold:
    """The bytes that one request has in memory."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.bytes = 0
        self.took_at = time.monotonic()
        self.waiting: asyncio.Timeout | None = None
        """For more of its body."""

    def take(self, count: int) -> None:
        """Count bytes that have arrived; raises Refusal with 503 where all requests together have too many."""
        self._intake.bytes += count
        self.bytes += count
        self.took_at = time.monotonic()
        while self._intake.bytes > self._intake.limits.bytes_in_flight:
            if not self._intake.drop_stalled(self.took_at - STALLED_S):
                raise busy("too many bytes are being received; come again", 1)

    def drop(self) -> None:
        """Wait no longer for the rest of the body."""
        assert self.waiting is not None
        self.waiting.reschedule(asyncio.get_running_loop().time())
        self.waiting = None
        self.release()

    def release(self) -> None:
        """Its bytes are not in memory any more."""
        self._intake.bytes -= self.bytes
        self.bytes = 0


class Intake:
    """Counts the bytes of all requests at once; used on the event loop alone."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.bytes = 0
        self._holds: set[Hold] = set()

    @contextmanager
    def hold(self) -> Generator[Hold]:
        """For as long as a request's bytes are in memory."""
        hold = Hold(self)
        self._holds.add(hold)
        try:
            yield hold
        finally:
            self._holds.discard(hold)
            hold.release()

    def drop_stalled(self, before: float) -> bool:
        """End the request that has waited for its body for longest, if nothing has come since `before`."""
        stalled = [hold for hold in self._holds if hold.waiting is not None and hold.took_at < before]
        if not stalled:
            return False
        min(stalled, key=lambda hold: hold.took_at).drop()
        return True


def content_type(request: Request) -> str:
    """Without its parameters, in lower case; empty where there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, hold: Hold, limits: Limits, most: int) -> bytes:
    """A whole body of at most `most` bytes; raises Refusal."""
    body = bytearray()
    async for chunk in _chunks(request, hold, limits, most):
        body += chunk
    return bytes(body)


async def read_inputs(request: Request, hold: Hold, limits: Limits, kind: ServeKind) -> tuple[list[Part], bool]:
    """The inputs of a request, and whether it was a list of files.

    Raises:
        Refusal: 400 not a multipart body, 408 too slow, 413 too large or too many, 415 another type or encoding, 422
            another encoding than announced, 503 too much at once.
    """
    said = content_type(request)
    if said == MULTIPART:
        return await _read_files(request, hold, limits, kind.NOUN), True
    if said not in (*RAW_TYPES, *kind.MEDIA_TYPES):
        types = ", ".join(kind.MEDIA_TYPES)
        raise Refusal(415, f"send one {kind.NOUN} as the body ({types}) or multipart/form-data")
    try:
        data = await read_body(request, hold, limits, limits.picture_bytes)
    except Refusal as refusal:
        raise (too_many_bytes(kind.NOUN, limits.picture_bytes) if refusal.status == 413 else refusal) from None
    if said.startswith("text/") or said.endswith(("json", "jsonl")):
        data = as_utf8(data, request.headers.get("content-type", ""))
    return [Part(None, bytearray(data))], False


async def _chunks(request: Request, hold: Hold, limits: Limits, most: int) -> AsyncGenerator[bytes]:
    claimed = request.headers.get("content-length", "0")
    if claimed.isdecimal() and int(claimed[:20]) > most:
        raise Refusal(413, f"the request has more than {most:,} bytes")
    received = 0
    stream = request.stream()
    clock = asyncio.get_running_loop().time
    until = clock() + limits.body_s
    while True:
        try:
            async with asyncio.timeout_at(until) as hold.waiting:
                chunk = await anext(stream, None)
        except TimeoutError:
            raise Refusal(408, f"the body did not arrive within {limits.body_s:g} seconds") from None
        except ClientDisconnect:
            raise Refusal(400, "the connection was closed before the end of the body") from None
        finally:
            hold.waiting = None
        if chunk is None:
            return
        received += len(chunk)
        if received > most:
            raise Refusal(413, f"the request has more than {most:,} bytes")
        hold.take(len(chunk))
        yield chunk


async def _read_files(request: Request, hold: Hold, limits: Limits, noun: str) -> list[Part]:
    _, options = parse_options_header(request.headers["content-type"])
    boundary = options.get(b"boundary")
    if not boundary:
        raise Refusal(400, "the content-type multipart/form-data names no boundary")
    files = _Files(limits, noun)
    try:
        parser = MultipartParser(boundary, files.callbacks())
        async for chunk in _chunks(request, hold, limits, limits.request_bytes):
            parser.write(chunk)
        parser.finalize()
    except FormParserError:
        raise Refusal(400, "the body is not the multipart/form-data that its content-type announces") from None
    if not files.complete:
        raise Refusal(400, "the multipart body ends before its last boundary")
    if not files.parts:
        raise Refusal(400, f"there is no file in the multipart body: send each {noun} with a filename")
    return files.parts


class _Files:
    """Collects the files of a multipart body; fields that are no files are passed over."""

    def __init__(self, limits: Limits, noun: str) -> None:
        self.limits, self.noun = limits, noun
        self.parts: list[Part] = []
        self.complete = False
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._part: Part | None = None
        self._field_bytes = 0
        self._n_parts = 0

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_end,
            "on_part_data": self._on_data,
            "on_end": self._on_end,
        }

    def _begin(self) -> None:
        self._part, self._disposition = None, b""
        self._n_parts += 1
        if self._n_parts > MOST_PARTS:
            raise Refusal(413, f"there are more than {MOST_PARTS} parts in the request")

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" not in options:
            return
        if len(self.parts) == self.limits.files:
            raise Refusal(413, f"there are more than {self.limits.files} files in the request")
        name = options[b"filename"].decode("utf-8", errors="replace")
        self._part = Part(name[:255])
        self.parts.append(self._part)

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._part is None:
            self._field_bytes += end - start
            if self._field_bytes > MOST_FIELD_BYTES:
                raise Refusal(413, "fields that are no files are too large")
            return
        self._part.data += data[start:end]
        if len(self._part.data) > self.limits.picture_bytes:
            raise too_many_bytes(self.noun, self.limits.picture_bytes)

    def _on_end(self) -> None:
        self.complete = True
