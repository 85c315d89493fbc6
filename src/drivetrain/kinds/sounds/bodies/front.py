"""The front end of a body on a batch of training waveforms, in torch: what `FrontEnd` computes of one with numpy.

Legend: B sounds, N samples, F frequencies, M mel bands, T frames.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from drivetrain.kinds.sounds.mel import (
    PCEN_BIAS,
    PCEN_FLOOR,
    PCEN_FULL_SCALE,
    PCEN_GAIN,
    PCEN_POWER,
    PCEN_SECONDS,
    FrontEnd,
)


class BatchFront:
    """A front end that reads a batch.

    Args:
        front: What is done to a waveform.
    """

    def __init__(self, front: FrontEnd) -> None:
        self.front = front
        self._hann = torch.from_numpy(np.array(front.hann(), np.float32))
        self._filters = torch.from_numpy(np.array(front.filters(), np.float32))

    def __call__(self, waves_BN: Tensor) -> Tensor:
        """(B, N) float32 from -1 to 1 → (B, M, T) float32, as `FrontEnd` gives it."""
        return (self._scaled(self.energy(waves_BN)) + self.front.offset) / self.front.spread

    def energy(self, waves_BN: Tensor) -> Tensor:
        """Power in each band, (B, M, T)."""
        front = self.front
        if front.preemphasis:
            waves_BN = waves_BN[:, 1:] - front.preemphasis * waves_BN[:, :-1]
        half = front.n_fft // 2
        if front.edge == "mirrored":
            padded = functional.pad(waves_BN[:, None], (half, half), mode="reflect")[:, 0]
        else:
            padded = functional.pad(waves_BN, (half, half))
        spectrum = torch.stft(
            padded,
            front.n_fft,
            front.hop,
            front.window,
            self._hann.to(waves_BN.device),
            center=False,
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return self._filters.to(waves_BN.device) @ power

    def _scaled(self, energy: Tensor) -> Tensor:
        front = self.front
        if front.scale == "log":
            return (energy + front.floor).log()
        if front.scale == "pcen":
            return pcen(energy, front.sample_rate / front.hop)
        found = 10 * energy.clamp(min=front.floor).log10()
        loudest = found.amax(dim=(1, 2), keepdim=True)
        if front.range_db is not None:
            found = torch.maximum(found, loudest - front.range_db)
        return found - loudest if front.loudest_is_0 else found


def pcen(energy_BMT: Tensor, frames_per_second: float) -> Tensor:
    """Per-channel energy normalisation, as `drivetrain.kinds.sounds.mel.pcen`."""
    scaled = energy_BMT * PCEN_FULL_SCALE
    t = PCEN_SECONDS * frames_per_second
    follow = ((1 + 4 * t**2) ** 0.5 - 1) / (2 * t**2)
    level = torch.ones_like(scaled[..., 0])
    levels: list[Tensor] = []
    for frame in scaled.unbind(-1):
        level = torch.lerp(level, frame, follow)
        levels.append(level)
    smooth = torch.stack(levels, dim=-1)
    gained = torch.exp(-PCEN_GAIN * (np.log(PCEN_FLOOR) + torch.log1p(smooth / PCEN_FLOOR)))
    return PCEN_BIAS**PCEN_POWER * torch.expm1(PCEN_POWER * torch.log1p(scaled * gained / PCEN_BIAS))
