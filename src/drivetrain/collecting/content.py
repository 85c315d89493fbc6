"""What came, by its first bytes: the header says what a server believes, the bytes say what it is."""

from __future__ import annotations

from drivetrain.runtime.files.sniffing import UNREAD, picture_format

HEAD_BYTES = 512
"""That settle what a file is."""

PICTURES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "GIF": ".gif",
    "TIFF": ".tif",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "PPM": ".ppm",
    "HEIF": ".heic",
}
"""Format → the suffix of the file that is written."""
SOUNDS = (
    (b"fLaC", ".flac"),
    (b"OggS", ".ogg"),
    (b"ID3", ".mp3"),
    (b".snd", ".au"),
    (b"caff", ".caf"),
    (b"RF64", ".rf64"),
)
OTHERS = (
    (b"%PDF", ".pdf"),
    (b"PK\x03\x04", ".zip"),
    (b"\x1f\x8b", ".gz"),
    (b"\x93NUMPY", ".npy"),
)
PAGES = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<script", b"<title")


def suffix_of(start: bytes, kind: str) -> str:
    r"""The suffix that a file of a kind gets.

    Args:
        start: Its first bytes, `HEAD_BYTES` where there are so many.
        kind: "images", "sounds" or "files".

    Returns:
        The suffix; "" where it is something else, see `why_not`.

    Example:
        >>> suffix_of(b"\xff\xd8\xff\xe0", "images"), suffix_of(b"<html>", "images"), suffix_of(b"MZ", "files")
        ('.jpg', '', '.bin')
    """
    if kind == "images":
        return _picture(start)
    if kind == "sounds":
        return _sound(start)
    if is_page(start) or not start:
        return ""
    known = _picture(start) or _sound(start)
    return known or next((suffix for begins, suffix in OTHERS if start.startswith(begins)), ".bin")


def why_not(start: bytes, kind: str) -> str:
    """Why a file is none of a kind, as "group: detail".

    Example:
        >>> why_not(b"<!DOCTYPE html><title>Not found", "images")
        'error page: a web page came instead of a picture'
    """
    noun = {"images": "a picture", "sounds": "a sound"}.get(kind, "a file")
    begins = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    known = picture_format(start)
    if not start:
        return "empty: no byte came"
    if is_page(start) or begins[:1] in (b"{", b"["):
        return f"error page: {'a web page' if is_page(start) else 'JSON'} came instead of {noun}"
    if begins.startswith((b"<svg", b"<?xml")):
        found = "an SVG drawing or XML"
    elif kind == "images" and known in UNREAD:
        found = UNREAD[known]
    else:
        found = _other(start, kind)
    return f"wrong type: {found}"


def _other(start: bytes, kind: str) -> str:
    """What a file of another kind is."""
    suffix = next((suffix for begins, suffix in OTHERS if start.startswith(begins)), "") or _sound(start)
    suffix = suffix or (PICTURES.get(picture_format(start), "") if kind == "sounds" else "")
    if suffix:
        return f"a {suffix} file"
    return "text" if all(9 <= byte < 127 for byte in start[:64]) else "no format that is known here"


def is_page(start: bytes) -> bool:
    """Whether it is a page for people."""
    begins = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return begins.startswith(PAGES) or (begins.startswith(b"<?xml") and b"<html" in begins)


def _picture(start: bytes) -> str:
    return ".avif" if start[4:12] in (b"ftypavif", b"ftypavis") else PICTURES.get(picture_format(start), "")


def _sound(start: bytes) -> str:
    if start.startswith(b"RIFF") and start[8:12] == b"WAVE":
        return ".wav"
    if start.startswith(b"FORM") and start[8:12] in (b"AIFF", b"AIFC"):
        return ".aiff"
    if start[4:8] == b"ftyp" and start[8:11] in (b"M4A", b"M4B"):
        return ".m4a"
    if len(start) > 1 and start[0] == 0xFF and start[1] & 0xE6 in (0xE2, 0xE4, 0xE6):
        return ".mp3"
    return next((suffix for begins, suffix in SOUNDS if start.startswith(begins)), "")
