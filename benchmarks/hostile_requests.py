"""Requests made to stop a service, to fill its memory, or to be misunderstood; after each a small picture is sent.

    python benchmarks/hostile_requests.py

A tiny model is served on 127.0.0.1 with the limits it has by default. What counts as failed: a small picture that is
not answered rightly within a second of a hostile request, memory above 2 GB, a traceback or an error in the log, a
status of 500, an end that takes longer than the grace time.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import random
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hostile_pictures
from common import QUICK_RESULTS, RESULTS, ROOT, Results, hidden_places, parser_of, provenance, table, versions

sys.path.insert(0, str(ROOT))
from tests.serving.tiny import make_artefact, picture

ANSWER_S, GRACE_S, MOST_MEMORY = 1.0, 28.0, 2_000_000_000
INFER = "/v2/models/colours/infer"
Attack = Callable[[int], bytes]
"""Does what it does to the service on a port, and returns what it was told."""
Case = tuple[str, str, Attack]


def head(path: str = "/predict", method: str = "POST", *lines: str, host: str | None = "127.0.0.1") -> bytes:
    named = [] if host is None else [f"Host: {host}"]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *named, *lines, "", ""]).encode("latin-1")


def body(data: bytes, path: str = "/predict", *lines: str, kind: str = "image/png") -> bytes:
    return (
        head(path, "POST", f"Content-Type: {kind}", f"Content-Length: {len(data)}", "Connection: close", *lines) + data
    )


def sending(data: bytes, wait_s: float = 0.5) -> Attack:
    def attack(port: int) -> bytes:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=wait_s) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(data)
            received = b""
            with contextlib.suppress(OSError):
                while len(received) < 100_000 and (some := connection.recv(65_536)):
                    received += some
            return received
        return b""

    return attack


# --- the ways to be hostile


def lines() -> Iterator[tuple[str, bytes]]:
    for name, line in {
        "no version": b"GET /livez",
        "version 9.9": b"GET /livez HTTP/9.9",
        "version 0.9": b"GET /livez HTTP/0.9",
        "lower case": b"get /livez http/1.1",
        "nothing": b"",
        "blanks": b"   ",
        "two blanks": b"GET  /livez HTTP/1.1",
        "tab": b"GET\t/livez\tHTTP/1.1",
        "NUL": b"GET /\0 HTTP/1.1",
        "control sequences": b"GET /\x1b[31mred\x1b[0m\x07 HTTP/1.1",
        "letters beyond ASCII": "GET /größe HTTP/1.1".encode(),
        "HTTP/2": b"PRI * HTTP/2.0",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        "SSH": b"SSH-2.0-OpenSSH_9.6",
        "proxy": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2",
        "long path": b"GET /" + b"a" * 60_000 + b" HTTP/1.1",
        "long method": b"A" * 60_000 + b" / HTTP/1.1",
        "a line without end": b"A" * 5_000_000,
    }.items():
        yield name, line + b"\r\nHost: 127.0.0.1\r\n\r\n"
    yield "newlines alone", b"\n" * 100_000
    yield "line feeds for ends of lines", b"GET /livez HTTP/1.1\nHost: 127.0.0.1\n\n"
    yield "absolute form", head("http://example.org/predict", "GET")
    yield "absolute form of this host", head("http://127.0.0.1/livez", "GET")
    yield "authority form", head("example.org:443", "CONNECT")
    yield "asterisk", head("*", "OPTIONS")
    for number in range(8):
        rng = random.Random(number)
        yield f"noise {number}", rng.randbytes(rng.randrange(1, 5000))


def targets() -> Iterator[tuple[str, bytes]]:
    for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "X" * 200):
        yield f"{method[:10]} /predict", head("/predict", method, "Connection: close")
    for path in (
        "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/page.css/../run.py", "/%00", "/%0d%0aX: y",
        "/%1b[2J", "/v2/models/..%2f..%2f/infer", "/docs/../../", "/?" + "a=b&" * 4000, "/#", "/;/", "/%", "/%zz",
        "/%f0%28%8c%28", "/livez/", "/LIVEZ", "/predict?url=http://127.0.0.1/", "/v2/models/" + "a" * 1500,
        "/v2/models/%3Cscript%3E", "/\\..\\..\\windows", "/%5c..%5c", "/." * 900,
    ):  # fmt: skip
        yield path[:40], head(path, "GET", "Connection: close")


def headers() -> Iterator[tuple[str, bytes]]:
    for name, rows in {
        "10,000 headers": [f"X-{i}: {i}" for i in range(10_000)],
        "65 headers": [f"X-{i}: {i}" for i in range(65)],
        "one of 20 kB": ["X: " + "y" * 20_000],
        "names of 5 kB": ["y" * 5000 + ": x"],
        "blank before the colon": ["X : y"],
        "no colon": ["nothing"],
        "no name": [": y"],
        "folded": ["X: a", " b"],
        "NUL": ["X: a\0b"],
        "carriage return": ["X: a\rb"],
        "escape": ["User-Agent: \x1b]0;owned\x07"],
        "two hosts": ["Host: example.org"],
        "upgrade": ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"],
        "HTTP/2 upgrade": ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"],
        "connection names all": ["Connection: close, host, content-length"],
        "forwarded": ["X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: example.org", "Forwarded: for=1.2.3.4"],
        "range": ["Range: bytes=0-,0-,0-,0-"],
        "bearer": ["Authorization: Bearer " + "x" * 8000],
        "override": ["X-HTTP-Method-Override: DELETE", "X-Original-URL: /predict"],
        "cookies": ["Cookie: " + "a=b; " * 2000],
        "expect nonsense": ["Expect: 200-ok"],
    }.items():
        yield name, head("/livez", "GET", "Connection: close", *rows)
    for host in (
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "[::2]",
        "a" * 3000,
        "x@localhost@y",
        "127.0.0.1:99999",
        "\x7f",
    ):
        yield f"host {host[:20]!r}", head("/livez", "GET", "Connection: close", host=host)
    yield "no host", head("/livez", "GET", "Connection: close", host=None)
    good = picture("red")
    for origin in (
        "http://evil.example.org",
        "null",
        "https://127.0.0.1.evil.example",
        "http://127.0.0.1:1",
        "file://",
        "http://localhost",
    ):
        yield f"origin {origin}", body(good, "/predict", f"Origin: {origin}")
    for site in ("cross-site", "same-site", "nonsense"):
        yield f"page that is {site}", body(good, "/predict", f"Sec-Fetch-Site: {site}")


def lengths() -> Iterator[tuple[str, bytes]]:
    good = picture("red")
    for length in ("-1", "+5", "x", "1e9", "9" * 40, "5, 6", "5, 5", "0x10", "", " ", "99999999999", "1_0", "\u00b2"):
        yield f"length {length[:15]!r}", head("/predict", "POST", f"Content-Length: {length}") + b"12345"
    yield "two lengths", head("/predict", "POST", "Content-Length: 5", "Content-Length: 6") + b"123456"
    for coding in (
        "chunked",
        "gzip, chunked",
        "chunked, chunked",
        "identity",
        "chunked\t",
        "xchunked",
        "CHUNKED",
        "chunked;a=b",
    ):
        yield (
            f"length and {coding!r}",
            head("/predict", "POST", "Content-Length: 5", f"Transfer-Encoding: {coding}") + b"0\r\n\r\nGET /",
        )
        yield (
            f"coding {coding!r}",
            head("/predict", "POST", f"Transfer-Encoding: {coding}", "Connection: close") + b"0\r\n\r\n",
        )
    start = head("/predict", "POST", "Transfer-Encoding: chunked", "Content-Type: image/png")
    yield "chunk of letters", start + b"zz\r\n"
    yield "chunk of 2^64", start + b"ffffffffffffffff\r\nx"
    yield "chunk of 2^200", start + b"f" * 50 + b"\r\nx"
    yield "chunk below 0", start + b"-1\r\nx\r\n0\r\n\r\n"
    yield "extension of 1 MB", start + b"5;" + b"a" * 1_000_000 + b"\r\n12345\r\n0\r\n\r\n"
    yield "50,000 extensions", start + b"1;a=b\r\nx\r\n" * 50_000 + b"0\r\n\r\n"
    yield "200,000 chunks of a byte", start + b"1\r\nx\r\n" * 200_000 + b"0\r\n\r\n"
    yield "trailers", start + b"0\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"
    yield "no end", start + b"5\r\n12345\r\n"
    yield "wrong end of a chunk", start + b"5\r\n12345XX0\r\n\r\n"
    yield "smuggled", head("/predict", "POST", "Content-Length: 0") + head("/livez", "GET") * 3
    yield "expect", head("/predict", "POST", "Content-Length: 999999999", "Expect: 100-continue")
    yield "expect and nothing", head("/predict", "POST", "Content-Length: 10", "Expect: 100-continue")
    yield "less than announced", head("/predict", "POST", "Content-Length: 500") + good[:100]
    yield "pipelined", head("/livez", "GET") * 2000
    yield "pipelined pictures", body(good).replace(b"Connection: close\r\n", b"") * 200
    yield "pipelined rubbish", body(good).replace(b"Connection: close\r\n", b"") + b"\x00\xff" * 1000
    for name, data in (
        ("gzip", zlib.compress(bytes(50_000_000), wbits=31)),
        ("deflate", zlib.compress(good)),
        ("br", good),
    ):
        yield f"encoded with {name}", body(data, "/predict", f"Content-Encoding: {name}")


def multiparts() -> Iterator[tuple[str, bytes]]:
    good = picture("red")

    def of(data: bytes, boundary: str = "b") -> bytes:
        return body(data, kind=f"multipart/form-data; boundary={boundary}")

    def part(
        content: bytes = good, disposition: str = 'form-data; name="f"; filename="a.png"', more: bytes = b""
    ) -> bytes:
        return (
            b"--b\r\nContent-Disposition: "
            + disposition.encode("latin-1")
            + b"\r\n"
            + more
            + b"\r\n"
            + content
            + b"\r\n"
        )

    yield "100,000 empty parts", of(b"--b\r\n\r\n\r\n" * 100_000 + b"--b--")
    yield "100,000 fields", of(part(b"x", 'form-data; name="f"') * 100_000 + b"--b--")
    yield "9 files", of(part() * 9 + b"--b--")
    yield "5,000 files", of(part(b"") * 5000 + b"--b--")
    yield "header of 5 MB", of(part(more=b"X: " + b"y" * 5_000_000 + b"\r\n") + b"--b--")
    yield "header name of 5 MB", of(part(more=b"X" * 5_000_000 + b": y\r\n") + b"--b--")
    yield "a million headers", of(part(more=b"X: y\r\n" * 1_000_000) + b"--b--")
    yield "disposition of 5 MB", of(part(disposition='form-data; filename="' + "a" * 5_000_000 + '"') + b"--b--")
    yield "a million options", of(part(disposition="form-data" + "; a=b" * 1_000_000) + b"--b--")
    yield "backslashes", of(part(disposition='form-data; filename="' + "\\" * 1_000_000) + b"--b--")
    yield "name that climbs", of(part(disposition='form-data; name="f"; filename="../../etc/passwd\0"') + b"--b--")
    yield "name of control sequences", of(part(disposition='form-data; filename="\x1b[2J\x07"') + b"--b--")
    yield "nested", of(part(of(part())) + b"--b--")
    yield "no last boundary", of(part())
    yield "last boundary alone", of(b"--b--")
    yield "another boundary", of(part().replace(b"--b", b"--c"))
    yield "boundary of 10 kB", of(part(), "b" * 10_000)
    yield "empty boundary", of(part(), "")
    yield "boundary in quotes", of(part(), '"b')
    yield "beginnings of boundaries", of(part(b"\r\n--" * 1_000_000) + b"--b--")
    yield "half boundaries", of(part(b"\r\n--a" * 1_000_000) + b"--b--")
    yield "10 MB before the first", of(bytes(10_000_000) + part() + b"--b--")
    yield "10 MB after the last", of(part() + b"--b--" + bytes(10_000_000))
    yield "dashes", of(b"-" * 1_000_000)
    yield "charset", body(part(), kind="multipart/form-data; boundary=b; charset=utf-7")
    yield "mixed", body(part() + b"--b--", kind="multipart/mixed; boundary=b")


def tensors() -> Iterator[tuple[str, bytes]]:
    side = 24
    good = {"name": "pixels", "shape": [1, side, side, 3], "datatype": "UINT8", "data": [0] * side * side * 3}
    red = base64.b64encode(picture("red")).decode()
    pictures = {"name": "pictures", "shape": [1], "datatype": "BYTES", "data": [red]}

    def of(data: bytes | object) -> bytes:
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        return body(text, INFER, kind="application/json")

    def inputs(*tensors: object, **more: object) -> bytes:
        return of({"inputs": list(tensors), **more})

    for name, value in {
        "strings": "x", "one long string": "y" * 100_000, "digits as strings": "5", "floats": 0.5, "true": True,
        "null": None,
        "256": 256, "-1": -1, "10^30": 10**30, "-0.0": -0.0, "lists": [], "objects": {}, "nested": [[[[]]]],
    }.items():  # fmt: skip
        yield f"pixels, one is {name}", inputs({**good, "data": [value, *good["data"][1:]]})
        yield (
            f"pixels, all are {name[:20]}",
            inputs({**good, "data": [value if len(str(value)) < 99 else "y"] * side * side * 3}),
        )
        yield f"pictures, {name}", inputs({**pictures, "data": [value]})
    yield "strings of growing length", inputs({**good, "data": ["y" * (i % 60) for i in range(1727)] + ["z" * 100_000]})
    for name, shape in {
        "none": [], "0": [0, side, side, 3], "-1": [-1, side, side, 3], "2^63": [2**63, side, side, 3],
        "2^62": [2**62, 4, 1, 1],
        "10^300": [10**300], "too many sides": [1] * 9, "floats": [1.5], "strings": ["1"],
        "true": [True, side, side, 3],
        "another order": [1, 3, side, side], "two for one": [2, side, side, 3], "lists": [[1]], "null": None,
    }.items():  # fmt: skip
        yield f"shape {name}", inputs({**good, "shape": shape})
        yield f"shape of pictures {name}", inputs({**pictures, "shape": shape})
    for kind in ("FP32", "INT64", "BYTES", "uint8", "", "O", "U" * 5000, 7, None):
        yield f"type {str(kind)[:10]}", inputs({**good, "datatype": kind})
    start = b'{"inputs":[{"name":"pixels","shape":[1,24,24,3],"datatype":"UINT8","data":'
    for number in (b"1e999", b"-1e999", b"NaN", b"Infinity", b"1" * 100_000, b"0x1", b"01", b"1.", b"1e-999999"):
        yield f"number {number[:10].decode()}", of(start + b"[" + number + b"]}]}")
    yield "lists, 100,000 deep", of(b"[" * 100_000)
    yield "lists, 9,000 deep", of(b"[" * 9000 + b"]" * 9000)
    yield "objects, 9,000 deep", of(b'{"a":' * 9000 + b"1" + b"}" * 9000)
    yield "data, 5,000 deep", of(start + b"[" * 5000 + b"]" * 5000 + b"}]}")
    yield "inputs twice", of(b'{"inputs":[],"inputs":[1]}')
    yield "8,000 times the same key", of(b"{" + b'"inputs":1,' * 8000 + b'"inputs":[]}')
    yield "8,000 keys", of(b"{" + b",".join(b'"k%d":1' % i for i in range(8000)) + b"}")
    yield "half a surrogate", of(b'{"id":"\\ud800","inputs":[]}')
    yield "bytes that are no UTF-8", of(b'{"id":"\xff"}')
    yield "a byte order mark", of(b"\xef\xbb\xbf{}")
    yield "UTF-16", of('{"inputs": []}'.encode("utf-16"))
    yield "one wide letter in 10 MB", of(b'{"id":"' + b"a" * 10_000_000 + '🙂"}'.encode())
    yield "one escaped wide letter in 10 MB", of(b'{"id":"' + b"a" * 10_000_000 + b'\\ud83d\\ude42"}')
    yield "30 MB of blanks", of(b" " * 30_000_000)
    yield "two million numbers", of(start + b"[" + b"1," * 2_000_000 + b"1]}]}")
    yield "two inputs", inputs(good, good)
    yield "outputs that are not there", inputs(good, outputs=[{"name": "weights"}])
    yield "100 outputs", inputs(good, outputs=[{"name": "label"}] * 100)
    yield "id of 1 MB", inputs(good, id="x" * 1_000_000)
    yield (
        "base64 of a bomb",
        inputs({**pictures, "data": [base64.b64encode(hostile_pictures.repeated(2000, 2000, 3, 300_000)).decode()]}),
    )
    yield (
        "base64 of 8 large pictures",
        inputs({**pictures, "shape": [8], "data": [base64.b64encode(large()).decode()] * 8}),
    )
    yield "another type", body(b"{}", INFER, kind="text/xml")
    yield "another model", body(b"{}", "/v2/models/other/infer", kind="application/json")


def large() -> bytes:
    """A progressive JPEG of 40 million pixels, as some cameras make them."""
    return hostile_pictures.encoded(hostile_pictures.flat(8000, 5000), "JPEG", progressive=True, quality=30)


def pictures() -> Iterator[tuple[str, bytes]]:
    for reader, (_, cases) in hostile_pictures.READERS.items():
        for name, make in cases():
            if "20 million" in name or "3 million" in name or "1 GB" in name or reader in ("numpy", "BMP", "PPM"):
                continue
            yield f"{reader}: {name}", body(make())
    yield "explained, a large one", body(large(), "/explain")
    yield "no picture", body(b"%PDF-1.7" + bytes(1000))
    yield (
        "8 bombs",
        body(
            b"".join(
                b'--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\n'
                + hostile_pictures.repeated(2000, 2000, 3, 300_000)
                + b"\r\n"
                for _ in range(8)
            )
            + b"--b--",
            kind="multipart/form-data; boundary=b",
        ),
    )


# --- attacks of several connections


def many(data: bytes, count: int, hold_s: float, *, read: bool = False) -> Attack:
    """Open connections at once, send the same through each, keep them for a while, and read nothing (or all)."""

    def attack(port: int) -> bytes:
        open_: list[socket.socket] = []
        for _ in range(count):
            with contextlib.suppress(OSError):
                one = socket.create_connection(("127.0.0.1", port), timeout=1)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                open_.append(one)
                one.settimeout(0.05)
                one.sendall(data)
        time.sleep(hold_s)
        for one in open_ if read else []:
            with contextlib.suppress(OSError):
                one.recv(1000)
        threading.Timer(1.5, lambda: [one.close() for one in open_]).start()  # still open while the small one is sent
        return b""

    return attack


def crowds() -> Iterator[tuple[str, Attack]]:
    pages = b"".join(head(path, "GET") for path in ("/openapi.json", "/page.js", "/docs", "/"))
    bomb, big = hostile_pictures.repeated(3000, 3000, 5, 300_000), large()
    yield "400 that say nothing", many(b"", 400, 0.3)
    yield "400 with half a header", many(b"GET /livez HTTP/1.1\r\nHost: loc", 400, 0.3)
    yield "400 with half a body", many(head("/predict", "POST", "Content-Length: 100000") + bytes(500), 400, 0.3)
    yield (
        "90 of a MB that stop in the middle",
        many(head("/predict", "POST", "Content-Length: 2000000") + bytes(1_000_000), 90, 1.0),
    )
    yield "60 that do not read", many(pages * 300, 60, 0.5)
    yield "300 that do not read", many(pages * 20, 300, 0.5)
    yield "2 progressive JPEGs that repeat their scans", many(body(bomb), 2, 0.1)
    yield "40 progressive JPEGs that repeat their scans", many(body(bomb), 40, 0.3)
    often = hostile_pictures.as_often_as_allowed(2500, 2000, "L")
    yield "40 progressive JPEGs with as many scans as are taken", many(body(often), 40, 0.3)
    yield "20 large progressive JPEGs", many(body(big), 20, 0.3)
    yield "20 large PNGs", many(body(hostile_pictures.png(4800, 4900, 8, 6, None)), 20, 0.3)
    yield (
        "20 large WebPs",
        many(
            body(
                hostile_pictures.encoded(hostile_pictures.flat(3400, 3400), "WEBP", lossless=True, quality=0, method=0)
            ),
            20,
            0.3,
        ),
    )
    yield "20 explanations", many(body(picture("red"), "/explain"), 20, 0.3)
    yield "200 resets", resets


def resets(port: int) -> bytes:
    for _ in range(200):
        with contextlib.suppress(OSError):
            one = socket.create_connection(("127.0.0.1", port), timeout=1)
            one.sendall(body(picture("red")))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
    return b""


GROUPS: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    "request lines": lines, "methods and paths": targets, "headers": headers, "lengths": lengths,
    "multipart": multiparts,
    "inference": tensors, "pictures": pictures,
}  # fmt: skip


def cases() -> Iterator[Case]:
    for group, made in GROUPS.items():
        for name, data in made():
            yield group, name, sending(data)
    for name, attack in crowds():
        yield "crowds", name, attack


# --- the service


class Served:
    """`drivetrain serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        words = [sys.executable, "-m", "drivetrain", "serve", str(make_artefact(folder)), "--port", "0"]
        words += ["--log-predictions", str(folder / "answers.jsonl")]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(words, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})
        self.port = self._port()
        self.good = picture("red")

    def _port(self) -> int:
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            text = self.log.read_text()
            if '"event":"ready"' in text and (found := re.search(r"127\.0\.0\.1:(\d+)", text)):
                return int(found[1])
            time.sleep(0.05)
        raise SystemExit(f"the service did not start: {self.log.read_text()}")

    def ask(self) -> tuple[str, float]:
        """What a small picture is answered, and after how many seconds; told to come again, it does so at once."""
        began = time.monotonic()
        said = ""
        while time.monotonic() < began + 5:
            said = self._ask_once()
            if said in {"red", ""} or time.monotonic() > began + ANSWER_S:
                break
            time.sleep(0.02)
        return said, time.monotonic() - began

    def _ask_once(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST", "/predict", self.good, {"Content-Type": "image/png"})
            answer = connection.getresponse()
            found = json.loads(answer.read())
            return str(found.get("label", f"{answer.status} {found.get('error')}"))
        except (OSError, ValueError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    def memory(self) -> int:
        """Most bytes that the service and the processes it started have had, each at its worst."""
        total = 0
        for entry in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                text = entry.read_text()
                ids = {int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[1]) for name in ("Pid", "PPid")}  # pyright: ignore
                if self.process.pid in ids and (peak := re.search(r"VmHWM:\s+(\d+)", text)):
                    total += 1024 * int(peak[1])
        return total

    def end(self) -> float:
        """Seconds from SIGTERM to the end of the process; killed after a minute."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - began


def status_of(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return int(found[1]) if found else 0


def run(only: str | None = None, *, quiet: bool = True) -> dict[str, Any]:
    """Send every hostile request and a small picture after each; counts, and the worst of time and memory.

    Args:
        only: A group's name; None takes all.
        quiet: False prints a line for each that failed, and one for each group.
    """
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        served = Served(Path(place))
        calm = sorted(served.ask()[1] for _ in range(20))[10]
        for group, name, attack in cases():
            if only not in (None, group):
                continue
            status = status_of(attack(served.port))
            said, seconds = served.ask()
            rows.append({"group": group, "name": name, "status": status, "seconds": round(seconds, 4)})
            if said != "red" or seconds > ANSWER_S or status == 500:
                failed.append(f"{group}: {name}: status {status}; then {said} after {seconds:.2f} s")
                if not quiet:
                    print(failed[-1], flush=True)
        memory = served.memory()
        attack = many(body(large()), 10, 0.1)  # it is told to stop while it is at work
        attack(served.port)
        ended = served.end()
        code, log = served.process.returncode, served.log.read_text(errors="replace")
    events = [json.loads(line)["event"] for line in log.splitlines() if line.startswith("{")]
    raw = [line for line in log.splitlines() if not line.startswith("{")]
    if raw or "error" in events or "Traceback" in log:
        failed.append(f"the log holds {events.count('error')} errors and {len(raw)} other lines: {raw[:1]}")
    if any((ord(letter) < 32 and letter != "\n") or ord(letter) > 126 for letter in log):
        failed.append("the log holds control sequences")
    if memory > MOST_MEMORY:
        failed.append(f"memory of {memory / 1e6:,.0f} MB")
    if ended > GRACE_S or code != 0:
        failed.append(f"SIGTERM ended it after {ended:.1f} s with {code}")
    return {
        "requests": len(rows),
        "failed": failed,
        "calm_s": calm,
        "slowest_answer_s": max(row["seconds"] for row in rows),
        "peak_bytes": memory,
        "end_s": ended,
        "rows": rows,
    }


def report(found: dict[str, Any]) -> list[str]:
    rows = found["rows"]
    said = f"{found['requests']} hostile requests to a tiny model with default limits, a small picture after each: "
    said += f"{len(found['failed'])} failures."
    body_ = []
    for group in dict.fromkeys(row["group"] for row in rows):
        ours = [row for row in rows if row["group"] == group]
        codes = sorted({row["status"] for row in ours} - {0})
        slowest = 1000 * max(row["seconds"] for row in ours)
        body_.append([group, str(len(ours)), ", ".join(map(str, codes)) or "–", f"{slowest:,.0f}"])
    lines_ = ["# Hostile requests", "", said, ""]
    lines_ += [*table(["kind", "requests", "answered with", "slowest small picture, ms"], body_), ""]
    calm, slowest = 1000 * found["calm_s"], 1000 * found["slowest_answer_s"]
    peak = found["peak_bytes"] / 1e6
    lines_ += [
        f"* A small picture takes {calm:.0f} ms when nobody else asks, {slowest:,.0f} ms at most after a hostile one.",
        f"* Memory of the service and its decoding process, each at its worst: {peak:,.0f} MB.",
        f"* SIGTERM with ten large pictures waiting ended it after {found['end_s']:.1f} s; it has {GRACE_S:.0f} s.",
    ]
    return [*lines_, *(f"* failed: {one}" for one in found["failed"]), ""]


def main() -> None:
    parser = parser_of(__doc__)
    options = parser.parse_args()
    found = run(options.only, quiet=False)
    command = shlex.join(["benchmarks/hostile_requests.py", *sys.argv[1:]])
    store = Results(
        (options.results or (QUICK_RESULTS if options.only else RESULTS)) / "hostile_requests.json", hidden_places()
    )
    row = store.put("requests", {**found, "command": command, "versions": versions()})
    store.write([*report(row), *provenance(store.rows)])
    print(store.path.with_suffix(".md").read_text())
    raise SystemExit(1 if found["failed"] else 0)


if __name__ == "__main__":
    main()
