"""Spectrograms of spoken digits as grey pictures: log power of 64 mel bands over one second, low pitch at the bottom.

python spectrograms.py spoken-digits.zip FOLDER
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

BANDS, WINDOW, HOP = 64, 256, 64
RANGE_DB = 60


def mel_filters(rate: int) -> np.ndarray:
    """(BANDS, WINDOW // 2 + 1) triangles, evenly spaced in mel."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(WINDOW, 1 / rate)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)) + 1e-9


def picture_of(sound: np.ndarray, rate: int) -> Image.Image:
    sound = np.pad(sound[:rate], (0, max(0, rate - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames)) ** 2 @ mel_filters(rate).T
    level = 10 * np.log10(power + 1e-10)
    grey = (level - level.max() + RANGE_DB) / RANGE_DB
    return Image.fromarray((grey.clip(0, 1) * 255).astype(np.uint8).T[::-1]).resize((64, 64), Image.Resampling.BILINEAR)


def main() -> None:
    source, folder = sys.argv[1:]
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            if name.endswith(".flac"):
                sound, rate = soundfile.read(io.BytesIO(archive.read(name)))
                picture_of(sound, rate).save(Path(folder) / f"{Path(name).stem}.png")


if __name__ == "__main__":
    main()
