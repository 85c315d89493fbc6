"""What was found, in words that are read in a minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from drivetrain.decisions.uplift.ranking import Ranking
from drivetrain.decisions.worth import Worth
from drivetrain.pages.words import quoted_list, with_minus
from drivetrain.text import does, in_digits, readable

Found = Literal["uplift", "a simpler order", "nothing", "harm"]
"""What is best: ranking by uplift; it, but a simpler order does as well; no order that is told from chance; or it is
worse than chance."""


def amount(worth: Worth, *, is_yes_no: bool, sign: bool = True) -> str:
    """An effect with its interval: in points (per 100 rows) for yes and no, else in the outcome's unit.

    Example:
        >>> amount(Worth(0.031, 0.012, 0.05), is_yes_no=True), amount(Worth(12.3), is_yes_no=False)
        ('+3.1 points [+1.2, +5.0]', '+12.3')
    """
    plus = "+" if sign else ""

    def said(value: float) -> str:
        return f"{100 * value:{plus}.1f}" if is_yes_no else in_digits(value, f"{plus}.3g")

    span = "" if worth.low is None or worth.high is None else f" [{said(worth.low)}, {said(worth.high)}]"
    return with_minus(f"{said(worth.value)}{' points' if is_yes_no else ''}{span}")


def above(worth: Worth) -> bool:
    """Whether a number is told from 0, on the side above."""
    return worth.low is not None and worth.low > 0


def below(worth: Worth) -> bool:
    """Whether a number is told from 0, on the side below."""
    return worth.high is not None and worth.high < 0


def found_of(qini: Worth, better: Mapping[str, Worth]) -> Found:
    """Which of the four was found.

    Args:
        qini: Of ranking by uplift.
        better: Name of a baseline → the Qini of ranking by uplift less the baseline's.
    """
    if below(qini):
        return "harm"
    if not above(qini):
        return "nothing"
    return "uplift" if all(above(each) for each in better.values()) else "a simpler order"


def verdict_of(
    ours: Ranking, others: Mapping[str, Ranking], better: Mapping[str, Worth], outcome: str, *, is_yes_no: bool
) -> str:
    """The finding in two or three sentences."""
    top, average = ours.uplift_at(0.3), ours.measured.average
    found = found_of(ours.qini, better)
    outcome = readable(outcome)
    gains = (
        f"treating the best 30 % changes {outcome} by {amount(top, is_yes_no=is_yes_no)} each, anybody by "
        + amount(average, is_yes_no=is_yes_no)
    )
    if found == "harm":
        return (
            f"Ranking by uplift is worse than random order: {gains}. Do not use it; look for columns that came about "
            "after the treatment, or for too few rows."
        )
    if found == "nothing":
        able = [other.name for name, other in others.items() if name != "random order" and above(other.qini)]
        instead = (
            f" {_upper(quoted_list(able))} can: use that." if able else " Treat all or nobody, or collect more rows."
        )
        return (
            f"Ranking by uplift cannot be told from random order on these {len(ours.score):,} rows: {gains}.{instead}"
        )
    beaten = [others[name].name for name, each in better.items() if above(each)]
    equal = [others[name].name for name, each in better.items() if not above(each) and not below(each)]
    ahead = [others[name].name for name, each in better.items() if below(each)]
    if found == "uplift":
        return f"Ranking by uplift finds who is moved: {gains}. It beats {quoted_list(['random order', *beaten])}."
    said = f"Ranking by uplift beats {quoted_list(['random order', *beaten])}: {gains}."
    if ahead:
        said += f" But {quoted_list(ahead)} {does(len(ahead), 'are')} better on these rows: use that."
    simpler = ", which is simpler" if len(equal) == 1 else ", which are simpler"
    if equal:
        said += f" It is not told apart from {quoted_list(equal)}{simpler if not ahead else ''}."
    return said


def _upper(said: str) -> str:
    return said[:1].upper() + said[1:]
