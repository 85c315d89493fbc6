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
    from drivetrain.auditing.audit import Audit as Audit
    from drivetrain.captions.caption import Caption as Caption
    from drivetrain.captions.describing.captioner import captioner as captioner
    from drivetrain.captions.describing.train import train_captioner as train_captioner
    from drivetrain.captions.report import caption_report as caption_report
    from drivetrain.captions.result import CaptionReport as CaptionReport
    from drivetrain.collecting.collect import Collected as Collected
    from drivetrain.collecting.collect import collect as collect
    from drivetrain.data.assemble import open_source as open_source
    from drivetrain.data.data import Data as Data
    from drivetrain.data.examples import Examples as Examples
    from drivetrain.data.inputs import Cells as Cells
    from drivetrain.data.inputs import Files as Files
    from drivetrain.data.inputs import Spans as Spans
    from drivetrain.data.review import record as record_review
    from drivetrain.data.splitting.split import Split as Split
    from drivetrain.decisions import simulators as simulators
    from drivetrain.decisions.constraints import at_least as at_least
    from drivetrain.decisions.constraints import at_most as at_most
    from drivetrain.decisions.constraints import budget as budget
    from drivetrain.decisions.constraints import equal_share as equal_share
    from drivetrain.decisions.decide import decide as decide
    from drivetrain.decisions.levers import Lever as Lever
    from drivetrain.decisions.models.ensemble import Ensemble as Ensemble
    from drivetrain.decisions.plan.plan import Plan as Plan
    from drivetrain.decisions.plan.saving import load_plan as load_plan
    from drivetrain.decisions.proof.experiment import experiment as experiment
    from drivetrain.decisions.simulate import simulate as simulate
    from drivetrain.decisions.uplift.uplift import uplift as uplift
    from drivetrain.errors import ArtefactError as ArtefactError
    from drivetrain.errors import CheckpointError as CheckpointError
    from drivetrain.errors import DataError as DataError
    from drivetrain.errors import DrivetrainError as DrivetrainError
    from drivetrain.errors import DrivetrainWarning as DrivetrainWarning
    from drivetrain.errors import ExportError as ExportError
    from drivetrain.errors import ForgettingError as ForgettingError
    from drivetrain.errors import HubError as HubError
    from drivetrain.errors import InputError as InputError
    from drivetrain.errors import MissingExtraError as MissingExtraError
    from drivetrain.errors import ModelError as ModelError
    from drivetrain.errors import PictureError as PictureError
    from drivetrain.errors import SealError as SealError
    from drivetrain.errors import SettingError as SettingError
    from drivetrain.errors import SplitError as SplitError
    from drivetrain.errors import SystemLimitError as SystemLimitError
    from drivetrain.errors import TrainingError as TrainingError
    from drivetrain.evaluation import figures as figures
    from drivetrain.evaluation.calibration import calibrate as calibrate
    from drivetrain.evaluation.calibration import calibration_error as calibration_error
    from drivetrain.evaluation.comparing import Comparison as Comparison
    from drivetrain.evaluation.comparing import compare as compare
    from drivetrain.evaluation.cross_validation import cross_validate as cross_validate
    from drivetrain.evaluation.intervals import interval as interval
    from drivetrain.evaluation.metrics.metrics import METRICS as METRICS
    from drivetrain.evaluation.metrics.metrics import Metric as Metric
    from drivetrain.evaluation.open_set import OpenSet as OpenSet
    from drivetrain.evaluation.open_set import open_set as open_set
    from drivetrain.evaluation.over_time import OverTime as OverTime
    from drivetrain.evaluation.over_time import score_over_time as score_over_time
    from drivetrain.evaluation.predictions import Predictions as Predictions
    from drivetrain.evaluation.record.selection import correct_selection as correct_selection
    from drivetrain.evaluation.scores import Score as Score
    from drivetrain.evaluation.scores import Scores as Scores
    from drivetrain.evaluation.scores import score as score
    from drivetrain.evaluation.thresholds import cheapest_answers as cheapest_answers
    from drivetrain.evaluation.thresholds import thresholds_for_cost as thresholds_for_cost
    from drivetrain.evaluation.verification import Verification as Verification
    from drivetrain.evaluation.verification import verification as verification
    from drivetrain.evaluation.verification import verify as verify
    from drivetrain.insight import explore as explore
    from drivetrain.kinds.binaries.binaries import binaries as binaries
    from drivetrain.kinds.images.bodies.augment import Augmentation as Augmentation
    from drivetrain.kinds.images.images import images as images
    from drivetrain.kinds.ratings.ratings import ratings as ratings
    from drivetrain.kinds.sounds.bodies.augment import SoundAugmentation as SoundAugmentation
    from drivetrain.kinds.sounds.sounds import sounds as sounds
    from drivetrain.kinds.tables.table import table as table
    from drivetrain.kinds.texts.texts import texts as texts
    from drivetrain.kinds.traces.traces import traces as traces
    from drivetrain.learner.base import ModelBase as ModelBase
    from drivetrain.learner.evaluate import Evaluation as Evaluation
    from drivetrain.learner.evaluate import evaluate as evaluate
    from drivetrain.learner.learner import Learner as Learner
    from drivetrain.learner.recipe import Recipe as Recipe
    from drivetrain.learner.updating.update import update as update
    from drivetrain.learner.updating.updated import Updated as Updated
    from drivetrain.models.blend import Blend as Blend
    from drivetrain.models.linear import Linear as Linear
    from drivetrain.models.ratings.biases import Biases as Biases
    from drivetrain.models.ratings.ease import Ease as Ease
    from drivetrain.models.ratings.factors import Factors as Factors
    from drivetrain.models.ratings.neighbours import ItemNeighbours as ItemNeighbours
    from drivetrain.models.ratings.popularity import Popularity as Popularity
    from drivetrain.models.texts.linear import TextLinear as TextLinear
    from drivetrain.models.train import train as train
    from drivetrain.models.trees import Trees as Trees
    from drivetrain.pages import plots as plots
    from drivetrain.pages.chart import Chart as Chart
    from drivetrain.progress import quiet as quiet
    from drivetrain.runtime.calibration import Calibration as Calibration
    from drivetrain.runtime.decisions import Decision as Decision
    from drivetrain.runtime.kinds import add_kind as add_kind
    from drivetrain.runtime.loading import load as load
    from drivetrain.runtime.over_time import TimeSpan as TimeSpan
    from drivetrain.runtime.prediction import Prediction as Prediction
    from drivetrain.runtime.predictor import Predictor as Predictor
    from drivetrain.runtime.spans import Span as Span
    from drivetrain.runtime.targets import CategoriesTarget as CategoriesTarget
    from drivetrain.runtime.targets import CategoryTarget as CategoryTarget
    from drivetrain.runtime.targets import NumberTarget as NumberTarget
    from drivetrain.statistics.report import slope_report as slope_report
    from drivetrain.training.callbacks import Callback as Callback
    from drivetrain.training.callbacks import EarlyStopping as EarlyStopping
    from drivetrain.training.callbacks import KeepBest as KeepBest
    from drivetrain.training.callbacks import LogFile as LogFile
    from drivetrain.training.callbacks import TensorBoardLog as TensorBoardLog
    from drivetrain.tuning.result import Tuning as Tuning
    from drivetrain.tuning.tune import tune as tune

__version__ = "0.1.0"

if not os.environ.get("ORT_DISABLE_TELEMETRY"):
    # ONNX Runtime would write an identity of this device below HOME and look up its maker's collector. It reads this
    # once, when it is first imported, which no module of drivetrain does before this line.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_HOME = {
    "METRICS": "drivetrain.evaluation.metrics.metrics",
    "ArtefactError": "drivetrain.errors",
    "Audit": "drivetrain.auditing.audit",
    "Augmentation": "drivetrain.kinds.images.bodies.augment",
    "Biases": "drivetrain.models.ratings.biases",
    "Blend": "drivetrain.models.blend",
    "Calibration": "drivetrain.runtime.calibration",
    "Callback": "drivetrain.training.callbacks",
    "Caption": "drivetrain.captions.caption",
    "CaptionReport": "drivetrain.captions.result",
    "CategoriesTarget": "drivetrain.runtime.targets",
    "CategoryTarget": "drivetrain.runtime.targets",
    "Cells": "drivetrain.data.inputs",
    "Chart": "drivetrain.pages.chart",
    "CheckpointError": "drivetrain.errors",
    "Collected": "drivetrain.collecting.collect",
    "Comparison": "drivetrain.evaluation.comparing",
    "Data": "drivetrain.data.data",
    "DataError": "drivetrain.errors",
    "Decision": "drivetrain.runtime.decisions",
    "DrivetrainError": "drivetrain.errors",
    "DrivetrainWarning": "drivetrain.errors",
    "EarlyStopping": "drivetrain.training.callbacks",
    "Ease": "drivetrain.models.ratings.ease",
    "Ensemble": "drivetrain.decisions.models.ensemble",
    "Evaluation": "drivetrain.learner.evaluate",
    "Examples": "drivetrain.data.examples",
    "ExportError": "drivetrain.errors",
    "Factors": "drivetrain.models.ratings.factors",
    "Files": "drivetrain.data.inputs",
    "ForgettingError": "drivetrain.errors",
    "HubError": "drivetrain.errors",
    "InputError": "drivetrain.errors",
    "ItemNeighbours": "drivetrain.models.ratings.neighbours",
    "KeepBest": "drivetrain.training.callbacks",
    "Learner": "drivetrain.learner.learner",
    "Lever": "drivetrain.decisions.levers",
    "Linear": "drivetrain.models.linear",
    "LogFile": "drivetrain.training.callbacks",
    "Metric": "drivetrain.evaluation.metrics.metrics",
    "MissingExtraError": "drivetrain.errors",
    "ModelBase": "drivetrain.learner.base",
    "ModelError": "drivetrain.errors",
    "NumberTarget": "drivetrain.runtime.targets",
    "OpenSet": "drivetrain.evaluation.open_set",
    "OverTime": "drivetrain.evaluation.over_time",
    "PictureError": "drivetrain.errors",
    "Plan": "drivetrain.decisions.plan.plan",
    "Popularity": "drivetrain.models.ratings.popularity",
    "Prediction": "drivetrain.runtime.prediction",
    "Predictions": "drivetrain.evaluation.predictions",
    "Predictor": "drivetrain.runtime.predictor",
    "Recipe": "drivetrain.learner.recipe",
    "Score": "drivetrain.evaluation.scores",
    "Scores": "drivetrain.evaluation.scores",
    "SealError": "drivetrain.errors",
    "SettingError": "drivetrain.errors",
    "SoundAugmentation": "drivetrain.kinds.sounds.bodies.augment",
    "Span": "drivetrain.runtime.spans",
    "Spans": "drivetrain.data.inputs",
    "Split": "drivetrain.data.splitting.split",
    "SplitError": "drivetrain.errors",
    "SystemLimitError": "drivetrain.errors",
    "TensorBoardLog": "drivetrain.training.callbacks",
    "TimeSpan": "drivetrain.runtime.over_time",
    "TrainingError": "drivetrain.errors",
    "TextLinear": "drivetrain.models.texts.linear",
    "Trees": "drivetrain.models.trees",
    "Tuning": "drivetrain.tuning.result",
    "Updated": "drivetrain.learner.updating.updated",
    "Verification": "drivetrain.evaluation.verification",
    "add_kind": "drivetrain.runtime.kinds",
    "at_least": "drivetrain.decisions.constraints",
    "at_most": "drivetrain.decisions.constraints",
    "audit": "drivetrain.auditing",
    "binaries": "drivetrain.kinds.binaries.binaries",
    "budget": "drivetrain.decisions.constraints",
    "calibrate": "drivetrain.evaluation.calibration",
    "calibration_error": "drivetrain.evaluation.calibration",
    "caption_report": "drivetrain.captions.report",
    "captioner": "drivetrain.captions.describing.captioner:captioner",
    "cheapest_answers": "drivetrain.evaluation.thresholds",
    "collect": "drivetrain.collecting.collect:collect",
    "compare": "drivetrain.evaluation.comparing",
    "correct_selection": "drivetrain.evaluation.record.selection",
    "cross_validate": "drivetrain.evaluation.cross_validation",
    "decide": "drivetrain.decisions.decide",
    "equal_share": "drivetrain.decisions.constraints",
    "evaluate": "drivetrain.learner.evaluate",
    "experiment": "drivetrain.decisions.proof.experiment",
    "explore": "drivetrain.insight.explore",
    "figures": "drivetrain.evaluation.figures",
    "images": "drivetrain.kinds.images.images",
    "interval": "drivetrain.evaluation.intervals",
    "load": "drivetrain.runtime.loading",
    "load_plan": "drivetrain.decisions.plan.saving",
    "open_set": "drivetrain.evaluation.open_set",
    "open_source": "drivetrain.data.assemble",
    "plots": "drivetrain.pages.plots",
    "quiet": "drivetrain.progress",
    "ratings": "drivetrain.kinds.ratings.ratings",
    "record_review": "drivetrain.data.review:record",
    "score": "drivetrain.evaluation.scores",
    "score_over_time": "drivetrain.evaluation.over_time",
    "simulate": "drivetrain.decisions.simulate",
    "simulators": "drivetrain.decisions.simulators",
    "slope_report": "drivetrain.statistics.report",
    "sounds": "drivetrain.kinds.sounds.sounds",
    "table": "drivetrain.kinds.tables.table",
    "texts": "drivetrain.kinds.texts.texts",
    "thresholds_for_cost": "drivetrain.evaluation.thresholds",
    "traces": "drivetrain.kinds.traces.traces",
    "train": "drivetrain.models.train",
    "train_captioner": "drivetrain.captions.describing.train",
    "tune": "drivetrain.tuning.tune",
    "update": "drivetrain.learner.updating.update",
    "uplift": "drivetrain.decisions.uplift.uplift",
    "verification": "drivetrain.evaluation.verification:verification",
    "verify": "drivetrain.evaluation.verification",
}
"""Name → the module that has it, and what it is called there, where that is another name."""
_NEEDED = {
    "auditing": ("sklearn", "train"),
    "captions": ("pandas", "train"),
    "collecting": ("httpcore2", "collect"),
    "data": ("pandas", "train"),
    "evaluation": ("sklearn", "train"),
    "kinds": ("pandas", "train"),
    "learner": ("torch", "train"),
    "models": ("sklearn", "train"),
    "training": ("torch", "train"),
    "tuning": ("torch", "train"),
    "decisions": ("scipy", "decide"),
    "insight": ("torch", "train"),
    "statistics": ("statsmodels", "statistics"),
}
"""Room → a library that the bare package does not bring, and the extra that does."""

__all__ = [
    "METRICS",
    "ArtefactError",
    "Audit",
    "Augmentation",
    "Biases",
    "Blend",
    "Calibration",
    "Callback",
    "Caption",
    "CaptionReport",
    "CategoriesTarget",
    "CategoryTarget",
    "Cells",
    "Chart",
    "CheckpointError",
    "Collected",
    "Comparison",
    "Data",
    "DataError",
    "Decision",
    "DrivetrainError",
    "DrivetrainWarning",
    "EarlyStopping",
    "Ease",
    "Ensemble",
    "Evaluation",
    "Examples",
    "ExportError",
    "Factors",
    "Files",
    "ForgettingError",
    "HubError",
    "InputError",
    "ItemNeighbours",
    "KeepBest",
    "Learner",
    "Lever",
    "Linear",
    "LogFile",
    "Metric",
    "MissingExtraError",
    "ModelBase",
    "ModelError",
    "NumberTarget",
    "OpenSet",
    "OverTime",
    "PictureError",
    "Plan",
    "Popularity",
    "Prediction",
    "Predictions",
    "Predictor",
    "Recipe",
    "Score",
    "Scores",
    "SealError",
    "SettingError",
    "SoundAugmentation",
    "Span",
    "Spans",
    "Split",
    "SplitError",
    "SystemLimitError",
    "TensorBoardLog",
    "TextLinear",
    "TimeSpan",
    "TrainingError",
    "Trees",
    "Tuning",
    "Updated",
    "Verification",
    "add_kind",
    "at_least",
    "at_most",
    "audit",
    "binaries",
    "budget",
    "calibrate",
    "calibration_error",
    "caption_report",
    "captioner",
    "cheapest_answers",
    "collect",
    "compare",
    "correct_selection",
    "cross_validate",
    "decide",
    "equal_share",
    "evaluate",
    "experiment",
    "explore",
    "figures",
    "images",
    "interval",
    "load",
    "load_plan",
    "open_set",
    "open_source",
    "plots",
    "quiet",
    "ratings",
    "record_review",
    "score",
    "score_over_time",
    "simulate",
    "simulators",
    "slope_report",
    "sounds",
    "table",
    "texts",
    "thresholds_for_cost",
    "traces",
    "train",
    "train_captioner",
    "tune",
    "update",
    "uplift",
    "verification",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(_unknown(name))
    needed, extra = _NEEDED.get(_HOME[name].split(".")[1], ("", ""))
    if needed and find_spec(needed) is None:
        from drivetrain.errors import MissingExtraError  # noqa: PLC0415 - only on the way to an error

        raise MissingExtraError(f"drivetrain.{name} needs {needed}: pip install 'drivetrain[{extra}]'")
    home, _, own_name = _HOME[name].partition(":")
    module = import_module(home)
    value = module if home.endswith(f".{name}") and not hasattr(module, name) else getattr(module, own_name or name)
    globals()[name] = value
    return value


def _unknown(name: str) -> str:
    """The message about a name that is not there, with the one that was meant, if that can be told."""
    errors = import_module("drivetrain.errors")  # `from drivetrain import` would ask this function again

    said = f"module 'drivetrain' has no attribute {name!r}"
    if name.startswith("_"):  # asked by tools, which look whether it is there
        return said
    elsewhere = import_module("drivetrain.attributes").MODULE
    if name in elsewhere:
        return f"{said}. To fix: write {elsewhere[name]}."
    return said + (f".{near}" if (near := errors.did_you_mean(name, __all__)) else "")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
