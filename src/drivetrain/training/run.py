"""A run: the phases of a plan, epoch by epoch, with checkpoints that let it be taken up at any step."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torchvision.transforms import v2

from drivetrain.errors import CheckpointError, TrainingError
from drivetrain.progress import Advance, say, track
from drivetrain.text import readable, short_reason
from drivetrain.training.callbacks import Callback, Row
from drivetrain.training.checkpoint import (
    Checkpoint,
    delete_checkpoint,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    write_checkpoint,
)
from drivetrain.training.fast.activations import Bank
from drivetrain.training.fast.growing import start_new_rows
from drivetrain.training.fast.memory import kept_memory
from drivetrain.training.fast.solving import settle_head, solve_head
from drivetrain.training.fast.starting import Starts
from drivetrain.training.feeding import Feeder
from drivetrain.training.kind import TrainingKind
from drivetrain.training.network import Network
from drivetrain.training.place import Place
from drivetrain.training.recipe.holding import Hold
from drivetrain.training.recipe.losses import Loss
from drivetrain.training.recipe.plan import FIXED, HEAD, MOST_EPOCHS, PLAN, SETTLE, Phase
from drivetrain.training.splitting import divided, gathered
from drivetrain.training.stepping import Stepper, make_optimizer, set_schedule

MOST_VALIDATING = 0.1
"""Share of a limited time that may go into validating between epochs; the last epoch of the plan is validated."""
CHECKPOINT_EVERY_S = 300.0
"""Within long epochs; the end of an epoch always makes one."""
ENDED = ("connection closed by peer", "connection reset by peer", "broken pipe", "connection refused")
"""What gloo says where a process that it talks to has ended."""


@dataclass(frozen=True)
class Setup:
    """What stays the same throughout a run."""

    network: Network
    kind: TrainingKind
    feeder: Feeder
    loss: Loss
    place: Place
    weight_decay: float
    clip_norm: float | None
    mix: v2.Transform | None
    validate: Callable[[], dict[str, float | None]]
    """Loss and metrics on the validation set, after an epoch; empty where there is none."""
    recorded: tuple[str, ...]
    """Losses and metrics that every epoch's row has."""
    better: Mapping[str, bool]
    """Metric name → whether higher is better."""
    hold: Hold | None = None
    """What a training that starts from a saved model holds on to."""


@dataclass
class Position:
    """The next step to take."""

    phase: int = 0
    epoch: int = 0
    """Within the phase."""
    step: int = 0
    """Within the epoch."""
    loss: float = 0.0
    """Sum over the rows of the epoch so far."""
    rows: int = 0
    seconds: float = 0.0
    """Spent on the epoch so far."""


class Run:
    """Carries out a plan.

    Args:
        setup: Network, data and settings.
        phases: What to do.
        callbacks: Called at fixed points, in order.
        folder: Where checkpoints go; None makes none.
        first_epoch: Number of the first epoch, for the history.
        seconds: What the run may take; the last phase is shortened or lengthened, in whole epochs, to fit.
        guard: One more callback, content with the epochs that a run of limited time validates.
    """

    def __init__(
        self,
        setup: Setup,
        phases: Sequence[Phase],
        callbacks: Sequence[Callback],
        folder: Path | None,
        *,
        first_epoch: int = 1,
        seconds: float | None = None,
        guard: Callback | None = None,
    ) -> None:
        self._began = time.monotonic()
        self._seconds = seconds
        self._validating, self._unvalidated = 0.0, 0.0
        """Seconds of the last validation, and of training since."""
        self.setup = setup
        self.network = setup.network
        self.phases = list(phases)
        self.callbacks = [*callbacks, *([guard] if guard else [])]
        self._all_validated = seconds is None or bool(callbacks)
        self.folder = folder
        self.first_epoch = first_epoch
        self.starts = Starts(setup.network, setup.kind, setup.feeder, setup.place, folder)
        self.history: list[Row] = []
        self.position = Position()
        self._stop_reason: str | None = None
        self._saved_at = time.monotonic()

    @property
    def main(self) -> bool:
        """Whether this process is the one that prints and writes files."""
        return self.setup.place.main

    @property
    def step(self) -> int:
        """Steps of the optimiser so far, in all phases."""
        before = self.phases[: self.position.phase]
        done = sum(phase.epochs for phase in before if not phase.solved) + self.position.epoch
        return done * self.setup.feeder.steps + self.position.step

    @property
    def recorded(self) -> tuple[str, ...]:
        """Losses and metrics that every epoch's row has."""
        return self.setup.recorded

    @property
    def better(self) -> Mapping[str, bool]:
        """Metric name → whether higher is better."""
        return self.setup.better

    @property
    def _quick(self) -> str:
        """The precision of the epochs' scores, where it is another one than that of the trained model's."""
        place = self.setup.place
        return "" if place.judging() is place else str(place.precision.value)

    def stop(self, reason: str) -> None:
        """End the run after this epoch."""
        self._stop_reason = reason

    def execute(self) -> list[Row]:
        """Train, from the checkpoint in the folder where there is one; returns one row per epoch.

        Raises:
            TrainingError: The loss is not finite, or memory ran out.
            CheckpointError: A checkpoint cannot be written or read.
            KeyboardInterrupt: Ctrl-C; the run was saved first.
        """
        checkpoint = self._found_checkpoint()
        for callback in self.callbacks:
            callback.on_run_start(self)
        if checkpoint:
            self._take_up(checkpoint)
        with (
            _deferred_interrupt() as interrupted,
            self.setup.place.own_randomness(),
            kept_memory(),
            _memory_explained(),
            _others_explained(self.setup.place.world),
        ):
            while self.position.phase < len(self.phases):
                if self._stop_reason is not None and not self.phases[self.position.phase].solved:
                    self.position = Position(phase=self.position.phase + 1)  # a head that was trained still settles
                    continue
                self._phase(checkpoint, interrupted)
                checkpoint = None
        if self._stop_reason:
            self._say(f"stopped: {self._stop_reason}")
        for callback in self.callbacks:
            callback.on_run_end(self)
        self.starts.close()
        if self.folder and self.main:
            (self.folder / PLAN).unlink(missing_ok=True)
            delete_checkpoint(self.folder)
        return self.history

    def _found_checkpoint(self) -> Checkpoint | None:
        """The folder's, or None; the same in all processes."""
        if self.folder is None:
            return None
        checkpoint = read_checkpoint(self.folder)
        seen = self.setup.place.each(0.0 if checkpoint is None else checkpoint.state.get("written", 1.0))
        if len(set(seen)) > 1:
            missing = ", ".join(str(rank) for rank, written in enumerate(seen) if not written)
            found = f"none in process {missing}" if missing else "another one in each"
            raise CheckpointError(
                f"the {len(seen)} processes do not find the same checkpoint in {readable(self.folder)}: {found}. "
                "Expected one folder that all of them see. To fix: name one on a disk that all machines share with "
                "project=, DRIVETRAIN_PROJECT or checkpoint=."
            )
        return checkpoint

    def _phase(self, checkpoint: Checkpoint | None, interrupted: Callable[[], bool]) -> None:
        phase, setup = self.phases[self.position.phase], self.setup
        if phase.solved:
            self._solve(phase, interrupted)
            return
        self.network.fix_statistics(phase.statistics == FIXED)
        start = self.starts.prepare(self.phases, self.position.phase)
        self.network.train()
        optimizer = make_optimizer(self.network, setup.kind.depth, phase.rates, setup.weight_decay)
        stepper = Stepper(
            self.network,
            optimizer,
            setup.loss,
            setup.kind,
            setup.place,
            clip_norm=setup.clip_norm,
            mix=setup.mix,
            start=start.part,
            hold=setup.hold,
        )
        if checkpoint:
            restore_optimizer(optimizer, checkpoint.part("optimizer"))
            stepper.scaler.load_state_dict(checkpoint.state["scaler"])
        while self.position.epoch < (phase := self.phases[self.position.phase]).epochs and self._stop_reason is None:
            self._epoch(phase, stepper, start.bank, interrupted)
        self.position = Position(phase=self.position.phase + 1)

    def _solve(self, phase: Phase, interrupted: Callable[[], bool]) -> None:
        """Not saved: what it takes time to make, the features, is stored, and the rest comes out the same again."""
        began, frozen = time.monotonic(), list(self.network.frozen)
        self.network.freeze_body(True)
        bank = self.starts.judged(phase.name)
        hold, target = self.setup.hold, self.setup.feeder.target
        if hold is not None and phase.name == HEAD:
            start_new_rows(self.network, bank, target, n_old=hold.n_old)
        if hold is None or hold.solves:
            solve = settle_head if phase.name == SETTLE else solve_head
            alone = hold is not None and not hold.rehearsed
            self.position.loss = solve(self.network, bank, target, self.setup.loss, from_start=alone)
        self.position.rows = 1
        self._finish_epoch(phase, began)
        self.network.freeze(frozen[0] if frozen else None)
        self.position = Position(phase=self.position.phase + 1)
        if any(self.setup.place.any(interrupted())):
            raise KeyboardInterrupt

    def _epoch(self, phase: Phase, stepper: Stepper, bank: Bank | None, interrupted: Callable[[], bool]) -> None:
        position, steps = self.position, self.setup.feeder.steps
        began = time.monotonic() - position.seconds
        total = phase.epochs * steps
        number = self.first_epoch + position.epoch  # of a later run another one: it draws anew
        with self._progress(phase) as advance:
            for step in self.setup.feeder.epoch(position.phase, number, start=position.step, bank=bank):
                set_schedule(stepper.optimizer, phase, position.epoch * steps + step.index, total)
                loss = stepper.take(step)
                position.loss += loss * step.rows
                position.rows += step.rows
                position.step += 1
                position.seconds = time.monotonic() - began
                advance(1, note=f"loss {position.loss / position.rows:.3f}")
                for callback in self.callbacks:
                    callback.on_step_end(self, loss)
                self._save_within_epoch(stepper, interrupted)
        self.network.zero_grad(set_to_none=True)  # the copy that is judged lies where the gradients lay
        self._fit_into_time(time.monotonic() - began)
        self._finish_epoch(self.phases[position.phase], began)
        self.position = Position(phase=position.phase, epoch=position.epoch + 1)
        if self.folder:
            self._save(stepper)
        (leave,) = self.setup.place.any(interrupted())
        self._leave_if(leave, stepper)

    def _fit_into_time(self, training: float) -> None:
        """Let the last phase with steps have as many epochs as there is time for, judged by those it has done.

        Before this epoch is validated, since the last one always is.
        """
        index, done = self.position.phase, self.position.epoch + 1
        if self._seconds is None or any(not later.solved for later in self.phases[index + 1 :]):
            return
        solved = [float(row["seconds"] or 0) for row in self.history if row["phase"] == HEAD]
        settling = solved[-1] if solved and index + 1 < len(self.phases) else 0.0  # the second time as the first
        phase = self.phases[index]
        earlier = sum(float(row["seconds"] or 0) for row in self.history[len(self.history) - done + 1 :])
        mean = (earlier + training + self._validating) / done
        left = self._seconds - (time.monotonic() - self._began) - self._validating - settling
        fitting = done + int(self.setup.place.first(max(0, int(left / mean))))
        # The rate falls with the share of the epochs done: late in the phase, more of them would make it rise again.
        if fitting < phase.epochs or done < phase.epochs / 2:
            self.phases[index] = replace(phase, epochs=min(fitting, MOST_EPOCHS))

    def _finish_epoch(self, phase: Phase, began: float) -> None:
        self.setup.place.share_buffers(self.network)
        train_loss = self.setup.place.sum(self.position.loss) / self.position.rows
        scores = self._validate(phase, time.monotonic() - began)
        row: Row = {
            "epoch": self.first_epoch + len(self.history),
            "phase": phase.name,
            "train_loss": train_loss,
            **scores,
            "lr": phase.rates.head,
            "seconds": round(time.monotonic() - began, 3),
        }
        self.history.append(row)
        self._say(describe(row, self.first_epoch - 1 + sum(p.epochs for p in self.phases), self._quick))
        for callback in self.callbacks:
            callback.on_epoch_end(self)

    def _validate(self, phase: Phase, training: float) -> dict[str, float | None]:
        """Loss and metrics; none between the epochs of a limited time where they would take too much of it."""
        last = self.position.phase == len(self.phases) - 1 and self.position.epoch + 1 >= phase.epochs
        self._unvalidated += training
        hurried = not self._all_validated and not last
        too_often = self._unvalidated * MOST_VALIDATING < self._validating
        if hurried and self.setup.place.first(too_often):
            return dict.fromkeys(self.recorded[1:])
        began = time.monotonic()
        scores = self.setup.validate()
        self._validating, self._unvalidated = time.monotonic() - began, 0.0
        return scores

    @contextmanager
    def _progress(self, phase: Phase) -> Generator[Advance]:
        label = f"epoch {self.first_epoch + len(self.history)} ({phase.name})"
        total = self.setup.feeder.steps - self.position.step if self.main else 0
        with track(label, total) as advance:
            yield advance

    def _say(self, message: str) -> None:
        if self.main:
            say(message)

    def _leave_if(self, interrupted: bool, stepper: Stepper) -> None:
        if not interrupted:
            return
        if self.folder:
            self._save(stepper)
            self._say(f"interrupted; saved to {self.folder}. Run the same again to go on from here.")
        raise KeyboardInterrupt

    def _save_within_epoch(self, stepper: Stepper, interrupted: Callable[[], bool]) -> None:
        """Together: a process that went on alone would wait for the others for ever."""
        overdue = time.monotonic() - self._saved_at >= CHECKPOINT_EVERY_S
        leave, due = self.setup.place.any(interrupted(), overdue)
        self._leave_if(leave, stepper)
        if self.folder and due and self.position.step < self.setup.feeder.steps:
            self._save(stepper)

    def _save(self, stepper: Stepper) -> None:
        self._saved_at = time.monotonic()
        losses = self.setup.place.each(self.position.loss)
        parts = {"network": self.network.state_dict(), "optimizer": optimizer_tensors(stepper.optimizer)}
        parts |= {f"callback{i}": callback.tensors() for i, callback in enumerate(self.callbacks)}
        parts = {name: gathered(tensors, keep=self.main) for name, tensors in parts.items()}
        if not self.main:
            return
        assert self.folder is not None
        state = {
            "position": vars(self.position),
            "losses": losses,
            "history": self.history,
            "scaler": stepper.scaler.state_dict(),
            "callbacks": [callback.state() for callback in self.callbacks],
            "stop_reason": self._stop_reason,
            "epochs": [phase.epochs for phase in self.phases],
            "spent": time.monotonic() - self._began,
            "written": time.time(),
        }
        write_checkpoint(self.folder, parts, state)

    def _take_up(self, checkpoint: Checkpoint) -> None:
        state = checkpoint.state
        self.position = Position(**state["position"])
        if "losses" in state:  # each process has the sum of its own rows
            self.position.loss = state["losses"][self.setup.place.rank]
        self.history = list(state["history"])
        self._stop_reason = state["stop_reason"]
        self.phases = [replace(phase, epochs=n) for phase, n in zip(self.phases, state["epochs"], strict=True)]
        self._began -= state["spent"]
        self.network.load_state_dict(divided(self.network, checkpoint.part("network")))
        for i, (callback, stored) in enumerate(zip(self.callbacks, state["callbacks"], strict=True)):
            callback.restore(stored, divided(self.network, checkpoint.part(f"callback{i}")))
        self._say(f"resuming the run in {self.folder}: {self.step} steps are done")


def describe(row: Mapping[str, Any], epochs: int, quick: str = "") -> str:
    """One line per epoch, with what the optimiser reads apart from what a person reads.

    `quick` is the precision it was judged in, where the trained model is judged in another one.
    """
    losses = [
        f"{name.removesuffix('_loss')} {row[name]:.3f}"
        for name in ("train_loss", "valid_loss")
        if row.get(name) is not None
    ]
    others = {"epoch", "phase", "train_loss", "valid_loss", "lr", "seconds"}
    metrics = [f"{name} {value:.4f}" for name, value in row.items() if name not in others and value is not None]
    where = f"validation, in {quick}" if quick else "validation"
    shown = f" | metrics on {where}: {', '.join(metrics)}" if metrics else ""
    return f"epoch {row['epoch']}/{epochs} ({row['phase']}) | loss: {', '.join(losses)}{shown} | {row['seconds']:.1f} s"


@contextmanager
def _deferred_interrupt() -> Generator[Callable[[], bool]]:
    """Ctrl-C is noticed between two steps, where the run can be saved; a second one stops at once."""
    pressed = False

    def note(signum: int, frame: Any) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _memory_explained() -> Generator[None]:
    """Turn an out-of-memory error into one that says what to change."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_about_memory(error):
            raise
        raise TrainingError(
            f"memory ran out ({str(error).splitlines()[0][:200]}). To fix: a smaller batch_size (with accumulate=2 "
            "the steps stay as large), a smaller size, or a smaller arch. The last checkpoint is kept."
        ) from error


@contextmanager
def _others_explained(world: int) -> Generator[None]:
    """Turn what is said where another process has ended into an error that says where to look."""
    try:
        yield
    except RuntimeError as error:
        ended = any(words in str(error).lower() for words in ENDED)
        ended |= isinstance(error, torch.distributed.DistError)
        if world == 1 or not ended or isinstance(error, TrainingError):
            raise
        said = short_reason(RuntimeError(re.sub(r"^\[\S+\] ", "", str(error)).partition(". ")[0]))
        raise TrainingError(
            f"another of the {world} processes ended, or cannot be reached ({said}); expected all of them to the end "
            "of the run. To fix: read what that one said, and run the same again: it goes on from the last checkpoint."
        ) from error


def _is_about_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in text or "out of memory" in text
