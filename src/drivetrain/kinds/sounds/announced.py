"""What the first bytes of a file say: how long it is meant to be, and what else it is where it is no sound."""

from __future__ import annotations

import struct
from typing import Literal

SIZES_IN_HEADER = 1 << 16
"""How much of a file is looked at."""
UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFE, 0x7FFFF000, 0xFFFFF000)
"""What programs write that do not know yet how much will come, such as ffmpeg into a pipe."""
OTHERS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"PK\x03\x04", "a zip file"),
    (b"%PDF", "a PDF"),
    (b"\x1a\x45\xdf\xa3", "a WebM or Matroska file, which soundfile cannot decode; ffmpeg makes FLAC of it"),
    (b"\x30\x26\xb2\x75", "a WMA file, which soundfile cannot decode; ffmpeg makes FLAC of it"),
    (b"\xff\xf1", "AAC, which soundfile cannot decode; ffmpeg makes FLAC of it"),
    (b"\xff\xf9", "AAC, which soundfile cannot decode; ffmpeg makes FLAC of it"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"version https", "a Git LFS pointer instead of the file: fetch it with git lfs pull"),
)
LENGTH_SAID = (b"Xing", b"Info", b"VBRI")
"""Marks of an MP3 whose beginning says how long it is; of another, decoders guess by its first frame."""
KBIT_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KBIT_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""A thousand bits a second by their code, of layer III of MPEG 1, and of MPEG 2 and 2.5."""
MPEG_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8000)}


def samples_of_mp3(data: bytes) -> int:
    r"""How many samples the frames of an MP3 hold, counted up to the first thing that is no frame.

    Example:
        >>> samples_of_mp3((b"\xff\xfb\x90\xc4" + bytes(413)) * 3)
        3456
    """
    at = n = 0
    if data[:3] == b"ID3" and len(data) > 10:
        at = 10 + sum((byte & 127) << 7 * (3 - place) for place, byte in enumerate(data[6:10]))
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] & 0xE6 == 0xE2:
        version, rate, code = data[at + 1] >> 3 & 3, data[at + 2] >> 2 & 3, data[at + 2] >> 4
        if version == 1 or rate == 3 or code in (0, 15):
            break
        half = 1 if version == 3 else 2
        kbit = (KBIT_1 if version == 3 else KBIT_2)[code]
        at += 144_000 // half * kbit // MPEG_RATES[version][rate] + (data[at + 2] >> 1 & 1)
        n += 1152 // half
    return n


def kind_of_content(head: bytes) -> str | None:
    """What a file is that is no sound, or none that can be decoded; None where it may be one.

    Example:
        >>> kind_of_content(bytes(4) + b"ftypM4A ")
        'an MP4 or M4A file, which soundfile cannot decode; ffmpeg makes FLAC of it'
    """
    if head[4:8] == b"ftyp":
        return "an MP4 or M4A file, which soundfile cannot decode; ffmpeg makes FLAC of it"
    return next((what for magic, what in OTHERS if head.startswith(magic)), None)


def cut_short(head: bytes, size: int) -> str | None:
    """What is missing of a file whose header says that it is longer than it is; None where nothing is known to be.

    Of FLAC, OGG and MP3 the decoder finds out.

    Args:
        head: The first bytes, `SIZES_IN_HEADER` of them or all.
        size: Bytes that there are.

    Example:
        >>> cut_short(b"RIFF" + struct.pack("<I", 136) + b"WAVEdata" + struct.pack("<I", 100) + bytes(10), 30)
        'it says 100 bytes of samples, and 10 are there'
    """
    found = _announced(head)
    if found is None:
        return None
    start, length = found
    there = size - start
    if there >= length or length in UNKNOWN_SIZES:
        return None
    return f"it says {length:,} bytes of samples, and {max(there, 0):,} are there"


def _announced(head: bytes) -> tuple[int, int] | None:
    """Where samples begin, and how many bytes of them are said to be there."""
    magic = head[:4]
    found: tuple[int, int] | None = None
    try:
        if magic in (b"RIFF", b"RIFX"):
            found = _chunk(head, 12, b"data", "<" if magic == b"RIFF" else ">")
        elif magic in (b"RF64", b"BW64"):
            found = _chunk(head, 12, b"data", "<")
            found = found and (found[0], struct.unpack_from("<Q", head, 28)[0])
        elif magic == b"FORM":
            found = _chunk(head, 12, b"SSND", ">")
        elif magic in (b".snd", b"dns."):
            found = struct.unpack_from(">II" if magic == b".snd" else "<II", head, 4)
        elif magic == b"riff":
            found = _wave64(head)
    except struct.error:  # the header itself is cut short, as the decoder will say
        return None
    return found


def _chunk(head: bytes, at: int, name: bytes, order: Literal["<", ">"]) -> tuple[int, int] | None:
    while at + 8 <= len(head):
        length = struct.unpack_from(f"{order}I", head, at + 4)[0]
        if head[at : at + 4] == name:
            return at + 8, length
        at += 8 + length + length % 2
    return None


def _wave64(head: bytes) -> tuple[int, int] | None:
    at = 40
    while at + 24 <= len(head):
        length = struct.unpack_from("<Q", head, at + 16)[0]
        if head[at : at + 4] == b"data":
            return at + 24, length - 24
        if length < 24:
            return None
        at += -(-length // 8) * 8
    return None
