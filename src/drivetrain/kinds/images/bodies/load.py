"""Pretrained bodies: any timm architecture, from its hub, the hub's local cache, a Python package or a local folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlparse

import timm
import torch
from huggingface_hub import constants as hub
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from timm.data.config import resolve_model_data_config
from timm.models import group_parameters
from timm.optim._param_groups import auto_group_layers  # pyright: ignore[reportPrivateUsage]
from torch import Tensor, nn

from drivetrain.data.notices import warn
from drivetrain.errors import ModelError, did_you_mean
from drivetrain.kinds.images.bodies.local_bodies import (
    EMBEDDED,
    LOCAL,
    WEIGHTS_FILE,
    expectations_of,
    folder_of,
    options_of,
    read_config,
    weights_of,
)
from drivetrain.kinds.images.bodies.packaged import (
    DEFAULT,
    packaged_as,
    parameters_of,
    verified,
)
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.trust.installed import NotInstalledError

HUB_CONNECT_TIMEOUT_S = 5.0

DEFAULT_ARCH = "resnet34"
"""What is fine-tuned where nobody says what: sound on most pictures, and quick enough without a GPU."""

OFFLINE_WAYS = (
    f"arch='{EMBEDDED}', which ships with drivetrain; arch='{LOCAL}FOLDER' with a timm folder (config.json and "
    f"{WEIGHTS_FILE}) copied from another machine; or pretrained=False (--from-scratch)."
)
OFFLINE_HELP = f"To go on without a hub: arch='{DEFAULT.arch}' ({DEFAULT.install}); {OFFLINE_WAYS}"

Weights = Path | dict[str, Tensor]
"""A safetensors file, or the parameters themselves."""


class UnreadableSizeError(ModelError):
    """A body cannot read pictures of the size asked for."""


@dataclass(frozen=True)
class Body:
    """The part of a network that turns pictures into features, and what its weights expect.

    `module` maps (B, C, S, S) normalised pictures to (B, features) pooled features.
    """

    module: nn.Module
    architecture: Architecture
    config: dict[str, Any]
    """timm's data configuration: input_size, interpolation, mean, std, crop_pct."""
    depth: dict[str, float]
    """Parameter name → 0 (nearest the picture) to 1 (nearest the head)."""
    fixed_size: bool
    """Whether it reads pictures of one size only (most transformers)."""
    package: str | None = None
    """Of the Python package that its weights came from."""


def load_body(arch: str, *, pretrained: bool, channels: int, size_px: int | None, dropout: float) -> Body:
    """Build a body by name.

    Args:
        arch: A timm architecture, optionally with a tag (``resnet34``, ``vit_tiny_patch16_224.augreg_in21k``),
            ``embedded``, a registered name, or ``local-dir:FOLDER``.
        pretrained: Load the weights, or start from random ones.
        channels: Of the pictures; for other than 3 the first convolution is adapted (timm's repeat-and-scale).
        size_px: Side of the pictures; None takes what the weights were trained with.
        dropout: Of the head that will follow; recorded in the description.

    Raises:
        ModelError: The name is unknown, the weights cannot be had, or the architecture does not fit.
    """
    folder = folder_of(arch)
    package = None
    if folder is None:
        _known(arch)
        name, options = arch, {}
        weights, package = _weights(arch) if pretrained else (None, None)
    else:
        name, options, weights = _local_folder(folder, pretrained)
    expects: dict[str, Any] = {} if folder is None else expectations_of(folder)
    first_conv = {key: expects[key] for key in ("first_conv",) if key in expects}  # options may have moved it
    module = _create(name, {**options, **_size_option(name, size_px)}, channels, weights, first_conv)
    cast(dict[str, Any], module.pretrained_cfg).update(expects)
    config: dict[str, Any] = resolve_model_data_config(module)
    config["input_size"] = (channels, *(config["input_size"][1:] if size_px is None else (size_px, size_px)))
    features = _probe(name, module, config["input_size"])
    architecture = Architecture(
        name=name,
        options={**options, **_size_option(name, size_px)},
        pretrained_from=arch if pretrained else None,
        features=features,
        dropout=dropout,
    )
    return Body(module, architecture, config, parameter_depths(module), _is_fixed_size(name), package)


def choose_arch(arch: str | None, *, pretrained: bool) -> Decision:
    """The body asked for; without a word `DEFAULT_ARCH`, or where its weights cannot be had one that is at hand.

    That is the packaged one, or where its package is not there as it is known the one that ships with drivetrain.

    Example:
        >>> choose_arch("resnet18", pretrained=True).value
        'resnet18'
    """
    if arch is not None:
        return Decision(value=arch, reason="pretrained weights" if pretrained else "trained from scratch")
    if not pretrained:
        return Decision(value=DEFAULT_ARCH, reason="the default; trained from scratch")
    try:
        _hub_weights(DEFAULT_ARCH)
    except ModelError as error:
        return at_hand(_first_sentence(error))
    return Decision(value=DEFAULT_ARCH, reason="the default; pretrained weights")


def at_hand(why: str) -> Decision:
    """The body that is taken without a hub: the packaged one, or where that cannot be had the embedded one.

    Args:
        why: No hub is asked; part of the reason.
    """
    try:
        verified(DEFAULT)
    except NotInstalledError as error:
        return Decision(value=EMBEDDED, reason=f"ships with drivetrain: {why}, and {_first_sentence(error)}")
    except ModelError as error:
        warn(f"{EMBEDDED!r} is the default: {error}")
        return Decision(value=EMBEDDED, reason=f"ships with drivetrain: {why}, and {_first_sentence(error)}")
    return Decision(value=DEFAULT.arch, reason=f"pretrained on ImageNet, and at hand: {why}")


def _first_sentence(error: ModelError) -> str:
    return str(error).split(". ", 1)[0]


def trained_px(arch: str) -> int:
    """Side of the pictures that the weights of a known body were trained with.

    Raises:
        ModelError: The name is unknown, or a folder cannot be read.

    Example:
        >>> trained_px("resnet34"), trained_px("embedded")
        (224, 96)
    """
    folder = folder_of(arch)
    name = arch if folder is None else str(read_config(folder)["architecture"])
    _known(name)
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    usual = (3, 224, 224) if config is None else config.input_size
    return int((usual if folder is None else expectations_of(folder).get("input_size", usual))[-1])


def reads_one_size(arch: str) -> bool:
    """Whether a known body reads pictures of one size only."""
    folder = folder_of(arch)
    return _is_fixed_size(arch if folder is None else str(read_config(folder)["architecture"]))


def rebuild_body(architecture: Architecture, channels: int) -> nn.Module:
    """The same module as `load_body` made, with random parameters, from an artefact's description.

    Its options were checked when the description was read; `pretrained_from` is text, which is never opened.
    """
    _known(architecture.name)
    return _create(architecture.name, architecture.options, channels, None)


def restore_body(architecture: Architecture, channels: int, size_px: int) -> Body:
    """The same body as `load_body` gave, with random parameters, from an artefact's description."""
    module = rebuild_body(architecture, channels)
    config = {"input_size": (channels, size_px, size_px)}
    return Body(module, architecture, config, parameter_depths(module), _is_fixed_size(architecture.name))


def parameter_depths(module: nn.Module) -> dict[str, float]:
    """How deep each parameter lies, so that learning rates reach every family of architectures layer by layer.

    timm describes most families itself; the rest are grouped by order of registration.
    """
    matcher = getattr(module, "group_matcher", None)
    try:
        layer = cast(dict[str, int], group_parameters(module, cast(Any, matcher)(coarse=False), reverse=True))
    except Exception:  # noqa: BLE001 - a family without a (working) description of its own layers
        layer = cast(dict[str, int], auto_group_layers(module))
    deepest = max(layer.values(), default=0)
    if deepest == 0:  # one group only: fall back on the order in which parameters were made
        names = [name for name, _ in module.named_parameters()]
        layer = {name: i for i, name in enumerate(names)}
        deepest = max(len(names) - 1, 1)
    return {name: layer.get(name, deepest) / deepest for name, _ in module.named_parameters()}


def _known(arch: str) -> None:
    if not timm.is_model(arch):
        near = did_you_mean(arch, timm.list_models())
        raise ModelError(
            f"arch={arch!r} is not known.{near} Expected one of the {len(timm.list_models())} architectures of "
            f"timm.list_models(), '{LOCAL}FOLDER', or a name that `drivetrain bodies` lists."
        )
    try:
        timm.get_pretrained_cfg(arch)
    except RuntimeError as error:
        name, tag = arch.split(".", 1)
        tags = [known.split(".", 1)[-1] for known in timm.list_pretrained(f"{name}.*")]
        raise ModelError(
            f"arch={arch!r}: {name} has no weights called {tag!r}.{did_you_mean(tag, tags)} Expected one of {tags}."
        ) from error


def _local_folder(folder: Path, pretrained: bool) -> tuple[str, dict[str, Any], Path | None]:
    config = read_config(folder)
    name = str(config["architecture"])
    _known(name)
    return name, options_of(folder), weights_of(folder) if pretrained else None


def _weights(arch: str) -> tuple[Weights, str | None]:
    """The weights of one of timm's names, and the package that they came from; a package first, it needs no network."""
    packaged = packaged_as(arch)
    if packaged is None:
        return _hub_weights(arch), None
    try:
        return parameters_of(packaged), f"{packaged.package} {packaged.version}"
    except NotInstalledError as error:
        unpacked = error
    except ModelError as error:
        warn(f"the hub is asked for the weights of {arch!r}: {error}")
        unpacked = error
    try:
        return _hub_weights(arch), None
    except ModelError as error:
        what, _, fix = str(unpacked).partition(". To fix: ")
        raise ModelError(f"{_first_sentence(error)}, and {what}. To fix: {fix}; {OFFLINE_WAYS}") from error


def _hub_weights(arch: str) -> Path:
    """The weights' file, from the hub's local cache where it is, else downloaded; safetensors only."""
    config = timm.get_pretrained_cfg(arch)
    repository = config.hf_hub_id if config else None
    if not repository:
        raise ModelError(f"arch={arch!r} has no pretrained weights on timm's hub. {OFFLINE_HELP}")
    cached = try_to_load_from_cache(repository, WEIGHTS_FILE)
    if isinstance(cached, str):
        return Path(cached)
    if hub.HF_HUB_OFFLINE or not hub_answers():
        why = "HF_HUB_OFFLINE is set" if hub.HF_HUB_OFFLINE else f"{hub.ENDPOINT} cannot be reached"
        raise ModelError(f"the pretrained weights of {arch!r} are not on this machine, and {why}. {OFFLINE_HELP}")
    try:
        return Path(hf_hub_download(repository, WEIGHTS_FILE))
    except Exception as error:
        raise ModelError(f"the weights of {arch!r} could not be downloaded: {error}. {OFFLINE_HELP}") from error


def hub_answers() -> bool:
    """Whether a connection can be opened; the hub's client alone would retry for most of a minute."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # only the proxy can tell
    address = urlparse(hub.ENDPOINT)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=HUB_CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _size_option(name: str, size_px: int | None) -> dict[str, Any]:
    """Architectures with a fixed input take another size only when they are built for it."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if size_px is None or config is None or not config.fixed_input_size or config.input_size[1] == size_px:
        return {}
    return {"img_size": size_px}


def _is_fixed_size(name: str) -> bool:
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return config is not None and config.fixed_input_size


def _create(
    name: str, options: dict[str, Any], channels: int, weights: Weights | None, expects: Mapping[str, Any] | None = None
) -> nn.Module:
    source = {"state_dict": weights} if isinstance(weights, dict) else {"file": str(weights)}
    overlay = {**source, "custom_load": False, **(expects or {})} if weights else None
    try:
        return timm.create_model(
            name,
            pretrained=weights is not None,
            pretrained_cfg_overlay=overlay,
            num_classes=0,
            in_chans=channels,
            **options,
        )
    except Exception as error:
        raise ModelError(f"{name} could not be built with {options or 'its defaults'}: {error}") from error


def _probe(name: str, module: nn.Module, input_size: tuple[int, int, int]) -> int:
    """Width of the pooled features, found by running one blank picture."""
    module.eval()
    try:
        with torch.inference_mode():
            features: Tensor = module(torch.zeros(1, *input_size))
    except Exception as error:
        raise UnreadableSizeError(f"{name} cannot read pictures of {input_size[1]} px: {error}") from error
    if features.ndim != 2:
        raise ModelError(f"{name} gives features of shape {tuple(features.shape)}; expected (1, features).")
    return features.shape[1]
