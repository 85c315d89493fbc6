"""Values that every reader of JSON accepts."""

from __future__ import annotations

import math
from typing import Any, cast


def finite(value: Any) -> Any:
    """The same with None wherever a number is none, at any depth: JSON knows neither NaN nor infinity.

    Example:
        >>> finite({"a": [1.5, float("nan")]})
        {'a': [1.5, None]}
    """
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: finite(item) for key, item in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [finite(item) for item in cast("list[Any]", value)]
        case _:
            return value
