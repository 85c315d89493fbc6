"""What is asked of a search: which model, of which data, in which space, compared by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drivetrain.data.data import Data
from drivetrain.data.seals.project import Project
from drivetrain.data.seals.seal import identity_of
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.learner.base import ModelBase
from drivetrain.runtime.decisions import Decision
from drivetrain.tuning.space import Asking, Space
from drivetrain.tuning.subjects import Subject, Watcher


@dataclass(frozen=True)
class Question:
    """The same in all trials of a tuning."""

    data: Data
    subject: Subject
    space: Space | Asking
    metrics: tuple[Metric, ...]

    @property
    def metric(self) -> Metric:
        """What trials are compared by."""
        return self.metrics[0]

    @property
    def project(self) -> Project:
        """Where runs are kept."""
        return Project.find(self.data.project)

    @property
    def facts(self) -> dict[str, str]:
        """What must be the same for trials to be compared."""
        return {
            "data": self.data.split.identity,
            "validation": identity_of(self.data.valid.digests),
            "target": self.data.target.name,
            "model": self.subject.name,
            "metric": self.metric.name,
            "space": self.space.identity,
        }

    def fit(self, settings: Mapping[str, object], tuned: Decision, watcher: Watcher = None) -> ModelBase:
        """A model with these settings, and the record of why it has them."""
        return self.subject.fit(self.data, self.metrics, settings, {"tuned": tuned}, watcher)
