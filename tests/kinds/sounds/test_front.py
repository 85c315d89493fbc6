"""The front end in torch gives what the one in numpy gives, which serves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from drivetrain.kinds.sounds.bodies.front import BatchFront
from drivetrain.kinds.sounds.mel import FrontEnd, efficientat_front, picture_front

FRONTS = {
    "pictures at 8 kHz": picture_front(8000),
    "pictures at 16 kHz, PCEN": picture_front(16_000, pcen=True, n_mels=40),
    "EfficientAT": efficientat_front(),
    "level counts": picture_front(8000, n_mels=32).model_copy(update={"loudest_is_0": False}),
    "mirrored, even window": FrontEnd(
        sample_rate=8000, n_fft=256, window=201, hop=77, edge="mirrored", n_mels=20, f_max=4000, slopes="mel"
    ),
}


@pytest.mark.parametrize("name", FRONTS)
def test_a_batch_is_what_each_sound_is_alone(name: str) -> None:
    front = FRONTS[name]
    random = np.random.default_rng(1)
    waves = (random.standard_normal((4, front.sample_rate // 2 + 13)) * 0.1).astype(np.float32)
    waves[1, 500:] = 0
    waves[2] = 0
    waves[3] = 0.9 * np.sin(np.arange(waves.shape[1]) / 7)
    found = BatchFront(front)(torch.from_numpy(waves)).numpy()
    alone = np.stack([front(wave) for wave in waves])
    assert found.shape == alone.shape == (4, front.n_mels, front.n_frames(waves.shape[1]))
    assert np.abs(found - alone).max() < (2e-3 if front.spread == 1 else 2e-4)  # of decibels: 80 dB below the loudest
    assert found.dtype == np.float32
