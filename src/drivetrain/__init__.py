"""drivetrain: from data to decisions.

    import drivetrain as dt

    data = dt.images("fruit/", valid_pct=0.2, test_pct=0.2, seed=42)
    learn = dt.Learner(data, "resnet34")
    learn.fine_tune(epochs=4)
    learn.validate()
    learn.save("fruit.model")
    dt.load("fruit.model").predict("pear.jpg")

The public names are loaded on first use, so importing the package costs milliseconds and brings no torch.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivetrain.auditing import audit as audit
    from drivetrain.evaluation.calibration import calibrate as calibrate
    from drivetrain.evaluation.comparing import Comparison as Comparison
    from drivetrain.evaluation.comparing import compare as compare
    from drivetrain.evaluation.cross_validation import cross_validate as cross_validate
    from drivetrain.evaluation.predictions import Predictions as Predictions
    from drivetrain.evaluation.scores import Score as Score
    from drivetrain.evaluation.scores import Scores as Scores
    from drivetrain.evaluation.scores import score as score
    from drivetrain.kinds.images.bodies.augment import Augmentation as Augmentation
    from drivetrain.kinds.images.images import images as images
    from drivetrain.learner.base import ModelBase as ModelBase
    from drivetrain.learner.evaluate import evaluate as evaluate
    from drivetrain.learner.learner import Learner as Learner
    from drivetrain.learner.recipe import Recipe as Recipe
    from drivetrain.progress import quiet as quiet
    from drivetrain.runtime.calibration import Calibration as Calibration
    from drivetrain.runtime.loading import load as load
    from drivetrain.runtime.predictor import Prediction as Prediction
    from drivetrain.runtime.predictor import Predictor as Predictor
    from drivetrain.statistics.report import slope_report as slope_report
    from drivetrain.training.callbacks import Callback as Callback
    from drivetrain.training.callbacks import EarlyStopping as EarlyStopping
    from drivetrain.training.callbacks import KeepBest as KeepBest
    from drivetrain.training.callbacks import LogFile as LogFile
    from drivetrain.training.callbacks import TensorBoardLog as TensorBoardLog

__version__ = "0.1.0"

if not os.environ.get("ORT_DISABLE_TELEMETRY"):
    # ONNX Runtime would write an identity of this device below HOME and look up its maker's collector. It reads this
    # once, when it is first imported, which no module of drivetrain does before this line.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_HOME = {
    "Augmentation": "drivetrain.kinds.images.bodies.augment",
    "Calibration": "drivetrain.runtime.calibration",
    "Callback": "drivetrain.training.callbacks",
    "Comparison": "drivetrain.evaluation.comparing",
    "EarlyStopping": "drivetrain.training.callbacks",
    "KeepBest": "drivetrain.training.callbacks",
    "Learner": "drivetrain.learner.learner",
    "LogFile": "drivetrain.training.callbacks",
    "ModelBase": "drivetrain.learner.base",
    "Prediction": "drivetrain.runtime.predictor",
    "Predictions": "drivetrain.evaluation.predictions",
    "Predictor": "drivetrain.runtime.predictor",
    "Recipe": "drivetrain.learner.recipe",
    "Score": "drivetrain.evaluation.scores",
    "Scores": "drivetrain.evaluation.scores",
    "TensorBoardLog": "drivetrain.training.callbacks",
    "audit": "drivetrain.auditing",
    "calibrate": "drivetrain.evaluation.calibration",
    "compare": "drivetrain.evaluation.comparing",
    "cross_validate": "drivetrain.evaluation.cross_validation",
    "evaluate": "drivetrain.learner.evaluate",
    "images": "drivetrain.kinds.images.images",
    "load": "drivetrain.runtime.loading",
    "quiet": "drivetrain.progress",
    "score": "drivetrain.evaluation.scores",
    "slope_report": "drivetrain.statistics.report",
}
_NEEDED = {
    "learner": ("torch", "train"),
    "training": ("torch", "train"),
    "kinds": ("pandas", "train"),
    "data": ("pandas", "train"),
    "evaluation": ("sklearn", "train"),
    "statistics": ("statsmodels", "statistics"),
}
"""Room → a library that the bare package does not bring, and the extra that does."""

__all__ = [
    "Augmentation",
    "Calibration",
    "Callback",
    "Comparison",
    "EarlyStopping",
    "KeepBest",
    "Learner",
    "LogFile",
    "ModelBase",
    "Prediction",
    "Predictions",
    "Predictor",
    "Recipe",
    "Score",
    "Scores",
    "TensorBoardLog",
    "audit",
    "calibrate",
    "compare",
    "cross_validate",
    "evaluate",
    "images",
    "load",
    "quiet",
    "score",
    "slope_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(_unknown(name))
    needed, extra = _NEEDED.get(_HOME[name].split(".")[1], ("", ""))
    if needed and find_spec(needed) is None:
        from drivetrain.errors import MissingExtraError  # noqa: PLC0415 - only on the way to an error

        raise MissingExtraError(f"drivetrain.{name} needs {needed}: pip install 'drivetrain[{extra}]'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


_ELSEWHERE = {
    **dict.fromkeys(("YOLO", "cnn_learner", "vision_learner"), "dt.Learner(data, 'resnet18')"),
    **dict.fromkeys(("ImageDataLoaders", "ImageFolder", "data", "image_dataset_from_directory"), "dt.images(folder)"),
    "load_learner": "dt.load(path) to predict, dt.Learner.load(path) to train on",
    "load_model": "dt.load(path)",
    "predict": "dt.load(path).predict(picture)",
    **dict.fromkeys(("fine_tune", "fit", "train"), "dt.Learner(data, 'resnet18').fine_tune(4)"),
}
"""What people look for → where it is."""


def _unknown(name: str) -> str:
    """The message about a name that is not there, with the one that was meant, if that can be told."""
    errors = import_module("drivetrain.errors")  # `from drivetrain import` would ask this function again

    said = f"module 'drivetrain' has no attribute {name!r}"
    if name.startswith("_"):  # asked by tools, which look whether it is there
        return said
    if isinstance(getattr(errors, name, None), type):
        return f"{said}. To fix: from drivetrain.errors import {name}."
    if name in _ELSEWHERE:
        return f"{said}. To fix: write {_ELSEWHERE[name]}."
    return said + (f".{near}" if (near := errors.did_you_mean(name, __all__)) else "")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
