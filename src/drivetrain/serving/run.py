"""Starts a service in this process and ends when it is told to, with everything it took answered."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from urllib.parse import urlunsplit

import uvicorn

from drivetrain.errors import ArtefactError, SettingError
from drivetrain.names import service_name
from drivetrain.runtime.artefact import MANIFEST, open_artefact, sha256_of
from drivetrain.runtime.loading import load
from drivetrain.serving.app import make_app
from drivetrain.serving.connections import connection_class
from drivetrain.serving.decoding import Decoder
from drivetrain.serving.model import Model
from drivetrain.serving.service import Service, say
from drivetrain.serving.settings import Settings

STOPPING = (signal.SIGINT, signal.SIGTERM)
MOST_DECODE_S = 10.0
"""A process that decodes one input for longer is killed; by its headers no input takes more than a third of it."""
LAST_S = 2.0
"""After the time that what was taken has to end, until the process ends whatever still runs."""
SEND_BYTES = 65_536
"""That the system keeps of answers which a caller does not read."""
BACKLOG = 2048
"""Connections that may wait to be accepted; uvicorn's own number."""


def open_model(path: str | os.PathLike[str], settings: Settings) -> Model:
    """A model for the service: one thread works on an input, as many inputs at once as there are threads.

    Raises:
        ArtefactError: The artefact cannot be used, or has no `model.onnx`.
    """
    folder = Path(path)
    artefact = open_artefact(folder)
    if artefact.manifest.export is None:
        raise ArtefactError(
            f"{folder} has no model.onnx, which a service needs. To fix: open it with Learner.load and save it again."
        )
    predictor = load(folder, device="cpu", threads=1)
    return Model(
        predictor,
        name=service_name(folder),
        sha256=sha256_of(folder / MANIFEST),
        limits=settings.limits,
        watched=settings.log_predictions is not None,
        decoder=Decoder(
            predictor.reader, most_bytes=settings.limits.decode_bytes, most_s=min(MOST_DECODE_S, settings.deadline_s)
        ),
    )


def make_service(path: str | os.PathLike[str], settings: Settings) -> Service:
    """The service of a model, and of a second one beside it where the settings name one.

    Raises:
        ArtefactError: An artefact cannot be used.
        SettingError: The two models cannot be compared, or a file or folder not be written to.
    """
    shadow = None if settings.shadow is None else open_model(settings.shadow, settings)
    return Service(open_model(path, settings), settings, shadow)


def serve(path: str | os.PathLike[str], settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT; then finish what was taken, and return.

    Raises:
        ArtefactError: The artefact cannot be used.
        SettingError: The address cannot be listened on, or a file or folder not be written to.
    """
    service = make_service(path, settings)
    listening = _listen(settings)
    _log_as_json()
    address = urlunsplit(("http", f"{_printable(settings.host)}:{listening.getsockname()[1]}", "", "", ""))
    server = server_of(service)
    server.told_to_stop = partial(_end_in_time, service)

    def stop(number: int, frame: FrameType | None) -> None:
        server.told_to_stop()
        server.should_exit = True  # told so before uvicorn looks for signals itself, or by uvicorn again at its end

    before = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        say("listening", address=address, model=service.model.name, threads=settings.threads, queue=settings.queue)
        asyncio.run(server.serve(sockets=[listening]))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listening.close()
    say("stopped")


def _end_in_time(service: Service) -> None:
    """End the process when its grace time is over, even where a thread never comes back."""

    def end() -> None:
        say("stopped", reason=f"something was still running after {service.settings.grace_s} seconds")
        for model in (service.model, service.shadow and service.shadow.model):
            if model and model.decoder:
                model.decoder.kill()
        os._exit(1)  # Python's own exit would wait for that thread

    timer = threading.Timer(service.settings.grace_s + LAST_S, end)
    timer.daemon = True
    timer.start()


def server_of(service: Service) -> StoppingServer:
    """uvicorn, set up for a service: HTTP/1.1 alone, with the limits of its settings."""
    settings = service.settings
    config = uvicorn.Config(
        make_app(service),
        http=connection_class(settings.limits),
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=settings.limits.header_bytes,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=settings.grace_s,
    )
    return StoppingServer(config, service)


class StoppingServer(uvicorn.Server):
    """Says that it is no longer ready from the moment it is told to stop."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service
        self.told_to_stop: Callable[[], None] = lambda: None
        """Called by each signal to stop."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop has come."""
        self.told_to_stop()
        self.service.drain()
        super().handle_exit(sig, frame)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # named, so that asyncio knows it for TCP and sends the end of an answer at once, not when its begin was received
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)  # each connection has the same
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)  # from now on callers wait instead of being refused
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise SettingError(
            f"cannot listen on {_printable(settings.host)}:{settings.port}: {reason}. To fix: choose another port."
        ) from error
    return listening


def _printable(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _JsonLines(logging.Handler):
    """What uvicorn has to say, in the form of all other lines."""

    def emit(self, record: logging.LogRecord) -> None:
        error = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
        say("server", level=record.levelname.lower(), message=record.getMessage()[:500], traceback=error)


def _log_as_json() -> None:
    logger = logging.getLogger("uvicorn")
    logger.handlers, logger.propagate = [_JsonLines()], False
    logger.setLevel(logging.WARNING)
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # a caller's mistakes: they are answered with 400
    logging.getLogger().handlers = [_JsonLines()]
