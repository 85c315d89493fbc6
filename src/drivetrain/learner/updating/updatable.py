"""What a `Learner` has for being updated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from drivetrain.calls import named
from drivetrain.learner.arguments import CheckpointPlace
from drivetrain.settings import whole
from drivetrain.training.callbacks import Callback

if TYPE_CHECKING:
    from drivetrain.data.sources import Source
    from drivetrain.evaluation.predictions import Predictions
    from drivetrain.learner.learner import Learner
    from drivetrain.learner.updating.exemplars import Exemplars
    from drivetrain.learner.updating.since_saved import Forgetting
    from drivetrain.learner.updating.updated import Updated
    from drivetrain.training.recipe.low_rank import Additions


class Updatable:
    """A trained network that can be trained once more, on new rows, without breaking what worked."""

    carried: Exemplars | None = None
    """Training rows that it was saved with, as exemplars."""
    additions: Additions | None = None
    """What its last training has put beside the layers of its body, of one by additions of low rank."""
    loaded_from: str | None = None
    """What the saved model is called that it was loaded from."""
    said_as_saved: Predictions | None = None
    """What that said of the validation rows; None until it is trained on."""
    forgetting: Forgetting | None = None
    """What training a loaded model on has changed, by the same validation rows; None where it was not loaded, or has
    none."""

    @named
    def update(
        self,
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
        checkpoint: CheckpointPlace = None,
        callbacks: Sequence[Callback] | Callback | None = (),
        **settings: Any,
    ) -> Updated:
        """Train a copy once more, on new rows, and say what that costs where it worked before; see `drivetrain.update`.

        This Learner stays what it is. `old` None takes its own rows; the other arguments and errors are those of
        `drivetrain.update`.
        """
        from drivetrain.learner.updating.asking import asked_cut, asked_how  # noqa: PLC0415 - brings what a Learner needs first
        from drivetrain.learner.updating.update import update_learner  # noqa: PLC0415

        how = asked_how(
            epochs=epochs, budget=budget, exemplars=exemplars, alpha=alpha, distil=distil, anchor=anchor,
            max_flips=max_flips, noise=noise, lr=lr, unfreeze=unfreeze, low_rank=low_rank, checkpoint=checkpoint,
            callbacks=callbacks,
        )  # fmt: skip
        learner = cast("Learner", self)
        seed = None if seed is None else whole("seed", seed, least=0)
        own = {"device": str(learner.place.device), "precision": str(learner.place.precision.value), "seed": seed}
        cut = asked_cut(valid_pct, test_pct, learner.data.project)
        return update_learner(learner, new, old=old, how=how, cut=cut, settings=own | settings)
