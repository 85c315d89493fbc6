"""`drivetrain train --input table`, ratings or texts: candidates compete within a time, and the winner is saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetrain.cli.results import decisions_as_json, next_steps, quoted, scores_as_json, scores_as_text, words_in
from drivetrain.learner.fitting import spent_elsewhere

if TYPE_CHECKING:
    from drivetrain.data.data import Data
    from drivetrain.models.train import Trained

DEFAULT_S = 120.0
SAVING_S = 8.0
"""Kept back from a budget for writing the model."""
EXPORTING_S = 8.0
"""And for the ONNX file of an encoder of texts."""


def train_table(
    data: Data, out: Path, *, arch: str | None = None, metrics: list[str] | None, seconds: float | None, spent: float
) -> Trained:
    """Let the candidates compete, and save the winner.

    Args:
        data: What was read.
        out: Where the model is saved.
        arch: Of texts, which models compete.
        metrics: What is reported; the first decides.
        seconds: The time all of it may take; None takes `DEFAULT_S`.
        spent: Seconds of it that are gone.
    """
    import drivetrain as dt  # noqa: PLC0415 - light, but what it loads next is not
    from drivetrain.models.texts.entrants import LINES  # noqa: PLC0415

    of_encoder = EXPORTING_S if data.kind == "texts" and arch is not None and arch not in LINES else 0.0
    with spent_elsewhere({"opening the data": spent, "saving the model": SAVING_S + of_encoder}):
        found = dt.train(data, arch=arch, budget=DEFAULT_S if seconds is None else seconds, metrics=metrics)
    found.save(out)
    return found


def as_object(found: Trained, out: Path, seconds: float) -> dict[str, Any]:
    """The keys of every training, and who competed, who won, and by how much."""
    data, scores = found.data, found.validate()
    return {
        "artefact": str(out),
        "arch": found.winner,
        "seconds": seconds,
        "n": {"train": len(data.train), "valid": len(data.valid), "test": data.n_test},
        "decisions": decisions_as_json(found.decisions),
        "validation": scores_as_json(scores),
        "loss": {"validation": scores.loss},
        **found.leaderboard.as_json(),
    }


def as_text(found: Trained, out: Path, seconds: float) -> str:
    """Who won, what it is worth, and what to type next."""
    model, data = quoted(out), found.data
    steps = [(f"drivetrain predict {model} ROWS.csv", "what does it say of these rows?")]
    if data.n_test:
        steps.insert(0, (f"drivetrain evaluate {model} --test", "open the test set: once, at the end"))
    steps.append((f"drivetrain report {model}", "what it goes by, and where it goes wrong"))
    judged = words_in("\n".join([str(found), scores_as_text(found.validate())]))
    return "\n".join([judged, f"saved to {model} after {seconds:,.1f} s", next_steps(steps)])
