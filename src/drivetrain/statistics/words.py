"""How numbers of a slope are written: as many digits as they have, a sign, a minus."""

from __future__ import annotations

import math
from collections.abc import Sequence

from drivetrain.pages.words import listed
from drivetrain.statistics.fitting.terms import LOGARITHMS, Term


def decimals_of(width: float) -> int:
    """Decimals with which a number that is known to about `width` is written: two digits of it, three below 3.

    Example:
        >>> decimals_of(0.0059), decimals_of(0.17), decimals_of(3.2), decimals_of(250.0)
        (4, 3, 1, 0)
    """
    if not math.isfinite(width) or width <= 0:
        return 4
    power = math.floor(math.log10(width))
    return min(max((2 if width < 3 * 10.0**power else 1) - power, 0), 12)


def fixed(value: float, decimals: int, *, sign: bool = False) -> str:
    """A number with that many decimals; very small ones as powers of ten.

    Example:
        >>> fixed(-0.00321, 4), fixed(0.00005, 5, sign=True), fixed(1234.5, 0), fixed(3e-11, 12)
        ('−0.0032', '+0.00005', '1,234', '3.0e-11')
    """
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "–"
    if value != 0 and abs(value) < 1e-6:
        said = f"{value:+.1e}" if sign else f"{value:.1e}"
    else:
        said = f"{value:+,.{decimals}f}" if sign else f"{value:,.{decimals}f}"
        if abs(float(said.replace(",", ""))) == 0:
            said = said.lstrip("+-")
    return "−" + said[1:] if said.startswith("-") else said


def short(value: float, *, sign: bool = False, digits: int = 2) -> str:
    """A number with two digits that matter.

    Example:
        >>> short(-0.0032102), short(17.34), short(0.0), short(1234567.0)
        ('−0.0032', '17', '0', '1,234,567')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else fixed(value, 0)
    return fixed(value, max(digits - 1 - math.floor(math.log10(abs(value))), 0), sign=sign)


def interval(value: float, low: float, high: float) -> tuple[str, str]:
    """A value and its interval, written with the same decimals.

    Example:
        >>> interval(-0.0032102, -0.0060185, -0.0004019)
        ('−0.0032', '[−0.0060, −0.0004]')
        >>> interval(0.0000471, -0.0028632, 0.0029574)
        ('+0.00005', '[−0.0029, +0.0030]')
    """
    decimals = decimals_of(high - low)
    if decimals > 7:  # powers of ten for all three
        ends = [f"{end:+.2e}".replace("-", "−", 1) if end < 0 else f"{end:+.2e}" for end in (value, low, high)]
        return ends[0], f"[{ends[1]}, {ends[2]}]"
    said = fixed(value, decimals, sign=True)
    if value != 0 and float(f"{abs(value):.{decimals}f}") == 0 and decimals < 11:
        said = short(value, sign=True, digits=1)
    return said, f"[{fixed(low, decimals, sign=True)}, {fixed(high, decimals, sign=True)}]"


def p_text(p: float) -> str:
    """A p-value as journals write it.

    Example:
        >>> p_text(0.0252), p_text(0.00003), p_text(0.1381), p_text(0.9747)
        ('p = .025', 'p < .001', 'p = .14', 'p = .97')
    """
    if not math.isfinite(p):
        return "p unknown"
    if p < 0.001:
        return "p < .001"
    said = f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return f"p = {said[1:]}" if said.startswith("0") else "p = 1"


def plain(value: float) -> str:
    """A number as somebody wrote it.

    Example:
        >>> plain(-0.023), plain(5.0)
        ('−0.023', '5')
    """
    said = f"{value:.6g}"
    return "−" + said[1:] if said.startswith("-") else said


def percent(share: float, decimals: int = 0) -> str:
    """A share in percent.

    Example:
        >>> percent(0.173), percent(0.0004), percent(0.9996)
        ('17 %', 'under 1 %', 'over 99 %')
    """
    if decimals == 0 and 0 < share < 0.005:
        return "under 1 %"
    if decimals == 0 and 0.995 < share < 1:
        return "over 99 %"
    return f"{100 * share:.{decimals}f} %"


def unit_of(of: Term, family: str = "linear") -> str:
    """What the slope is per.

    Example:
        >>> unit_of(Term("tmean")), unit_of(Term("price", "log"))
        ('per 1 of tmean', 'per 1 of log price')
    """
    per = f"per 1 of {of.words}"
    return {"logistic": f"in log-odds {per}", "poisson": f"in log counts {per}"}.get(family, per)


def is_log(term: Term) -> bool:
    """Whether differences of it are ratios."""
    return term.transform in LOGARITHMS


def held(controls: Sequence[str], within: str = "") -> str:
    """What is held fixed, as the end of a sentence; empty where nothing is.

    Example:
        >>> held(["rh", "log:gdp"]), held([], "country"), held([])
        (' with rh and log gdp held fixed', ' within each country', '')
    """
    said = f" with {listed([name.replace(':', ' ') for name in controls], 4)} held fixed" if controls else ""
    return f"{said} within each {within}" if within else said
