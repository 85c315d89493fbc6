"""The Learner: data, architecture and metrics together, with what can be done with them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.notices import warn
from drivetrain.data.sealing import begin_trial
from drivetrain.data.store import Store
from drivetrain.errors import SettingError
from drivetrain.evaluation.metrics import Metric, resolve_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Scores
from drivetrain.progress import say
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Manifest, Opening
from drivetrain.runtime.pictures import PictureSource
from drivetrain.runtime.places import why_not_writable
from drivetrain.runtime.predictor import Prediction, Predictor
from drivetrain.settings import choice, flag, number, whole
from drivetrain.settings import device as asked_device
from drivetrain.text import printable
from drivetrain.training import asking, defaults
from drivetrain.training.asking import CheckpointPlace, TakenUp
from drivetrain.training.callbacks import Callback, Row
from drivetrain.training.checkpoint import RunClaim, claim_run
from drivetrain.training.class_weights import ClassWeights, asked_weights, weights_decision
from drivetrain.training.evaluating import TorchEngine
from drivetrain.training.feeding import Feeder
from drivetrain.training.fine_tuning import (
    Recipe,
    budget_plan,
    choose_rates,
    epochs_plan,
    keep_plan,
    rates_of_fit,
    solves_head,
)
from drivetrain.training.identity import fingerprint, parameters_sha256
from drivetrain.training.keep_head import KeepHead, guard_of
from drivetrain.training.keeping import Keeping
from drivetrain.training.kinds import asked_augmentation, prepare_kind
from drivetrain.training.losses import LossFunction, make_loss
from drivetrain.training.lr_find import LrSuggestion, find_rate
from drivetrain.training.network import Network
from drivetrain.training.place import Precision, find_place
from drivetrain.training.plan import Phase
from drivetrain.training.reporting import Reporting
from drivetrain.training.run import Run, Setup
from drivetrain.training.sealing import Sealing
from drivetrain.training.stepping import make_mix
from drivetrain.training.validating import Validating

MetricLike = str | Metric | Any
"""A name, a `Metric`, or a function of truth and output."""


class Learner(Validating, Sealing, Keeping, Reporting):
    """Data, architecture and metrics; trains, judges itself, and predicts.

    Loss, activation and default metrics follow from the target. `decisions` holds what was decided, and why.

    Args:
        data: What `drivetrain.images` gave.
        arch: A timm architecture, a local timm folder (``local-dir:FOLDER`` or its path), or a name of `drivetrain
            bodies`; None takes ``resnet34``, or ``embedded``, which ships with drivetrain, where those weights cannot
            be had. A saved model's manifest builds its network with random weights; `load` takes up the model itself.
        metrics: What people read: names or functions of truth and output; None takes what suits the target.
        loss: What the optimiser reads: a name or a function of outputs and targets; None takes what suits the target.
        pretrained: Start from the architecture's pretrained weights, or from scratch.
        size: Side of the pictures in px, or (side, side); None takes what the weights were trained with.
        fit: What becomes of pictures that are not square: "crop" reads their centre square, "squeeze" and "pad" all of
            them; None chooses by what would be lost.
        batch_size: Pictures that go through the network together (over all processes); None chooses.
        accumulate: Batches per step of the optimiser.
        augment: Vary training pictures: True as the kind of input defaults to (not mirrored, where names or pictures
            say that left and right are the answer), False, None or "none" not at all, or settings
            (`drivetrain.Augmentation`, or a dict of some of them).
        mixup: Strength α of MixUp (Zhang et al. 2018); 0 is off. Not together with `cutmix`.
        cutmix: Strength α of CutMix (Yun et al. 2019); 0 is off.
        label_smoothing: Share of probability spread over all categories; None takes 0.1 for single categories
            where the body is not pretrained, else 0.
        class_weights: "balanced", category → weight (1 where none is named), or a list, array or tensor of a weight
            per category in their order, for classes of unequal size or importance. With several labels per row, rows
            with a label are weighed against those without it: "balanced" gives both the same weight in all, a number
            says what a row with the label counts, beside 1. Probabilities then no longer are frequencies.
        dropout: Of the head, 0 ≤ dropout < 1.
        weight_decay: Decoupled, on weights of more than one dimension.
        clip_norm: Largest norm of the gradient, above 0; None does not clip.
        precision: Of training: "auto", "fp32", "bf16" or "fp16"; other libraries' words for them and torch's are
            understood. Scores and answers are in fp32, as the saved model's are.
        device: "auto", "gpu", a torch device, its name, or the number of a GPU.
        seed: Of the head's first parameters, the order and the augmentation; None takes the split's.
        store_activations: Compute what is frozen once, for some random views of each row, and keep it while a run
            lasts; or in every epoch anew.
        callbacks: Take part in every run; one or several.

    Raises:
        SettingError: An argument cannot be used.
        ModelError: The architecture is unknown or its weights cannot be had.

    Example:
        >>> learn = Learner(data, "resnet34")  # doctest: +SKIP
        >>> learn.fine_tune(4)  # doctest: +SKIP
        >>> learn.validate()  # doctest: +SKIP
        accuracy 93.1 % [91.5, 94.5], n = 812
    """

    @named
    def __init__(
        self,
        data: Data,
        arch: str | os.PathLike[str] | Manifest | TakenUp | None = None,
        *,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
        loss: str | LossFunction | None = None,
        pretrained: bool = True,
        size: int | tuple[int, int] | None = None,
        batch_size: int | None = None,
        accumulate: int = 1,
        fit: Literal["crop", "squeeze", "pad"] | None = None,
        augment: bool | BaseModel | Mapping[str, Any] | Literal["none"] | None = True,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        label_smoothing: float | None = None,
        class_weights: ClassWeights = None,
        dropout: float = 0.2,
        weight_decay: float = 0.01,
        clip_norm: float | None = None,
        precision: Precision | torch.dtype = "auto",
        device: str | int | torch.device = "auto",
        seed: int | None = None,
        store_activations: bool = True,
        callbacks: Sequence[Callback] | Callback | None = (),
    ) -> None:
        self.data = data = asking.asked_data(data)
        saved, unlike = asking.asked_manifest(arch, size) if isinstance(arch, Manifest | TakenUp) else (None, None)
        arch = asking.asked_arch(arch) if saved is None else None
        self.pretrained = flag("pretrained", pretrained) and unlike is None
        size, dropout = asking.asked_size(size), number("dropout", dropout, least=0, below=1)
        fit, batch_size = (
            choice("fit", fit, asking.FITS),
            None if batch_size is None else whole("batch_size", batch_size, least=1),
        )
        self.seed = data.split.seed if seed is None else whole("seed", seed, least=0)
        self.callbacks = asking.asked_callbacks(callbacks)
        self.accumulate = whole("accumulate", accumulate, least=1)
        augment = asked_augmentation(data, augment)
        weights = asked_weights(class_weights, data.target)
        if label_smoothing is not None:
            label_smoothing = number("label_smoothing", label_smoothing, least=0, below=1)
        self.weight_decay = number("weight_decay", weight_decay, least=0)
        self.clip_norm = None if clip_norm is None else number("clip_norm", clip_norm, above=0)
        mixup, cutmix = number("mixup", mixup, least=0), number("cutmix", cutmix, least=0)
        self.mix = make_mix(mixup, cutmix, data.target)
        self.store_activations = flag("store_activations", store_activations)
        self.metrics = resolve_metrics(metrics, data.target)
        self.history: list[Row] = []
        """One row per epoch trained, over all runs."""
        self.phases_run: list[Phase] = []
        self._start_of: dict[str, str] = {}
        self._claim: RunClaim | None = None
        """Parameters that a stopped run left behind → those it started from: the same call takes up that run."""
        self._judged: tuple[str, Predictions] | None = None
        """What was said of the validation set, and by which parameters."""
        self.judging_seconds = 0.0
        """What it took to judge the validation set, the last time."""
        self._validated: tuple[tuple[str, tuple[Metric, ...]], Scores] | None = None
        self.test_openings: list[Opening] = []
        """Each time the test set was opened, and what it said."""
        device = asked_device(device)
        self.place = find_place(device, precision)
        training_rows = data.target.encode(data.train.values)
        self.loss = make_loss(
            loss,
            data.target,
            label_smoothing=self._label_smoothing(loss, label_smoothing),
            class_weights=weights,
            training_rows=training_rows,
        )
        with self.place.own_randomness():
            torch.manual_seed(self.seed)
            self.kind = prepare_kind(
                data,
                arch=saved or arch,
                pretrained=self.pretrained,
                size_px=size,
                fit=choice("fit", fit, asking.FITS),
                augment=augment,
                dropout=dropout,
            )
            self.network = Network(
                self.kind.normalise(),
                self.kind.body,
                features=self.kind.architecture.features,
                n_outputs=data.target.n_outputs,
                dropout=dropout,
            )
        tilt = 0.0 if self.loss.tilt_K is None else self.loss.tilt_K
        self.network.start_from(defaults.base_rates(data.target, training_rows) + tilt)
        self.network.to(self.place.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        batch = defaults.asked(batch_size) or defaults.choose_batch_size(len(data.train), self.place.device.type)
        self.batch_size = int(batch.value or 0)
        self.decisions: dict[str, Decision] = {
            **data.decisions,
            **self.kind.decisions,
            **({} if unlike is None else {"arch": unlike}),
            "device": Decision(value=str(self.place.device), reason="found" if device == "auto" else "as asked"),
            "precision": self.place.precision,
            "size": Decision(
                value=self.kind.reader.size_px, reason="what the weights read" if size is None else "as asked"
            ),
            "batch_size": batch,
        }
        if (weighed := weights_decision(weights, self.loss.weights, data.target)) is not None:
            self.decisions["class_weights"] = weighed
        self.feeder = Feeder(
            Store(data.train.paths, self.kind.reader, digests=data.train.digests),
            data.target.training_form(training_rows),
            self.kind,
            batch_size=self.batch_size,
            accumulate=self.accumulate,
            seed=self.seed,
            rank=self.place.rank,
            world=self.place.world,
        )
        self._settings = {
            "architecture": self.kind.architecture.model_dump(),
            "reader": self.kind.reader.model_dump(),
            "views": [repr(augment), self.decisions["augmentation"].value],
            "loss": [self.loss.name, label_smoothing, weights],
            "mix": [mixup, cutmix],
            "optimizer": [self.weight_decay, self.clip_norm],
            "batches": [self.batch_size, self.accumulate, self.place.world],
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
        spent: float = 0.0,
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
            epochs: Full passes over the training set with everything trained, at least 1.
            budget: Instead of epochs: the time it may take, as "90s", "5min", "1.5h" or seconds.
            spent: Seconds of the budget that were used before this call, or will be after it.
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
        lr = defaults.choose_lr(lr, self.data.target)
        spent, checkpoint = number("spent", spent, least=0), asking.asked_checkpoint(checkpoint)
        callbacks = asking.asked_callbacks(callbacks)
        if unfreeze is not None:
            unfreeze = number("unfreeze", unfreeze, above=0, most=1)
        epochs, seconds = asking.asked_length(epochs, budget)
        solved = solves_head(self, head)
        rates, chosen = choose_rates(self, lr, statistics, solved=solved)
        recipe = Recipe(lr, rates, head, unfreeze, chosen)
        if seconds is not None or epochs is None:
            return self._within(seconds or 0.0, spent, recipe, checkpoint, callbacks)
        phases, decisions = epochs_plan(self, epochs, recipe)
        self.decisions |= decisions
        folder = self._checkpoint_folder(phases, checkpoint, callbacks)
        return self._run(phases, folder, callbacks, guard=guard_of(self, callbacks))

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
        rates, chosen = rates_of_fit(self, defaults.choose_lr(lr, self.data.target), statistics)
        phases = [Phase("fit", epochs, self.network.body_frozen, rates, statistics=chosen)]
        return self._run(phases, self._checkpoint_folder(phases, checkpoint, callbacks), callbacks)

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

    # ── predicting and saving ───────────────────────────────────────────────────────────────────────────────────

    @named
    def predictor(self, *, top_k: int = 5) -> Predictor:
        """The trained model without the training data: what `predict` uses, and what `load` gives, in fp32."""
        engine = TorchEngine(self.network, self.place.judging())
        return Predictor(self.kind.reader, self.data.target, engine, top_k=top_k)

    @named
    def predict(self, source: PictureSource) -> Prediction:
        """Answer for one picture, an array's colours being red, green, blue; see `Predictor.predict`."""
        return self.predictor().predict(source)

    @named
    def predict_many(
        self, sources: PictureSource | Iterable[PictureSource], *, batch_size: int = 32
    ) -> Iterator[Prediction]:
        """Answers for many pictures; see `Predictor.predict_many`."""
        return self.predictor().predict_many(sources, batch_size=batch_size)

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    def __repr__(self) -> str:
        metrics = ", ".join(metric.name for metric in self.metrics)
        return printable(
            f"Learner({self.kind.architecture.label}, loss: {self.loss.name}, metrics: {metrics}, "
            f"{len(self.history)} epochs trained)\n{self.data!r}"
        )

    def _within(
        self,
        seconds: float,
        spent: float,
        recipe: Recipe,
        checkpoint: CheckpointPlace,
        callbacks: Sequence[Callback],
    ) -> Learner:
        """Plan for a time and train; a run that was stopped goes on with the plan that it had."""
        began = time.monotonic() - spent
        folder = self._checkpoint_folder(f"within {seconds} s", checkpoint, callbacks)
        phases, decisions = keep_plan(folder, self.place, lambda: budget_plan(self, seconds - spent, recipe, folder))
        self.decisions |= decisions
        # the trained model is judged once more, in fp32, where that is not how the epochs were
        judging = 0.0 if self.place.judging() is self.place else self.place.first(self.judging_seconds)
        left = seconds - (time.monotonic() - began) - judging
        return self._run(phases, folder, callbacks, seconds=left, guard=guard_of(self, callbacks))

    def _run(
        self,
        phases: list[Phase],
        folder: Path | None,
        callbacks: Sequence[Callback],
        *,
        seconds: float | None = None,
        guard: KeepHead | None = None,
    ) -> Learner:
        for name, decision in self.decisions.items():
            if self.place.main:
                say(f"{name}: {decision}")
        self.phases_run = phases
        run = Run(
            Setup(
                network=self.network,
                kind=self.kind,
                feeder=self.feeder,
                loss=self.loss,
                place=self.place,
                weight_decay=self.weight_decay,
                clip_norm=self.clip_norm,
                mix=self.mix,
                validate=self._epoch_scores,
                recorded=("train_loss", *self._validated_columns()),
                better={metric.name: metric.higher_is_better is not False for metric in self.metrics},
            ),
            phases,
            [*self.callbacks, *callbacks],
            folder,
            first_epoch=len(self.history) + 1,
            seconds=seconds,
            guard=guard,
        )
        start = self._start()
        try:
            if self.place.main:
                begin_trial(self.data)
            epochs = run.execute()
        except BaseException:
            self._start_of[parameters_sha256(self.network)] = start
            raise
        finally:
            self._let_others_run()
        self.history = [*self.history, *epochs]
        self.phases_run = run.phases  # a limited time changes their length
        if guard is not None and guard.kept is not None:
            self.decisions["kept"] = guard.kept
        self._log_trial(epochs)
        return self

    def _start(self) -> str:
        """Identity of the parameters a run starts from; after a run that was stopped, those that one started from."""
        now = parameters_sha256(self.network)
        return self._start_of.get(now, now)

    def _checkpoint_folder(
        self, plan: list[Phase] | str, checkpoint: CheckpointPlace, callbacks: Sequence[Callback]
    ) -> Path | None:
        """A folder of its own for every distinct run, so that only the same run is taken up again."""
        if checkpoint is False:
            return None
        reason = why_not_writable(self.project.checkpoints) if checkpoint is None else None
        if reason is not None:
            warn(
                f"no checkpoints are made: {reason}. A run that is interrupted begins anew. "
                "To fix: name another folder with project=, DRIVETRAIN_PROJECT or checkpoint=."
            )
            return None
        facts = {
            **self._settings,
            "split": self.data.split.identity,
            "values": repr(self.data.train.values),
            "start": self._start(),
            "phases": repr(plan),
            "callbacks": [type(callback).__qualname__ for callback in (*self.callbacks, *callbacks)],
        }
        folder = (self.project.checkpoints if checkpoint is None else Path(checkpoint)) / fingerprint(facts)
        self._let_others_run()
        if self.place.world > 1:  # the processes of one run share a folder
            return folder
        self._claim = claim_run(folder)
        if self._claim.folder != folder:
            say(f"the same run goes on in another process, or was stopped there: this one uses {self._claim.folder}")
        return self._claim.folder

    def _let_others_run(self) -> None:
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def _label_smoothing(self, loss: str | LossFunction | None, asked: float | None) -> float:
        if asked is not None:
            return asked
        suits = loss is None and self.data.target.kind == "category" and not self.pretrained
        return defaults.LABEL_SMOOTHING if suits else 0.0
