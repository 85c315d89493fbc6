"""What a plan keeps of its models and data: plain facts, which stay when the models are gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.simulator import Simulator


@dataclass(frozen=True)
class Scored:
    """How good a model is on rows that its members have not seen."""

    label: str
    value: str
    """As a person reads it."""
    interval: str
    """Empty where there is none."""
    n: int


@dataclass(frozen=True)
class ModelFacts:
    """One model."""

    name: str
    outcome: str | None
    """Column that it predicts; None: it was handed over fitted."""
    columns: tuple[str, ...]
    members: int
    is_probability: bool
    logged: int | None
    """Rows it was fitted on; None: it was handed over fitted."""
    scores: tuple[Scored, ...] = ()

    @property
    def uncertainty_known(self) -> bool:
        """Whether several members say how far it may be off."""
        return self.members > 1


@dataclass(frozen=True)
class Facts:
    """Models and data."""

    models: tuple[ModelFacts, ...] = ()
    columns: tuple[str, ...] = ()
    """Of the rows that the plan is for."""


def facts_of(simulator: Simulator) -> Facts:
    """What a plan keeps of them."""
    models = tuple(_model(name, model) for name, model in simulator.models.items())
    return Facts(models, tuple(map(str, simulator.rows.columns)))


def _model(name: str, model: Ensemble) -> ModelFacts:
    logged = model.logged
    return ModelFacts(
        name,
        model.outcome,
        tuple(model.columns),
        len(model.halves),
        bool(model.is_probability),
        None if logged is None else len(logged),
        _scores(model.scores),
    )


def _scores(scores: Mapping[str, Any]) -> tuple[Scored, ...]:
    said = [(score, score.shown()) for score in scores.values()]
    return tuple(Scored(str(score.label), value, interval, int(score.n)) for score, (value, interval) in said)
