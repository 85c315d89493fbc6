"""`drivetrain.update`: a saved model trained once more, on new rows, and judged on what it could before."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast, get_args

from drivetrain.calls import named
from drivetrain.data.seals.project import Project
from drivetrain.learner.arguments import CheckpointPlace
from drivetrain.learner.fitting import log_trial
from drivetrain.learner.updating import judging
from drivetrain.learner.updating.asking import Cut, How, asked_cut, asked_how
from drivetrain.learner.updating.job import Job
from drivetrain.learner.updating.joining import NewRows, join, read_new_rows
from drivetrain.learner.updating.low_rank import ASKED, low_rank_record, put_exactly
from drivetrain.learner.updating.old import NEITHER, OldModel, old_artefact, old_learner, with_old_rows
from drivetrain.learner.updating.recording import record_of
from drivetrain.learner.updating.renamed import warn_of_likeness
from drivetrain.learner.updating.unlearnt import told_of_unlearnt
from drivetrain.learner.updating.updated import Outcome, Updated
from drivetrain.runtime.artefact import open_artefact
from drivetrain.runtime.lineage import Update
from drivetrain.settings import device as asked_device
from drivetrain.settings import place as checked_place
from drivetrain.settings import precision as asked_precision
from drivetrain.settings import whole
from drivetrain.training.callbacks import Callback
from drivetrain.training.place import Precision, find_place
from drivetrain.training.recipe.low_rank import check_low_rank
from drivetrain.training.splitting import NOT_UPDATED, refuse_split

if TYPE_CHECKING:
    from drivetrain.data.seals.project import ProjectPlace
    from drivetrain.data.sources import Source
    from drivetrain.learner.learner import Learner


@named
def update(
    model: str | os.PathLike[str],
    new: Source,
    *,
    old: Source | Sequence[Source] | bool | None = None,
    epochs: int | None = None,
    budget: str | float | None = None,
    exemplars: int | None = None,
    alpha: float | None = None,
    distil: float | None = None,
    anchor: float | None = None,
    max_flips: float | None = None,
    noise: bool = False,
    lr: float | None = None,
    unfreeze: float | None = None,
    low_rank: int | None = None,
    valid_pct: float | None = None,
    test_pct: float | None = None,
    seed: int | None = None,
    device: Any = "auto",
    precision: Any = "auto",
    project: ProjectPlace = None,
    checkpoint: CheckpointPlace = None,
    callbacks: Sequence[Callback] | Callback | None = (),
    **settings: Any,
) -> Updated:
    """Train a saved model once more, on new rows, and say what that costs where it worked before.

    Args:
        model: The artefact of a `Learner`.
        new: Folder, table or DataFrame with rows that the model was not made with, of classes that it knows or of new
            ones; they are read as the model's own were.
        old: The data that the model was made with, or several sources that hold them: its training rows are rehearsed,
            its validation rows judge. None looks where they were trained from; False does without.
        epochs: Passes over new and rehearsed rows with everything trained.
        budget: Instead of epochs: the time that the training may take.
        exemplars: Old rows of each class that an epoch takes again, drawn anew for each; 0: none. The head is solved
            for on as many old rows as there are new ones.
        alpha: Where between old (0) and new (1) weights the model shall be; None draws the curve and chooses.
        distil: Weight of the distance to the old model's answers, beside the loss.
        anchor: Pull of the parameters towards where they started.
        max_flips: Share of the old validation rows that may turn from right to wrong.
        noise: Measure by a second training with another seed how many would turn anyway; False estimates it.
        lr: Peak rate of the head; None as `Learner.fine_tune`.
        unfreeze: Share of the body to train, likewise.
        low_rank: Train, in place of the weights of a transformer, matrices of this rank beside its linear layers
            (LoRA); what they change is added up at the end. Small enough to be saved alone, see `Updated.save`.
        valid_pct: Of the new rows, kept to judge by.
        test_pct: Of the new rows, sealed.
        seed: Of the split of the new rows, the order and the augmentation; None takes that of the model's split.
        device: As of `Learner`.
        precision: Of training.
        project: The project folder, see `images`.
        checkpoint: Where the training is saved while it goes on.
        callbacks: Take part in the training.
        settings: Further ones of a Learner.

    Returns:
        The updated model, judged; `save` writes it, where nothing speaks against it.

    Raises:
        ArtefactError: The artefact cannot be used, or holds no network.
        DataError: No row is new, or `old` holds none of the model's rows.
        SealError: New rows are sealed as test rows.
        SettingError: An argument cannot be used.

    Example:
        ::

            updated = dt.update("fruit.model", "new pictures", old="fruit")
            print(updated)
            updated.save("fruit-2.model")
    """
    how = asked_how(
        epochs=epochs, budget=budget, exemplars=exemplars, alpha=alpha, distil=distil, anchor=anchor,
        max_flips=max_flips, noise=noise, lr=lr, unfreeze=unfreeze, low_rank=low_rank, checkpoint=checkpoint,
        callbacks=callbacks,
    )  # fmt: skip
    Project.find(project)  # says so now if it cannot be one
    seed = None if seed is None else whole("seed", seed, least=0)
    cut = asked_cut(valid_pct, test_pct, project)
    device, precision = asked_device(device), asked_precision(precision, get_args(Precision))
    here = find_place(device, cast(Precision, precision))  # says so now if it is not here
    refuse_split(here, "update", NOT_UPDATED)
    artefact = open_artefact(checked_place("model", model))
    bare = old_artefact(artefact)
    rows = read_new_rows(new, bare)  # before the old rows are read: a wrong folder is refused at once
    found = with_old_rows(bare, artefact, old)
    made = {"device": device, "precision": precision, "seed": seed, **settings}
    return run_update(found, rows, how, cut, made, lineage=artefact.manifest.lineage)


def update_learner(learner: Learner, new: Any, *, old: Any, how: How, cut: Cut, settings: dict[str, Any]) -> Updated:
    """Update a Learner, which stays what it is."""
    found = old_learner(learner, old)
    return run_update(found, read_new_rows(new, found), how, cut, settings, lineage=learner.lineage)


def run_update(
    old: OldModel, new: NewRows, how: How, cut: Cut, settings: dict[str, Any], *, lineage: tuple[Update, ...] = ()
) -> Updated:
    """Update a model that is at hand; see `update`."""
    began = time.monotonic()
    seed = old.split.seed if settings.get("seed") is None else int(settings["seed"])
    old, joined = join(
        old, new, rehearse=how.exemplars, valid_pct=cut.valid_pct, test_pct=cut.test_pct, seed=seed, project=cut.project
    )
    job = Job(old, joined, how.settled(rehearsed=joined.n_rehearsed), settings)
    learner = job.learner()
    check_low_rank(learner, learner.recipe.lora, [], asked=ASKED)
    before = job.before(learner)
    line, epochs = job.trained(learner)
    curve, alpha, decision, corrected = job.between(line, learner)
    line.put(alpha)
    put_exactly(learner, old, alpha)
    learner.decisions["alpha"] = decision
    if len(learner.data.valid):
        log_trial(learner, epochs)
    tasks = job.judged(learner, before)
    flips = job.flips(tasks[0], alpha)
    novelty, alike = job.novelty(before)
    warn_of_likeness(alike, [task.said[1] for task in tasks if task is not None], joined.data.valid.noun)
    not_learnt = told_of_unlearnt(joined, None if tasks[1] is None else tasks[1].said[1])
    low_rank = {ASKED: learner.decisions["lora"]} if learner.additions else {}
    outcome = Outcome(
        old=tasks[0],
        new=tasks[1],
        flips=flips,
        alpha=alpha,
        curve=curve,
        corrected=corrected,
        held_back=_held_back(old, tasks[0], flips, how, luck=0.0 if corrected is None else corrected.old_luck),
        novelty=novelty,
        new_classes=joined.new_classes,
        decisions={**joined.decisions, **job.how.decisions, **low_rank, **not_learnt, "alpha": decision},
        seconds=round(time.monotonic() - began, 3),
    )
    record = record_of(old, joined, outcome, low_rank=low_rank_record(learner))
    learner.lineage, learner.carried = (*lineage, record), old.exemplars
    return Updated(**vars(outcome), model=learner, lineage=record)


def _held_back(
    old: OldModel, judged: judging.Judged | None, flips: judging.Flips | None, how: How, *, luck: float
) -> str | None:
    """Why the update should not take the old model's place; None where nothing speaks against it."""
    if judged is None:
        why = f": {old.rows.reason}" if old.rows.value == NEITHER else ""
        return f"the old task cannot be judged, since none of its validation rows is at hand{why}"
    reasons: list[str] = []
    if judged.is_worse(luck) and judged.comparison is not None:
        found = judged.comparison
        beside = "" if judged.is_worse() else ", and the rows that judge have chosen the point between old and new"
        reasons.append(f"the old task is significantly worse: {str(found).splitlines()[0]}{beside}")
    if flips is not None and flips.share > how.max_flips:
        reasons.append(
            f"{flips.negative} of {flips.n} old rows turned from right to wrong ({100 * flips.share:.1f} %), more than "
            f"max_flips={how.max_flips:g} allows"
        )
    return "; ".join(reasons) or None
