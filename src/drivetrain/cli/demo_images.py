"""`drivetrain demo images`: the whole way on handwriting that ships with a dependency, in about a minute."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetrain.cli.results import (
    decisions_as_json,
    next_steps,
    quoted,
    scores_as_json,
    scores_as_text,
)

if TYPE_CHECKING:
    from drivetrain.evaluation.scores import Scores
    from drivetrain.learner.learner import Learner
    from drivetrain.runtime.prediction import Prediction

ARCH = "embedded"
"""Not what `train` would take: on handwriting ImageNet's body is slower and no better, see docs/decisions."""
SIZE_PX = 64
"""Twice the pictures' own side: the body was trained on larger ones, and this is quick and fine enough for digits."""
EPOCHS = 4


@dataclass(frozen=True)
class Demo:
    """What the demo made and found."""

    learn: Learner
    artefact: Path
    pictures: Path
    report: Path
    validation: Scores
    test: Scores
    prediction: Prediction
    """Of one validation picture, by the model as loaded from disk."""
    seconds: float


def run(out: Path) -> Demo:
    """Do what the command does; `out` may be new or an earlier demo's.

    Raises:
        DataError: `out` holds other pictures where the demo puts its own.
        OSError: `out` cannot be written to.
    """
    import drivetrain as dt  # noqa: PLC0415 - light, but what it loads next is not
    from drivetrain.cli.handwriting import write_handwriting  # noqa: PLC0415
    from drivetrain.progress import say  # noqa: PLC0415

    began = time.monotonic()
    project = out / ".drivetrain"  # its own: nothing of the demo is left in the working directory
    learner = dt.Learner  # where the training extra is not installed, this says so before anything is written
    say(f"1. pictures: handwritten digits that ship with scikit-learn, into {quoted(out / 'digits')}")
    pictures = write_handwriting(out / "digits")
    data = dt.images(pictures, valid_pct=0.2, test_pct=0.2, channels=1, project=project)
    say(f"2. fine-tuning the body that ships with drivetrain on {len(data.train):,} of them")
    paper = dt.Augmentation(flip=False, crop=0.8, aspect=1.15, light=0.1)  # a mirrored 2 is no 2
    learn = learner(data, ARCH, size=SIZE_PX, augment=paper)
    learn.fine_tune(EPOCHS, checkpoint=out / "checkpoints")
    say("3. evaluating, and saving")
    validation = learn.validate()
    artefact = learn.save(out / "digits.model")
    say("4. loading it again: it predicts; and the sealed test set is opened once")
    prediction = dt.load(artefact).predict(data.valid.inputs[0])
    test = learn.test()
    say(f"5. writing a page about it, {quoted(out / 'report.html')}")
    report = learn.report(out / "report.html", title="digits", use="showing what drivetrain does")
    seconds = round(time.monotonic() - began, 1)
    return Demo(learn, artefact, pictures, report, validation, test, prediction, seconds)


def as_object(done: Demo) -> dict[str, Any]:
    """What `--json` prints."""
    data = done.learn.data
    return {
        "artefact": str(done.artefact),
        "arch": ARCH,
        "seconds": done.seconds,
        "n": {"train": len(data.train), "valid": len(data.valid), "test": data.n_test},
        "decisions": decisions_as_json(done.learn.decisions),
        "validation": scores_as_json(done.validation),
        "loss": {"validation": done.validation.loss},
        "test": scores_as_json(done.test),
        "prediction": done.prediction.as_json(),
        "report": str(done.report),
    }


def as_lines(done: Demo) -> str:
    """What a person reads at the end."""
    from drivetrain.cli.commands.predict import as_text  # noqa: PLC0415 - next to its only use

    steps = [
        (
            f"drivetrain predict {quoted(done.artefact)} {quoted(done.pictures / '7')}",
            "ask the model about more pictures",
        ),
        (f"drivetrain serve {quoted(done.artefact)}", "put it in front of people"),
        ("drivetrain train YOUR_FOLDER --out your.model", "your own: one sub-folder per class"),
    ]
    return "\n".join(
        [
            scores_as_text(done.validation),
            scores_as_text(done.test),
            f"one picture\n  {as_text(done.prediction)}",
            f"saved to {quoted(done.artefact)} after {done.seconds:,.1f} s",
            f"report in {quoted(done.report)}: open it in a browser",
            next_steps(steps),
        ]
    )
