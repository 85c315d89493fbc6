"""Requests to a Hugging Face hub with the standard library: retried, and the token goes to the hub alone."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from drivetrain.errors import HubError

ENDPOINT = "https://huggingface.co"
TIMEOUT_S = 30.0
TRIES = 5
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass
class Hub:
    """Where the hub is, who asks, and how often."""

    endpoint: str
    token: str | None = None
    wait_s: float = 0.5
    """Before the second try; each further wait is twice as long."""
    sleep: Callable[[float], None] = time.sleep
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
        with self.open(method, self.endpoint + path, content, headers) as answer:
            body = answer.read()
        try:
            return json.loads(body) if body else {}
        except ValueError as error:
            raise HubError(f"{self.endpoint}{path} answered with something other than JSON.") from error

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
                return cast(HTTPResponse, self._opener.open(request, timeout=TIMEOUT_S))
            except HTTPError as error:
                if error.code not in PASSING or attempt == TRIES - 1:
                    raise self._explained(error, address) from error
                error.close()
            except (URLError, HTTPException, OSError) as error:
                if attempt == TRIES - 1:
                    reason = getattr(error, "reason", None) or error
                    raise HubError(f"{urlsplit(address).hostname} cannot be reached: {reason}.") from error
            self.sleep(self.wait_s * 2**attempt)
        raise AssertionError("unreachable")

    def sign(self, request: Request) -> None:
        """Show the token to the hub itself; never to where it sends one on to."""
        ours, theirs = urlsplit(self.endpoint), urlsplit(request.full_url)
        if self.token and (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc):
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")

    def _explained(self, error: HTTPError, address: str) -> HubError:
        said = error.headers.get("X-Error-Message") or error.reason
        where = urlsplit(address)._replace(query="").geturl()
        error.close()
        if error.code in (401, 403):
            mend = "To fix: set HF_TOKEN to a token that may do this" + (" (it is set)." if self.token else ".")
            return HubError(f"{where}: not allowed ({error.code}, {said}). {mend}", status=error.code)
        if error.code == 404:
            return HubError(f"{where} does not exist, or needs a token that may see it ({said}).", status=404)
        return HubError(f"{where} answered {error.code}: {said}.", status=error.code)


class _Redirects(HTTPRedirectHandler):
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def redirect_request(  # noqa: PLR0917 - as urllib calls it
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
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
