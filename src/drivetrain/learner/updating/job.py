"""The work of an update: a Learner of all rows, trained, placed between old and new weights, and judged.

Legend: N validation rows, the old ones first; K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from drivetrain.data.cache.store import views_of
from drivetrain.errors import first_few
from drivetrain.evaluation.open_set import OpenSet, open_set
from drivetrain.evaluation.predictions import Predictions
from drivetrain.learner.arguments import TakenUp
from drivetrain.learner.recipe import asked_recipe
from drivetrain.learner.updating import judging
from drivetrain.learner.updating.asking import How
from drivetrain.learner.updating.choosing import GRID, Corrected, Point, choose, correct, draw, unmeasured
from drivetrain.learner.updating.joining import Joined
from drivetrain.learner.updating.low_rank import with_low_rank
from drivetrain.learner.updating.noise import ESTIMATED, MEASURED, estimated_noise, measured_noise
from drivetrain.learner.updating.old import OldModel
from drivetrain.learner.updating.renamed import TakenFor, taken_for
from drivetrain.learner.updating.training import take_over, train
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.text import readable
from drivetrain.training.checkpoint import snapshot
from drivetrain.training.fast.inference import on_device
from drivetrain.training.interpolating import Line

if TYPE_CHECKING:
    from drivetrain.learner.learner import Learner

MEASURED_ROWS, MEASURED_AT_ONCE = 512, 64
"""Training rows by which batch norms are measured between old and new weights."""


@dataclass(frozen=True)
class Before:
    """What the old model says of all validation rows."""

    outputs: NDArray[np.float32]
    """(N, K) raw, of the classes that it knows."""
    said: Predictions
    """The same in the words of the new target."""


@dataclass(frozen=True)
class Job:
    """What is to be done."""

    old: OldModel
    joined: Joined
    how: How
    settings: Mapping[str, Any]
    """Of the Learner."""

    def learner(self, seed: int | None = None) -> Learner:
        """A Learner of the joined rows whose network is the old one, with outputs for all classes."""
        from drivetrain.learner.learner import Learner  # noqa: PLC0415 - it has `update`, which needs this module

        own, target = dict(self.settings), self.joined.data.target
        recipe = replace(asked_recipe(own.pop("recipe", None)), dropout=self.old.architecture.dropout)
        recipe = with_low_rank(recipe, self.how.low_rank)
        metrics = own.pop("metrics", None) or judging.metrics_for(self.old.metrics, target)
        own |= {} if seed is None else {"seed": seed}
        made = Learner(self.joined.data, TakenUp(self.old.manifest(target)), recipe=recipe, metrics=metrics, **own)
        take_over(made, self.old)
        return made

    def trained(self, learner: Learner) -> tuple[Line, list[dict[str, Any]]]:
        """Train; gives the line from old to new weights, and the rows of the history."""
        keep, epochs = train(learner, self.old, self.joined, self.how)
        return Line(learner.network, keep.start, snapshot(learner.network), lambda: _batches(learner)), epochs

    def before(self, learner: Learner) -> Before | None:
        """None where there are no validation rows."""
        valid, old = self.joined.data.valid, self.old
        if not len(valid):
            return None
        outputs = judging.outputs_of(old.network(learner.place), old.spec, valid, learner.place)
        return Before(outputs, judging.said_before(outputs, valid, old.target, self.joined.data.target))

    def novelty(self, before: Before | None) -> tuple[OpenSet | None, TakenFor]:
        """Whether the old model was less sure of the new classes, and which of them it surely takes for old ones."""
        n, target = self.joined.n_old_valid, self.old.target
        if before is None or before.said.truth is None or not self.joined.new_classes or not n:
            return None, {}
        if not isinstance(target, CategoryTarget):
            return None, {}
        unseen = np.flatnonzero(before.said.truth[n:] >= target.n_outputs) + n
        if not len(unseen):
            return None, {}
        probabilities = target.activate(before.outputs)
        known = Predictions.of(self.joined.data.valid.subset(range(n)), target, probabilities[:n])
        found = open_set(known, probabilities[unseen])
        vocab = self.joined.data.target.vocab  # pyright: ignore[reportAttributeAccessIssue] - as the old target, above
        labels = [vocab[int(value)] for value in before.said.truth[unseen]]
        alike = taken_for(labels, probabilities[unseen], target.vocab, found.threshold)
        if alike:
            told = first_few(
                [f"{readable(one)}: {n} of {of} rows for {readable(was)}" for one, (was, n, of) in alike.items()]
            )
            self.joined.decisions["taken for old classes"] = Decision(value=len(alike), reason=told)
        return found, alike

    def between(self, line: Line, learner: Learner) -> tuple[tuple[Point, ...], float, Decision, Corrected | None]:
        """The curve from old to new weights, the point that is taken, and what it is worth on other rows."""
        if self.how.alpha is not None:
            return (), self.how.alpha, Decision(value=self.how.alpha, reason="as asked"), None
        if not self.joined.n_old_valid or len(learner.data.valid) == self.joined.n_old_valid:
            return (), *unmeasured(self.joined.n_rehearsed), None

        def judge(alpha: float) -> tuple[Predictions | None, Predictions | None]:
            line.put(alpha)
            outputs = judging.outputs_of(learner.network, learner.kind.spec, learner.data.valid, learner.place)
            said = judging.said_after(outputs, learner.data.valid, learner.data.target)
            of_old, of_new = self._split(said)
            return None if of_old is None else judging.of_old_labels(of_old, self.old.target), of_new

        curve, said = draw(judge, learner.metrics[0], GRID)
        alpha, decision = choose(curve, learner.metrics[0], said)
        if alpha == curve[-1].alpha:
            return curve, alpha, decision, None
        corrected = correct(said, [point.alpha for point in curve].index(alpha), learner.metrics[0])
        if corrected is not None:
            decision = decision.model_copy(update={"reason": f"{decision.reason}; {corrected}"})
        return curve, alpha, decision, corrected

    def judged(self, learner: Learner, before: Before | None) -> tuple[judging.Judged | None, judging.Judged | None]:
        """Old and new task, before and after."""
        if before is None:
            return None, None
        found: list[judging.Judged | None] = []
        pairs = zip(self._split(before.said), self._split(learner.predictions()), strict=True)
        for part, (was, now) in zip(("validation", "new"), pairs, strict=True):
            if was is None or now is None:
                found.append(None)
                continue
            known = self.old.target if part == "validation" else learner.data.target
            one, other = (judging.of_old_labels(said, known) for said in (was, replace(now, loss=None)))
            found.append(judging.judge_task(one, other, learner.metrics, part, n_known=self.old.target.n_outputs))
        return found[0], found[1]

    def flips(self, task: judging.Judged | None, alpha: float) -> judging.Flips | None:
        """Old rows whose answer turned, beside those that another seed would turn anyway."""
        if task is None or self.joined.data.target.kind == "number":
            return None
        floor, told = estimated_noise(task.said[0]), ESTIMATED
        if self.how.noise:
            asked = self.settings.get("seed")
            again = self.learner((self.old.split.seed if asked is None else int(asked)) + 1)
            line, _ = self.trained(again)
            line.put(alpha)
            other = self._split(again.predict_rows(self.joined.data.valid))[0]
            assert other is not None
            floor = measured_noise(task.said[1], judging.of_old_labels(other, self.old.target))
            told = MEASURED
        return judging.flips_of(*task.said, floor=floor, how=told)

    def _split(self, said: Predictions) -> tuple[Predictions | None, Predictions | None]:
        """Those of old and of new validation rows."""
        n = self.joined.n_old_valid
        of_old, of_new = said.subset(np.arange(n)), said.subset(np.arange(n, len(said)))
        return of_old if len(of_old) else None, of_new if len(of_new) else None


def _batches(learner: Learner) -> Iterator[tuple[Tensor, ...]]:
    """Training rows as they are judged, the same ones each time."""
    n = len(learner.data.train)
    rows = np.sort(np.random.default_rng(0).permutation(n)[:MEASURED_ROWS])
    at_once = max(2, MEASURED_AT_ONCE // getattr(learner.kind.spec, "windows", 1))
    for part in np.array_split(rows, max(1, len(rows) // at_once)):
        loaded = [one for one in learner.feeder.store.get(part.tolist()) if one is not None]
        if loaded:
            yield on_device(views_of(learner.kind.spec, loaded), learner.place)
