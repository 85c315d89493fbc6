"""The candidates of a contest while it goes on: one file for each, so that an interrupted contest is taken up.

A contest is the same if data, settings, budget and the libraries that shape a model are. Files hold arrays and JSON,
never a pickle; they are deleted when the contest ends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.data.seals.project import Project
from drivetrain.kinds.tables.spec import Spec
from drivetrain.learner.learner import Learner
from drivetrain.learner.saving.checkpoints import Checkpoints
from drivetrain.models.linear import Linear
from drivetrain.models.trees import Trees
from drivetrain.notices import warn
from drivetrain.runtime.artefact import write_durably
from drivetrain.runtime.decisions import Decision
from drivetrain.text import readable, short_reason
from drivetrain.training.checkpoint import delete_checkpoint
from drivetrain.training.identity import fingerprint, versions

if TYPE_CHECKING:
    from drivetrain.learner.base import ModelBase

SUFFIX = ".candidate"


class Found(NamedTuple):
    """One candidate as it was kept."""

    arrays: Mapping[str, NDArray[Any]]
    state: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """That it took to be fitted."""
        return float(self.state["seconds"])


class Kept:
    """Where the candidates of one contest are kept, claimed so that no other process writes there.

    Args:
        data: The contest's.
        settings: All else that makes it another contest, as JSON values.
    """

    def __init__(self, data: Data, settings: Mapping[str, Any]) -> None:
        self.data, self._checkpoints = data, Checkpoints()
        facts = {
            "contest": dict(settings),
            "split": data.split.identity,
            "values": fingerprint({"train": repr(data.train.values), "valid": repr(data.valid.values)}),
            "groups": fingerprint({"groups": data.train.groups}),
            "options": repr(data.options),
            "target": data.target.model_dump(mode="json"),
            "versions": {**versions(), "scikit-learn": version("scikit-learn")},
        }
        self.folder = self._checkpoints.folder(facts, None, Project.find(data.project), alone=True)

    def find(self, name: str) -> Found | None:
        """What was kept of a candidate; None where it is not there. One that is damaged is fitted anew, with a word."""
        if self.folder is None or not (file := self._file(name)).is_file():
            return None
        from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - for runs that were interrupted alone

        try:
            with safe_open(file, framework="numpy") as stored:
                state = json.loads((stored.metadata() or {})["state"])
                return Found({key: stored.get_tensor(key) for key in stored.keys()}, state)  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            warn(f"{readable(file)} is damaged ({short_reason(error)}); {name} is fitted anew")
            return None

    def put(self, name: str, model: ModelBase, seconds: float) -> None:
        """Keep a candidate that was fitted; where that cannot be, say so and go on."""
        if self.folder is None or not isinstance(model, Learner | Linear | Trees):
            return
        from safetensors.numpy import save  # noqa: PLC0415 - for long runs alone

        decisions = {key: value.model_dump(mode="json") for key, value in model.decisions.items()}
        state: dict[str, Any] = {"seconds": seconds, "decisions": decisions}
        if isinstance(model, Learner):
            arrays = {key: value.detach().cpu().numpy() for key, value in model.network.state_dict().items()}
            state["history"] = model.history
        else:
            arrays, state["spec"] = model.learnt(), model.spec.model_dump_json()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_durably(self._file(name), save(dict(arrays), metadata={"state": json.dumps(state)}))
        except OSError as error:
            warn(f"{name} is not kept for an interruption: {short_reason(error)}")

    def seconds(self, name: str, asked: float) -> float:
        """The time that a candidate was given when it began: that of the interrupted contest, where there is one."""
        if self.folder is None:
            return asked
        file = self.folder / f"{_plain(name)}.seconds"
        with suppress(OSError, ValueError):
            return float(file.read_text())  # another time would be another training
        with suppress(OSError):  # then an interrupted one is trained anew
            self.folder.mkdir(parents=True, exist_ok=True)
            write_durably(file, repr(asked).encode())
        return asked

    def release(self) -> None:
        """Let others have the folder, with what is in it."""
        self._checkpoints.release()

    def delete(self) -> None:
        """The contest has ended: nothing is kept any more."""
        if self.folder is not None:
            for file in [*self.folder.glob(f"*{SUFFIX}"), *self.folder.glob("*.seconds")]:
                file.unlink(missing_ok=True)
            delete_checkpoint(self.folder)
        self.release()

    def _file(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{_plain(name)}{SUFFIX}"


def line_or_trees(kind: type[Linear | Trees], found: Found, data: Data, metrics: Any) -> Linear | Trees:
    """A model as it was kept.

    Args:
        kind: Its class.
        found: What was kept.
        data: Of the contest.
        metrics: What people read.
    """
    model = kind.of_learnt(data, Spec.model_validate_json(found.state["spec"]), found.arrays, metrics=metrics)
    model.decisions |= decisions_of(found)
    return model


def net(learner: Learner, found: Found) -> Learner:
    """A Learner as it was kept; `learner` is one of the same data and settings, and new."""
    import torch  # noqa: PLC0415 - slow to import

    learner.network.load_state_dict({key: torch.from_numpy(value) for key, value in found.arrays.items()})
    learner.history = [dict(row) for row in found.state["history"]]
    learner.decisions |= decisions_of(found)
    return learner


def decisions_of(found: Found) -> dict[str, Decision]:
    """What it had decided."""
    return {name: Decision.model_validate(value) for name, value in found.state["decisions"].items()}


def _plain(name: str) -> str:
    return name.replace(" ", "-")
