"""JSON of a stranger: read with bounds, and in one reading only."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from pydantic import ValidationError

DEEPEST = 64
"""Lists within lists; what drivetrain writes has six levels at most."""


def read_json(content: bytes, *, most_bytes: int) -> Any:
    """The value that JSON bytes say, where everybody would read the same in it.

    Args:
        content: UTF-8.
        most_bytes: More are refused unread.

    Raises:
        ValueError: It is too long or too deep, is no JSON, names a key twice, or has a number that is not finite.

    Example:
        >>> read_json(b'{"a": [1.5]}', most_bytes=100)
        {'a': [1.5]}
        >>> read_json(b'{"a": 1, "a": 2}', most_bytes=100)
        Traceback (most recent call last):
        ValueError: it says 'a' twice
    """
    if len(content) > most_bytes:
        raise ValueError(f"it has {len(content):,} bytes, more than {most_bytes:,}")
    text = content.decode("utf-8")
    if _depth(text) > DEEPEST:
        raise ValueError(f"it has more than {DEEPEST} levels")
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite, parse_int=_short
        )
    except RecursionError as error:  # what `_depth` cannot have missed, but this is what it is for
        raise ValueError(f"it has more than {DEEPEST} levels") from error


def what_is_wrong(error: ValidationError) -> str:
    """The first fault of a value that was read, in one line: where, and what.

    Example:
        >>> from pydantic import TypeAdapter
        >>> try:
        ...     TypeAdapter(list[int]).validate_python([1, "x"])
        ... except ValidationError as error:
        ...     what_is_wrong(error).split(",")[0]
        '1: Input should be a valid integer'
    """
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:60] for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _depth(text: str) -> int:
    """Lists and objects within one another, at most; brackets within strings do not count."""
    deepest = depth = 0
    for bracket in re.sub(r'"(?:[^"\\]|\\.)*"?', "", text, flags=re.DOTALL):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"it says {key[:60]!r} twice")
            seen.add(key)
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"it has the number {name}")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it has a number that is out of range: {text[:30]}")
    return value


def _short(text: str) -> int:
    if len(text) > 20:
        raise ValueError(f"it has a whole number of {len(text)} digits")
    return int(text)
