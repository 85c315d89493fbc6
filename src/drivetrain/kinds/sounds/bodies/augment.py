"""Random views of training sounds, made on the batch as waveforms. Never used on validation or test.

Legend: B sounds, T samples of what was cut for training, N samples of a window, M bands, F frames.

Where a window begins, how fast it is played and how much silence stands before it are one reading of the waveform.
None of it is what pictures are varied by: a mirrored spectrogram is no sound that anybody makes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from drivetrain.calls import CheckedModel
from drivetrain.settings import refuse


class SoundAugmentation(CheckedModel):
    """How much training sounds are varied. The defaults suit speech, animals and machines.

    Turn `speed` down where pitch or tempo carry the answer (notes, engines), and `gain_db` where loudness does.

    Example:
        >>> SoundAugmentation(speed=1.0).speed
        1.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    shift: bool = True
    """A window begins anywhere in a long sound; a short one begins anywhere in its window."""
    speed: float = Field(default=1.15, ge=1, le=2)
    """A sound is played faster or slower by up to this factor, which changes pitch and tempo together."""
    gain_db: float = Field(default=6.0, ge=0, le=60)
    """Largest change of level."""
    p_noise: float = Field(default=0.3, ge=0, le=1)
    """How often noise is added."""
    p_background: float = Field(default=0.3, ge=0, le=1)
    """How often another training sound is heard behind a sound, whose answer stays its own."""
    least_snr_db: float = Field(default=6.0, ge=-20, le=100)
    """Level of a sound over the noise or the background, at least; up to 24 dB more."""
    bands: float = Field(default=0.12, ge=0, le=1)
    """Largest share of the bands that a mask covers (SpecAugment); there are two."""
    frames: float = Field(default=0.12, ge=0, le=1)
    """The same of the frames."""

    def __str__(self) -> str:
        percent = f"{self.speed - 1:.0%}"
        parts = [
            "shifted" if self.shift else "not shifted",
            f"played up to {percent} faster or slower" if self.speed > 1 else "",
            f"level changed by up to {self.gain_db:g} dB" if self.gain_db else "",
            f"noise added to {self.p_noise:.0%}" if self.p_noise else "",
            f"another training sound behind {self.p_background:.0%}" if self.p_background else "",
            f"masks over up to {self.bands:.0%} of bands and {self.frames:.0%} of frames"
            if self.bands or self.frames
            else "",
        ]
        return ", ".join(part for part in parts if part)


NO_AUGMENTATION = SoundAugmentation(
    shift=False, speed=1.0, gain_db=0.0, p_noise=0.0, p_background=0.0, bands=0.0, frames=0.0
)
MOST_OVER_DB = 24.0
"""Range of the level of a sound over what is added to it."""
MASKS = 2
"""Of each direction."""
START, SPEED, GAIN, NOISY, NOISE_SNR, NOISE_SEED, BEHIND, BEHIND_SNR, BEHIND_WHICH, MASKED = range(10)
N_DRAWS = MASKED + 4 * MASKS
"""Random numbers that one view takes."""


def asked_augmentation(augment: Any) -> SoundAugmentation | bool:
    """What `augment=` means: True as the default for sounds, False not at all, or settings.

    Raises:
        SettingError: It means nothing, or a setting is unknown or out of range.

    Example:
        >>> asked_augmentation({"speed": 1.0}).speed, asked_augmentation(None), asked_augmentation("none")
        (1.0, False, False)
        >>> asked_augmentation({"flip": True})
        Traceback (most recent call last):
        drivetrain.errors.SettingError: SoundAugmentation has no flip; ...
    """
    if isinstance(augment, SoundAugmentation):
        return augment
    if isinstance(augment, Mapping):
        return SoundAugmentation(**{str(name): value for name, value in augment.items()})
    if isinstance(augment, bool) or type(augment).__name__ in ("bool_", "bool"):
        return bool(augment)
    if augment is None or (isinstance(augment, str) and augment.casefold() == "none"):
        return False
    expected = "True, False, 'none', dt.SoundAugmentation(...) or a dict of its settings"
    return refuse("augment", augment, expected, fix="To fix: augment=True, or dt.SoundAugmentation(speed=1.0).")


def longest_cut(window: int, augmentation: SoundAugmentation) -> int:
    """Samples that a training view may take of a long sound: a window, played faster."""
    return math.ceil(window * augmentation.speed) + 1


def cut_at(length: int, most: int, draw: float) -> int:
    """Where what is cut of a long sound begins: anywhere; 0 of a short one.

    Example:
        >>> cut_at(100, 20, 0.5), cut_at(10, 20, 0.5)
        (40, 0)
    """
    return int(draw * (max(length - most, 0) + 1))


def random_windows(
    waves_BT: Tensor, lengths_B: Tensor, draws: Tensor, augmentation: SoundAugmentation, window: int
) -> Tensor:
    """One random window of each sound.

    Args:
        waves_BT: float32, what was cut of each, with zeros behind those that are shorter.
        lengths_B: int64, samples of each.
        draws: (B, N_DRAWS) float32 on the CPU, uniform in [0, 1): all the randomness there is.
        augmentation: How much to vary.
        window: N, samples of a window.

    Returns:
        (B, N) float32 on the device of `waves_BT`.
    """
    device = waves_BT.device
    draws = draws.to(device)
    heard = _read(waves_BT, lengths_B.to(device), draws, augmentation, window)
    if augmentation.p_background:
        heard = _with_background(heard, draws, augmentation)
    if augmentation.p_noise:
        heard = _with_noise(heard, draws, augmentation)
    if augmentation.gain_db:
        decibels = (2 * draws[:, GAIN] - 1) * augmentation.gain_db
        heard = heard * (10 ** (decibels / 20))[:, None]
    return heard


def _read(waves_BT: Tensor, lengths_B: Tensor, draws: Tensor, augmentation: SoundAugmentation, window: int) -> Tensor:
    """Samples between the recorded ones are interpolated linearly; beyond both ends there is silence."""
    speed = ((2 * draws[:, SPEED] - 1) * math.log(augmentation.speed)).exp()
    spare = (lengths_B - window * speed) if augmentation.shift else torch.zeros_like(speed)
    start = draws[:, START] * spare  # of a short sound below 0: silence before it
    at = start[:, None] + torch.arange(window, device=waves_BT.device) * speed[:, None]
    if augmentation.speed == 1:
        at = at.round()
    below = at.floor()
    share = (at - below).float()
    index = below.long()
    last = lengths_B[:, None] - 1

    def sample(index: Tensor) -> Tensor:
        found = waves_BT.gather(1, index.clamp(0, waves_BT.shape[1] - 1))
        return torch.where((index >= 0) & (index <= last), found, 0.0)

    return sample(index) if augmentation.speed == 1 else torch.lerp(sample(index), sample(index + 1), share)


def _with_background(heard_BN: Tensor, draws: Tensor, augmentation: SoundAugmentation) -> Tensor:
    """The next sound of the batch, in a random order, behind some."""
    order = draws[:, BEHIND_WHICH].argsort()
    behind = torch.empty_like(heard_BN)
    behind[order] = heard_BN[order.roll(1)]
    there = draws[:, BEHIND] < augmentation.p_background
    return heard_BN + behind * _share(heard_BN, behind, draws[:, BEHIND_SNR], there, augmentation)


def _with_noise(heard_BN: Tensor, draws: Tensor, augmentation: SoundAugmentation) -> Tensor:
    """White noise, a function of the sound's own draws, over some."""
    there = draws[:, NOISY] < augmentation.p_noise
    noise = torch.zeros_like(heard_BN)
    for row in there.nonzero()[:, 0].tolist():
        random = torch.Generator().manual_seed(int(float(draws[row, NOISE_SEED]) * 2**24))
        noise[row] = torch.randn(heard_BN.shape[1], generator=random).to(heard_BN.device)
    return heard_BN + noise * _share(heard_BN, noise, draws[:, NOISE_SNR], there, augmentation)


def _share(heard_BN: Tensor, added_BN: Tensor, draw_B: Tensor, there_B: Tensor, by: SoundAugmentation) -> Tensor:
    """(B, 1): what is added is multiplied by this, so that it lies as far below the sound as drawn."""
    over_db = by.least_snr_db + draw_B * MOST_OVER_DB
    level, added = (wave.square().mean(dim=1).sqrt() for wave in (heard_BN, added_BN))
    share = level / added.clamp(min=1e-6) * 10 ** (-over_db / 20)
    return torch.where(there_B & (added > 1e-6), share, 0.0)[:, None]


def masked(spectrograms_BMF: Tensor, draws: Tensor, augmentation: SoundAugmentation) -> Tensor:
    """Some bands and some frames of each spectrogram become its mean.

    Source: SpecAugment, Park et al. (2019), arXiv:1904.08779.

    Args:
        spectrograms_BMF: (B, M, F).
        draws: (B, N_DRAWS) float32, uniform in [0, 1).
        augmentation: How much to mask.
    """
    draws = draws.to(spectrograms_BMF.device)
    mean = spectrograms_BMF.mean(dim=(1, 2), keepdim=True)
    masked = spectrograms_BMF
    for axis, most in ((1, augmentation.bands), (2, augmentation.frames)):
        side = spectrograms_BMF.shape[axis]
        place = torch.arange(side, device=spectrograms_BMF.device)
        for mask in range(MASKS if most else 0):
            first = MASKED + 2 * (MASKS * (axis - 1) + mask)
            width = draws[:, first] * most * side
            start = draws[:, first + 1] * (side - width)
            covered = (place >= start[:, None]) & (place < (start + width)[:, None])
            masked = torch.where(covered.unsqueeze(3 - axis), mean, masked)
    return masked


SoundAugmentation.__module__ = "drivetrain"  # where people find it, so that messages and help say so
