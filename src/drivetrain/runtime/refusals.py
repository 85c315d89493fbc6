"""What the service says when it does not answer: a status, one sentence, and never the caller's bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping


class Refusal(Exception):
    """Ends a request with a status and ``{"error": message}``."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """What is sent.

        Example:
            >>> Refusal(413, "too large").body()
            b'{"error": "too large"}'
        """
        return json.dumps({"error": self.message}).encode()


def busy(message: str, retry_after_s: int) -> Refusal:
    """503, and when to come again."""
    return Refusal(503, message, {"retry-after": str(retry_after_s)})
