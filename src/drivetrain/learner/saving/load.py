"""A saved model taken up again as a Learner: to go on training it, to judge it, or to look into it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from drivetrain.calls import unknown_name
from drivetrain.data.reopen import data_of
from drivetrain.data.seals.project import Project
from drivetrain.data.seals.sealing import seal_data
from drivetrain.errors import SettingError
from drivetrain.learner.arguments import TakenUp
from drivetrain.learner.recipe import NAMES, Recipe, asked_recipe
from drivetrain.learner.saving.network_or_not import refuse_what_is_no_network
from drivetrain.learner.saving.torch_predictor import load_parameters
from drivetrain.learner.updating.exemplars import exemplars_of
from drivetrain.runtime.artefact import open_artefact
from drivetrain.runtime.trust.quarantine import ensure_tried
from drivetrain.settings import place
from drivetrain.text import readable
from drivetrain.training.shapes import check_shapes

if TYPE_CHECKING:
    from drivetrain.data.seals.project import ProjectPlace
    from drivetrain.data.sources import Source
    from drivetrain.learner.learner import Learner

SAVED_WITH_THE_MODEL = ("arch", "size", "pretrained", "dropout")
"""Settings of a Learner that a saved model brings along."""
NOT_OF_A_LOAD = ("self", "data", "older", *SAVED_WITH_THE_MODEL)

L = TypeVar("L", bound="Learner")


def load_learner(
    make: type[L],
    path: str | os.PathLike[str],
    *,
    data: Source | None,
    project: ProjectPlace,
    review: str | os.PathLike[str] | None,
    settings: dict[str, Any],
) -> L:
    """See `Learner.load`; `make` is the class that is wanted."""
    older = {name: settings.pop(name) for name in NAMES if name in settings}
    asked = settings.pop("recipe", None)
    by_name = asked if isinstance(asked, Mapping) else asked.asked() if isinstance(asked, Recipe) else {}
    fixed = [name for name in SAVED_WITH_THE_MODEL if name in {**settings, **older, **by_name}]
    if fixed:
        raise SettingError(
            f"{', '.join(fixed)} cannot be given here: expected none, a saved model brings it along. To fix: leave "
            "it out."
        )
    recipe = asked_recipe(asked, older)
    known = [name for name in inspect.signature(make).parameters if name not in NOT_OF_A_LOAD]
    for name in settings:
        if name not in known:
            raise SettingError(unknown_name("load()", name, [*known, "project"]))
    path, review = place("path", path), None if review is None else place("review", review)
    Project.find(project)  # says so now if it cannot be one
    artefact = open_artefact(path)
    manifest = artefact.manifest
    refuse_what_is_no_network(artefact, "a Learner cannot take it up")
    settings.setdefault("metrics", manifest.metrics or None)
    check_shapes(artefact)
    ensure_tried(artefact, "torch")
    rows = seal_data(data_of(artefact, data, review=review), project=project)
    recipe = replace(recipe, dropout=manifest.architecture.dropout)
    learn = make(rows, TakenUp(manifest), recipe=recipe, **settings)
    load_parameters(learn.network, artefact)
    learn.history = [dict(row) for row in manifest.history]
    learn.test_openings = list(manifest.test_openings)
    learn.lineage = manifest.lineage
    learn.loaded_from = readable(artefact.path.name)
    learn.carried = exemplars_of(artefact)
    return learn
