"""Which pretrained bodies there are: embedded, in packages, registered, in the hub's cache; how good, how fast."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from huggingface_hub import constants as hub
from huggingface_hub import scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from drivetrain.errors import ModelError
from drivetrain.kinds.images.bodies.load import hub_answers, load_body, trained_px
from drivetrain.kinds.images.bodies.local_bodies import (
    CONFIG_FILE,
    EMBEDDED,
    WEIGHTS_FILE,
    embedded_folder,
    read_config,
    registered,
    weights_of,
)
from drivetrain.kinds.images.bodies.packaged import PACKAGED, PackagedBody, verified
from drivetrain.runtime.trust.installed import NotInstalledError

Place = Literal["embedded", "package", "registered", "cached", "hub"]
SPEED_BATCH = 8
SPEED_SECONDS = 0.5


@dataclass(frozen=True)
class Shelved:
    """A pretrained body that can be had."""

    arch: str
    """What to say for it."""
    place: Place
    megabytes: float | None
    """Of its weights on disk; None where they are not on this machine."""
    input_px: int | None
    """Side of the pictures that it was trained with; None: it reads sounds."""
    accuracy: str | None
    """As its own card states it; None where it states none."""
    how: str | None = None
    """How it is had, where it is not ready here."""
    problem: str | None = None
    """Why what is here of it cannot be used."""

    @property
    def ready(self) -> bool:
        """Whether it can be loaded without a network."""
        return self.how is None and self.place != "hub"


def bodies_here() -> list[Shelved]:
    """Every pretrained body on this machine, then those that only a package has to be installed for.

    On this machine are the embedded one, those of packages, those registered, and those that the hub's cache holds.

    Raises:
        ModelError: A registered folder is no longer what it was.
    """
    packaged = [_packaged(body) for body in PACKAGED]
    shelved = [_local(EMBEDDED, embedded_folder()), *(body for body in packaged if body.ready)]
    shelved += [_local(arch, folder) for arch, folder in registered().items()]
    shelved += sorted(_cached(), key=lambda body: body.arch)
    return [*shelved, *(body for body in packaged if not body.ready)]


def bodies_of_hub(pattern: str, most: int = 20) -> list[Shelved]:
    """Bodies of timm on the hub whose name matches a pattern such as ``resnet*``, or none where it does not answer."""
    if hub.HF_HUB_OFFLINE or not hub_answers():
        return []
    return [Shelved(arch, "hub", None, _input_px(arch), None) for arch in timm.list_pretrained(pattern)[:most]]


def speed(arch: str, size_px: int) -> float:
    """Pictures per second through a body on this machine, forwards, as fast as `predict` would.

    Raises:
        ModelError: It cannot be loaded.
    """
    body = load_body(arch, pretrained=True, channels=3, size_px=size_px, dropout=0.0).module.eval()
    pictures = torch.zeros(SPEED_BATCH, 3, size_px, size_px).contiguous(memory_format=torch.channels_last)
    body = body.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    with torch.inference_mode():
        body(pictures)  # the first call allocates and plans
        began, done = time.perf_counter(), 0
        while (taken := time.perf_counter() - began) < SPEED_SECONDS:
            body(pictures)
            done += SPEED_BATCH
    return done / taken


def _local(arch: str, folder: Path) -> Shelved:
    if not (folder / CONFIG_FILE).exists():  # the weights of a body for sounds, which were looked at when it was named
        return Shelved(arch, "registered", weights_of(folder).stat().st_size / 1e6, None, None)
    stated: Any = read_config(folder).get("drivetrain", {}).get("accuracy")
    place: Place = "embedded" if arch == EMBEDDED else "registered"
    return Shelved(arch, place, weights_of(folder).stat().st_size / 1e6, trained_px(arch), stated)


def _packaged(body: PackagedBody) -> Shelved:
    size, how, problem = trained_px(body.arch), None, None
    try:
        verified(body)
    except NotInstalledError:
        how = body.install
    except ModelError as error:
        how, problem = body.reinstall, str(error).partition(". To fix: ")[0]
    return Shelved(body.arch, "package", None if how else body.n_bytes / 1e6, size, body.accuracy, how, problem)


def _cached() -> Iterator[Shelved]:
    try:
        repositories = scan_cache_dir(hub.HF_HUB_CACHE).repos
    except CacheNotFound:
        return
    for repository in repositories:
        owner, _, arch = repository.repo_id.partition("/")
        if owner != "timm" or not timm.is_model(arch):
            continue
        files = {item.file_name: item.size_on_disk for revision in repository.revisions for item in revision.files}
        if WEIGHTS_FILE in files:
            yield Shelved(arch, "cached", files[WEIGHTS_FILE] / 1e6, _input_px(arch), None)


def _input_px(arch: str) -> int:
    config = timm.get_pretrained_cfg(arch)
    if config is None:
        raise ModelError(f"{arch} has no pretrained weights in timm {timm.__version__}.")
    return int(config.input_size[-1])
