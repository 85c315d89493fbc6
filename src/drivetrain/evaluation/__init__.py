"""Predictions judged: metrics, intervals, figures. Never imports torch.

Figures are in `drivetrain.evaluation.figures`.
"""

from drivetrain.evaluation.intervals import Interval, bootstrap_interval, wilson_interval
from drivetrain.evaluation.metrics.metrics import METRICS, Metric, default_metrics, resolve_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, Scores, score

__all__ = [
    "METRICS",
    "Interval",
    "Metric",
    "Predictions",
    "Score",
    "Scores",
    "bootstrap_interval",
    "default_metrics",
    "resolve_metrics",
    "score",
    "wilson_interval",
]
