"""The Learner: data, architecture and metrics together, with what can be done with them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import torch
from pydantic import BaseModel
from safetensors.torch import save

from drivetrain.calls import named
from drivetrain.data.cache.store import Store
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.errors import SettingError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.report.showing import draws_views, shown
from drivetrain.evaluation.scores import Scores
from drivetrain.learner import arguments as asking
from drivetrain.learner import figures
from drivetrain.learner.arguments import CheckpointPlace, TakenUp
from drivetrain.learner.base import MetricLike, ModelBase
from drivetrain.learner.baselines import Baselines
from drivetrain.learner.fitting import checkpoint_folder, run_phases, run_within
from drivetrain.learner.recipe import DROPOUT, Recipe, asked_recipe
from drivetrain.learner.saving.checkpoints import Checkpoints
from drivetrain.learner.saving.load import load_learner
from drivetrain.learner.saving.save import save_learner
from drivetrain.learner.updating.updatable import Updatable
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import WEIGHTS, ExportPrecision, Manifest
from drivetrain.runtime.pictures.read import PictureSource
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.predictor import Predictor
from drivetrain.settings import choice, flag, number, whole
from drivetrain.settings import device as asked_device
from drivetrain.settings import place as checked_place
from drivetrain.text import printable
from drivetrain.training.callbacks import Callback
from drivetrain.training.evaluating import TorchEngine, any_over_time, raw_outputs
from drivetrain.training.exporting import ExportPlan
from drivetrain.training.feeding import Feeder
from drivetrain.training.identity import ParametersHash
from drivetrain.training.judging import judge
from drivetrain.training.kind import asked_augmentation, prepare_kind, usual_of
from drivetrain.training.network import Network
from drivetrain.training.place import Place, Precision, find_place
from drivetrain.training.recipe import defaults
from drivetrain.training.recipe.class_weights import asked_weights, weights_decision
from drivetrain.training.recipe.fine_tuning import Recipe as Asked
from drivetrain.training.recipe.fine_tuning import choose_rates, epochs_plan, rates_of_fit, solves_head
from drivetrain.training.recipe.keep_head import guard_of
from drivetrain.training.recipe.losses import LossFunction, make_loss
from drivetrain.training.recipe.lr_find import LrSuggestion, find_rate
from drivetrain.training.recipe.plan import Phase
from drivetrain.training.splitting import decided, refuse_split, settle
from drivetrain.training.stepping import make_mix

if TYPE_CHECKING:
    from drivetrain.data.seals.project import ProjectPlace
    from drivetrain.data.sources import Source
    from drivetrain.pages.chart import Chart
    from drivetrain.pages.html import Html


class Learner(Updatable, ModelBase):
    """Data, architecture and metrics; trains, judges itself, and predicts.

    Loss, activation and default metrics follow from the target. `decisions` holds what was decided, and why.

    Args:
        data: What `drivetrain.images` gave.
        arch: A timm architecture, a local timm folder (``local-dir:FOLDER`` or its path), or a name of `drivetrain
            bodies`; None takes ``resnet34``, or where those weights cannot be had ``tf_efficientnet_lite0`` (of a
            package) or ``embedded``. A saved model's manifest builds its network with random weights; `load` takes up
            the model itself.
        metrics: What people read: names or functions of truth and output; None takes what suits the target.
        loss: What the optimiser reads: a name or a function of outputs and targets; None takes what suits the target.
        recipe: How it is trained: `drivetrain.Recipe`, or a dict of its settings (batch size, MixUp, class weights,
            dropout, weight decay, …).
        augment: Vary training pictures: True as the kind of input defaults to (not mirrored, where names or pictures
            say that left and right are the answer), False, None or "none" not at all, or settings
            (`drivetrain.Augmentation`, or a dict of some of them).
        pretrained: Start from the architecture's pretrained weights, or from scratch.
        size: Side of the pictures in px, or (side, side); None chooses by the pictures and the body.
        fit: What becomes of pictures that are not square: "crop" reads their centre square, "squeeze" and "pad" all of
            them; None chooses by what would be lost.
        precision: Of training: "auto", "fp32", "bf16" or "fp16"; other libraries' words for them and torch's are
            understood. Scores and answers are in fp32, as the saved model's are.
        device: "auto", "gpu", a torch device, its name, or the number of a GPU.
        seed: Of the head's first parameters, the order and the augmentation; None takes the split's.
        callbacks: Take part in every run; one or several.
        older: Settings of the recipe by their own names, as they were written once, with a warning.

    Raises:
        SettingError: An argument cannot be used.
        ModelError: The architecture is unknown or its weights cannot be had.

    Example:
        >>> import drivetrain as dt
        >>> rows = {"size": [20.5 + 7 * i % 90 for i in range(60)], "kind": list("xyz" * 20)}
        >>> dt.Learner(dt.table(rows, target="kind")).fit(1).validate()["accuracy"].n
        12
    """

    @named
    def __init__(
        self,
        data: Data,
        arch: str | os.PathLike[str] | Manifest | TakenUp | None = None,
        *,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
        loss: str | LossFunction | None = None,
        recipe: Recipe | Mapping[str, Any] | None = None,
        augment: bool | BaseModel | Mapping[str, Any] | Literal["none"] | None = True,
        pretrained: bool = True,
        size: int | tuple[int, int] | None = None,
        fit: Literal["crop", "squeeze", "pad"] | None = None,
        precision: Precision | torch.dtype = "auto",
        device: str | int | torch.device = "auto",
        seed: int | None = None,
        callbacks: Sequence[Callback] | Callback | None = (),
        **older: Any,
    ) -> None:
        super().__init__(data, metrics=metrics)
        data = self.data
        saved, unlike = asking.asked_manifest(arch, size) if isinstance(arch, Manifest | TakenUp) else (None, None)
        arch = asking.asked_arch(arch) if saved is None else None
        self.pretrained = flag("pretrained", pretrained) and unlike is None
        size, fit = asking.asked_size(size), choice("fit", fit, asking.FITS)
        self.recipe = recipe = asked_recipe(recipe, older, known=list(inspect.signature(Learner).parameters))
        self.seed = data.split.seed if seed is None else whole("seed", seed, least=0)
        self.usual = usual_of(data)
        self.callbacks = [*asking.asked_callbacks(callbacks), *asking.keeping(self.usual, data)]
        augment = asked_augmentation(data, augment)
        weights = asked_weights(recipe.class_weights, data.target)
        dropout = DROPOUT if recipe.dropout is None else recipe.dropout
        self.weight_decay, self.clip_norm = recipe.weight_decay, recipe.clip_norm
        self.mix = make_mix(recipe.mixup, recipe.cutmix, data.target)
        self.store_activations = recipe.store_activations
        self.phases_run: list[Phase] = []
        self.judged_last: Predictions | None = None
        """What was said of the validation set after the last epoch that was judged."""
        self.checkpoints = Checkpoints()
        self.saved_scores: Scores | None = None
        """What was stored by the last `save`: of the validation set, as the saved model answers, also in int8."""
        device = asked_device(device)
        self.place = find_place(device, precision)
        training_rows = data.target.encode(data.train.values)
        suits = loss is None and data.target.kind == "category" and not self.pretrained
        smoothing = defaults.choose_label_smoothing(recipe.label_smoothing, suits, self.usual.get("label_smoothing"))
        self.loss = make_loss(
            loss, data.target, label_smoothing=smoothing, class_weights=weights, training_rows=training_rows
        )
        with self.place.own_randomness():
            torch.manual_seed(self.seed)
            self.kind = prepare_kind(
                data,
                arch=saved or arch,
                pretrained=self.pretrained,
                size_px=size,
                fit=fit,
                augment=augment,
                dropout=dropout,
            )
            self.network = Network(
                self.kind.intake,
                self.kind.body,
                head=self.kind.head,
                features=self.kind.architecture.features,
                n_outputs=data.target.n_outputs,
                dropout=dropout,
            )
        self.pretrained &= saved is not None or self.kind.architecture.pretrained_from is not None
        tilt = 0.0 if self.loss.tilt_K is None else self.loss.tilt_K
        self.network.start_from(defaults.base_rates(data.target, training_rows) + tilt)
        self.split = settle(self.network, self.place)  # what makes it whole again, where it lies split over processes
        self._hash = ParametersHash(self.network)
        self.label = self.kind.architecture.label
        self._baselines = Baselines(data, self.kind.architecture, getattr(self.kind.spec, "size_px", None))
        batch = defaults.asked(recipe.batch_size) or self.usual.get("batch_size")
        batch = batch or defaults.choose_batch_size(len(data.train), self.place.device.type)
        self.batch_size = int(batch.value or 0)
        self.decisions |= {
            **self.kind.decisions,
            **({} if unlike is None else {"arch": unlike}),
            "device": Decision(value=str(self.place.device), reason="found" if device == "auto" else "as asked"),
            "precision": self.place.precision,
            **decided(self.place, self.split),
            "batch_size": batch,
        }
        if (weighed := weights_decision(weights, self.loss.weights, data.target)) is not None:
            self.decisions["class_weights"] = weighed
        self.feeder = Feeder(
            Store(data.train.inputs, self.kind.spec, digests=data.train.digests),
            data.target.training_form(training_rows),
            self.kind,
            batch_size=self.batch_size,
            accumulate=recipe.accumulate,
            seed=self.seed,
            rank=self.place.rank,
            world=self.place.world,
        )
        self.settings: dict[str, Any] = {
            "architecture": self.kind.architecture.model_dump(),
            "reader": self.kind.spec.model_dump(),
            "views": [repr(augment), *(d.value for n, d in self.decisions.items() if n == "augmentation")],
            "loss": [self.loss.name, recipe.label_smoothing, weights],
            "mix": [recipe.mixup, recipe.cutmix],
            "optimizer": [self.weight_decay, self.clip_norm, recipe.lora],
            "batches": [self.batch_size, recipe.accumulate, self.place.world],
            "metrics": [metric.name for metric in self.metrics],
            "place": [str(self.place.device), self.place.precision.value, torch.__version__],
            "seed": [self.seed, self.store_activations],
        }

    # ── training ────────────────────────────────────────────────────────────────────────────────────────────────

    @named
    def fine_tune(
        self,
        epochs: int | None = None,
        *,
        budget: str | float | None = None,
        unfreeze: float | None = None,
        lr: float | None = None,
        head_epochs: int | None = None,
        statistics: Literal["fixed", "batch"] | None = None,
        checkpoint: CheckpointPlace = None,
        callbacks: Sequence[Callback] | Callback | None = (),
    ) -> Learner:
        """Train the new head with the body frozen, then everything, the head faster than the body.

        With a budget, what the time allows: the costs are measured first, then it is decided how much of the body
        is trained and for how many epochs; `decisions["unfreeze"]` says what and why. What stays frozen is computed
        once, for several random views of each picture, and stored while the run lasts.

        Where the end is worse on the validation rows than the head alone was, by more than chance, the head alone is
        kept, with the body as pretrained; `decisions["kept"]` says so.

        Killed, or stopped with Ctrl-C, the same call on the same Learner goes on where it was.

        Args:
            epochs: Full passes over the training set with everything trained; 0 trains the head alone, which is mostly
                all there is to gain from few rows.
            budget: Instead of epochs: the time it may take, as "90s", "5min", "1.5h" or seconds.
            unfreeze: Share of the body to train, counted from the head by the work it does; None trains all, or
                with a budget what fits.
            lr: Peak rate of the head, from which the body's rates follow; None takes 2e-3, for numbers 5e-4.
            head_epochs: Passes with the body frozen; None solves for the head's best weights instead, or chooses where
                nothing is stored, the loss is a function of yours or `mixup` is on.
            statistics: What the body's batch normalisation standardises with while it is trained: "fixed", its own
                statistics, or "batch", those of each batch, which its own then follow; None takes "fixed" for a
                pretrained body, with rates that suit it.
            checkpoint: Where the run is saved while it goes on.
            callbacks: For this run, after the Learner's own.

        Raises:
            SettingError: Neither or both of `epochs` and `budget` are given, or the budget is too short.
            TrainingError: The loss is not finite, or memory ran out.
        """
        head = defaults.asked(None if head_epochs is None else whole("head_epochs", head_epochs, least=0))
        lr = defaults.choose_lr(lr, self.data.target, self.usual.get("lr"))
        checkpoint, callbacks = asking.asked_checkpoint(checkpoint), asking.asked_callbacks(callbacks)
        if unfreeze is not None:
            unfreeze = number("unfreeze", unfreeze, above=0, most=1)
        epochs, seconds = asking.asked_length(epochs, budget)
        solved = solves_head(self, head)
        rates, chosen = choose_rates(self, lr, statistics, solved=solved)
        recipe = Asked(lr, rates, head, unfreeze, chosen)
        if seconds is not None or epochs is None:
            run_within(self, seconds or 0.0, recipe, checkpoint, callbacks)
            return self
        phases, decisions = epochs_plan(self, epochs, recipe)
        self.decisions |= decisions
        folder = checkpoint_folder(self, phases, checkpoint, callbacks)
        run_phases(self, phases, folder, callbacks, guard=guard_of(self, callbacks))
        return self

    @named
    def fit(
        self,
        epochs: int,
        lr: float | None = None,
        *,
        statistics: Literal["fixed", "batch"] | None = None,
        checkpoint: CheckpointPlace = None,
        callbacks: Sequence[Callback] | Callback | None = (),
    ) -> Learner:
        """Train what is not frozen for some epochs with one cycle of the learning rate.

        Args and errors as of `fine_tune`.
        """
        epochs = whole("epochs", epochs, least=1)
        checkpoint, callbacks = asking.asked_checkpoint(checkpoint), asking.asked_callbacks(callbacks)
        rates, chosen = rates_of_fit(self, defaults.choose_lr(lr, self.data.target, self.usual.get("lr")), statistics)
        phases = [Phase("fit", epochs, self.network.body_frozen, rates, statistics=chosen)]
        run_phases(self, phases, checkpoint_folder(self, phases, checkpoint, callbacks), callbacks)
        return self

    @named
    def freeze(self) -> Learner:
        """Keep the body as it is: `fit` then trains the head alone."""
        self.network.freeze_body(True)
        return self

    @named
    def unfreeze(self) -> Learner:
        """Let `fit` train everything."""
        self.network.freeze_body(False)
        return self

    @named
    def find_lr(self, *, start: float = 1e-6, end: float = 1.0, steps: int = 100) -> LrSuggestion:
        """Suggest a rate for `fit` by a short trial of rising rates; the parameters are put back afterwards."""
        start, end = number("start", start, above=0), number("end", end, above=0)
        steps = whole("steps", steps, least=1)
        if start >= end:
            raise SettingError(f"start={start:g} and end={end:g}: expected start < end. To fix: exchange them.")
        return find_rate(self, start, end, steps)

    # ── what it says ────────────────────────────────────────────────────────────────────────────────────────────

    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What it says of rows whose target is known, in fp32 as the saved model answers, with each row's loss."""
        return self._judge(rows, self.place.judging())

    def identity(self) -> str:
        """SHA-256 of all parameters; of a network that lies split over processes, all have to ask after a change."""
        return self._hash()

    def artefact_files(self) -> Mapping[str, bytes]:
        """The parameters; `save` adds the same network as ONNX."""
        parameters = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        return {WEIGHTS: save(parameters)}

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes and prints, where several train together."""
        return self.place.main

    @named
    def predictor(self, *, top_k: int = 5) -> Predictor:
        """The trained model without the training data: what `predict` uses, and what `load` gives, in fp32."""
        refuse_split(self.place, "predict", "save it in all of them, and in one: dt.load(PATH).predict(…).")
        engine = TorchEngine(self.network, self.place.judging())
        return Predictor(self.kind.spec, self.data.target, engine, top_k=top_k)

    @overload
    def predict(self, source: list[Any]) -> list[Prediction]: ...  # pyright: ignore[reportOverlappingOverload]

    @overload
    def predict(self, source: Any) -> Prediction: ...

    @named
    def predict(self, source: Any) -> Any:
        """Answer for one picture, an array's colours being red, green, blue, or for a list; see `Predictor.predict`."""
        return self.predictor().predict(source)

    @named
    def predict_many(
        self, sources: PictureSource | Iterable[PictureSource], *, batch_size: int = 32
    ) -> Iterator[Prediction]:
        """Answers for many pictures; see `Predictor.predict_many`."""
        return self.predictor().predict_many(sources, batch_size=batch_size)

    # ── saving ──────────────────────────────────────────────────────────────────────────────────────────────────

    @named
    def save(
        self,
        path: str | os.PathLike[str],
        *,
        precision: ExportPrecision | None = "fp32",
        golden: int = 4,
        worst_change: float = 0.02,
        exemplars: int | None = None,
    ) -> Path:
        """Write the artefact: a folder with the parameters, the same model as ONNX, description and scores, no code.

        The ONNX model is compared with the trained one on at least 64 pictures (validation first) and on noise; where
        it says something else, none is written, a warning says what differed, and the artefact needs torch.

        Args:
            path: The folder, such as ``fruit.model``; an artefact that stands there is replaced in one step.
            precision: Of the ONNX model. Below fp32 it is taken only if the validation rows show that it costs little,
                else fp32 is kept, with a warning. int8 is smaller and faster; bf16 and fp16 are half the size. None
                writes no ONNX model.
            golden: Validation pictures that travel with the model, encoded small, so that a server can prove itself;
                0 takes random pictures instead: choose it where nobody may see your pictures.
            worst_change: Loss of accuracy that lower precision may bring, at the worse end of its 95 % interval: 0.02
                is two points.
            exemplars: Training rows of each class that travel with the model, for `update` to rehearse where the data
                are gone: whoever has the model can see them. None: as many as it was saved with before, at first none.

        Raises:
            ArtefactError: The place cannot be written to.
            SettingError: A setting is out of range.
        """
        plan, path = ExportPlan(precision, golden, worst_change), checked_place("path", path)
        return save_learner(self, path, plan, exemplars=asking.asked_exemplars(exemplars))

    @classmethod
    @named
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        data: Source | None = None,
        project: ProjectPlace = None,
        review: str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> Self:
        """Take up a saved model, to go on training it, to judge it or to look into it; `drivetrain.load` predicts.

        The rows are found again by content, each in the part that it had; the optimiser starts afresh.

        Args:
            path: The artefact.
            data: Folder, table or DataFrame that holds the pictures now; None takes the place they were trained from.
            project: The project folder, whose seals the rows are compared with; None takes the one at hand, see
                `images`.
            review: File of decisions that `drivetrain review` wrote, whose labels count instead of those of the data:
                what a saved model says of labels does not.
            settings: Of a Learner, but for what the saved model fixes: arch, size, pretrained and dropout.

        Raises:
            ArtefactError: The artefact cannot be used.
            DataError: None of the training rows are there.
            SealError: The project has sealed some of them as test rows since.
            SettingError: A setting is fixed by the saved model.

        Example:
            ::

                learn = dt.Learner.load("fruit.model")
                learn.fit(2)
        """
        return load_learner(cls, path, data=data, project=project, review=review, settings=settings)

    # ── showing ─────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def valid_store(self) -> Store:
        """Working pictures of the validation set."""
        return Store(self.data.valid.inputs, self.kind.spec, digests=self.data.valid.digests)

    def show_row(self, row: int, alt: str = "", *, side_px: int | None = None) -> Html | None:
        """A validation row as the network sees it; as it lies at its source, where its kind draws nothing itself."""
        if not draws_views(self.data.kind):
            return super().show_row(row, alt, side_px=side_px)
        loaded = self.valid_store.get([row])[0]
        return None if loaded is None else shown(self.data.kind, self.kind.spec.view(loaded), alt=alt, side_px=side_px)

    @named
    def show_batch(self, n: int = 9) -> Chart:
        """Training pictures as the network sees them: augmented."""
        return figures.show_batch(self.feeder, self.kind, self.data.train, n)

    @named
    def plot_lr(self) -> Chart:
        """The head's learning rate, step by step, in the last run."""
        return figures.learning_rates(self.phases_run, self.feeder.steps)

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    def __repr__(self) -> str:
        metrics = ", ".join(metric.name for metric in self.metrics)
        return printable(
            f"Learner({self.kind.architecture.label}, loss: {self.loss.name}, metrics: {metrics}, "
            f"{len(self.history)} epochs trained)\n{self.data!r}"
        )

    def quick_predictions(self) -> Predictions:
        """Of the validation set, between epochs: in the precision that trains, and by the windows of a row alone."""
        if not self.judges_twice:
            return self.predictions()  # the last epoch's are asked for again at the end
        return self._judge(self.data.valid, self.place, over_time=False)

    @property
    def judges_twice(self) -> bool:
        """Whether between epochs the validation set is judged in another way than at the end."""
        return self.place.judging() is not self.place or any_over_time(self.kind.spec, self.valid_store)

    def _judge(self, rows: Examples, place: Place, *, over_time: bool = True) -> Predictions:
        known = {id(self.data.train): self.feeder.store, id(self.data.valid): self.valid_store}
        store = known.get(id(rows)) or Store(rows.inputs, self.kind.spec, digests=rows.digests)
        outputs = raw_outputs(self.network, self.kind.spec, store, place, over_time=over_time)
        return judge(outputs, rows, self.data.target, self.loss)

    def _put_on_record(self, predictions: Predictions) -> None:
        """Nothing here: each run is put on record when it ends."""


Learner.__module__ = "drivetrain"  # where people find it, so that messages and help say so
