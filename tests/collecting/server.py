"""A server of this machine that does what servers of the world do to whoever collects."""

import gzip
import io
import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image


def picture(number=0, size=(96, 80), format="JPEG", **options):
    """A picture that looks like no other: coarse noise, so that its signature says something."""
    random = np.random.default_rng(number)
    small = random.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


class Server:
    """Answers by path; counts what was asked, and which bodies were wholly sent."""

    def __init__(self):
        self.asked = Counter()
        self.sent = Counter()
        self.agents = set()
        self.times = []
        self.busy = 0
        self.most_busy = 0
        self.robots = None
        self.answers = {}
        self.lock = threading.Lock()
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"world": self})
        self.http = _Http(("127.0.0.1", 0), handler)
        self.port = self.http.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.root = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()

    def url(self, path):
        return f"{self.root}{path}"


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


class _Handler(BaseHTTPRequestHandler):
    world: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        world = self.world
        with world.lock:
            world.asked[self.path] += 1
            world.agents.add(self.headers.get("User-Agent"))
            world.times.append((self.path, time.monotonic()))
            world.busy += 1
            world.most_busy = max(world.most_busy, world.busy)
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with world.lock:
                world.busy -= 1

    def _answer(self):
        world = self.world
        if self.path in world.answers:
            world.answers[self.path](self)
            return
        if self.path == "/robots.txt":
            status, body = (404, b"") if world.robots is None else world.robots
            self.body(body, status=status, kind="text/plain")
            return
        _, _, rest = self.path.partition("/picture/")
        if rest:
            self.body(picture(int(rest.split(".")[0])))
        else:
            self.body(b"<!doctype html><title>Not found</title>", status=404, kind="text/html")

    def body(self, data, *, status=200, kind="image/jpeg", length=None, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        with self.world.lock:
            self.world.sent[self.path] += 1

    def raw(self, data):
        """Bytes as they are, then the end of the connection."""
        self.wfile.write(data)
        self.close_connection = True

    def reset(self):
        """The connection breaks."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def to(self, location, status=302):
        self.body(b"", status=status, headers=[("Location", location)])

    def endless(self, block=b"\xff\xd8\xff\xe0" + b"\0" * 65536, pause_s=0.0):
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while not self.world.closing.is_set():
            self.wfile.write(block)
            if pause_s:
                time.sleep(pause_s)

    def log_message(self, format, *args):
        pass


def bomb():
    """A few KB that become 100 MB."""
    return gzip.compress(b"\xff\xd8\xff\xe0" + b"\0" * 100_000_000)
