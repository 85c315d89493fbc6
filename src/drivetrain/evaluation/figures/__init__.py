"""Figures to look at: what was confused, what was missed worst, how training went.

Every function returns a matplotlib `Figure` of its own: nothing depends on pyplot, its global state or a display.
It shows itself as the last line of a notebook cell; elsewhere, ``figure.savefig("name.png")``.
"""

from drivetrain.evaluation.figures._canvas import Figure
from drivetrain.evaluation.figures.confusion import confusion_matrix
from drivetrain.evaluation.figures.curves import learning_rates, losses, lr_find
from drivetrain.evaluation.figures.numbers import predicted_vs_actual
from drivetrain.evaluation.figures.pictures import batch, results, top_losses
from drivetrain.evaluation.figures.reliability import reliability_diagram

__all__ = [
    "Figure",
    "batch",
    "confusion_matrix",
    "learning_rates",
    "losses",
    "lr_find",
    "predicted_vs_actual",
    "reliability_diagram",
    "results",
    "top_losses",
]
