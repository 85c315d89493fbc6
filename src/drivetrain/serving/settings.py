"""What a service may be asked to do and how much of it, and who may ask."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from drivetrain.errors import SettingError
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.settings import instance, number, place, text, whole
from drivetrain.text import short_reason

MB = 2**20
TOKEN_VARIABLE = "DRIVETRAIN_TOKEN"
SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Limits:
    """Bounds on what a request may cost, checked while it arrives and before anything is decoded.

    With these, two threads and a small network, a service and its decoding process together stay below 600 MB whatever
    they are sent (`benchmarks/hostile_requests.py`).
    """

    picture_bytes: int = 10 * MB
    """Of one picture."""
    request_bytes: int = 32 * MB
    """Of a whole request."""
    bytes_in_flight: int = 64 * MB
    """Of all requests at once; above it they are told to come again."""
    files: int = 8
    """In one request."""
    jpeg_pixels: int = 50_000_000
    """Width × height; JPEG is shrunk while it is decoded, so it may have more."""
    other_pixels: int = 24_000_000
    """Width × height of PNG and WebP, which are decoded whole."""
    large_pixels: int = 4_000_000
    """Pictures with more than this are decoded in a process of their own, one at a time, which is killed when it is
    overdue; so are those that are estimated to take long or much memory."""
    decode_s: float = 3.0
    """Estimated seconds to decode one picture: JPEGs may have as many scans as go into it."""
    decode_bytes: int = 200 * MB
    """Estimated memory to decode one picture, the picture and all copies of it included."""
    header_count: int = 64
    header_bytes: int = 16_384
    header_s: float = 5.0
    """From connecting, or from the first byte of a further request, to the end of the headers."""
    body_s: float = 15.0
    """From the end of the headers to the end of the body."""
    write_s: float = 10.0
    """Until what was sent to a caller has been read, before the connection is cut."""
    connections: int = 256
    """At once. When there are as many, one that nothing is being worked on for, and that has said nothing for longest,
    makes room."""
    health_connections: int = 16
    """Further ones, which are asked for health and metrics alone."""
    requests_per_connection: int = 1000

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            seconds = each.name.endswith("_s")
            object.__setattr__(
                self, each.name, number(each.name, value, above=0) if seconds else whole(each.name, value, least=1)
            )


@dataclass(frozen=True)
class Settings:
    """How a service runs.

    Args:
        host: Address to listen on. Any but a loopback address needs a token.
        port: 0 takes a free one.
        token: What callers must send as ``Authorization: Bearer …``; None asks for nothing.
        threads: Pictures that are worked on at once; 0 takes the processors this process may use.
        queue: Further pictures that may wait; more are refused with 503.
        deadline_s: Longest time from a complete request to its answer.
        log_predictions: File that gets a line per answer, without the picture; None writes none.
        sample_dir: Folder that keeps some of the pictures for labelling; None keeps none.
        sample_pct: Share of the pictures that are kept, 0–1.
        sample_most: Pictures in that folder, at most.
        shadow: A second saved model, asked beside the one that answers and compared with it; None asks none.
        limits: What one request may cost.

    Raises:
        SettingError: A value cannot be used, or `host` needs a token and there is none.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    threads: int = 0
    queue: int = 32
    deadline_s: float = 10.0
    log_predictions: Path | None = None
    sample_dir: Path | None = None
    sample_pct: float = 0.01
    sample_most: int = 1000
    shadow: Path | None = None
    limits: Limits = Limits()

    @property
    def grace_s(self) -> int:
        """From SIGTERM to the end of what was taken, at most."""
        return int(self.deadline_s + self.limits.body_s) + 1

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "host": text("host", self.host, what="an address to listen on", empty=True),
            "port": whole("port", self.port, least=0, most=65_535),
            "threads": whole("threads", self.threads, least=0) or usable_cpus(),
            "queue": whole("queue", self.queue, least=0),
            "deadline_s": number("deadline_s", self.deadline_s, above=0),
            "sample_pct": number("sample_pct", self.sample_pct, least=0, most=1),
            "sample_most": whole("sample_most", self.sample_most, least=1),
            "limits": instance("limits", self.limits, Limits, "Limits(...)"),
            "token": None if self.token is None else text("token", self.token),
        }
        for name in ("log_predictions", "sample_dir", "shadow"):
            asked = getattr(self, name)
            checked[name] = None if asked is None else Path(place(name, asked))
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise SettingError(
                f"the token has {len(self.token)} letters; expected at least {SHORTEST_TOKEN}. {_MAKE_ONE}"
            )
        if self.token is None and not is_loopback(self.host):
            raise SettingError(
                f"host={self.host!r} can be reached from other machines, and no token is set. To fix: listen on "
                f"127.0.0.1, or set {TOKEN_VARIABLE} or token_file. {_MAKE_ONE}"
            )


_MAKE_ONE = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach an address.

    Example:
        >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
        [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_token(token_file: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The token from a file, else from the variable DRIVETRAIN_TOKEN, else None.

    Never from the command line, which every user of the machine can read.

    Raises:
        SettingError: The file cannot be read, or holds nothing.

    Example:
        >>> read_token(None, {"DRIVETRAIN_TOKEN": " a-long-enough-token "})
        'a-long-enough-token'
    """
    if token_file is None:
        return environment.get(TOKEN_VARIABLE, "").strip() or None
    try:
        token = token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"token_file={os.fspath(token_file)!r} cannot be read: {short_reason(error)}. To fix: check its path."
        ) from error
    if not token:
        raise SettingError(f"token_file={os.fspath(token_file)!r} is empty. {_MAKE_ONE}")
    return token
