"""What a file says it is by its first bytes: for metadata and messages, never to decide how it is read."""

from __future__ import annotations

_BEGINNINGS = (
    (b"\x7fELF", "ELF"),
    (b"MZ", "PE"),
    (b"\xcf\xfa\xed\xfe", "Mach-O"),
    (b"\xce\xfa\xed\xfe", "Mach-O"),
    (b"\xca\xfe\xba\xbe", "Mach-O or Java class"),
    (b"dex\n", "DEX"),
    (b"\0asm", "WebAssembly"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"Rar!\x1a\x07", "rar"),
    (b"%PDF", "PDF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"#!", "script"),
)
_TEXT = frozenset((9, 10, 13, *range(32, 127)))


def format_of(start: bytes) -> str:
    r"""The format that the first bytes name; "text" where all of them can be printed, else "other".

    Example:
        >>> format_of(b"MZ\x90"), format_of(b"hello\n"), format_of(b"\x01\x02")
        ('PE', 'text', 'other')
    """
    named = next((name for beginning, name in _BEGINNINGS if start.startswith(beginning)), None)
    return named or ("text" if start and _TEXT.issuperset(start) else "other")
