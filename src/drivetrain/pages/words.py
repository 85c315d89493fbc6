"""Small ways to say things."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from drivetrain.runtime.targets import TargetValue
from drivetrain.text import number_text


class Shown(Protocol):
    """A number that says itself, as `drivetrain.evaluation.Score` does."""

    def shown(self) -> tuple[str, str]:
        """Value and interval; the interval is empty where there is none."""
        ...


_HYPHEN = re.compile(r"(?<!\w)-(?=\d)")


def count_rows(n: int) -> str:
    """A number of rows, as people write it.

    Example:
        >>> count_rows(1), count_rows(2485)
        ('1 row', '2,485 rows')
    """
    return "1 row" if n == 1 else f"{n:,} rows"


def count_bins(n: int) -> str:
    """A number of bins of a calibration error.

    Example:
        >>> count_bins(1), count_bins(15)
        ('1 bin', '15 bins of equal mass')
    """
    return "1 bin" if n == 1 else f"{n} bins of equal mass"


def quoted_list(items: Sequence[str]) -> str:
    """A list as part of a sentence.

    Example:
        >>> quoted_list(["a", "b", "c"])
        'a, b and c'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def listed(names: Sequence[str], most: int = 6) -> str:
    """Names as part of a sentence, of many the first ones.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"]), listed(list("abcdefgh"), 3)
        ('a', 'a, b and c', 'a, b, c and 5 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return quoted_list(names) or "nothing"


def value_in_words(value: TargetValue) -> str:
    """A label, labels or numbers.

    Example:
        >>> value_in_words("pear"), value_in_words(()), value_in_words((1.25, 3.0)), value_in_words(("red", "ripe"))
        ('pear', '(none)', '1.25, 3', 'red, ripe')
    """
    if isinstance(value, str):
        return value
    return (
        ", ".join(with_minus(number_text(part)) if isinstance(part, float) else str(part) for part in value) or "(none)"
    )


def shortened(text: str, most: int = 28) -> str:
    """The beginning and the end of a long text.

    Example:
        >>> shortened("a-rather-long-name-of-a-category", 15)
        'a-rathe…ategory'
    """
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-((most - 1) // 2) :]}"


def with_minus(number: str) -> str:
    """What was written of numbers, with a minus sign where a hyphen stands for one.

    Example:
        >>> with_minus("-41.6 … +53"), with_minus("top-3 accuracy [-0.5, 1e-05]")
        ('−41.6 … +53', 'top-3 accuracy [−0.5, 1e-05]')
    """
    return _HYPHEN.sub("−", number)


def shown(score: Shown) -> tuple[str, str]:
    """Value and interval of a score as a page shows them; the interval is empty where there is none."""
    value, interval = score.shown()
    return with_minus(value), with_minus(interval)


def as_percent(share: float | None, decimals: int = 1) -> str:
    """A share times 100; a dash where there is none.

    Example:
        >>> as_percent(0.931), as_percent(None)
        ('93.1 %', '–')
    """
    return "–" if share is None else with_minus(f"{100 * share:.{decimals}f} %")
