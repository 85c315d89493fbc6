"""Every argument of every public call, given what means nothing: it is refused in words, or does what is documented.

What a call would do after its checks is replaced by an exception (`Reached`), so that an argument that is let through
shows, and nothing is trained.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MethodType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.decisions.proof.assigning import Experiment
from drivetrain.errors import DrivetrainError
from drivetrain.kinds.ratings.recommending.recommends import Recommends
from drivetrain.runtime.targets import CategoryTarget
from tests.decisions import made
from tests.kinds.ratings.recommending.conftest import books

NONSENSE: dict[str, Any] = {
    "text": "x",
    "blank": "",
    "minus": -1,
    "nan": math.nan,
    "inf": math.inf,
    "half": 1.5,
    "list": [],
    "dict": {},
    "thing": object(),
    "true": True,
    "class": dict,
    "complex": 1j,
    "bytes": b"\xff",
}
TEXT, TRUE, DICT, LIST = {"text"}, {"true"}, {"dict"}, {"list"}
BIG_ENOUGH = {"half"}
"""1.5 where a number above 0 is expected."""


class Reached(Exception):
    """What comes after the checks was begun."""


def reached(*_: Any, **__: Any) -> Any:
    raise Reached


@dataclass(frozen=True)
class World:
    """What calls are made with."""

    root: Path
    data: Data
    learn: dt.Learner
    said: dt.Predictions
    table: Data
    line: dt.Linear
    ratings: Data
    texts: Data


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("gate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETRAIN_PROJECT", str(root / "project"))
        random = np.random.default_rng(0)
        for i in range(36):
            place = root / "pictures" / "ab"[i % 2] / f"{i}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(place)
        data = dt.images(root / "pictures")
        learn = dt.Learner(data, "test_resnet", pretrained=False, size=32, device="cpu", precision="fp32")
        target = CategoryTarget(name="kind", vocab=("a", "b"))
        p = random.random(40)
        said = dt.Predictions(
            ids=tuple(map(str, range(40))),
            target=target,
            truth=(p + random.normal(0, 0.3, 40) > 0.5).astype(int),
            output=np.stack([1 - p, p], axis=1),
            loss=random.random(40),
        )
        rows = {"x": random.normal(size=60), "town": list("abc" * 20), "y": ["yes", "no"] * 30}
        table = dt.table(rows, target="y")
        rated = {"user": list(range(10)) * 6, "item": [at // 10 for at in range(60)], "stars": [1, 2, 3, 4] * 15}
        ratings = dt.ratings(rated, rating="stars")
        words = {"text": [f"{'card' if at % 2 else 'pin'} number {at}" for at in range(60)], "y": ["a", "b"] * 30}
        texts = dt.texts(words, text="text", target="y")
        yield World(root, data, learn, said, table, dt.Linear(table), ratings, texts)


def planned() -> dict[str, Any]:
    """What a plan is made of."""
    plan = made.plan()
    return {"parts": plan.parts, "table": plan.table, "levers": plan.levers, "objective": plan.objective}


def saved_plan(world: World) -> Path:
    place = world.root / "price.plan"
    return place if place.exists() else made.plan().save(place)


@dataclass(frozen=True)
class Call:
    """A public call, what it needs, what comes after its checks, and which nonsense it has a use for."""

    of: Callable[[World], Callable[..., Any]]
    needs: Callable[[World], Mapping[str, Any]] = lambda _: {}
    stop: tuple[str, ...] = ()
    """Where `Reached` takes the place of work."""
    takes: Mapping[str, set[str]] | None = None
    """Parameter → the names of what it takes."""
    not_here: tuple[str, ...] = ()
    """Parameters that have tests of their own."""


A_NUMBER = BIG_ENOUGH
UPLIFTED = {"t": [0, 1] * 60, "y": [0, 0, 1, 1] * 30, "x": list(range(120))}
CONSTRAINT = {"what": TEXT, "limit": A_NUMBER | {"minus"}, "over": TEXT, "by": TEXT, "name": TEXT}
ONE_TRIAL = {
    "objective": "price",
    "rows": {"price": [1.0] * 9},
    "levers": dt.Lever("price", 0, 2),
    "effect": 9,
    "noise": 1,
}
LEARNING = "drivetrain.learner.learner."
UPDATED = {"lr": A_NUMBER, "distil": A_NUMBER, "anchor": A_NUMBER, "noise": TRUE, "checkpoint": TEXT, "callbacks": LIST}
OF_A_SOURCE = {
    "split": TEXT,
    "group": TEXT | {"class"},
    "time": TEXT | {"class"},
    "label_delim": TEXT,
    "review": TEXT,
    "seal": TEXT | LIST,
    "retire": TEXT,
    "project": TEXT,
    "stratify": TRUE,
}
"""What every kind of input takes beside its own."""

CALLS: dict[str, Call] = {
    "images": Call(
        lambda _: dt.images,
        lambda w: {"source": w.root / "pictures"},
        ("drivetrain.data.assemble.read_source",),
        {
            "source": set(),
            "target": TEXT,
            "path": TEXT,
            **OF_A_SOURCE,
        },
        ("source",),
    ),
    "traces": Call(
        lambda _: dt.traces,
        lambda w: {"source": w.root / "pictures"},
        ("drivetrain.data.assemble.read_source",),
        {
            "window_s": A_NUMBER,
            **dict.fromkeys(("t", "x", "y", "pressure", "event", "session", "target", "path"), TEXT),
            "source": set(),
            **OF_A_SOURCE,
        },
        ("source",),
    ),
    "texts": Call(
        lambda _: dt.texts,
        lambda w: {"source": w.root / "pictures"},
        ("drivetrain.data.assemble.read_source",),
        {
            "source": set(),
            "text": TEXT,
            "html": TRUE,
            "target": TEXT,
            "path": TEXT,
            **OF_A_SOURCE,
        },
        ("source",),
    ),
    "binaries": Call(
        lambda _: dt.binaries,
        lambda w: {"source": w.root / "pictures"},
        ("drivetrain.data.assemble.read_source",),
        {
            "source": set(),
            "target": TEXT,
            "path": TEXT,
            **OF_A_SOURCE,
            "pairs": TRUE,
        },
        ("source",),
    ),
    "sounds": Call(
        lambda _: dt.sounds,
        lambda w: {"source": w.root / "pictures"},
        ("drivetrain.data.assemble.read_source",),
        {
            "source": set(),
            "clip_s": A_NUMBER,
            "hop_s": A_NUMBER,
            "keep_silent": TRUE,
            "pcen": TRUE,
            "target": TEXT,
            "path": TEXT,
            **OF_A_SOURCE,
        },
        ("source",),
    ),
    "Learner": Call(
        lambda _: dt.Learner,
        lambda w: {"data": w.data},
        (LEARNING + "prepare_kind",),
        {
            "arch": TEXT,
            "pretrained": TRUE,
            "augment": TRUE | DICT,
            "callbacks": LIST,
            "recipe": DICT,
        },
        ("older",),
    ),
    "verification": Call(
        lambda _: dt.verification,
        lambda w: {"said": {"score": [1.0] * 5 + [0.5], "person": list("abcdea"), "claimed": list("abcdeb")}},
    ),
    "verify": Call(
        lambda _: dt.verify,
        lambda w: {"data": w.data, "train": lambda fold: None},
        ("drivetrain.evaluation.verification.judge",),
    ),
    "train": Call(
        lambda _: dt.train,
        lambda w: {"data": w.table},
        ("drivetrain.models.train._Contest.of_tables",),
        {"budget": A_NUMBER},
    ),
    "tune": Call(
        lambda _: dt.tune,
        lambda w: {"data": w.table},
        ("drivetrain.tuning.storage._of_url", "drivetrain.tuning.storage._in_project"),
        {"budget": A_NUMBER, "arch": TEXT, "name": TEXT, "prune": TRUE, "space": {"class"}},
    ),
    "ratings": Call(
        lambda _: dt.ratings,
        lambda w: {"source": {"user": [1, 2], "item": [1, 2]}},
        ("drivetrain.kinds.ratings.ratings.list_ratings",),
        {
            "user": TEXT,
            "item": TEXT,
            "rating": TEXT,
            "time": TEXT,
            "weight": TEXT,
            "split": TEXT,
            "seal": TEXT | LIST,
            "retire": TEXT,
            "project": TEXT,
        },
        ("source", "users", "items"),
    ),
    "collect": Call(
        lambda _: dt.collect,
        lambda w: {"lists": ["https://a.org/1.jpg"], "out": w.root / "collected"},
        ("drivetrain.collecting.collect.read_lists", "drivetrain.collecting.providers.answers"),
        {
            "out": TEXT,
            "provider": {"class", "thing"},
            **dict.fromkeys(("url", "label"), TEXT),
            **dict.fromkeys(("pause_s", "most_mb", "timeout_s"), A_NUMBER),
            "again": TRUE,
            "permitted": TEXT | LIST,
            "allow_private": LIST,
        },
        ("lists", "provider"),
    ),
    "caption_report": Call(
        lambda _: dt.caption_report,
        lambda _: {"captions": {"a": "a dog"}},
        ("drivetrain.captions.report.pictures_of", "drivetrain.captions.report.described_by"),
        {
            "synonyms": DICT,
            "ignore": TEXT | LIST,
            **{name: set[str]() for name in ("picture", "caption", "likelihood")},
            "note": TEXT | {"blank"},
        },
        ("captions", "pictures", "references", "objects", "model"),
    ),
    "captioner": Call(lambda _: dt.captioner, lambda _: {"source": "none"}, (), {}, ("prompt", "abstain_below")),
    "train_captioner": Call(
        lambda _: dt.train_captioner,
        lambda _: {"captions": {"a": "a dog"}},
        ("drivetrain.captions.describing.train.pictures_of",),
        {"pretrained": TRUE, "arch": TEXT},
        ("captions", "pictures"),
    ),
    "Biases": Call(lambda _: dt.Biases, lambda w: {"data": w.ratings}, ("drivetrain.models.ratings.base.rows_of",)),
    "Popularity": Call(
        lambda _: dt.Popularity,
        lambda w: {"data": w.ratings},
        ("drivetrain.models.ratings.base.rows_of",),
        {"recent": TRUE},
    ),
    "Factors": Call(
        lambda _: dt.Factors,
        lambda w: {"data": w.ratings},
        (
            "drivetrain.models.ratings.factors.Factors._fit_ratings",
            "drivetrain.models.ratings.factors.Factors._fit_events",
        ),
        {"implicit": TRUE, "features": TRUE, "alpha": A_NUMBER, "strength": A_NUMBER, "budget": A_NUMBER},
    ),
    "Ease": Call(
        lambda _: dt.Ease,
        lambda w: {"data": w.ratings},
        ("drivetrain.models.ratings.base.rows_of",),
        {"strength": A_NUMBER},
    ),
    "ItemNeighbours": Call(
        lambda _: dt.ItemNeighbours,
        lambda w: {"data": w.ratings},
        ("drivetrain.models.ratings.base.rows_of",),
        {"shrink": A_NUMBER},
    ),
    "Biases.ranking": Call(
        lambda w: dt.Biases(w.ratings).ranking,
        stop=("drivetrain.models.ratings.base.ranking_of",),
        takes={"liked": A_NUMBER | {"minus"}},
    ),
    "Trees": Call(
        lambda _: dt.Trees,
        lambda w: {"data": w.table},
        ("drivetrain.models.trees.Trees._fit",),
        {"pairs": TRUE, "monotone": DICT, "budget": A_NUMBER, "shrink": A_NUMBER},
    ),
    "Linear": Call(
        lambda _: dt.Linear,
        lambda w: {"data": w.table},
        ("drivetrain.models.linear.Linear._fit",),
        {"budget": A_NUMBER},
    ),
    "TextLinear": Call(
        lambda _: dt.TextLinear,
        lambda w: {"data": w.texts},
        ("drivetrain.models.texts.linear.TextLinear._described",),
        {"strength": A_NUMBER, "budget": A_NUMBER},
    ),
    "train(texts)": Call(
        lambda _: dt.train,
        lambda w: {"data": w.texts},
        ("drivetrain.models.train._Contest.of_texts",),
        {"arch": TEXT, "budget": A_NUMBER},
    ),
    "Linear.contributions": Call(
        lambda w: w.line.contributions,
        lambda w: {"rows": w.table.valid},
        ("drivetrain.models.linear.Linear.added",),
        {"rows": LIST},
    ),
    "Blend": Call(
        lambda _: dt.Blend, lambda w: {"models": [w.line, w.line]}, ("drivetrain.models.blend.Blend._chosen",)
    ),
    "Recipe": Call(
        lambda _: dt.Recipe,
        takes={
            "mixup": A_NUMBER,
            "cutmix": A_NUMBER,
            "weight_decay": A_NUMBER,
            "clip_norm": A_NUMBER,
            "store_activations": TRUE,
        },
        not_here=("class_weights",),
    ),
    "ModelBase.review": Call(lambda w: w.learn.review, stop=("drivetrain.learner.base.review_rows",)),
    "ModelBase.save": Call(
        lambda w: MethodType(dt.ModelBase.save, w.learn),
        lambda w: {"path": w.root / "m.model"},
        ("drivetrain.learner.base.save_direct",),
        {"path": TEXT},
    ),
    "ModelBase.predictor": Call(
        lambda w: MethodType(dt.ModelBase.predictor, w.learn), stop=("drivetrain.learner.base.predictor_of",)
    ),
    "Predictor.predict_array": Call(
        lambda w: w.learn.predictor().predict_array, lambda _: {"sources": []}, not_here=("sources",)
    ),
    "Learner.fine_tune": Call(
        lambda w: w.learn.fine_tune,
        lambda _: {"epochs": 1},
        (LEARNING + "run_phases", LEARNING + "run_within"),
        {"lr": A_NUMBER, "checkpoint": TEXT, "callbacks": LIST},
        ("budget",),
    ),
    "Learner.fine_tune(budget)": Call(
        lambda w: w.learn.fine_tune, stop=(LEARNING + "run_within",), takes={"budget": A_NUMBER, "epochs": set()}
    ),
    "Learner.fit": Call(
        lambda w: w.learn.fit,
        lambda _: {"epochs": 1},
        (LEARNING + "run_phases",),
        {"lr": A_NUMBER, "checkpoint": TEXT, "callbacks": LIST},
    ),
    "Learner.find_lr": Call(
        lambda w: w.learn.find_lr,
        lambda _: {"end": 2.0},
        (LEARNING + "find_rate",),
        {"start": A_NUMBER, "end": A_NUMBER},
    ),
    "Learner.predictions": Call(lambda w: w.learn.predictions, stop=("drivetrain.learner.base.ModelBase._said",)),
    "Learner.predictor": Call(lambda w: w.learn.predictor),
    "Learner.predict_many": Call(lambda w: w.learn.predict_many, lambda _: {"sources": []}, not_here=("sources",)),
    "Learner.embedding": Call(lambda w: w.learn.embedding, lambda _: {"column": "no such column"}),
    "Learner.baselines": Call(
        lambda w: w.learn.baselines, stop=(LEARNING + "Learner.predictions",), takes={"probe": TRUE}
    ),
    "Learner.metadata_alone": Call(lambda w: w.learn.metadata_alone, stop=(LEARNING + "Learner.predictions",)),
    "Learner.report": Call(
        lambda w: w.learn.report,
        stop=("drivetrain.learner.base.report_parts",),
        takes={"path": TEXT, "title": TEXT, "use": TEXT | {"blank"}, "probe": TRUE},
    ),
    "Learner.look_inside": Call(
        lambda w: w.learn.look_inside,
        stop=("drivetrain.learner.inside.inspect",),
        takes={"layers": TEXT, "also": LIST, "quick": TRUE},
    ),
    "explore.features": Call(
        lambda _: dt.explore.features,
        lambda w: {"model": w.learn, "layer": "conv1.0"},
        ("drivetrain.insight.explore.find_tops",),
    ),
    "explore.activations": Call(
        lambda _: dt.explore.activations,
        lambda w: {"model": w.learn, "layer": "conv1.0", "rows": [0]},
        ("drivetrain.insight.explore.tapped",),
        {"rows": LIST},
    ),
    "explore.layers": Call(lambda _: dt.explore.layers),
    "Learner.save": Call(
        lambda w: w.learn.save,
        lambda w: {"path": w.root / "m.model"},
        (LEARNING + "save_learner",),
        {"path": TEXT},
    ),
    "Learner.load": Call(
        lambda _: dt.Learner.load,
        lambda w: {"path": w.root / "m.model"},
        ("drivetrain.learner.saving.load.open_artefact",),
        {"path": TEXT, "project": TEXT, "review": TEXT},
        ("data", "settings"),
    ),
    "Learner.show_batch": Call(lambda w: w.learn.show_batch),
    "Learner.show_results": Call(lambda w: w.learn.show_results, stop=("drivetrain.learner.figures.show_results",)),
    "Learner.plot_top_losses": Call(lambda w: w.learn.plot_top_losses, stop=("drivetrain.learner.figures.top_losses",)),
    "Learner.plot_confusion": Call(lambda w: w.learn.plot_confusion, stop=("drivetrain.learner.figures.confusion",)),
    "Data.folds": Call(lambda w: w.data.folds),
    "Data.nested_folds": Call(lambda w: w.data.nested_folds, stop=("drivetrain.data.splitting.folds.make_folds",)),
    "Data.open_test": Call(
        lambda w: w.data.open_test, stop=("drivetrain.data.seals.seal.Ledger.append",), takes={"why": TEXT}
    ),
    "load": Call(
        lambda _: dt.load,
        lambda w: {"path": w.root / "m.model"},
        ("drivetrain.runtime.loading.open_artefact",),
        {"path": TEXT, "device": TEXT},
    ),
    "Learner.update": Call(
        lambda w: w.learn.update,
        lambda w: {"new": w.root / "pictures"},
        ("drivetrain.learner.updating.update.read_new_rows",),
        UPDATED,
        ("new", "old", "budget", "settings"),
    ),
    "update": Call(
        lambda _: dt.update,
        lambda w: {"model": w.root / "m.model", "new": w.root / "pictures"},
        ("drivetrain.learner.updating.update.open_artefact",),
        {**UPDATED, "model": TEXT, "project": TEXT},
        ("new", "old", "budget", "settings"),
    ),
    "evaluate": Call(
        lambda _: dt.evaluate,
        lambda w: {"path": w.root / "m.model"},
        ("drivetrain.learner.evaluate.open_artefact",),
        {"path": TEXT, "project": TEXT, "seal": TEXT, "review": TEXT},
        ("data", "metrics"),
    ),
    "audit": Call(
        lambda _: dt.audit,
        lambda w: {"data": w.root / "pictures"},
        ("drivetrain.auditing.sources.read_source",),
        {
            "shortcuts": TRUE,
            "target": TEXT,
            "path": TEXT,
            "split": TEXT,
            "label_delim": TEXT,
            "group": TEXT | {"class"},
            "time": TEXT | {"class"},
        },
        ("data", "features"),
    ),
    "slope_report": Call(
        lambda _: dt.slope_report,
        lambda _: {"source": {"a": [1, 2, 3]}, "outcome": "a", "of": "a"},
        ("drivetrain.statistics.report.read_rows",),
        {
            "outcome": TEXT,
            "of": TEXT,
            "controls": TEXT | LIST,
            "cluster": TEXT,
            "within": TEXT,
            "weights": TEXT,
            "claim": {"minus", "half"},
            "smallest_effect_of_interest": A_NUMBER,
            "note": TEXT | {"blank"},
            "seed": set(),
        },
        ("source", "table"),
    ),
    "simulators.insurance": Call(lambda _: dt.simulators.insurance),
    "simulators.shop": Call(lambda _: dt.simulators.shop),
    "simulators.broken": Call(lambda _: dt.simulators.broken, takes={"hidden": set(), "randomised": set()}),
    "Ensemble.fit": Call(
        lambda _: dt.Ensemble.fit,
        lambda _: {"table": UPLIFTED, "make": lambda rows: None, "outcome": "y"},
        ("drivetrain.decisions.models.ensemble.fit_members",),
        {
            "outcome": TEXT,
            "features": TEXT,
            "group": TEXT,
            "weights": TEXT,
            "positive": TRUE,
            "calibrate": TRUE,
            "name": TEXT,
            "seed": set(),
        },
        ("table", "make"),
    ),
    "simulate": Call(
        lambda _: dt.simulate,
        lambda _: {
            "objective": "price",
            "rows": UPLIFTED,
            "levers": dt.Lever("price", 1, 2, today=1),
            "models": {"m": len},
        },
        ("drivetrain.decisions.simulate._means",),
        {"objective": set(), "values": DICT, "outcomes": set(), "points": set(), "seed": set()},
        ("objective", "rows", "levers", "models"),
    ),
    "Plan": Call(
        lambda _: dt.Plan,
        lambda _: planned(),
        takes={"levers": LIST},
        not_here=("simulator", "check_support", "facts", "sources"),
    ),
    "Plan.report": Call(
        lambda _: dt.Plan(**planned()).report,
        stop=("drivetrain.decisions.plan.plan.file_to_write",),
        takes={"path": TEXT},
    ),
    "Plan.save": Call(
        lambda _: dt.Plan(**planned()).save,
        stop=("drivetrain.decisions.plan.saving.described",),
        takes={"folder": TEXT},
    ),
    "load_plan": Call(lambda _: dt.load_plan, lambda w: {"folder": saved_plan(w)}),
    "uplift": Call(
        lambda _: dt.uplift,
        lambda _: {"table": UPLIFTED, "treatment": "t", "outcome": "y"},
        ("drivetrain.decisions.uplift.uplift.Workshop",),
        {"outcome": TEXT, "features": TEXT, "learner": TEXT, "rule": TEXT},  # "x" is a column, and a learner
        ("table", "make", "make_effect"),
    ),
    "score": Call(lambda _: dt.score, lambda w: {"predictions": w.said}, takes={"baselines": DICT}),
    "open_set": Call(
        lambda _: dt.open_set, lambda w: {"known": w.said, "unseen": [[0.5, 0.5]]}, takes={"unseen": set()}
    ),
    "score_over_time": Call(
        lambda _: dt.score_over_time,
        lambda w: {"predictions": w.said, "times": list(range(40))},
        takes={"times": set()},
    ),
    "compare": Call(
        lambda _: dt.compare,
        lambda w: {"a": w.said, "b": w.said},
        takes={"worth": A_NUMBER, "higher_is_better": TRUE},
    ),
    "calibrate": Call(lambda _: dt.calibrate, lambda w: {"predictions": w.said}),
    "cross_validate": Call(
        lambda _: dt.cross_validate,
        lambda w: {"data": w.data, "train": reached},
        ("drivetrain.data.splitting.folds.make_folds",),
        {"train": {"class"}},
    ),
    "Predictions": Call(
        lambda _: dt.Predictions,
        lambda w: {"ids": ("a",), "target": w.said.target, "truth": [0], "output": [[0.5, 0.5]]},
    ),
    "Predictions.top_losses": Call(lambda w: w.said.top_losses),
    "Predictions.save": Call(
        lambda w: w.said.save, stop=("drivetrain.evaluation.predictions.write_table",), takes={"path": TEXT}
    ),
    "Predictions.load": Call(lambda _: dt.Predictions.load),
    "Predictions.subset": Call(lambda w: w.said.subset, takes={"indices": LIST}),
    "EarlyStopping": Call(lambda _: dt.EarlyStopping, takes={"monitor": TEXT, "min_delta": A_NUMBER}),
    "KeepBest": Call(lambda _: dt.KeepBest, takes={"monitor": TEXT}),
    "LogFile": Call(lambda _: dt.LogFile),
    "TensorBoardLog": Call(lambda _: dt.TensorBoardLog, takes={"folder": set()}, not_here=("folder",)),
    "Augmentation": Call(
        lambda _: dt.Augmentation,
        takes={"aspect": A_NUMBER, "flip": TRUE, "rotate_deg": A_NUMBER},
    ),
    "SoundAugmentation": Call(
        lambda _: dt.SoundAugmentation,
        takes={"shift": TRUE, "speed": A_NUMBER, "gain_db": A_NUMBER, "least_snr_db": A_NUMBER | {"minus"}},
    ),
    "Lever": Call(
        lambda _: dt.Lever,
        lambda _: {"name": "price", "low": 0, "high": 2},
        takes={
            "name": TEXT,
            "low": A_NUMBER | {"minus"},
            "high": A_NUMBER,
            "step": A_NUMBER,
            "per_row": TRUE,
            "cost": A_NUMBER,
            "today": A_NUMBER | {"minus"},
            "randomised": TRUE,
            "propensity": TEXT,
        },
    ),
    "at_most": Call(lambda _: dt.at_most, lambda _: {"what": "price", "limit": 1}, takes=CONSTRAINT),
    "at_least": Call(lambda _: dt.at_least, lambda _: {"what": "price", "limit": 1}, takes=CONSTRAINT),
    "budget": Call(
        lambda _: dt.budget,
        lambda _: {"limit": 1, "spend": "price"},
        takes={"limit": A_NUMBER | {"minus"}, "spend": TEXT, "name": TEXT},
    ),
    "equal_share": Call(
        lambda _: dt.equal_share,
        lambda _: {"of": "price", "by": "sex"},
        takes={"of": TEXT, "by": TEXT, "within": A_NUMBER, "name": TEXT},
    ),
    "decide": Call(
        lambda _: dt.decide,
        lambda _: {"objective": "price", "rows": {"price": [1.0]}, "levers": dt.Lever("price", 0, 2), "models": {}},
        ("drivetrain.decisions.decide._seen",),
        {
            "objective": TEXT,
            "models": DICT,
            "constraints": LIST,
            "extrapolate": TRUE,
            "policies": DICT,
            "proof": TRUE,
            "sensitivity": TRUE,
        },
    ),
    "experiment": Call(
        lambda _: dt.experiment,
        lambda _: ONE_TRIAL,
        ("drivetrain.decisions.proof.experiment._Trial",),
        {
            "objective": TEXT,
            "models": DICT,
            "effect": A_NUMBER | {"minus"},
            "noise": A_NUMBER,
        },
    ),
    "Experiment.save": Call(lambda _: dt.experiment(**ONE_TRIAL).save),
    "Recommends.recommend": Call(
        lambda _: books().recommend,
        lambda _: {"user": "ann"},
        takes={"at_most_per": DICT, "not_from": DICT | LIST, "found_by": LIST, "exclude_seen": TRUE},
    ),
    "Recommends.recommend_all": Call(
        lambda _: books().recommend_all,
        takes={"users": LIST, "at_most_per": DICT, "not_from": DICT | LIST, "found_by": LIST, "exclude_seen": TRUE},
    ),
    "Recommends.by_effect": Call(
        lambda _: books().by_effect,
        takes={"users": LIST, "at_most_per": DICT, "not_from": DICT | LIST, "found_by": LIST, "exclude_seen": TRUE},
    ),
    "Recommends.similar": Call(lambda _: books().similar, lambda _: {"item": "Mort"}),
    "Recommends.update": Call(lambda _: books().update, lambda _: {"events": []}),
    "Calibration": Call(
        lambda _: dt.Calibration,
        lambda _: {"coverage": 0.9, "n": 10},
        takes={"temperature": A_NUMBER, "quantile": A_NUMBER, "abstain_below": A_NUMBER},
    ),
    "Predictor": Call(
        lambda _: dt.Predictor,
        lambda w: {name: getattr(w.learn.predictor(), name) for name in ("reader", "target", "engine")},
        takes={"decisions": DICT, "engine": {"class"}},
        not_here=("decisions", "manifest", "calibration", "golden", "engine"),
    ),
}


def parameters() -> Iterator[tuple[str, str]]:
    """Every parameter of every call, by their signatures."""
    owners: dict[str, Any] = {
        "simulators": dt.simulators,
        "Plan": dt.Plan,
        "Experiment": Experiment,
        "Learner": dt.Learner,
        "ModelBase": dt.ModelBase,
        "Data": Data,
        "Predictions": dt.Predictions,
        "Predictor": dt.Predictor,
        "Recommends": Recommends,
        "Ensemble": dt.Ensemble,
        "Linear": dt.Linear,
        "explore": dt.explore,
        "Biases": dt.Biases,
    }
    for title, call in CALLS.items():
        name = title.split("(")[0]
        owner, _, method = name.rpartition(".")
        made = getattr(owners[owner], method) if owner else getattr(dt, name)
        for parameter in inspect.signature(made).parameters:
            if parameter not in ("self", *call.not_here):
                yield title, parameter


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("title", "parameter"), list(parameters()))
def test_what_means_nothing_is_refused_in_words(
    world: World, title: str, parameter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = CALLS[title]
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(world.root / "project"))
    monkeypatch.chdir(world.root)
    for place in call.stop:
        monkeypatch.setattr(place, reached)
    made, takes = call.of(world), (call.takes or {}).get(parameter, set())
    for name, value in NONSENSE.items():
        try:
            made(**{**call.needs(world), parameter: value})
        except Reached:
            assert name in takes, f"{title}({parameter}={value!r}) was let through"
        except DrivetrainError as error:
            said = str(error)
            assert name not in takes, f"{title}({parameter}={value!r}) was refused: {said}"
            assert "expected" in said or "To fix" in said, said
        else:
            assert name in takes, f"{title}({parameter}={value!r}) was taken"
