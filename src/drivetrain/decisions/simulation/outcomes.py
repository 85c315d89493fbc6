"""What may happen, rather than what is expected: yes or no drawn by its probability, numbers with their scatter.

Legend: n rows, D draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.models.residuals import Residuals
from drivetrain.decisions.simulation.calling import Asked, Predict
from drivetrain.decisions.simulation.effective import costs_of, effective
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import first_few
from drivetrain.progress import track
from drivetrain.text import readable

Array = NDArray[np.float64]
Setting = Mapping[str, NDArray[Any]]


def drawn_totals(simulator: Simulator, settings: Mapping[str, Setting], draws: int, seed: int) -> dict[str, Array]:
    """Name of a setting → (D,) total of the objective over all rows, the outcomes of each row drawn.

    A draw takes one member and one scenario, and for each row and model one outcome. All settings meet the same chance:
    member, scenario, and for each row how lucky it is; so their totals can be compared draw by draw.

    Args:
        simulator: Objective, rows and models.
        settings: Name → levers, as `Simulator.at` takes them.
        draws: D.
        seed: Of all draws.
    """
    places = np.random.default_rng([seed, 0]).integers(len(simulator.halves), size=draws)
    found = {name: np.empty(draws) for name in settings}
    scatter = {name: scatter_of(model) for name, model in simulator.models.items()}
    today = simulator.today_of()
    n = len(simulator.rows)
    with track("drawing outcomes", draws * len(settings)) as advance:
        for name, setting in settings.items():
            levers = effective(setting, simulator.levers, today, n)
            cost = costs_of(simulator.levers, today, levers)
            said = Asked(simulator.models, simulator.rows.assign(**levers), list(range(simulator.members)))
            for d, place in enumerate(places.tolist()):
                member, scenario = divmod(place, len(simulator.scenarios))
                ask = partial(
                    _drawn, said=said, scatter=scatter, models=simulator.models, member=member, stream=(seed, d)
                )
                predict = Predict(ask, list(simulator.models), simulator.scenarios[scenario], n)
                values = simulator.objective.call(simulator.rows, levers, predict)
                found[name][d] = (values if cost is None else values - cost).sum()
                advance(1)
    return found


def scatter_of(model: Ensemble) -> Residuals | None:
    """Of a model of numbers; None where it was handed over fitted, or answers probabilities."""
    return None if model.is_probability else getattr(model, "residuals", None)


def undrawn(models: Mapping[str, Ensemble]) -> str:
    """What is said of models whose outcomes cannot be drawn; empty where there is none."""
    names = [name for name, model in models.items() if not model.is_probability and scatter_of(model) is None]
    if not names:
        return ""
    return (
        f"nothing is known of how outcomes scatter around {first_few(map(readable, names))}: its predictions stand for "
        "them, and totals scatter too little. To fix: fit it with dt.Ensemble.fit."
    )


def _drawn(
    name: str,
    *,
    said: Asked,
    scatter: Mapping[str, Residuals | None],
    models: Mapping[str, Ensemble],
    member: int,
    stream: tuple[int, int],
) -> Array:
    """(n,) outcomes of one model; the same luck for each row whatever the levers."""
    expected = said.of(name, member)
    luck = np.random.default_rng([*stream, 1, list(models).index(name)])
    if models[name].is_probability:
        return (luck.random(len(expected)) < expected).astype(np.float64)
    residuals = scatter[name]
    if residuals is None:
        return expected
    return residuals.outcome(expected, luck.integers(len(residuals.values), size=len(expected)))
