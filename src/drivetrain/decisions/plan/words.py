"""Numbers of a plan as people write them."""

from __future__ import annotations

import math
from typing import Any

from drivetrain.decisions.worth import Worth
from drivetrain.settings import shown
from drivetrain.text import readable


def decimals_for(width: float) -> int:
    """Decimals with which a number that is known to about `width` is written: two digits of it.

    Example:
        >>> decimals_for(24.0), decimals_for(1.7), decimals_for(0.031), decimals_for(0.0)
        (0, 1, 3, 2)
    """
    if not math.isfinite(width) or width <= 0:
        return 2
    return min(max(1 - math.floor(math.log10(width)), 0), 9)


def fixed(value: float, decimals: int, *, sign: bool = False) -> str:
    """A number with that many decimals, a true minus, and none before zero.

    Example:
        >>> fixed(-1234.56, 1), fixed(0.04, 1, sign=True), fixed(-0.04, 1)
        ('−1,234.6', '0.0', '0.0')
    """
    if not math.isfinite(value):
        return "–"
    said = f"{value:+,.{decimals}f}" if sign else f"{value:,.{decimals}f}"
    if float(said.replace(",", "")) == 0:
        said = said.lstrip("+-")
    return "−" + said[1:] if said.startswith("-") else said


def amount(value: float, *, sign: bool = False, digits: int = 3) -> str:
    """A number by itself: at least so many digits that matter, and all before the decimal point.

    Example:
        >>> amount(33312.4), amount(12.345), amount(-0.01234, sign=True), amount(300.0)
        ('33,312', '12.3', '−0.0123', '300')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    if abs(value) >= 1e15 or abs(value) < 1e-6:
        return (f"{value:+.{digits - 1}e}" if sign else f"{value:.{digits - 1}e}").replace("-", "−", 1)
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    said = fixed(value, decimals, sign=sign)
    return said.rstrip("0").rstrip(".") if "." in said else said


def around(worth: Worth, *, sign: bool = False) -> tuple[str, str]:
    """A worth and its interval with the same decimals; the interval is empty where there is none.

    Example:
        >>> around(Worth(33.31, 28.02, 39.4), sign=True), around(Worth(0.5))
        (('+33', '[+28, +39]'), ('0.5', ''))
    """
    if worth.low is None or worth.high is None:
        return amount(worth.value, sign=sign), ""
    decimals = decimals_for(worth.high - worth.low)
    ends = [fixed(end, decimals, sign=sign) for end in (worth.value, worth.low, worth.high)]
    return ends[0], f"[{ends[1]}, {ends[2]}]"


def with_interval(worth: Worth, *, sign: bool = False) -> str:
    """The two as one text.

    Example:
        >>> with_interval(Worth(33.31, 28.02, 39.4)), with_interval(Worth(0.5))
        ('33 [28, 39]', '0.5')
    """
    return " ".join(around(worth, sign=sign)).strip()


def share(part: float) -> str:
    """A share in percent, never rounded to all or nothing.

    Example:
        >>> share(0.173), share(0.0004), share(0.9996), share(0.0), share(1.0)
        ('17 %', 'under 1 %', 'over 99 %', '0 %', '100 %')
    """
    if 0 < part < 0.005:
        return "under 1 %"
    if 0.995 < part < 1:
        return "over 99 %"
    return fixed(100 * part, 0) + " %"


def value_said(value: Any) -> str:
    """A value of a lever.

    Example:
        >>> value_said(612.5), value_said("letter"), value_said(None), value_said(True)
        ('612.5', 'letter', 'nothing', 'yes')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return "yes" if value else "no"
    if isinstance(value, str):
        return readable(value)
    try:
        return amount(float(value), digits=5)
    except (TypeError, ValueError):
        return shown(value)


def sentence(said: str) -> str:
    """Words with a capital and a full stop.

    Example:
        >>> sentence("price was not randomised"), sentence("Fine.")
        ('Price was not randomised.', 'Fine.')
    """
    said = said.strip()
    said = said[:1].upper() + said[1:]
    return said if not said or said[-1] in ".!?" else f"{said}."
