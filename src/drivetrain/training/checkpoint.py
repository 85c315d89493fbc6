"""Checkpoints: one safetensors file that holds all there is to remember, never a pickle."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer

from drivetrain.errors import CheckpointError
from drivetrain.files import lock
from drivetrain.runtime.artefact import write_durably
from drivetrain.text import readable, short_reason
from drivetrain.training.splitting import share_of

FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name and a JSON-ready state."""

    tensors: dict[str, Tensor]
    state: dict[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors stored under a prefix, without it."""
        prefix = name + "."
        return {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Moments and step counts, named by the parameter's position."""
    found: dict[str, Tensor] = {}
    for position, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            assert isinstance(value, Tensor), f"optimizer state {name!r} is not a tensor"
            found[f"{position}.{name}"] = value
    return found


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put moments and step counts back; the groups stay as they are, since the schedule sets them anew."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        position, name = key.split(".", 1)
        state.setdefault(int(position), {})[name] = _laid_out_as(parameters[int(position)], value)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """A fused optimiser walks through memory: moments lie there in the order of their parameter, and split as it is."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(share_of(parameter, value))


def write_checkpoint(folder: Path, parts: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint, all or nothing.

    Raises:
        CheckpointError: It cannot be written.
    """
    tensors = {
        f"{part}.{name}": value.detach().cpu().contiguous()
        for part, values in parts.items()
        for name, value in values.items()
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(folder / FILE, save(tensors, metadata={"state": json.dumps(state)}))
    except OSError as error:
        raise CheckpointError(
            f"the checkpoint in {readable(folder)} cannot be written: {short_reason(error)}. To fix: make room there, "
            "or name another folder with project=, DRIVETRAIN_PROJECT or checkpoint=."
        ) from error


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The folder's checkpoint, or None where there is none.

    Raises:
        CheckpointError: The file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt", device="cpu") as stored:
            state = json.loads((stored.metadata() or {})["state"])
            return Checkpoint({name: stored.get_tensor(name) for name in stored.keys()}, state)  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise CheckpointError(f"{path} is damaged ({short_reason(error)}). To fix: delete it to start anew.") from error


def delete_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of a finished run, and its folder where nothing else is in it."""
    (folder / FILE).unlink(missing_ok=True)
    for place in (folder, folder.parent):
        with suppress(OSError):  # something else is in it, or another process has put something there just now
            place.rmdir()


@dataclass
class RunClaim:
    """A checkpoint folder that no other process uses while this one does the run."""

    folder: Path
    file: Path | None = None
    opened: int | None = None

    def release(self) -> None:
        """Let others have it."""
        if self.opened is not None and self.file is not None:
            self.file.unlink(missing_ok=True)
            os.close(self.opened)
            self.opened = None


def claim_run(folder: Path) -> RunClaim:
    """The folder of a run, or one beside it where another process is doing the very same run now.

    What was left by a run that was stopped comes first. What tells others is a locked file among the system's temporary
    ones, gone when the run ends and without effect when its process is killed.
    """
    there = [folder, *sorted(folder.parent.glob(f"{folder.name}-*"))]
    there.sort(key=lambda place: not (place / FILE).is_file())
    new = (folder.with_name(f"{folder.name}-{i}") for i in count(2))
    for place in chain(there, (place for place in new if place not in there)):
        claim = _claim(place)
        if claim is not None:
            return claim
    raise AssertionError("there is always another number")


def _claim(folder: Path) -> RunClaim | None:
    """None where another process has it."""
    name = hashlib.blake2b(os.fsencode(os.path.realpath(folder)), digest_size=12).hexdigest()
    file = Path(tempfile.gettempdir()) / f"drivetrain-run-{name}.lock"
    while True:
        try:
            opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:  # nothing can be told to others, and nothing known of them
            return RunClaim(folder)
        if lock(opened) is False:
            os.close(opened)
            return None
        with suppress(OSError):
            if os.path.samestat(os.fstat(opened), file.stat()):
                return RunClaim(folder, file, opened)
        os.close(opened)  # it was deleted in the moment before it was locked


def snapshot(module: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of a module's parameters and buffers."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
