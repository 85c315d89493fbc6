"""What a model's scores are held against: a constant answer, metadata alone, a linear probe on the untrained body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.kind import source_kind
from drivetrain.errors import ModelError
from drivetrain.evaluation.baselines import baselines, constant_answer, constant_predictions
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Scores
from drivetrain.progress import say
from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.targets import Array
from drivetrain.settings import instance
from drivetrain.training import probing

if TYPE_CHECKING:
    from drivetrain.auditing.audit import Audit

METADATA, PROBE = "metadata alone", "linear probe"


def metadata_beside(kind: str) -> bool:
    """Whether what metadata alone reach stands beside every score of a kind of input."""
    return getattr(source_kind(kind), "METADATA_BESIDE", False)


def asked_audit(audit: Any) -> Audit | None:
    """What `drivetrain.audit` found, or None.

    Raises:
        SettingError: It is something else.
    """
    if audit is None:
        return None
    from drivetrain.auditing.audit import Audit  # noqa: PLC0415 - few have one, and it takes a while

    expected = "what dt.audit(data) gives, or None"
    return instance("audit", audit, Audit, expected, fix="To fix: pass dt.audit(data), or leave audit out.")


@dataclass(frozen=True)
class Baselines:
    """Simpler ways to answer the validation rows of some data; each is computed once, when it is asked for.

    Args:
        data: Training and validation rows.
        architecture: Whose body the probe stands on, as it was before training; None takes the one that ships with
            drivetrain.
        size_px: Side of the pictures that this body reads.
    """

    data: Data
    architecture: Architecture | None = None
    size_px: int | None = None

    def scores(
        self,
        predictions: Predictions,
        metrics: Sequence[Metric],
        *,
        probe: bool = True,
        metadata: bool = True,
        audit: Audit | None = None,
    ) -> dict[str, Scores]:
        """Name → scores on the rows of `predictions`, the constant answer first."""
        others = self.metadata_alone(predictions, audit) if metadata else {}
        if probe and self._probe is not None:
            others[PROBE] = self._probe[0]
        return baselines(predictions, self._training_truth, metrics, others=others)

    def beside(self, predictions: Predictions) -> dict[str, Predictions]:
        """What stands beside every score of these rows: the constant answer, and of some kinds metadata alone."""
        found = constant_predictions(predictions, self._constant)
        return found | (self.metadata_alone(predictions) if metadata_beside(self.data.kind) else {})

    def metadata_alone(self, predictions: Predictions, audit: Audit | None = None) -> dict[str, Predictions]:
        """What metadata alone say of these rows, under its name; empty where they say nothing."""
        found = None if audit is None else audit.metadata_predictions
        rows = {} if found is None else {digest: row for row, digest in enumerate(found.ids)}
        if found is not None and found.target == predictions.target and all(i in rows for i in predictions.ids):
            return {METADATA: found.subset([rows[digest] for digest in predictions.ids])}
        return {} if self._metadata is None else {METADATA: self._metadata}

    def features(self, rows: Examples) -> tuple[Array, str]:
        """(N, F) features of a body that has not learnt from these rows, and which body that is; raises ModelError."""
        return probing.untrained_features(rows, self.architecture, size_px=self.size_px)

    def notes(self) -> dict[str, str]:
        """Name → what people should know of it; of those that were computed."""
        known = getattr(source_kind(self.data.kind), "METADATA", "what is known of a row beside what it shows")
        found = {METADATA: f"a small forest on {known}"}
        probed = vars(self).get("_probe")
        return found if probed is None else {**found, PROBE: probed[1]}

    @cached_property
    def _training_truth(self) -> Any:
        return self.data.target.encode(self.data.train.values)

    @cached_property
    def _constant(self) -> list[float]:
        return constant_answer(self.data.target, self._training_truth).tolist()

    @cached_property
    def _metadata(self) -> Predictions | None:
        from drivetrain.auditing.shortcut import metadata_baseline  # noqa: PLC0415 - brings forests

        return metadata_baseline(self.data)

    @cached_property
    def _probe(self) -> tuple[Predictions, str] | None:
        """What the probe says of the validation rows, and what it is, in words."""
        try:
            return probing.linear_probe(self.data, self.architecture, self.size_px)
        except ModelError as error:
            say(f"{PROBE}: left out ({error})")
            return None
