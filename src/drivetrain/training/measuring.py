"""What a Learner's scores are held against: a constant answer, metadata alone, a linear probe on the untrained body."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.errors import ModelError
from drivetrain.evaluation.baselines import baselines, constant_answer, constant_predictions
from drivetrain.evaluation.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Scores
from drivetrain.progress import say
from drivetrain.settings import flag, instance
from drivetrain.training.kinds import PreparedKind

if TYPE_CHECKING:
    from drivetrain.evaluation.auditing.audit import Audit

PROBE_ROWS = 2000
"""Training rows the probe is fitted on, at most: evenly chosen, so that it takes seconds rather than minutes."""


def asked_audit(audit: Any) -> Audit | None:
    """What `drivetrain.audit` found, or None.

    Raises:
        SettingError: It is something else.
    """
    if audit is None:
        return None
    from drivetrain.evaluation.auditing.audit import Audit  # noqa: PLC0415 - brings scikit-learn

    expected = "what dt.audit(data) gives, or None"
    return instance("audit", audit, Audit, expected, fix="To fix: pass dt.audit(data), or leave audit out.")


class Measuring:
    """The baselines of a Learner."""

    data: Data
    kind: PreparedKind
    metrics: tuple[Metric, ...]

    def predictions(self) -> Predictions:
        """Of the validation set."""
        raise NotImplementedError

    @named
    def baselines(self, *, probe: bool = True, audit: Audit | None = None) -> dict[str, Scores]:
        r"""What is reached without this training, on the same validation rows, with intervals.

        * a constant answer: the majority class, the label frequencies or the mean of the training set;
        * metadata alone (file size, dimensions, mean colours, …): a small forest, as of an audit where one is given and
          judged all these rows, or else fitted on at most 5,000 training rows;
        * a linear probe: a linear model on what the body sees *before* it is trained here, fitted on at most 2,000
          training rows. What fine-tuning adds is the distance to it. The body is loaded again, for the one here has
          changed; this takes as long as validating those rows, once.

        Args:
            probe: Fit the probe. It is left out, and said so, where the pretrained body cannot be had.
            audit: What `drivetrain.audit` found, if you have it.

        Returns:
            Name → scores with the Learner's metrics, the constant answer first.

        Raises:
            DataError: There is no validation set.

        Example:
            ::

                for name, scores in learn.baselines().items():
                    print(name, scores, sep="\n")
        """
        probe, audit = flag("probe", probe), asked_audit(audit)
        predictions = self.predictions()
        others = self.metadata_alone(audit)
        if probe and self._probe is not None:
            others["linear probe"] = self._probe
        truth = self.data.target.encode(self.data.train.values)
        return baselines(predictions, truth, self.metrics, others=others)

    def _without_model(self, predictions: Predictions) -> dict[str, Predictions]:
        """The constant answer to these rows, fitted on the training set: it stands beside every score."""
        return constant_predictions(predictions, self._constant)

    def metadata_alone(self, audit: Audit | None = None) -> dict[str, Predictions]:
        """What metadata alone say of the validation rows, under its name; empty where they say nothing.

        Args:
            audit: As of `baselines`.
        """
        audit = asked_audit(audit)
        found = None if audit is None else audit.metadata_predictions
        rows = {} if found is None else {digest: row for row, digest in enumerate(found.ids)}
        wanted = self.predictions()
        if found is not None and found.target == wanted.target and all(digest in rows for digest in wanted.ids):
            return {"metadata alone": found.subset([rows[digest] for digest in wanted.ids])}
        return {} if self._metadata is None else {"metadata alone": self._metadata}

    @cached_property
    def _metadata(self) -> Predictions | None:
        from drivetrain.evaluation.auditing.shortcut import metadata_baseline  # noqa: PLC0415 - brings scikit-learn

        return metadata_baseline(self.data)

    @cached_property
    def _constant(self) -> list[float]:
        return constant_answer(self.data.target, self.data.target.encode(self.data.train.values)).tolist()

    @cached_property
    def _probe(self) -> Predictions | None:
        from drivetrain.training.probing import Probe, untrained_features  # noqa: PLC0415 - brings scikit-learn

        data = self.data
        step = math.ceil(len(data.train) / PROBE_ROWS)
        train = data.train.subset(range(0, len(data.train), step))
        rows, size_px = Examples.concat([train, data.valid]), self.kind.reader.size_px
        try:
            features, _ = untrained_features(
                rows, self.kind.architecture, channels=data.options["channels"], size_px=size_px
            )
        except ModelError as error:
            say(f"linear probe: left out ({error})")
            return None
        fitted = Probe(data.target, features[: len(train)], data.target.encode(train.values))
        return Predictions(
            ids=data.valid.digests,
            target=data.target,
            truth=data.target.encode(data.valid.values),
            output=fitted.outputs(features[len(train) :]),
        )
