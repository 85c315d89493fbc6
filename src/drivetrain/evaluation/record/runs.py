"""The run log: every trial on a validation set, with what it said of each row, as plain files in the project folder.

```
runs/20261123-094501207-3f2a/
    run.json            settings, decisions, scores, epochs
    predictions.npz     of the validation set, see `Predictions.save`
```

Trials that were judged on the same validation rows are compared with each other, and the best of them is corrected for
having been chosen (see `drivetrain.evaluation.record.selection`).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from drivetrain.data.notices import warn
from drivetrain.data.seals.project import Project, add_folder
from drivetrain.data.seals.seal import identity_of
from drivetrain.errors import DrivetrainError
from drivetrain.evaluation.metrics.metrics import Metric, metric_named
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.record.selection import Selection, correct_selection, what_it_says
from drivetrain.runtime.artefact import write_durably
from drivetrain.runtime.decisions import Decision

RUN, PREDICTIONS = "run.json", "predictions.npz"
MOST_NUMBERS = 50_000_000
"""Of outputs that are kept for one trial: 200 MB before they are compressed."""

Epoch = dict[str, float | int | str | None]


class RunRecord(BaseModel):
    """`run.json`: one trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["drivetrain run"] = "drivetrain run"
    format_version: Literal[1] = 1
    when: str
    """UTC, ISO 8601, when it ended."""
    arch: str
    split: str
    """Identity of the split."""
    seal: str | None
    """Name of the sealed test set that was kept from it."""
    rows: str
    """Identity of the validation rows: trials with the same one can be compared."""
    n: dict[str, int]
    """Rows in ``train`` and ``valid``."""
    target: str
    parameters_sha256: str
    """Identifies the model that came out."""
    scores: dict[str, float | None]
    """On the validation set, by metric; the first is what trials are compared by."""
    loss: float | None
    epochs: int
    seconds: float
    settings: dict[str, Any] = {}
    decisions: dict[str, Decision] = {}
    history: tuple[Epoch, ...] = ()


@dataclass(frozen=True)
class Run:
    """One trial on disk."""

    folder: Path
    record: RunRecord

    @property
    def id(self) -> str:
        """What people call it."""
        return self.folder.name

    @cached_property
    def predictions(self) -> Predictions | None:
        """Of the validation set; None where they were too large to keep, or are damaged."""
        try:
            return Predictions.load(self.folder / PREDICTIONS)
        except DrivetrainError:
            return None

    @property
    def says(self) -> tuple[str, ...]:
        """Kind and categories of its target: a column may have others after an edit; () where that is not known."""
        return () if self.predictions is None else what_it_says(self.predictions.target)


class RunLog:
    """The trials of a project.

    Example:
        >>> RunLog(Project(Path("/no/such"))).runs()
        []
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    def add(
        self,
        predictions: Predictions,
        metrics: Sequence[Metric],
        *,
        arch: str,
        split: str,
        seal: str | None,
        n_train: int,
        parameters_sha256: str,
        history: Sequence[Mapping[str, Any]],
        settings: Mapping[str, Any],
        decisions: Mapping[str, Decision],
    ) -> Run | None:
        """Put a trial on record; None, with a warning, where the project cannot be written to.

        Args:
            predictions: What the model says of the validation set.
            metrics: What it is judged by; the first is what trials are compared by.
            arch: What people call the architecture.
            split: Identity of the split.
            seal: Name of the sealed test set.
            n_train: Rows in the training set.
            parameters_sha256: Identity of the model.
            history: One row per epoch.
            settings: JSON values that say how it was trained.
            decisions: What was decided, and why.
        """
        rows = predictions.judged
        values = {metric.name: metric.value(rows) for metric in metrics}
        now = datetime.now(UTC)
        record = RunRecord(
            when=now.isoformat(timespec="seconds"),
            arch=arch,
            split=split,
            seal=seal,
            rows=identity_of(predictions.ids),
            n={"train": n_train, "valid": len(predictions)},
            target=predictions.target.name,
            parameters_sha256=parameters_sha256,
            scores={name: value if math.isfinite(value) else None for name, value in values.items()},
            loss=None if rows.loss is None else float(rows.loss.mean()),
            epochs=len(history),
            seconds=round(sum(float(row.get("seconds") or 0.0) for row in history), 3),
            settings=dict(settings),
            decisions=dict(decisions),
            history=tuple(dict(row) for row in history),
        )
        folder = self.project.runs / f"{now:%Y%m%d-%H%M%S}{now.microsecond // 1000:03}-{secrets.token_hex(2)}"

        def fill(fresh: Path) -> None:
            if predictions.output.size <= MOST_NUMBERS:
                predictions.save(fresh / PREDICTIONS)
            write_durably(fresh / RUN, (record.model_dump_json(indent=1) + "\n").encode())

        try:
            add_folder(folder, fill)
        except OSError as error:
            warn(
                f"this trial is not on record: {self.project.folder} cannot be written ({error.strerror or error}). "
                "To fix: name another folder with project=, or DRIVETRAIN_PROJECT."
            )
            return None
        return Run(folder, record)

    @property
    def n_folders(self) -> int:
        """How many trials were put on record, also those that are damaged by now."""
        return len(self._written())

    def _written(self) -> list[Path]:
        return sorted(self.project.runs.glob(f"[0-9]*/{RUN}"))

    def runs(self) -> list[Run]:
        """All trials, oldest first; a folder that is damaged is passed over with a warning."""
        found: list[Run] = []
        for path in self._written():
            try:
                found.append(Run(path.parent, RunRecord.model_validate_json(path.read_bytes())))
            except (OSError, ValidationError) as error:
                warn(f"{path} is passed over: it is no record of a run, or damaged ({str(error).splitlines()[0]}).")
        return found

    def groups(self) -> list[Trials]:
        """Trials that can be compared with each other, those of the latest trial last."""
        of: dict[tuple[str, str, tuple[str, ...]], list[Run]] = {}
        for run in self.runs():
            rows, target = run.record.rows, run.record.target
            known = [says for *asked, says in of if asked == [rows, target]]
            says = known[-1] if run.predictions is None and known else run.says
            of[rows, target, says] = [*of.pop((rows, target, says), []), run]
        return [Trials(tuple(runs)) for runs in of.values()]

    def on(self, rows: str, target: str) -> Trials:
        """The trials on these validation rows (see `RunRecord.rows`) for this target; there may be none."""
        found = [run for run in self.runs() if (run.record.rows, run.record.target) == (rows, target)]
        return Trials(tuple(found))


@dataclass(frozen=True)
class Trials:
    """Trials on the same validation rows."""

    runs: tuple[Run, ...]

    def distinct(self, *, without: Iterable[str] = ()) -> list[Run]:
        """Those whose models differ and whose predictions are there; of the same model the first.

        Args:
            without: Models that are left out, by the hash of their parameters.
        """
        models: dict[str, Run] = {}
        for run in self.runs:
            if run.record.parameters_sha256 not in without and run.predictions is not None:
                models.setdefault(run.record.parameters_sha256, run)
        return list(models.values())

    def best(self, metric: str | None = None, *, level: float = 0.95) -> tuple[Run, Selection] | None:
        """The best trial, and what its score is worth once it is known that it was chosen; None without any.

        Args:
            metric: What they are compared by; None takes what the latest trial names first and all know.
            level: Coverage of the interval.
        """
        runs = self.distinct()
        tables = [run.predictions for run in runs]
        known = [table for table in tables if table is not None]
        if not known:
            return None
        selection = correct_selection(known, metric or self.headline(), level=level)
        return runs[selection.chosen], selection

    def headline(self) -> str | None:
        """The metric that the latest trial names first, if it has a name that every trial can be judged by."""
        names = [name for name in self.runs[-1].record.scores if metric_named(name)] if self.runs else []
        return names[0] if names else None


def selection_of(own: Predictions, parameters_sha256: str, trials: Trials, metric: Metric) -> Selection | None:
    """One model's score, corrected for having been chosen among all trials on the same rows; None where undefined.

    Args:
        own: What the model says of the validation rows.
        parameters_sha256: Its identity; where it is among the trials, it counts once.
        trials: All trials on these rows.
        metric: What they are compared by.
    """
    tables = [run.predictions for run in trials.distinct(without=[parameters_sha256])]
    others = [table for table in tables if table is not None and set(table.ids) == set(own.ids)]
    others = [table for table in others if what_it_says(table.target) == what_it_says(own.target)]
    try:
        return correct_selection([own, *others], metric, chosen=0)
    except DrivetrainError:
        return None
