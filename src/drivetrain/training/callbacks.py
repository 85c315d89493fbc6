"""Callbacks: what may happen at fixed points of a run. Subclass `Callback` and override the hooks you need."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from drivetrain.calls import named
from drivetrain.errors import MissingExtraError, SettingError, did_you_mean
from drivetrain.progress import say
from drivetrain.runtime.artefact import write_durably
from drivetrain.settings import number, place, text, whole
from drivetrain.text import readable
from drivetrain.training.checkpoint import snapshot
from drivetrain.training.network import Network

Row = dict[str, float | int | str | None]
"""One epoch: epoch, phase, train_loss, valid_loss, one entry per metric, lr, seconds."""


class RunView(Protocol):
    """What a callback sees of the run."""

    network: Network
    history: list[Row]
    """Epochs so far, the latest last."""

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes files."""
        ...

    @property
    def step(self) -> int:
        """Steps of the optimiser so far, in all phases."""
        ...

    @property
    def recorded(self) -> tuple[str, ...]:
        """Losses and metrics that every epoch's row has."""
        ...

    @property
    def better(self) -> Mapping[str, bool]:
        """Metric name → whether higher is better; losses are better lower."""
        ...

    def stop(self, reason: str) -> None:
        """End the run after this epoch; the reason is printed."""
        ...


class Callback:
    """Hooks in the order they are called; each does nothing here.

    Example:
        >>> class Shout(Callback):
        ...     def on_epoch_end(self, run: RunView) -> None:
        ...         print("epoch", run.history[-1]["epoch"])
    """

    def on_run_start(self, run: RunView) -> None:
        """Before the first epoch; of a resumed run too, whose state is restored after this."""

    def on_step_end(self, run: RunView, loss: float) -> None:
        """After each step of the optimiser, with the step's mean loss."""

    def on_epoch_end(self, run: RunView) -> None:
        """After each epoch was validated; its row is `run.history[-1]`."""

    def on_run_end(self, run: RunView) -> None:
        """After the last epoch; not after an interruption."""

    def state(self) -> dict[str, Any]:
        """What to store in a checkpoint, as plain JSON values."""
        return {}

    def tensors(self) -> dict[str, Tensor]:
        """Tensors to store in a checkpoint."""
        return {}

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Take up what `state` and `tensors` gave."""


class _Monitor(Callback):
    """Follows one number from epoch to epoch."""

    def __init__(self, monitor: str) -> None:
        self.monitor = text("monitor", monitor, what="'valid_loss' or the name of a metric")
        self.best: float | None = None
        self.best_epoch = 0

    def on_run_start(self, run: RunView) -> None:
        if self.monitor not in run.recorded:
            hint = "" if "valid_loss" in run.recorded else " There is no validation set."
            raise SettingError(
                f"monitor={self.monitor!r} is not among what an epoch records: expected {', '.join(run.recorded)}."
                f"{hint}{did_you_mean(self.monitor, run.recorded)} To fix: monitor one of these."
            )
        self.best, self.best_epoch = None, 0  # each run is judged on its own

    def _improved(self, run: RunView, min_delta: float = 0.0) -> bool:
        row = run.history[-1]
        value = _number(row, self.monitor)
        if value is None:
            return False
        higher = run.better.get(self.monitor, False)
        gain = math.inf if self.best is None else (value - self.best if higher else self.best - value)
        if gain <= min_delta:
            return False
        self.best, self.best_epoch = value, int(row["epoch"] or 0)
        return True

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch}

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]


class EarlyStopping(_Monitor):
    """Stop when a number has not improved for some epochs, counted across all phases of a run.

    Args:
        patience: Epochs without improvement that are allowed, at least 1.
        monitor: ``valid_loss`` or the name of a metric.
        min_delta: An improvement smaller than this does not count.

    Example:
        >>> stop = EarlyStopping(patience=5, monitor="accuracy")  # learn.fine_tune(50, callbacks=[stop])
        >>> stop.patience
        5
    """

    @named
    def __init__(self, patience: int = 3, *, monitor: str = "valid_loss", min_delta: float = 0.0) -> None:
        super().__init__(monitor)
        self.patience = whole("patience", patience, least=1)
        self.min_delta = number("min_delta", min_delta, least=0)

    def on_epoch_end(self, run: RunView) -> None:
        if not self._improved(run, self.min_delta):
            waited = int(run.history[-1]["epoch"] or 0) - self.best_epoch
            if waited >= self.patience:
                run.stop(f"{self.monitor} has not improved for {waited} epochs (best: epoch {self.best_epoch})")


class KeepBest(_Monitor):
    """End with the parameters of the best epoch, over all phases of a run, instead of the last.

    The best of many epochs looks a little better on the validation set than it is; the test set tells.

    Args:
        monitor: ``valid_loss`` or the name of a metric.

    Example:
        >>> keep = KeepBest(monitor="accuracy")  # learn.fine_tune(50, callbacks=[keep])
        >>> keep.monitor
        'accuracy'
    """

    @named
    def __init__(self, *, monitor: str = "valid_loss") -> None:
        super().__init__(monitor)
        self._parameters: dict[str, Tensor] = {}

    def on_run_start(self, run: RunView) -> None:
        super().on_run_start(run)
        self._parameters = {}

    def on_epoch_end(self, run: RunView) -> None:
        if self._improved(run):
            self._parameters = snapshot(run.network)

    def on_run_end(self, run: RunView) -> None:
        if self._parameters:
            run.network.load_state_dict(self._parameters)
            self._parameters = {}
        if run.main and 0 < self.best_epoch != run.history[-1]["epoch"]:
            say(f"kept as after epoch {self.best_epoch}: {self.monitor} {self.best:.4g}, the best on validation")

    def tensors(self) -> dict[str, Tensor]:
        return self._parameters

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        super().restore(state, tensors)
        self._parameters = tensors


def _number(row: Row, column: str) -> float | None:
    value = row.get(column)
    return float(value) if isinstance(value, (int, float)) and not math.isnan(value) else None


class LogFile(Callback):
    """Write one row per epoch to a file: ``.csv``, or ``.jsonl`` for one JSON object per line.

    The file is whole after every epoch, also of a resumed run; a later run of the same Learner adds to it.

    Example:
        >>> log = LogFile("training.csv")  # learn.fine_tune(50, callbacks=[log])
        >>> log.path.name
        'training.csv'
    """

    @named
    def __init__(self, path: str | Path) -> None:
        self.path = Path(place("path", path))
        if self.path.suffix not in {".csv", ".jsonl"}:
            raise SettingError(
                f"the log {readable(self.path)} has suffix {self.path.suffix!r}: expected .csv or .jsonl. To fix: name "
                f"it {readable(self.path.with_suffix('.csv').name)}."
            )
        self._earlier: list[Row] = []

    def on_epoch_end(self, run: RunView) -> None:
        if not run.main:
            return
        rows = [*self._earlier, *run.history]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.suffix == ".jsonl":
            text = "".join(json.dumps(row) + "\n" for row in rows)
        else:
            stream = io.StringIO()
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
            text = stream.getvalue()
        write_durably(self.path, text.encode())

    def on_run_end(self, run: RunView) -> None:
        self._earlier += run.history


class TensorBoardLog(Callback):
    """Write losses, metrics and rates for TensorBoard.

    Raises:
        MissingExtraError: The package is not installed (``pip install drivetrain[log]``).

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     board = TensorBoardLog(folder)  # learn.fine_tune(50, callbacks=[board])
    """

    @named
    def __init__(self, folder: str | Path) -> None:
        folder = place("folder", folder)
        try:
            from torch.utils.tensorboard.writer import SummaryWriter  # noqa: PLC0415 - an optional package
        except ImportError as error:
            raise MissingExtraError("TensorBoardLog needs tensorboard: pip install 'drivetrain[log]'") from error
        self._writer: Any = SummaryWriter(folder)

    def on_step_end(self, run: RunView, loss: float) -> None:
        if run.main:
            self._writer.add_scalar("loss/step", loss, run.step)

    def on_epoch_end(self, run: RunView) -> None:
        row = run.history[-1] if run.main else {}
        for name, value in row.items():
            if isinstance(value, (int, float)) and name != "epoch":
                group = "loss" if name.endswith("_loss") else "metric" if name in run.better else "run"
                self._writer.add_scalar(f"{group}/{name}", value, row["epoch"])
        self._writer.flush()

    def on_run_end(self, run: RunView) -> None:
        self._writer.flush()


for _public in (
    Callback,
    EarlyStopping,
    KeepBest,
    LogFile,
    TensorBoardLog,
):
    _public.__module__ = "drivetrain"  # where people find them, so that messages and help say so
