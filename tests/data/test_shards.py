"""Rows that lie in tar shards go every way that rows of single files go."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import warnings
import wave

import numpy as np
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.data.cache.location import CachePlace
from drivetrain.data.cache.store import Store
from drivetrain.data.inputs import Files
from drivetrain.data.listing import SourceSpec
from drivetrain.data.reopen import reopen
from drivetrain.data.sources import read_source
from drivetrain.errors import DataError, DrivetrainWarning
from drivetrain.kinds.images.looks.exif import read_exif
from drivetrain.kinds.images.looks.same_picture import same_picture
from drivetrain.kinds.images.metadata import capture_facts
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.files import members as shards
from drivetrain.runtime.files.members import bytes_of
from drivetrain.runtime.targets import CategoryTarget


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(place))
    monkeypatch.setattr(shards, "TRUSTED_S", 0.0)
    return place


def encoded(number, form="PNG", **options):
    stream = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


def shard(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def both(folder, n=30):
    """The same pictures in shards and in class folders."""
    for k in range(3):
        rows = range(k * n // 3, (k + 1) * n // 3)
        said = [((f"{i:05}.png", encoded(i)), (f"{i:05}.cls", b"fig" if i % 3 else b"pear")) for i in rows]
        shard(folder / "shards" / f"{k:04}.tar", [member for pair in said for member in pair])
    for i in range(n):
        path = folder / "files" / ("fig" if i % 3 else "pear") / f"{i:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(i))
    return folder / "shards", folder / "files"


def test_they_are_divided_sealed_and_loaded_as_files_are(tmp_path, cache):
    in_shards, in_files = (dt.images(place, seed=3, project=tmp_path / place.name) for place in both(tmp_path))
    assert in_shards.split == in_files.split
    for part in ("train", "valid"):
        ours, theirs = (getattr(data, part) for data in (in_shards, in_files))
        said = [sorted(zip(rows.digests, rows.values, rows.signatures, strict=True)) for rows in (ours, theirs)]
        assert said[0] == said[1]
    spec = PictureInput(channels=3, size_px=16, mean=(0.5,) * 3, std=(0.5,) * 3)
    stores = [
        Store(data.train.inputs, spec, digests=data.train.digests, cache=CachePlace(cache / str(i), 10**8))
        for i, data in enumerate((in_shards, in_files))
    ]
    order = [in_files.train.digests.index(digest) for digest in in_shards.train.digests]
    rows = [store.get(rows) for store, rows in zip(stores, (range(len(order)), order), strict=True)]
    assert all(np.array_equal(ours[0], theirs[0]) for ours, theirs in zip(*rows, strict=True))
    assert not list(cache.rglob("*.png")), "nothing is unpacked"
    assert "where they lie" in str(in_shards.decisions["pictures"])


def test_names_say_the_shard_and_the_member(tmp_path):
    place, _ = both(tmp_path)
    rows = read_source(place).rows
    assert rows.inputs.name(0) == f"{place}/0000.tar/00000.png" == rows.inputs.names()[0]


def test_they_are_found_again_elsewhere_under_other_names(tmp_path):
    place, files = both(tmp_path)
    data = dt.images(place, seed=3, project=tmp_path / "p")
    moved = tmp_path / "moved"
    place.rename(moved)
    for number, path in enumerate(sorted(moved.iterdir())):
        path.rename(moved / f"part-{9 - number}.tar")
    fruit = CategoryTarget.fit("label", ["fig", "pear"])
    for where, spec in ((moved, data.spec), (files, SourceSpec(layout="folder"))):
        found = reopen(where, spec, fruit, split=data.split)
        assert sorted(found.part("valid").examples.digests) == sorted(data.valid.digests)


def test_a_table_may_name_members(tmp_path):
    place, _ = both(tmp_path)
    rows = [
        ("shards/0000.tar/00000.png", "a"),
        (str(place / "0002.tar" / "00029.png"), "b"),
        ("no.tar/1.png", "b"),
    ]
    (tmp_path / "t.csv").write_text("path,label\n" + "".join(f"{path},{label}\n" for path, label in rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        data = dt.images(tmp_path / "t.csv", valid_pct=0, test_pct=0, project=tmp_path / "p")
    assert sorted(data.train.inputs.names()) == [f"{place}/0000.tar/00000.png", f"{place}/0002.tar/00029.png"]
    assert [row.reason for row in data.report.left_out] == ["file is missing"] or "no.tar" in str(data.report)


def test_shards_are_no_groups(tmp_path):
    """Every shard holds some of every class: as folders, they would look like people or places."""
    for k in range(8):
        said = [((f"{i}.png", encoded(10 * k + i)), (f"{i}.cls", b"%d" % (i % 2))) for i in range(10)]
        shard(tmp_path / "s" / f"{k:04}.tar", [member for pair in said for member in pair])
    data = dt.images(tmp_path / "s", project=tmp_path / "p")
    assert "likely groups" not in data.decisions


def test_members_of_a_sample_may_lie_apart(tmp_path):
    members = [(f"{i}.png", encoded(i)) for i in range(3)] + [(f"{i}.cls", b"%d" % i) for i in (2, 0, 1)]
    rows = read_source(shard(tmp_path / "a.tar", members)).rows
    assert rows.values == ("0", "1", "2")
    assert [bytes_of(path) for path in rows.inputs.paths] == [encoded(i) for i in range(3)]


@pytest.mark.parametrize("packed", [False, True])
def test_names_with_dots_are_told_apart(packed, tmp_path):
    """By WebDataset's rule all of these were one sample, and all pictures but one were lost."""
    members = [
        (f"IMG_2024.01.{i:02}.{end}", encoded(i) if end == "png" else b"ab"[i % 2 :][:1])
        for i in range(4)
        for end in ("png", "cls")
    ]
    place = shard(
        tmp_path / "a.tar", [*members, ("7.jpg", encoded(7, "JPEG")), ("7.mask.png", encoded(8)), ("7.cls", b"b")]
    )
    if packed:
        place = tmp_path / "b.tar.gz"
        place.write_bytes(gzip.compress((tmp_path / "a.tar").read_bytes()))
    rows = read_source(place).rows
    assert rows.values == (*"abab", "b")
    assert [bytes_of(path) for path in rows.inputs.paths] == [*map(encoded, range(4)), encoded(7, "JPEG")]


def test_names_with_dots_in_class_folders(tmp_path):
    members = [(f"{'aabb'[i]}/v1.{i}.png", encoded(i)) for i in range(4)]
    assert read_source(shard(tmp_path / "a.tar", members)).rows.values == tuple("aabb")


def test_a_key_that_occurs_again_is_another_sample_and_told(tmp_path):
    members = [("0.png", encoded(0)), ("0.cls", b"a"), ("1.png", encoded(1)), ("1.cls", b"b")]
    members += [("0.png", encoded(2)), ("0.cls", b"c")]
    with pytest.warns(DrivetrainWarning, match="1 member of the shards has the name of an earlier one"):
        rows = read_source(shard(tmp_path / "a.tar", members)).rows
    assert rows.values == ("a", "b", "c")
    assert [bytes_of(path) for path in rows.inputs.paths] == [encoded(i) for i in range(3)]
    assert rows.inputs.name(2).endswith("/a.tar/@3072/0.png") or "/@" in rows.inputs.name(2)


def test_what_is_not_read_is_told(tmp_path):
    path = shard(tmp_path / "a.tar", [("0.png", encoded(0)), ("0.cls", b"a"), ("1.png", encoded(1)), ("1.cls", b"b")])
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("2.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/elsewhere/2.png"
        archive.addfile(link)
    with pytest.warns(DrivetrainWarning, match="1 × links to what is not inside"):
        assert read_source(path).rows.values == ("a", "b")
    cut = shard(tmp_path / "cut" / "a.tar", [("0.png", encoded(0)), ("0.cls", b"a")])
    content = cut.read_bytes()
    cut.write_bytes(content[: len(content.rstrip(b"\0")) + -len(content.rstrip(b"\0")) % 512])
    with pytest.warns(DrivetrainWarning, match=r"of a\.tar: it ends without the mark"):
        assert read_source(cut).rows.values == ("a",)


def test_a_damaged_header_in_the_middle_loses_no_row_in_silence(tmp_path):
    path = shard(tmp_path / "a.tar", [(f"{i}.{end}", b"x") for i in range(4) for end in ("png", "cls")])
    content = bytearray(path.read_bytes())
    content[4 * 512 + 200] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.tar.*damaged at byte 2,048"):
        read_source(path)


def test_compressed_shards_are_unpacked_and_that_is_told(tmp_path, cache):
    plain = shard(tmp_path / "a.tar", [("0.png", encoded(0)), ("0.cls", b"a")])
    with tarfile.open(tmp_path / "b.tar", "w:gz") as archive, tarfile.open(plain) as old:
        for member in old:
            archive.addfile(member, old.extractfile(member))
    listed = read_source(tmp_path)
    assert listed.rows.values == ("a", "a")
    assert "1 compressed shard (gzip)" in str(listed.decisions["pictures"])
    assert [path.is_relative_to(cache) for path in listed.rows.inputs.paths] == [False, True]


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz"])
def test_a_damaged_header_in_a_compressed_shard_loses_no_row_in_silence(packing, tmp_path):
    path = shard(tmp_path / "a.tar", [(f"{i}.{end}", b"x") for i in range(4) for end in ("png", "cls")])
    content = bytearray(path.read_bytes())
    content[4 * 512 + 200] ^= 0xFF
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[packing]
    path.write_bytes(pack(bytes(content)))
    with pytest.raises(DataError, match=r"a\.tar.*damaged at byte 2,048"):
        read_source(path)
    path.write_bytes(pack(bytes(content))[:-9])
    with pytest.raises(DataError, match=r"a\.tar cannot be read"):
        read_source(path)


@pytest.mark.parametrize("change", ["deleted", "cut", "replaced", "another picture"])
def test_a_shard_that_changes_meanwhile_leaves_rows_out_by_name(change, tmp_path):
    said = [((f"{i}.png", encoded(i)), (f"{i}.cls", b"%d" % (i % 2))) for i in range(4)]
    path = shard(tmp_path / "a.tar", [member for pair in said for member in pair])
    rows = dt.images(path, valid_pct=0, test_pct=0, project=tmp_path / "p").train
    spec = PictureInput(channels=3, size_px=16, mean=(0.5,) * 3, std=(0.5,) * 3)
    store = Store(rows.inputs, spec, digests=rows.digests, cache=CachePlace(tmp_path / "none", 0), memory_bytes=0)
    row = [name.rpartition("/")[2] for name in rows.inputs.names()].index("3.png")
    if change == "deleted":
        path.unlink()
    elif change == "cut":
        os.truncate(path, path.stat().st_size // 2)
    else:
        shard(path, [("9.png", encoded(9)), ("3.png" if change == "another picture" else "4.png", encoded(8))])
    said = {
        "deleted": r"a\.tar/3\.png cannot be read.*the shard a\.tar cannot be opened: No such file",
        "cut": r"a\.tar/3\.png cannot be read.*the shard a\.tar cannot be read as a tar file",
        "replaced": r"a\.tar/3\.png cannot be read.*the shard a\.tar has no member 3\.png",
        "another picture": r"a\.tar/3\.png is not what it was",
    }[change]
    with pytest.warns(DrivetrainWarning, match=said):
        assert store.get([row]) == [None]


def test_what_else_opens_pictures(tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0132] = "Canon", "2024:01:31 18:30:00"
    path = shard(tmp_path / "a.tar", [("0.jpg", encoded(0, "JPEG", exif=exif)), ("1.png", encoded(0))])
    assert read_exif(path / "0.jpg").day == "Canon 2024-01-31"
    facts = capture_facts(path / "1.png")
    assert (facts["format"], facts["width"], facts["_bytes"]) == ("PNG", 24.0, float(len(encoded(0))))
    assert same_picture(path / "0.jpg", path / "1.png") or same_picture(path / "1.png", path / "1.png")


def tone(number):
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        samples = np.sin(np.arange(4000) * (0.1 + 0.05 * number)) * 20000 + np.random.default_rng(number).normal(
            0, 99, 4000
        )
        file.writeframes(samples.astype("<i2").tobytes())
    return stream.getvalue()


def words(number):
    rng = np.random.default_rng(number)
    return b"<p>" + b" ".join(b"w%d" % word for word in rng.integers(0, 9999, 80)) + b"</p>"


@pytest.mark.parametrize(
    ("kind", "ending", "content"),
    [
        ("sounds", "wav", tone),
        ("texts", "html", words),
        ("binaries", "exe", lambda i: np.random.default_rng(i).bytes(900)),
    ],
)
def test_other_kinds(kind, ending, content, tmp_path):
    if kind == "sounds":
        pytest.importorskip("soundfile")
    said = [((f"{i}.{ending}", content(i)), (f"{i}.cls", b"ab"[i % 2 : i % 2 + 1])) for i in range(8)]
    members = [member for pair in said for member in pair]
    shard(tmp_path / "s" / "0.tar", members)
    for i in range(8):
        path = tmp_path / "f" / "ab"[i % 2] / f"{i}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(i))
    ask = getattr(dt, kind)
    ours, theirs = (ask(tmp_path / place, seed=1, project=tmp_path / "p" / place) for place in ("s", "f"))
    assert ours.split == theirs.split and len(ours.train)
    assert isinstance(ours.train.inputs, Files)
