"""A service in a thread of this process, on a free port of the loopback interface."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import uvicorn

from drivetrain.serving.run import make_service, server_of
from drivetrain.serving.service import Service
from drivetrain.serving.settings import Limits, Settings
from tests.serving.tiny import make_artefact

QUICK = Limits(header_s=0.3, body_s=0.4, picture_bytes=200_000, request_bytes=500_000, other_pixels=1_000_000)
"""As the real ones, smaller: what takes long or is large ends sooner."""


@dataclass
class Live:
    """A running service."""

    url: str
    port: int
    service: Service
    server: uvicorn.Server

    def post(self, path: str, content: bytes = b"", **options) -> httpx.Response:
        return httpx.post(self.url + path, content=content or None, timeout=20, **options)

    def get(self, path: str, **options) -> httpx.Response:
        return httpx.get(self.url + path, timeout=20, **options)

    def raw(self, data: bytes, *, pause_s: float = 0.0, wait_s: float = 5.0) -> bytes:
        """Send bytes as they are, and read until the service closes the connection or nothing more comes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait_s) as connection:
            try:
                connection.sendall(data)
                if pause_s:
                    time.sleep(pause_s)
            except OSError:  # it was closed while sending
                pass
            received = b""
            try:
                while chunk := connection.recv(65_536):
                    received += chunk
            except OSError:
                pass
            return received


@contextmanager
def running(path: Path, settings: Settings) -> Iterator[Live]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    service = make_service(path, settings)
    server = server_of(service)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    port = listening.getsockname()[1]
    live = Live(f"http://127.0.0.1:{port}", port, service, server)
    try:
        until = time.monotonic() + 10
        while not server.started and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        yield live
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
        listening.close()


@pytest.fixture(scope="session")
def artefact(tmp_path_factory) -> Path:
    return make_artefact(tmp_path_factory.mktemp("artefact"))


@pytest.fixture(scope="module")
def live(artefact) -> Iterator[Live]:
    """With small limits, so that what is too much is quickly reached."""
    with running(artefact, Settings(threads=2, queue=8, deadline_s=5, limits=QUICK)) as service:
        yield service


@pytest.fixture
def patient(artefact) -> Iterator[Live]:
    """With the real limits."""
    with running(artefact, Settings(threads=2, queue=16)) as service:
        yield service


def limited(**changes) -> Limits:
    return replace(QUICK, **changes)
