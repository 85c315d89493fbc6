"""What is asked of a report, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from drivetrain.settings import choice, number, refuse, several, text, whole
from drivetrain.statistics.questions.beliefs import Belief

ERRORS = ("auto", "classical", "HC3", "CR1", "CR2")
FAMILIES = ("auto", "linear", "logistic", "poisson")
FEWEST = 200
"""Simulations; fewer say too little."""


@dataclass(frozen=True)
class Asked:
    """The settings of a call that are not about the rows."""

    claim: float | None
    margin: float | None
    priors: Mapping[str, Belief]
    level: float
    errors: str
    note: str
    simulations: int
    seed: int


def asked_of(
    *, claim: Any, margin: Any, prior: Any, level: Any, errors: Any, note: Any, simulations: Any, seed: Any
) -> Asked:
    """Check each.

    Raises:
        SettingError: One has a value that cannot be used.
    """
    return Asked(
        claim=None if claim is None else number("claim", claim),
        margin=None if margin is None else number("smallest_effect_of_interest", margin, above=0),
        priors={} if prior is None else _priors(prior),
        level=number("level", level, above=0.5, below=1),
        errors=choice("errors", errors, ERRORS),
        note=text("note", note, what="text", empty=True),
        simulations=_simulations(simulations),
        seed=whole("seed", seed, least=0),
    )


def _simulations(value: Any) -> int:
    found = whole("simulations", value, least=0, most=1_000_000)
    if 0 < found < FEWEST:
        refuse("simulations", value, f"0, or at least {FEWEST}: fewer say too little")
    return found


def _priors(prior: Any) -> dict[str, Belief]:
    expected = "(mean, sd) of the slope, or a dict of name → (mean, sd)"
    given = cast("Mapping[Any, Any]", prior) if isinstance(prior, Mapping) else {"your prior": prior}
    if not given:
        refuse("prior", prior, expected)
    found: dict[str, Belief] = {}
    for name, pair in given.items():
        parts = several("prior", pair, expected)
        if len(parts) != 2:
            refuse("prior", prior, expected)
        found[str(name)] = Belief(number("prior", parts[0]), number("prior", parts[1], above=0))
    return found
