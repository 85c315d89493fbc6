"""A hundred files that were made to break something: each is read, or left out with a reason; nothing else happens."""

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.data.inputs import Files
from drivetrain.errors import DataError, DrivetrainWarning, InputError
from drivetrain.kinds.binaries.source import check, near
from drivetrain.kinds.binaries.spec import Spec

NOT_USED = {"empty", "lfs", "lfs old", "folder", "gone", "loop", "fifo", "device", "dangling"}


def packed_with(write) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def zip_of(names: dict[str, bytes]) -> bytes:
    def write(stream):
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in names.items():
                file.writestr(name, content)

    return packed_with(write)


def contents() -> dict[str, bytes]:
    """Name → bytes, of all that can be written down."""
    rng = np.random.default_rng(0)
    noise = rng.bytes(5000)
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + ELF_HEADER
    made = {
        "empty": b"",
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "lfs old": b"version https://git-lfs.github.com/spec/v0",
        "zeros": bytes(70_000),
        "ones": b"\xff" * 70_000,
        "bomb.zip": zip_of({"a": bytes(10**7)}),
        "nested.zip": zip_of({"a.zip": zip_of({"b.zip": zip_of({"c": noise})})}),
        "outside.zip": zip_of({"../../etc/passwd": b"x", "/abs": b"y"}),
        "cut.zip": zip_of({"a": noise})[:-40],
        "bomb.gz": gzip.compress(bytes(10**7)),
        "bomb.xz": lzma.compress(bytes(10**6)),
        "bomb.bz2": bz2.compress(bytes(10**6)),
        "zlib": zlib.compress(noise),
        "tar": packed_with(lambda stream: tarfile.open(fileobj=stream, mode="w").close()),
        "header of elf": elf,
        "elf that lies": elf + noise,
        "pe that lies": b"MZ" + bytes(58) + struct.pack("<I", 2**32 - 1) + noise,
        "macho": b"\xcf\xfa\xed\xfe" + b"\xff" * 28,
        "class": b"\xca\xfe\xba\xbe" + b"\xff" * 60,
        "pyc": b"\x6f\r\r\n" + noise,
        "pickle": b"\x80\x04cos\nsystem\n(S'false'\ntR.",
        "npy of objects": packed_with(lambda stream: np.save(stream, np.array([{}], object))),
        "eicar like": b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$NOT-A-TEST-FILE!$H+H*",
        "script": b"#!/bin/sh\nfalse\n",
        "html": b"<script>alert(1)</script>" * 40,
        "utf16": "häßlich".encode("utf-16") * 200,
        "csv": b"path,label\n" * 500,
        "json deep": b"[" * 50_000,
        "xml bomb": b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>',
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "png header": b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 2**31 - 1, 2**31 - 1),
        "jpeg header": b"\xff\xd8\xff\xe0" + noise,
        "pdf": b"%PDF-1.7\n" + noise,
        "every byte": bytes(range(256)) * 40,
        "de bruijn": bytes(i >> s & 255 for i in range(20_000) for s in (8, 0)),
        "newlines": b"\r\n" * 9000,
        "nul text": b"a\0b\0" * 900,
        "mebibyte": rng.bytes(1 << 20),
        "mebibyte and one": rng.bytes((1 << 20) + 1),
        "repeated 8": b"12345678" * 3000,
    }
    for n in (1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 71, 72, 255, 256, 257, 1023, 1024, 1025, 10_239, 10_240, 10_241):
        made[f"{n} bytes"] = rng.bytes(n)
        made[f"{n} zeros"] = bytes(n)
    return made


ELF_HEADER = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 2**63, 0, 64, 56, 65535, 64, 65535, 65535)
NAMES = ("-rf", "a b", "ä\u0301", "x" * 200, "new\nline", "semi;colon", "$(false)", "%s%n", "..a", "name.", "\u202egnp")
SPECIAL = ("folder", "loop", "dangling", "fifo", "gone", "huge")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("hostile")
    paths = []
    for i, (name, content) in enumerate(contents().items()):
        paths.append(folder / f"{i}-{name}")
        paths[-1].write_bytes(content)
    for name in NAMES:
        paths.append(folder / name)
        paths[-1].write_bytes(os.urandom(900))
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "dangling").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "fifo")
    with (folder / "huge").open("wb") as file:
        file.truncate(50 << 30)
    return [*paths, *(folder / name for name in SPECIAL), Path("/dev/zero")]


def is_used(path: Path) -> bool:
    return path != Path("/dev/zero") and path.name.partition("-")[2 if path.name[0].isdigit() else 0] not in NOT_USED


@pytest.mark.timeout(100)
def test_each_is_read_or_left_out_with_a_reason(hostile):
    quick = [path for path in hostile if path.name != "huge"]  # hashing 50 GB takes a minute
    assert len(hostile) >= 100
    found = check(Files(quick))
    assert [one.problem is None for one in found] == [is_used(path) for path in quick]
    assert all(one.problem is None or ("\n" not in one.problem and len(one.problem) < 200) for one in found)
    near.candidates([one.signature for one in found])


@pytest.mark.parametrize("layout", ["width", "hilbert"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_each_is_drawn_or_refused_in_words(hostile, layout, pieces):
    spec = Spec(layout=layout, pieces=pieces, windows=pieces + 1, height_px=32, width_px=32)
    for path in hostile:
        try:
            (view,) = spec.view(spec.load(path))
        except InputError as error:
            assert not is_used(path) and "To fix: " in str(error), path
        else:
            assert is_used(path) and view.shape == (pieces + 1, 3, 32, 32), path


def test_a_folder_of_them_is_listed_and_nothing_is_lost(hostile, tmp_path):
    folder = tmp_path / "data"
    for i, path in enumerate(path for path in hostile if path.is_file() and path.name not in {"huge", "fifo"}):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        (folder / "ab"[i % 2] / path.name).write_bytes(path.read_bytes()) if path != Path("/dev/zero") else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = dt.binaries(folder, project=str(tmp_path / "p"), valid_pct=0.2, test_pct=0.2)
    assert all(issubclass(one.category, DrivetrainWarning) for one in caught)
    listed = len(data.train) + len(data.valid) + data.n_test + len(data.report.left_out)
    passed = sum(data.report.ignored.values())
    assert listed + passed == sum(1 for path in folder.rglob("*") if path.is_file())
    with pytest.raises(DataError, match="empty"):
        dt.binaries(folder, broken="error", project=str(tmp_path / "q"))
