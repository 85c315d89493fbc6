"""A hundred sounds as they come: damaged, empty, odd, and good ones that look odd."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import soundfile

RNG = np.random.default_rng(7)
NOISE = (0.2 * RNG.standard_normal(8000)).astype(np.float32)


def encoded(
    wave: Any = NOISE, rate: int = 8000, form: str = "WAV", subtype: str | None = None, endian: str = "FILE"
) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, wave, rate, format=form, subtype=subtype, endian=endian)
    return stream.getvalue()


def header(
    *, channels: int = 1, rate: int = 8000, bits: int = 16, code: int = 1, n_bytes: int | None = None, data: bytes = b""
) -> bytes:
    """A WAV file that says what one likes."""
    step = max(1, channels * bits // 8)
    form = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, code, channels & 0xFFFF, rate, rate * step & 0xFFFFFFFF, step & 0xFFFF, bits
    )
    length = len(data) if n_bytes is None else n_bytes
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVE" + form + b"data" + struct.pack("<I", length) + data


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def broken(data: bytes, seed: int) -> bytes:
    """Some bytes in the middle are others."""
    changed = np.frombuffer(data, np.uint8).copy()
    at = np.random.default_rng(seed).integers(len(data) // 10, len(data), 40)
    changed[at] ^= 0x5A
    return changed.tobytes()


FLAC, OGG, MP3 = encoded(form="FLAC"), encoded(form="OGG"), encoded(form="MP3")
WAV, FLOAT = encoded(), encoded(subtype="FLOAT")
BAD: dict[str, bytes] = {
    "empty.wav": b"",
    "one byte.wav": b"R",
    "riff alone.wav": b"RIFF",
    "zeros.wav": bytes(5000),
    "text.wav": b"this is no sound at all, but a line of text\n" * 40,
    "random.flac": RNG.integers(0, 256, 4000, dtype=np.uint8).tobytes(),
    "html.mp3": b"<!DOCTYPE html><html><body>404</body></html>" * 20,
    "lfs.wav": b"version https://example.org/spec/v1\noid sha256:00\nsize 3\n",
    "png.wav": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "jpeg.wav": b"\xff\xd8\xff\xe0" + bytes(200),
    "zip.wav": b"PK\x03\x04" + bytes(200),
    "pdf.wav": b"%PDF-1.7\n" + bytes(200),
    "mp4.m4a": b"\x00\x00\x00\x20ftypM4A " + bytes(400),
    "aac.aac": b"\xff\xf1\x50\x80" + bytes(400),
    "wma.wma": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(400),
    "webm.ogg": b"\x1a\x45\xdf\xa3" + bytes(400),
    "json.wav": b'{"a": [1, 2, 3]}',
    "npy.wav": b"\x93NUMPY\x01\x00" + bytes(200),
    "gzip.wav": b"\x1f\x8b\x08" + bytes(200),
    "elf.wav": b"\x7fELF" + bytes(300),
    "no samples.wav": encoded(np.zeros(0, np.float32)),
    "no samples.flac": encoded(np.zeros(0, np.float32), form="FLAC"),
    "silent.wav": encoded(np.zeros(8000, np.float32)),
    "silent.flac": encoded(np.zeros(8000, np.float32), form="FLAC"),
    "silent stereo.wav": encoded(np.zeros((8000, 2), np.float32)),
    "nearly silent.wav": encoded(np.full(8000, 1e-7, np.float32), subtype="FLOAT"),
    "not a number.wav": encoded(np.where(np.arange(8000) == 4000, np.nan, NOISE).astype(np.float32), subtype="FLOAT"),
    "infinite.wav": encoded(np.where(np.arange(8000) == 10, np.inf, NOISE).astype(np.float32), subtype="FLOAT"),
    "all nan.wav": encoded(np.full(800, np.nan, np.float32), subtype="FLOAT"),
    "antiphase.wav": encoded(np.stack([NOISE, -NOISE], axis=1)),
    "antiphase 4.flac": encoded(np.stack([NOISE, -NOISE, NOISE, -NOISE], axis=1), form="FLAC"),
    "no rate.wav": header(rate=0, data=WAV[44:]),
    "huge rate.wav": header(rate=4_000_000_000, data=WAV[44:]),
    "rate of 1.wav": header(rate=1, data=WAV[44:]),
    "rate of 999.wav": header(rate=999, data=WAV[44:]),
    "no channels.wav": header(channels=0, data=WAV[44:]),
    "60,000 channels.wav": header(channels=60_000, data=WAV[44:]),
    "200 channels.wav": header(channels=200, data=bytes(400 * 50)),
    "0 bits.wav": header(bits=0, data=WAV[44:]),
    "13 bits of an unknown code.wav": header(code=0x7777, bits=13, data=WAV[44:]),
    "announces gigabytes.wav": header(n_bytes=3_000_000_000, data=WAV[44:]),
    "announces twice.wav": header(n_bytes=32_000, data=WAV[44:]),
    "half.wav": cut(WAV, 0.5),
    "half float.wav": cut(FLOAT, 0.5),
    "nearly whole.wav": cut(WAV, 0.98),
    "header alone.wav": WAV[:44],
    "half a header.wav": WAV[:20],
    "half.flac": cut(FLAC, 0.5),
    "nearly whole.flac": cut(FLAC, 0.97),
    "header.flac": FLAC[:42],
    "half.ogg": cut(OGG, 0.5),
    "tail of.ogg": OGG[len(OGG) // 2 :],
    "half.mp3": cut(MP3, 0.5),
    "a frame.mp3": MP3[:40],
    "half.aiff": cut(encoded(form="AIFF"), 0.5),
    "half.au": cut(encoded(form="AU"), 0.5),
    "half.w64": cut(encoded(form="W64"), 0.5),
    "half.rf64": cut(encoded(form="RF64"), 0.5),
    "half.caf": cut(encoded(form="CAF"), 0.5),
    "24 bits, half.wav": cut(encoded(subtype="PCM_24"), 0.6),
    "wrong magic.flac": b"fLaX" + FLAC[4:],
    "id3 alone.mp3": b"ID3\x04\x00\x00\x00\x00\x00\x10" + bytes(16),
}
"""None of these can be used."""
TOLD: dict[str, bytes] = {
    "bits changed 1.wav": broken(WAV, 1),
    "bits changed 2.wav": broken(FLOAT, 2),
    "bits changed 3.flac": broken(FLAC, 3),
    "bits changed 4.flac": broken(FLAC, 4),
    "bits changed 5.ogg": broken(OGG, 5),
    "bits changed 6.ogg": broken(OGG, 6),
    "bits changed 7.mp3": broken(MP3, 7),
    "bits changed 8.mp3": broken(MP3, 8),
    "bits changed 9.mp3": broken(MP3, 9),
}
"""Read or refused in words, as the decoder has it."""
GOOD: dict[str, bytes] = {
    "flac in.wav": FLAC,
    "ogg in.flac": OGG,
    "mp3 in.wav": MP3,
    "wav in.mp3": WAV,
    "junk behind.wav": WAV + b"junk" * 50,
    "streamed.wav": header(n_bytes=0xFFFFFFFF, data=WAV[44:]),
    "odd chunk.wav": WAV[:36] + b"LIST" + struct.pack("<I", 4) + b"INFO" + WAV[36:],
    "8 bits.wav": encoded(subtype="PCM_U8"),
    "24 bits.wav": encoded(subtype="PCM_24"),
    "32 bits.wav": encoded(subtype="PCM_32"),
    "double.wav": encoded(subtype="DOUBLE"),
    "mu-law.wav": encoded(subtype="ULAW"),
    "a-law.au": encoded(form="AU", subtype="ALAW"),
    "adpcm.wav": encoded(subtype="IMA_ADPCM"),
    "extensible.wav": encoded(form="WAVEX"),
    "big-endian.aiff": encoded(form="AIFF"),
    "core audio.caf": encoded(form="CAF"),
    "wave 64.w64": encoded(form="W64"),
    "rf64.rf64": encoded(form="RF64"),
    "opus.opus": encoded(rate=48_000, form="OGG", subtype="OPUS"),
    "96 kHz.flac": encoded(rate=96_000, form="FLAC"),
    "192 kHz.wav": encoded(rate=192_000),
    "odd rate.wav": encoded(rate=11_127),
    "prime rate.wav": encoded(rate=7919),
    "6 channels.flac": encoded(0.2 * RNG.standard_normal((4000, 6)), form="FLAC"),
    "16 channels.wav": encoded(0.2 * RNG.standard_normal((2000, 16))),
    "one channel of eight.wav": encoded(NOISE[:2000, None] * (np.arange(8) == 3)),
    "loud floats.wav": encoded(NOISE * 40, subtype="FLOAT"),
    "quiet floats.wav": encoded(NOISE * 1e-3, subtype="FLOAT"),
    "clipped.wav": encoded(np.clip(NOISE * 9, -1, 1)),
    "offset.wav": encoded(0.5 + NOISE),
    "3 samples.wav": encoded(np.array([0.5, -0.5, 0.25], np.float32)),
    "one sample.wav": encoded(np.array([0.5], np.float32)),
}
"""These are sounds."""
