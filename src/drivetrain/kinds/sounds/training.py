"""Sounds in training: the one place that joins their description, front end, augmentation and bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from drivetrain.data.data import Data
from drivetrain.data.notices import warn
from drivetrain.errors import ModelError
from drivetrain.kinds.drawn.training import UNTRAINED, DrawnIntake, DrawnKind, OverWindows, picture_body, rebuilt_body
from drivetrain.kinds.drawn.training import restored_body as restored_picture_body
from drivetrain.kinds.images.bodies.load import Body, reads_one_size
from drivetrain.kinds.images.bodies.local_bodies import registered
from drivetrain.kinds.sounds.bodies.audio import NAME, audio_body, audio_depths, is_audio_body, load_audio_body
from drivetrain.kinds.sounds.bodies.augment import (
    N_DRAWS,
    NO_AUGMENTATION,
    START,
    SoundAugmentation,
    asked_augmentation,
    cut_at,
    longest_cut,
    masked,
    random_windows,
)
from drivetrain.kinds.sounds.bodies.front import BatchFront
from drivetrain.kinds.sounds.mel import FrontEnd, efficientat_front, picture_front
from drivetrain.kinds.sounds.spec import SoundInput
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import Arrays, padded

__all__ = ["UNTRAINED", "SoundKind", "asked_augmentation", "prepare", "rebuild", "restore"]

PICTURE_CHANNELS = 3
"""All equal: what bodies that read pictures were trained with."""
MOST_HEARD, USUAL_RATE = 32_000, 16_000
"""Samples a second: people hear little of what is above half of the first."""


class SoundKind(DrawnKind):
    """Sounds, as described by `spec`, with a body that reads their spectrograms.

    Args:
        spec: How a sound is read.
        body: That reads one spectrogram, (B, C, M, T) → (B, features).
        decisions: What was chosen.
        augmentation: How training sounds are varied.
    """

    n_draws = N_DRAWS

    def __init__(
        self, spec: SoundInput, body: Body, decisions: Mapping[str, Decision], augmentation: SoundAugmentation
    ) -> None:
        super().__init__(spec, body, decisions, augment=augmentation != NO_AUGMENTATION)
        self.augmentation = augmentation
        self.front = BatchFront(spec.front)
        self._channels, self._window = spec.channels, spec.window()
        self._most = longest_cut(self._window, augmentation)

    def cut(self, loaded: Sequence[Arrays], draws: NDArray[np.float32], /) -> list[Arrays]:
        """Of long sounds as much as a window takes at any speed, from anywhere."""
        return [self._cut(one, float(row[START])) for one, row in zip(loaded, draws, strict=True)]

    def _cut(self, loaded: Arrays, draw: float) -> Arrays:
        samples, scale = loaded
        start = cut_at(len(samples), self._most, draw)
        return samples[start : start + self._most], scale

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T) int16 with zeros behind, (B,) samples of each, (B,) float32 scales."""
        waves = torch.from_numpy(padded([(samples,) for samples, _ in loaded])[0])
        lengths = torch.tensor([len(samples) for samples, _ in loaded])
        return waves, lengths, torch.from_numpy(np.stack([scale for _, scale in loaded])[:, 0])

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        """One spectrogram of each row, (B, C, M, T) float32."""
        waves, lengths, scales = batch
        heard = random_windows(waves.float() * scales[:, None], lengths, draws, self.augmentation, self._window)
        spectrograms = masked(self.front(heard), draws, self.augmentation)
        return (spectrograms[:, None].repeat(1, self._channels, 1, 1),)

    def drawn(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> list[Arrays]:
        """The same in the form that pages draw, (1, C, M, T) each."""
        return [(one.numpy()[None],) for one in self.vary(batch, draws)[0].cpu()]


def prepare(
    data: Data, *, arch: str | None, pretrained: bool, augment: SoundAugmentation | bool, dropout: float
) -> SoundKind:
    """Load the body, and describe sounds as its weights expect them.

    Raises:
        ModelError: The body cannot be had, or reads no spectrograms.
    """
    arch, heard = _chosen(arch, pretrained)
    if arch is not None and is_audio_body(arch):
        front = efficientat_front()
        _tell_what_does_not_count(arch, front, data.options)
        spec = described(front, data.options, channels=1)
        body = load_audio_body(arch, pretrained=pretrained, dropout=dropout)
        reason = heard or ("pretrained on AudioSet" if pretrained else "trained from scratch")
        choice = Decision(value=arch, reason=reason)
    else:
        if arch is not None and reads_one_size(arch):
            raise ModelError(
                f"arch={arch!r} reads square pictures of one size, and spectrograms are not; expected a convolutional "
                "body. To fix: arch='resnet34', or leave it out."
            )
        front = picture_front(front_rate(data.options), pcen=bool(data.options.get("pcen")))
        spec = described(front, data.options, channels=PICTURE_CHANNELS)
        body, choice = picture_body(arch, spec, pretrained=pretrained, dropout=dropout)
    return _made(spec, body, {"arch": choice, "front": _front_decision(front)}, augment)


def restore(saved: Manifest, *, data: Data, augment: SoundAugmentation | bool) -> SoundKind:
    """The kind of a saved model, its body with random parameters."""
    spec, architecture = saved.input, saved.architecture
    decisions = {
        "arch": saved.decisions.get("arch", Decision(value=architecture.name, reason="as saved")),
        "front": _front_decision(spec.front).model_copy(update={"reason": "as saved"}),
    }
    return _made(spec, _restored(architecture, spec), decisions, augment)


def rebuild(spec: SoundInput, architecture: Architecture, n_outputs: int) -> tuple[nn.Module, nn.Module, None]:
    """Intake and body of a saved model, the body with random parameters; its head is the usual one."""
    if NAME.fullmatch(architecture.name):
        module = audio_body(architecture.name)
        return DrawnIntake(spec), module if spec.windows == 1 else OverWindows(module), None
    return DrawnIntake(spec), rebuilt_body(architecture, spec), None


def described(front: FrontEnd, options: Mapping[str, Any], *, channels: int) -> SoundInput:
    """How sounds are read with a front end, by what was asked for and found when the data were opened."""
    optional = ("hop_s", "windows", "channel", "keep_silent")
    given = {name: options[name] for name in optional if options.get(name) is not None}
    return SoundInput.of(front, clip_s=options["clip_s"], channels=channels, **given)


def front_rate(options: Mapping[str, Any]) -> int:
    """Samples a second for a body that reads pictures: as asked, or what most sounds have, up to `MOST_HEARD`.

    Example:
        >>> front_rate({"recorded_hz": 8000}), front_rate({"recorded_hz": 96_000}), front_rate({"sample_rate": 16_000})
        (8000, 32000, 16000)
    """
    return int(options.get("sample_rate") or min(int(options.get("recorded_hz", USUAL_RATE)), MOST_HEARD))


def _chosen(arch: str | None, pretrained: bool) -> tuple[str | None, str | None]:
    """The body asked for; without a word one for sounds that is registered here, and why; None: one for pictures."""
    if arch is not None or not pretrained:
        return arch, None
    for name in registered():
        if is_audio_body(name):
            return name, "registered here, and pretrained on sounds"
    return None, None


def _tell_what_does_not_count(arch: str, front: FrontEnd, options: Mapping[str, Any]) -> None:
    """A body that was trained on sounds has its own front end, whatever else was asked for."""
    rate = options.get("sample_rate")
    if rate is not None and rate != front.sample_rate:
        warn(
            f"sample_rate={rate} has no effect: the body {arch!r} was trained on {front.sample_rate:,} samples a "
            "second, and sounds are resampled to these. To fix: leave it out, or take a body that reads pictures."
        )
    if options.get("pcen"):
        warn(
            f"pcen=True has no effect: the body {arch!r} was trained on logarithms. To fix: leave it out, or take a "
            "body that reads pictures, such as arch='embedded'."
        )


def _restored(architecture: Architecture, spec: SoundInput) -> Body:
    if not NAME.fullmatch(architecture.name):
        return restored_picture_body(architecture, spec)
    module = audio_body(architecture.name)
    return Body(module, architecture, {}, audio_depths(module), fixed_size=False)


def _made(
    spec: SoundInput, body: Body, decisions: Mapping[str, Decision], augment: SoundAugmentation | bool
) -> SoundKind:
    augmentation = augment if isinstance(augment, SoundAugmentation) else SoundAugmentation()
    if augment is False:
        augmentation = NO_AUGMENTATION
    value = "none" if augment is False else str(augmentation)
    varied = Decision(value=value, reason="the default" if augment is True else "as asked")
    return SoundKind(spec, body, {**decisions, "augmentation": varied}, augmentation)


def _front_decision(front: FrontEnd) -> Decision:
    bands = (
        f"{front.n_mels} bands to {front.f_max / 1000:g} kHz, a frame every {1000 * front.hop / front.sample_rate:g} ms"
    )
    return Decision(value=f"{front.sample_rate} Hz, {bands}, {front.scale}", reason="what the body reads")
