"""JSON as it goes over the wire."""

from __future__ import annotations

import json
import math
from typing import Any, cast

from starlette.responses import Response


def dumps(value: Any) -> bytes:
    """Compact JSON; numbers that are none (a model may say NaN) become null.

    Example:
        >>> dumps({"a": float("nan"), "b": [1.5]})
        b'{"a":null,"b":[1.5]}'
    """
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":")).encode()


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(item) for key, item in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [_finite(item) for item in cast("list[Any]", value)]
        case _:
            return value


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response that holds JSON."""
    return Response(dumps(value), status, headers, "application/json")
