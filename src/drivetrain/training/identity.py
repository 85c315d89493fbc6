"""Which model, which run: hashes that tell whether two are the same, and the libraries they were made with."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import nn

from drivetrain.training.splitting import whole

LIBRARIES = ("drivetrain", "torch", "timm", "accelerate", "numpy", "Pillow", "onnx", "onnxscript", "onnxruntime")


def parameters_sha256(module: nn.Module) -> str:
    """Content hash over all parameters and buffers, by name; of a split network all processes have to ask."""
    found = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        array = whole(value.detach()).cpu().contiguous()
        found.update(f"{name} {array.dtype} {tuple(array.shape)} ".encode())
        found.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


class ParametersHash:
    """`parameters_sha256` of a module, computed once for each change: torch counts the changes of every tensor.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> identity = ParametersHash(layer)
        >>> before = identity()
        >>> _ = nn.init.constant_(layer.bias, 3.0)
        >>> identity() == before, identity() == parameters_sha256(layer)
        (False, True)
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._of: list[tuple[int, int, int]] | None = None
        self._hash = ""

    def __call__(self) -> str:
        """The hash of the parameters as they are now."""
        tensors = self.module.state_dict(keep_vars=True).values()
        # An optimiser's step, batch statistics and `load_state_dict` change tensors in place, which torch counts.
        now = [(id(value), value.data_ptr(), value._version) for value in tensors]  # pyright: ignore[reportPrivateUsage]
        if now != self._of:
            self._of, self._hash = now, parameters_sha256(self.module)
        return self._hash


def fingerprint(facts: dict[str, Any]) -> str:
    """12 hex digits that differ when any fact does; facts are JSON values or have a telling ``repr``."""
    text = json.dumps(facts, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def versions() -> dict[str, str]:
    """Library → installed version, of those that shape a model."""
    found: dict[str, str] = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "unknown"
    return found
