"""JSON as it goes over the wire."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from drivetrain.runtime.files.strict_json import finite


def dumps(value: Any) -> bytes:
    """Compact JSON; numbers that are none (a model may say NaN) become null.

    Example:
        >>> dumps({"a": float("nan"), "b": [1.5]})
        b'{"a":null,"b":[1.5]}'
    """
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        return json.dumps(finite(value), allow_nan=False, separators=(",", ":")).encode()


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response that holds JSON."""
    return Response(dumps(value), status, headers, "application/json")
