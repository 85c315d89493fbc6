"""What kind of file it is, by its name or its first bytes."""

from __future__ import annotations

import os

from drivetrain.errors import SystemLimitError
from drivetrain.runtime.files.members import opened
from drivetrain.runtime.trust.system_limits import patiently

HEAD_BYTES = 512

_CONVERT = "convert it to PNG or JPEG"
_DEVELOP = "develop it to JPEG, PNG or TIFF with a raw converter"
UNREAD = {
    **dict.fromkeys((".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc", ".jph"), f"JPEG 2000 is not read: {_CONVERT}"),
    **dict.fromkeys((".jxl",), f"JPEG XL is not read: {_CONVERT}"),
    **dict.fromkeys((".jxr", ".wdp", ".hdp"), f"JPEG XR is not read: {_CONVERT}"),
    **dict.fromkeys((".psd", ".psb"), "Photoshop documents are not read: export them as PNG or JPEG"),
    **dict.fromkeys((".xcf", ".kra"), "documents of a paint program are not read: export them as PNG or JPEG"),
    **dict.fromkeys((".tga", ".icb", ".vda"), f"TGA is not read: {_CONVERT}"),
    **dict.fromkeys((".pcx", ".sgi", ".ras", ".xbm", ".xpm", ".ico", ".icns", ".dds"), f"not read: {_CONVERT}"),
    **dict.fromkeys(
        (".dcm", ".dicom"), "DICOM is not read: convert it, with the window that matters, to PNG, 16-bit PNG or .npy"
    ),
    **dict.fromkeys(
        (".nii", ".mha", ".nrrd", ".fits", ".fit"), "volumes and measurements are not read: save slices as PNG or .npy"
    ),
    **dict.fromkeys((".exr", ".hdr", ".pfm"), "floating-point pictures are not read: save them with 8 or 16 bits"),
    **dict.fromkeys((".svg", ".svgz", ".eps", ".ai", ".wmf", ".emf"), "drawings are not read: export them as PNG"),
    **dict.fromkeys((".pdf",), "PDF is not read: save its pages as PNG or JPEG"),
    **dict.fromkeys(
        (
            ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf", ".pef",
            ".srw", ".3fr", ".iiq", ".x3f", ".erf", ".kdc", ".dcr", ".mrw", ".mos", ".rwl", ".gpr",
        ),
        f"raw files of cameras are not read: {_DEVELOP}",
    ),
}  # fmt: skip
"""Suffixes of pictures that are not read → "what it is: what to do". They are counted as rows, not overlooked."""

DRAWINGS = frozenset({".svg", ".svgz", ".eps", ".ai", ".wmf", ".emf", ".pdf"})
"""Those of them that lie beside pictures without being any: as input of a model they are passed over."""

_OTHER_SUFFIXES = """
.txt .csv .tsv .json .jsonl .ndjson .xml .yaml .yml .toml .ini .cfg .md .rst .html .htm .css .js .log .tex .bib .py .pyc
.ipynb .m .mat .r .rdata .rds .c .cpp .h .java .sh .bat .exe .dll .so .zip .tar .gz .tgz .bz2 .xz .7z .rar .parquet
.feather .arrow .h5 .hdf5 .npz .pkl .pickle .pt .pth .ckpt .onnx .safetensors .tfrecord .lmdb .mdb .db .sqlite
.doc .docx .odt .xls .xlsx .ods .ppt .pptx .mp4 .mov .avi .mkv .webm .mpg .mpeg .m4v .wav .mp3 .flac .ogg .m4a .aac .lnk
.url .webloc .pack .bank .xmp .aae .thm .md5 .sha256 .sha1 .sum .pts .lst .list .names .data .geojson .shp .dbf .prj
.wld .tfw .jgw .rtf
"""
OTHER_SUFFIXES = frozenset(_OTHER_SUFFIXES.split())
"""Suffixes that say it is no picture: such files are not opened."""


BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\x93NUMPY", "NPY"),
)
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
HEIF_BRANDS = (b"avif", b"avis", *HEIC_BRANDS)
HEIC = "HEIC, as telephones save photographs, is not read: convert it to JPEG"


def begins_like_a_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as pictures do, of any format known here."""
    return bool(picture_format(head(path)))


def head(path: str | os.PathLike[str]) -> bytes:
    """The first bytes of a regular file; b"" where it cannot be opened.

    Raises:
        SystemLimitError: Too many files are open.
    """

    def read() -> bytes:
        with opened(path) as file:
            return file.read(HEAD_BYTES)

    try:
        return patiently(read, path)
    except SystemLimitError:
        raise
    except (OSError, ValueError):
        return b""


def picture_format(start: bytes) -> str:
    r"""The format that the first bytes announce, or an empty string.

    Example:
        >>> picture_format(b"\xff\xd8\xff\xe0"), picture_format(b"text")
        ('JPEG', '')
    """
    for beginning, format in BEGINNINGS:
        if start.startswith(beginning):
            return format
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WEBP"
    if start.startswith(b"BM") and start[6:10] == b"\0\0\0\0":
        return "BMP"
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3].isspace():
        return "PPM"
    is_heif = start[4:8] == b"ftyp" and start[8:12] in HEIF_BRANDS
    return "HEIF" if is_heif else unread_format(start)


def unread_format(start: bytes) -> str:
    """A key of `UNREAD`: the format of a picture that is not read, by its first bytes; or an empty string.

    Example:
        >>> unread_format(b"8BPS...")
        '.psd'
    """
    if start.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")):
        return ".jp2"
    if start.startswith((b"\0\0\0\x0cJXL ", b"\xff\x0a")):
        return ".jxl"
    if start.startswith(b"8BPS"):
        return ".psd"
    if start[128:132] == b"DICM":
        return ".dcm"
    return ".exr" if start.startswith(b"\x76\x2f\x31\x01") else ""


def why_not_read(path: str | os.PathLike[str]) -> str:
    """Why a file is not read by its suffix, as "what it is: what to do"; "" where its first bytes may be another's.

    A raw file of a camera begins as TIFF does and holds a small preview, which would be read in its place.
    """
    reason = UNREAD.get(os.path.splitext(path)[1].lower(), "")  # noqa: PTH122  of a name, not of a file
    return "" if reason and picture_format(head(path)) in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "NPY") else reason
