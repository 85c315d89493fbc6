"""Ways to teach a model more: what people do by hand, and what `drivetrain.update` does, whole and in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import drivetrain as dt
from drivetrain.learner.arguments import TakenUp
from drivetrain.runtime.artefact import WEIGHTS, open_artefact
from update_parts.tasks import Task, some_of_each

EXEMPLARS = 20
"""Of each old class, which the saved model carries."""


@dataclass(frozen=True)
class Ground:
    """What every way has."""

    task: Task
    model: Path
    """The model in use."""
    body: str
    """Its public weights, before the old task."""
    folder: Path
    """For tables and models."""
    size: int
    epochs: int
    first_epochs: int
    """Of a training from the public weights."""
    seed: int

    def table(self, name: str, rows: list[tuple[str, str, str]]) -> Path:
        return self.task.table(self.folder, name, rows).path

    def from_public_weights(self, name: str, rows: list[tuple[str, str, str]], seed: int) -> dt.Learner:
        learn = dt.Learner(dt.images(self.table(name, rows)), self.body, size=self.size, seed=seed)
        return learn.fine_tune(self.first_epochs, checkpoint=False)


@dataclass
class Learnt:
    """What came out of a way."""

    learn: dt.Learner
    told: Mapping[str, Any] | None = None
    """What the update itself says: α, its own scores, flips, and whether the gate held."""


def first_model(ground: Ground) -> None:
    """The model in use: the body's public weights, fine-tuned on the old task."""
    learn = ground.from_public_weights("old", ground.task.old, ground.seed)
    learn.save(ground.model, precision=None)


def carrying(ground: Ground) -> Path:
    """The same model with exemplars, herded from its training rows; made once."""
    path = ground.model.with_name(f"{ground.model.stem}-exemplars.model")
    if not path.exists():
        learn = dt.Learner.load(ground.model, data=ground.table("old", ground.task.old))
        learn.save(path, precision=None, exemplars=EXEMPLARS)
    return path


def by_hand(ground: Ground, *, per_class: int) -> Learnt:
    """Fine-tune the model's body on the new rows with a new head; some old rows may be among them."""
    rows = list(ground.task.new)
    if per_class:
        rows += some_of_each(ground.task.old, per_class, ground.seed)
        rows += [row for row in ground.task.old if row[2] == "valid"]
    manifest = open_artefact(ground.model).manifest
    table = ground.table(f"by-hand-{per_class}", rows)
    learn = dt.Learner(dt.images(table), TakenUp(manifest), seed=ground.seed)
    body_from(learn, ground.model / WEIGHTS)
    return Learnt(learn.fine_tune(ground.epochs, checkpoint=False))


def body_from(learn: dt.Learner, weights: Path) -> None:
    """The body of a saved model, whatever its head."""
    from safetensors.torch import load_file

    stored = load_file(weights)
    own = {name.removeprefix("body."): value for name, value in stored.items() if name.startswith("body.")}
    learn.network.body.load_state_dict(own)


def again(ground: Ground) -> Learnt:
    """Everything from the public weights, old and new rows together."""
    return Learnt(ground.from_public_weights("all", [*ground.task.old, *ground.task.new], ground.seed))


def another_seed(ground: Ground) -> Learnt:
    """The old task alone once more: what a training flips that learns nothing new."""
    return Learnt(ground.from_public_weights("old", ground.task.old, ground.seed + 100))


def updated(ground: Ground, *, old: bool = True, carried: bool = False, **settings: Any) -> Learnt:
    """`drivetrain.update`, with the old rows at hand or not, of a model that carries exemplars or not."""
    kept = ground.table("old", ground.task.old) if old else False
    new = ground.table("new", ground.task.new)
    model = carrying(ground) if carried else ground.model
    done = dt.update(model, new, old=kept, epochs=ground.epochs, seed=ground.seed, **settings)
    said = {"alpha": done.alpha, "held_back": done.held_back, "curve": [point.as_json() for point in done.curve]}
    return Learnt(done.model, {**said, "flips": flips_told(done)})


def flips_told(done: Any) -> dict[str, Any] | None:
    return None if done.flips is None else {k: v for k, v in done.flips.as_json().items() if k != "rows"}


@dataclass(frozen=True)
class Way:
    """A row of the table."""

    label: str
    run: Callable[[Ground], Learnt]


PARTS_OFF: dict[str, Any] = {"exemplars": 0, "alpha": 1.0, "distil": 0.0, "anchor": 0.0}
"""An update of which nothing is left but that the head knows all classes."""
ALL_OLD = 10_000
"""More old rows of a class than there are."""
DISTIL, ANCHOR = 1.0, 1.0


def parts(**settings: Any) -> Callable[[Ground], Learnt]:
    return partial(updated, **{**PARTS_OFF, **settings})


WAYS: dict[str, Way] = {
    "by-hand": Way("plain fine-tuning on the new rows", partial(by_hand, per_class=0)),
    "by-hand-5": Way("the same with 5 old rows per class", partial(by_hand, per_class=5)),
    "by-hand-20": Way("the same with 20 old rows per class", partial(by_hand, per_class=20)),
    "update": Way("**update**, as it comes: 20 old rows per class and epoch, and the curve", updated),
    "exemplars": Way(
        "**update**, the old rows gone, 20 exemplars per class in the model", partial(updated, old=False, carried=True)
    ),
    "no-pictures": Way("**update**, the old rows gone, no exemplars", partial(updated, old=False)),
    "rehearsal-15": Way("its parts: 15 old rows per class alone", parts(exemplars=15)),
    "rehearsal-5": Way("its parts: 5 old rows per class alone", parts(exemplars=5)),
    "rehearsal-all": Way("its parts: all old rows alone", parts(exemplars=ALL_OLD)),
    "interpolation": Way("its parts: the curve alone", parts(alpha=None)),
    "distillation": Way("its parts: distillation alone", parts(distil=DISTIL)),
    "both": Way("its parts: 20 old rows per class, distillation", parts(exemplars=20, distil=DISTIL)),
    "anchored": Way("its parts: 20 old rows per class, L2 towards the start", parts(exemplars=20, anchor=ANCHOR)),
    "half-way": Way("20 old rows per class, α = 0.5", parts(exemplars=20, alpha=0.5)),
    "again": Way("everything trained again from the public weights", again),
    "another-seed": Way("the old task alone, another seed (the noise floor)", another_seed),
}
