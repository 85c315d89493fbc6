"""Requests to a Hugging Face hub with the standard library: retried, and the token goes to the hub alone."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Any, TypeVar, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from drivetrain.errors import HubError
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.text import readable, short_reason

Result = TypeVar("Result")

ENDPOINT = "https://huggingface.co"
TIMEOUT_S = 30.0
OPENING_S, LEAST_BYTES_PER_S = 60.0, 20_000
"""A request may take so long, and so long again for what it carries at this rate; a server that sends a byte a second
would else hold us for ever."""
MOST_ANSWER_BYTES = 16 * 2**20
"""Of an answer in JSON."""
PIECE_BYTES = 2**18
TRIES = 5
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


ODD = "To fix: try again later, or ask whoever runs the hub; nothing was put in place."


@dataclass
class Hub:
    """Where the hub is, who asks, and how often."""

    endpoint: str
    token: str | None = None
    wait_s: float = 0.5
    """Before the second try; each further wait is twice as long."""
    sleep: Callable[[float], None] = time.sleep
    patience_s: float = OPENING_S
    """For each request, beside what its bytes take at the slowest rate."""
    _opener: OpenerDirector = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.endpoint = self.endpoint.rstrip("/")
        address = urlsplit(self.endpoint)
        if address.scheme not in ("https", "http") or not address.hostname:
            raise HubError(f"HF_ENDPOINT is {self.endpoint!r}: expected an address such as {ENDPOINT}.")
        if self.token and address.scheme == "http" and address.hostname not in LOOPBACK:
            raise HubError(f"{self.endpoint} is not encrypted: your token would be readable on the way. Use https.")
        self._opener = build_opener(_Redirects(self))

    def ask(self, method: str, path: str, payload: Any = None, *, kind: str = "application/json") -> Any:
        """Send JSON, or bytes of the kind named, to a path of the hub; gives the JSON that it answers."""
        content = payload if payload is None or isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = {"Accept": kind if "json" in kind and "nd" not in kind else "application/json"}
        if content is not None:
            headers["Content-Type"] = kind
        parts: list[bytes] = []
        self.read(self.open(method, self.endpoint + path, content, headers), parts.append, most_bytes=MOST_ANSWER_BYTES)
        body = b"".join(parts)
        try:
            found = read_json(body, most_bytes=MOST_ANSWER_BYTES) if body else {}
        except ValueError as error:
            raise HubError(
                f"{self.endpoint}{path} answered with something other than JSON ({short_reason(error)}). {ODD}"
            ) from error
        if not isinstance(found, dict):
            raise HubError(f"{self.endpoint}{path} answered with JSON that is no object. {ODD}")
        return found

    def read(self, answer: HTTPResponse, take: Callable[[bytes], Any], *, most_bytes: int) -> int:
        """Hand the body of an answer on, piece by piece; gives its bytes.

        Raises:
            HubError: There are more bytes than announced, they come too slowly, or they stop.
        """
        where = urlsplit(answer.url)._replace(query="").geturl()
        limit_s = self.patience_s + most_bytes / LEAST_BYTES_PER_S
        until = time.monotonic() + limit_s
        announced = answer.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced[:20]) > most_bytes:
            answer.close()
            said = f"{announced[:20]} bytes"
            raise HubError(f"{where} is larger than the {most_bytes:,} bytes that were expected: {said}. {ODD}")

        def pieces() -> int:
            size = 0
            while piece := answer.read1(PIECE_BYTES):
                size += len(piece)
                if size > most_bytes:
                    raise HubError(f"{where} is larger than the {most_bytes:,} bytes that were expected. {ODD}")
                if time.monotonic() > until:
                    raise _too_slow(where, limit_s)
                take(piece)
            if announced.isdecimal() and size != int(announced):
                raise ValueError(f"{size:,} bytes came, {announced} were announced")
            return size

        try:
            with answer:
                return _within(limit_s, pieces, where)
        except (HTTPException, OSError, ValueError) as error:
            raise HubError(f"{where} stopped while it was read: {short_reason(error)}. {ODD}") from error

    def open(
        self, method: str, address: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> HTTPResponse:
        """The open answer to a request; failures that may pass are tried again."""
        if urlsplit(address).scheme not in ("https", urlsplit(self.endpoint).scheme):
            raise HubError(f"{self.endpoint} sends us to {address}, which is not https.")
        for attempt in range(TRIES):
            request = Request(address, data=content, headers=headers or {}, method=method)
            self.sign(request)
            try:
                limit_s = self.patience_s + len(content or b"") / LEAST_BYTES_PER_S
                timeout_s = min(TIMEOUT_S, self.patience_s)

                def ask(request: Request = request, timeout_s: float = timeout_s) -> HTTPResponse:
                    return cast(HTTPResponse, self._opener.open(request, timeout=timeout_s))

                return _within(limit_s, ask, address)
            except HTTPError as error:
                if error.code not in PASSING or attempt == TRIES - 1:
                    raise self._explained(error, address) from error
                error.close()
            except (URLError, HTTPException, OSError) as error:
                if attempt == TRIES - 1:
                    reason = getattr(error, "reason", None) or error
                    raise HubError(
                        f"{urlsplit(address).hostname} cannot be reached: {readable(str(reason)[:300])}. "
                        "To fix: look at the network and at HF_ENDPOINT, and try again."
                    ) from error
            except ValueError as error:  # an address or a header that is none
                raise HubError(f"{readable(address[:300])} answered oddly: {short_reason(error)}. {ODD}") from error
            self.sleep(self.wait_s * 2**attempt)
        raise AssertionError("unreachable")

    def sign(self, request: Request) -> None:
        """Show the token to the hub itself; never to where it sends one on to."""
        ours, theirs = urlsplit(self.endpoint), urlsplit(request.full_url)
        if self.token and (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc):
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")

    def _explained(self, error: HTTPError, address: str) -> HubError:
        said = readable(str(error.headers.get("X-Error-Message") or error.reason)[:300])
        where = urlsplit(address)._replace(query="").geturl()
        error.close()
        if error.code in (401, 403):
            mend = "To fix: set HF_TOKEN to a token that may do this" + (" (it is set)." if self.token else ".")
            return HubError(f"{where}: not allowed ({error.code}, {said}). {mend}", status=error.code)
        if error.code == 404:
            return HubError(f"{where} does not exist, or needs a token that may see it ({said}).", status=404)
        return HubError(f"{where} answered {error.code}: {said}.", status=error.code)


def _within(limit_s: float, work: Callable[[], Result], where: str) -> Result:
    """What a function gives, or HubError where it takes longer; it then ends on its own, or with this program.

    A time limit of the socket alone does not do: it begins anew with every byte.
    """
    done: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that asked
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limit_s)
    if failed:
        raise failed[0]
    if not done:
        raise _too_slow(where, limit_s)
    return done[0]


def _too_slow(where: str, limit_s: float) -> HubError:
    shown = readable(urlsplit(where)._replace(query="").geturl()[:300])
    return HubError(
        f"{shown} took more than {limit_s:.0f} seconds, at less than {LEAST_BYTES_PER_S:,} bytes a second: expected an "
        f"answer before. {ODD}"
    )


class _Redirects(HTTPRedirectHandler):
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def redirect_request(  # noqa: PLR0917 - as urllib calls it
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("https", urlsplit(self._hub.endpoint).scheme):
            fp.close()
            raise HubError(f"{self._hub.endpoint} sends us to {readable(newurl[:300])}, which is not https. {ODD}")
        following = super().redirect_request(req, fp, code, msg, cast(HTTPMessage, headers), newurl)
        if following is not None:
            self._hub.sign(following)
        return following


def find_hub() -> Hub:
    """The hub that the environment names: `HF_ENDPOINT`, and the token of `HF_TOKEN` or of the hub client's file."""
    return Hub(os.environ.get("HF_ENDPOINT") or ENDPOINT, find_token())


def find_token() -> str | None:
    """From `HF_TOKEN`, else from the file that `hf auth login` writes; None where there is none."""
    given = os.environ.get("HF_TOKEN", "").strip()
    if given:
        return given
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    file = Path(os.environ.get("HF_TOKEN_PATH") or home / "token")
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
