"""Files inside tar files, read by their place; what a tar file may say that is not so."""

import io
import multiprocessing
import os
import pickle
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from drivetrain.data.inputs import Files
from drivetrain.runtime.files import members as shards
from drivetrain.runtime.files.members import bytes_of, index_of, names_in, opened, shard_of, status_of
from drivetrain.runtime.files.tar_index import ShardError, packing_of


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(place))
    monkeypatch.setattr(shards, "TRUSTED_S", 0.0)
    return place


def tar(path, members, format=tarfile.PAX_FORMAT, mode="w"):
    """Members: (name, content) or headers with content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode, format=format) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def header(name="0.jpg", **said):
    info = tarfile.TarInfo(name)
    for key, value in said.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT)


def padded(content):
    return content + b"\0" * (-len(content) % 512)


END = b"\0" * 1024
NAMES = ["0.jpg", "cat/1.jpg", "cat/deep/2.jpg", "ö" * 90 + "/3.jpg", "long/" * 40 + "4.jpg", "empty.txt", "a b.txt"]


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_member_is_what_the_standard_library_reads(format, tmp_path):
    names = NAMES[:3] + NAMES[5:] if format == tarfile.USTAR_FORMAT else NAMES
    content = [
        np.random.default_rng(i).bytes(0 if name == "empty.txt" else 700 * i + 1) for i, name in enumerate(names)
    ]
    path = tar(tmp_path / "a.tar", zip(names, content, strict=True), format)
    with tarfile.open(path) as archive:
        expected = {one.name: archive.extractfile(one).read() for one in archive}
    assert {name: bytes_of(path / name) for name in index_of(path).names} == expected
    assert {name: status_of(f"{path}/{name}").st_size for name in names} == {n: len(c) for n, c in expected.items()}
    with opened(path / "cat/1.jpg") as file:
        assert file.read(5) == expected["cat/1.jpg"][:5] and file.seek(0, os.SEEK_END) == len(expected["cat/1.jpg"])


def test_addresses(tmp_path):
    path = tar(tmp_path / "deep.tar" / "a.TAR", [("cat/1.jpg", b"1"), ("cat/b.tar/2.jpg", b"2"), ("3.jpg", b"3")])
    assert shard_of(tmp_path / "deep.tar" / "x.jpg") is None and shard_of(path) is None
    assert shard_of(path / "cat" / "b.tar" / "2.jpg") == (str(path), "cat/b.tar/2.jpg")
    assert names_in(str(path)) == ["cat", "3.jpg"] and names_in(f"{path}/cat") == ["1.jpg", "b.tar"]
    assert names_in(f"{path}/no") == names_in(str(tmp_path)) == names_in(str(tmp_path / "no.tar")) == []
    (tmp_path / "deep.tar" / "plain.jpg").write_bytes(b"plain")
    assert bytes_of(tmp_path / "deep.tar" / "plain.jpg") == b"plain"
    assert status_of(path / "3.jpg").st_mtime_ns == path.stat().st_mtime_ns


def test_names_lead_nowhere_and_are_told_apart(tmp_path):
    names = ["../../etc/passwd", "/abs.jpg", "abs.jpg", "./abs.jpg", "C:\\x\\a.jpg", "..", "n" * 1500, "@512/abs.jpg"]
    path = tar(tmp_path / "a.tar", [(name, name.encode()) for name in names], tarfile.GNU_FORMAT)
    index = index_of(path)
    assert len(set(index.names)) == len(names)
    assert [bytes_of(f"{path}/{name}").decode() for name in index.names] == names
    assert index.names[:2] == ("etc/passwd", "abs.jpg") and index.own_name(3) == "abs.jpg"
    assert not any(part in ("", "..", ".") for name in index.names for part in name.split("/"))


def test_bytes_that_are_no_text(tmp_path):
    path = tar(tmp_path / "a.tar", [("caf\udce9.jpg", b"x")], tarfile.GNU_FORMAT)
    for _ in range(2):  # made, and then as it is kept
        shards._OPEN.clear()
        assert bytes_of(f"{path}/caf\udce9.jpg") == b"x"


def link(name, aim, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, aim
    return info


def test_links(tmp_path):
    links = [
        link("hard.jpg", "a/0.jpg", tarfile.LNKTYPE),
        link("a/soft.jpg", "0.jpg"),
        link("b/soft.jpg", "../a/0.jpg"),
        link("out.jpg", "/etc/passwd"),
        link("up.jpg", "../../etc/passwd"),
        link("self.jpg", "self.jpg"),
    ]
    path = tar(tmp_path / "a.tar", [("a/0.jpg", b"content"), *((one, b"") for one in links)])
    index = index_of(path)
    assert index.names == ("a/0.jpg", "hard.jpg", "a/soft.jpg", "b/soft.jpg")
    assert {bytes_of(path / name) for name in index.names} == {b"content"}
    assert index.left_out == {"links to what is not inside": 3}


def test_what_is_no_plain_file_is_counted(tmp_path):
    device = tarfile.TarInfo("null")
    device.type = tarfile.CHRTYPE
    pipe = tarfile.TarInfo("pipe")
    pipe.type = tarfile.FIFOTYPE
    folder = tarfile.TarInfo("folder")
    folder.type = tarfile.DIRTYPE
    path = tar(tmp_path / "a.tar", [(device, b""), (pipe, b""), (folder, b""), ("0.jpg", b"x")])
    sparse = bytearray(tarfile.TarInfo("sparse.jpg").tobuf(tarfile.GNU_FORMAT))
    sparse[156:157] = b"S"
    sparse[386:398], sparse[398:410], sparse[483:495] = b"00000000000\0", b"00000000000\0", b"00077777777\0"
    sparse[148:156] = b" " * 8
    sparse[148:156] = b"%06o\0 " % sum(sparse)
    path.write_bytes(bytes(sparse) + path.read_bytes())
    index = index_of(path)
    assert index.names == ("0.jpg",) and bytes_of(path / "0.jpg") == b"x"
    assert index.left_out == {"sparse, with holes that are not stored": 1, "pipes and devices": 2}


def test_more_than_a_gibibyte_is_counted_and_passed_over(tmp_path):
    path = tmp_path / "a.tar"
    size = (1 << 30) + 1
    with path.open("wb") as file:  # a file with a hole: it takes no room
        file.write(header(size=size))
        file.seek(size + -size % 512, os.SEEK_CUR)
        file.write(header("1.jpg", size=3) + padded(b"abc") + END)
    index = index_of(path)
    assert index.names == ("1.jpg",) and index.left_out == {"larger than 1 GiB": 1}
    assert bytes_of(path / "1.jpg") == b"abc"


ONE = header(size=1) + padded(b"x")
LIES = {
    "too small": header(size=3) + padded(b"x" * 600) + header("1.jpg", size=1) + padded(b"y") + END,
    "too large": header(size=700) + padded(b"x" * 3) + header("1.jpg", size=1) + b"y" * 512 * 3 + END,
    "beyond the end": header(size=1 << 20) + padded(b"x") + END,
    "far beyond": header(size=1 << 60) + padded(b"x") + END,
    "a damaged header": ONE + header("1.jpg", size=1)[:300] + b"\xff" * 212 + padded(b"y") + END,
    "cut in a header": ONE + header("1.jpg", size=1)[:300],
    "cut in a member": header(size=3000) + b"x" * 1000,
    "noise": b"no tar" * 200,
    "nothing": b"",
    "a huge long name": header("././@LongLink", size=1 << 40, type=tarfile.GNUTYPE_LONGNAME) + END,
    "pax of pax": header("p", size=0, type=tarfile.XHDTYPE) * 3000 + END,
}


def negative(info_type=tarfile.REGTYPE):
    block = bytearray(header(size=0, type=info_type))
    block[124:136] = (-1536).to_bytes(12, "big", signed=True)  # back to the header before
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


LIES["backwards"] = ONE + header("1.jpg", size=1) + padded(b"y") + negative() + END
LIES["a long name of less than nothing"] = negative(tarfile.GNUTYPE_LONGNAME) + END


@pytest.mark.parametrize("content", LIES.values(), ids=LIES)
def test_a_header_that_lies_is_an_error(content, tmp_path):
    """Where the standard library stops in silence, rows would be lost without a word."""
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(ShardError, match=r"a\.tar"):
        index_of(tmp_path / "a.tar")


@pytest.mark.parametrize(
    ("behind", "note"),
    [(b"", "without the mark"), (END, ""), (END * 9, ""), (END + header("1.jpg", size=0) + END, "behind its end mark")],
    ids=["no mark", "a mark", "much of it", "another tar file"],
)
def test_the_end_is_looked_at(behind, note, tmp_path):
    (tmp_path / "a.tar").write_bytes(header(size=1) + padded(b"x") + behind)
    index = index_of(tmp_path / "a.tar")
    assert index.names == ("0.jpg",)
    assert [note in one for one in index.notes] == [True] * bool(note)


def test_an_empty_archive_has_no_members(tmp_path):
    assert index_of(tar(tmp_path / "a.tar", [])).names == ()


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_compressed(mode, tmp_path):
    path = tar(tmp_path / "a.tar", [("0.jpg", b"x")], mode=mode)
    assert packing_of(path) is not None
    with pytest.raises(ShardError, match="compressed"):
        bytes_of(path / "0.jpg")
    assert packing_of(tar(tmp_path / "b.tar", [("BZh", b"x")])) is None, "a name that begins as bzip2 does"


def test_the_index_is_made_once(cache, tmp_path, monkeypatch):
    path = tar(tmp_path / "a.tar", [("0.jpg", b"first"), ("1.jpg", b"second")])
    made = index_of(path)
    [kept] = (cache / "shards").iterdir()
    shards._OPEN.clear()
    monkeypatch.setattr(tarfile, "open", None)
    again = index_of(path)
    assert again.names == made.names and np.array_equal(again.places, made.places)
    assert b"first" not in kept.read_bytes(), "nothing of what is in the members"


@pytest.mark.parametrize("damage", [lambda old: b"", lambda old: old[:-1], lambda old: old[:40] + b"\1" + old[41:]])
def test_a_damaged_index_is_made_anew(damage, cache, tmp_path):
    path = tar(tmp_path / "a.tar", [("0.jpg", b"x")])
    index_of(path)
    [kept] = (cache / "shards").iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    shards._OPEN.clear()
    assert bytes_of(path / "0.jpg") == b"x"


def test_nothing_is_kept_where_the_cache_is_off(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_CACHE_GB", "0")
    assert bytes_of(tar(tmp_path / "a.tar", [("0.jpg", b"x")]) / "0.jpg") == b"x"
    assert not list(cache.iterdir())


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path / "file"))
    assert bytes_of(tar(tmp_path / "a.tar", [("0.jpg", b"x")]) / "0.jpg") == b"x"


def test_a_shard_that_is_written_anew_is_read_anew(cache, tmp_path):
    path = tar(tmp_path / "a.tar", [("0.jpg", b"old"), ("1.jpg", b"gone")])
    assert bytes_of(path / "0.jpg") == b"old"
    tar(path, [("9.jpg", b"before it"), ("0.jpg", b"another")])
    os.utime(path, ns=(1, 1))
    assert bytes_of(path / "0.jpg") == b"another"
    with pytest.raises(ShardError, match=r"a\.tar has no member 1\.jpg"):
        bytes_of(path / "1.jpg")
    assert len(list((cache / "shards").iterdir())) == 1, "the index of the old state is dropped"


def test_a_shard_that_is_gone_or_cut_short(tmp_path, monkeypatch):
    path = tar(tmp_path / "a.tar", [("0.jpg", b"x" * 5000), ("1.jpg", b"y" * 5000)])
    assert bytes_of(path / "1.jpg") == b"y" * 5000
    monkeypatch.setattr(shards, "TRUSTED_S", 1e9)  # cut while it is open
    os.truncate(path, 7000)
    with pytest.raises(ShardError, match=r"a\.tar was cut short meanwhile"):
        bytes_of(path / "1.jpg")
    monkeypatch.setattr(shards, "TRUSTED_S", 0.0)
    with pytest.raises(ShardError, match=r"a\.tar cannot be read as a tar file"):
        bytes_of(path / "1.jpg")
    path.unlink()
    with pytest.raises(ShardError, match=r"a\.tar cannot be opened: No such file"):
        bytes_of(path / "1.jpg")
    path.mkdir()
    with pytest.raises(FileNotFoundError):
        bytes_of(path / "1.jpg")


def test_a_shard_that_is_open_is_asked_after_once_a_second(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "TRUSTED_S", 3600.0)
    path = tar(tmp_path / "a.tar", [("0.jpg", b"x")])
    assert bytes_of(path / "0.jpg") == b"x"
    monkeypatch.setattr(os, "stat", lambda *_: pytest.fail("asked"))
    assert bytes_of(path / "0.jpg") == b"x"


def test_few_shards_are_open_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "MOST_OPEN", 3)
    shards._OPEN.clear()
    paths = [tar(tmp_path / f"{i}.tar", [("0.jpg", b"%d" % i)]) for i in range(9)]
    own = Path("/proc/self/fd")
    before = len(list(own.iterdir())) if own.is_dir() else None
    assert [bytes_of(path / "0.jpg") for path in paths * 2] == [b"%d" % i for i in range(9)] * 2
    assert len(shards._OPEN) == 3
    if before is not None:
        assert len(list(own.iterdir())) <= before + 3


def test_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "MOST_OPEN", 2)
    content = {f"{k}.tar/{i}.jpg": b"%d of %d " % (i, k) * 300 for k in range(5) for i in range(20)}
    for k in range(5):
        tar(tmp_path / f"{k}.tar", [(f"{i}.jpg", content[f"{k}.tar/{i}.jpg"]) for i in range(20)])
    asked = [name for _ in range(6) for name in np.random.default_rng(0).permutation(list(content)).tolist()]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: bytes_of(tmp_path / name), asked))
    assert found == [content[name] for name in asked]


def _digests(inputs):
    return [inputs.digest(row) for row in range(len(inputs))]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_for_themselves(method, tmp_path):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    path = tar(tmp_path / "a.tar", [(f"{i}.jpg", b"%d" % i * 900) for i in range(8)])
    inputs = Files([path / f"{i}.jpg" for i in range(8)])
    here = _digests(inputs)
    assert _digests(pickle.loads(pickle.dumps(inputs))) == here
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_digests, [inputs] * 4, 1) == [here] * 4
    assert _digests(inputs) == here
