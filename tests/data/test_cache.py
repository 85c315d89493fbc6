"""Decoded pictures come back bit for bit or not at all, whatever happens to processes, files and disks."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drivetrain.data.cache import arrays as cache_module
from drivetrain.data.cache.arrays import ArrayCache
from drivetrain.data.cache.location import GB, CachePlace
from drivetrain.data.cache.packs import PACK, PARTIAL, TRAILER
from drivetrain.data.cache.store import Store
from drivetrain.data.inputs import Files
from drivetrain.errors import DrivetrainWarning, SettingError
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.pictures.read import digest as digest_of

MB = 10**6


def array(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape or (5, 7, 3), dtype=np.uint8)


def name(i: int) -> str:
    return f"{i:032x}"


@pytest.fixture
def place(tmp_path) -> CachePlace:
    return CachePlace(tmp_path / "cache", limit_bytes=100 * MB)


def filled(place: CachePlace, arrays: dict[str, np.ndarray], identity: str = "as is") -> ArrayCache:
    cache = ArrayCache(place, identity)
    for digest, content in arrays.items():
        assert cache.put(digest, (content,))
    cache.publish()
    return cache


def files(place: CachePlace, suffix: str = PACK) -> list[Path]:
    return sorted(place.folder.rglob("*" + suffix))


shapes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 3, 4, 6]))


@settings(max_examples=25)
@given(wanted=st.lists(shapes, min_size=1, max_size=8), cut=st.integers(0, 8))
def test_what_was_put_comes_back(tmp_path_factory, wanted, cut):
    """From the pack being written, from packs of this process, and from those of an earlier one."""
    place = CachePlace(tmp_path_factory.mktemp("cache"), limit_bytes=100 * MB)
    arrays = {name(i): array(i, *shape) for i, shape in enumerate(wanted)}
    cache = ArrayCache(place, "as is")
    for i, (digest, content) in enumerate(arrays.items()):
        if i == cut:
            cache.publish()
        assert digest not in cache
        assert cache.get(digest) is None
        assert cache.put(digest, (content,))
        assert digest in cache
    for later in (False, True):
        if later:
            cache.publish()
        reader = ArrayCache(place, "as is") if later else cache
        for digest, content in arrays.items():
            [found] = reader.get(digest)
            np.testing.assert_array_equal(found, content)
            assert found.dtype == np.uint8
            assert not found.flags.writeable
            with pytest.raises(ValueError, match="read-only"):
                found[0] = 0


def test_reading_copies_nothing(place):
    filled(place, {name(i): array(i, 30, 40, 3) for i in range(3)})
    cache = ArrayCache(place, "as is")
    assert cache.ready(name(1)) is None, "it has not been checked yet"
    [first], [second] = cache.get(name(1)), cache.ready(name(1))
    assert np.shares_memory(first, second)


def test_other_identities_see_nothing(place):
    cache = filled(place, {name(0): array(0)})
    assert ArrayCache(place, "otherwise").get(name(0)) is None
    assert cache.get(name(1)) is None
    [pack] = files(place)
    moved = ArrayCache(place, "otherwise")._folder / pack.name  # by hand, as no program would
    moved.parent.mkdir()
    moved.write_bytes(pack.read_bytes())
    with pytest.warns(DrivetrainWarning, match="damaged"):
        assert ArrayCache(place, "otherwise").get(name(0)) is None


def test_the_identity_holds_what_decoding_depends_on_and_nothing_else(monkeypatch):
    def reader(**changes) -> PictureInput:
        base = {"channels": 3, "size_px": 224, "crop_pct": 0.875, "mean": (0.5,) * 3, "std": (0.5,) * 3}
        return PictureInput(**(base | changes))

    same = reader().cache_key()
    assert reader(mean=(0.1,) * 3, std=(0.2,) * 3).cache_key() == same
    assert reader(size_px=256, crop_pct=1.0).cache_key() == same, "both have a short side of 256"
    grey = {"channels": 1, "mean": (0.5,), "std": (0.5,)}
    others = [reader(**change).cache_key() for change in ({"size_px": 225}, {"interpolation": "bilinear"}, grey)]
    with monkeypatch.context() as patch:
        patch.setattr("PIL.__version__", "0.0")
        others.append(reader().cache_key())
    with monkeypatch.context() as patch:
        patch.setattr("drivetrain.kinds.images.spec.WORKING_VERSION", 0)
        others.append(reader().cache_key())
    assert len({same, *others}) == 6


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    index = TRAILER.unpack(data[-TRAILER.size :])[1]
    if how == "halved":
        data = data[: len(data) // 2]
    elif how == "emptied":
        data = bytearray()
    elif how == "end cut":
        data = data[:-1]
    elif how == "longer":
        data += b"\0"
    elif how == "start cut":
        data = data[1:]
    elif how == "zeros":
        data = bytearray(len(data))
    else:
        at = {"first picture": 0, "last picture": index - 1, "index": index + 34, "trailer": len(data) - TRAILER.size}
        data[at.get(how, len(data) - 1)] ^= 1
    path.unlink()  # readers that mapped the old file keep it
    path.write_bytes(data)


@pytest.mark.parametrize(
    "how",
    [
        *("halved", "emptied", "end cut", "longer", "start cut", "zeros"),
        *("first picture", "last picture", "index", "trailer", "checksum"),
    ],
)
def test_a_damaged_pack_is_dropped_and_rebuilt(place, how):
    arrays = {name(i): array(i) for i in range(3)}
    filled(place, arrays)
    damage(files(place)[0], how)
    with pytest.warns(DrivetrainWarning, match="damaged"):
        cache = ArrayCache(place, "as is")
        found = {digest: cache.get(digest) for digest in arrays}
    for digest, content in arrays.items():
        assert found[digest] is None or np.array_equal(found[digest][0], content)
    assert any(content is None for content in found.values())
    assert files(place) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filled(place, arrays)
        again = ArrayCache(place, "as is")
        assert all(np.array_equal(again.get(digest)[0], content) for digest, content in arrays.items())


def test_a_flipped_bit_anywhere_never_gives_another_picture(place):
    arrays = {name(i): array(i, 2, 3, 1) for i in range(2)}
    filled(place, arrays)
    whole = files(place)[0].read_bytes()
    for at in range(len(whole)):
        [path] = files(place)
        path.unlink()
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.warns(DrivetrainWarning, match="damaged"):
            cache = ArrayCache(place, "as is")
            for digest, content in arrays.items():
                found = cache.get(digest)
                assert found is None or np.array_equal(found[0], content), at
        path.write_bytes(whole)


WRITER = """
import sys, time, numpy as np
from pathlib import Path
from drivetrain.data.cache.arrays import ArrayCache
from drivetrain.data.cache.location import CachePlace
cache = ArrayCache(CachePlace(Path(sys.argv[1]), 10**9), "as is")
first, count, then = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
for i in range(first, first + count):
    array = np.random.default_rng(i).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    found = cache.get(f"{i:032x}")
    assert found is None or np.array_equal(found[0], array), i
    cache.put(f"{i:032x}", (array,))
    if i % 37 == 0 and then != "wait":
        cache.publish()
print("written", flush=True)
if then == "wait":
    time.sleep(60)
"""


def writer(place: CachePlace, first: int, count: int, then: str = "end") -> subprocess.Popen:
    words = [sys.executable, "-c", WRITER, str(place.folder), str(first), str(count), then]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_processes_at_once(place):
    """Ranges overlap, so both write some of the same pictures; what was not published ends up so at exit."""
    with writer(place, 0, 200) as one, writer(place, 100, 200) as two, writer(place, 50, 200) as three:
        assert [process.wait(timeout=120) for process in (one, two, three)] == [0, 0, 0]
    cache = ArrayCache(place, "as is")
    for i in range(300):
        np.testing.assert_array_equal(cache.get(name(i))[0], array(i, 50, 60, 3))
    assert files(place, PARTIAL) == []


def test_a_running_process_finds_what_another_publishes(place, monkeypatch):
    monkeypatch.setattr(cache_module, "SECONDS_BETWEEN_SCANS", 0)
    early = ArrayCache(place, "as is")
    assert early.get(name(0)) is None
    filled(place, {name(0): array(0)})
    np.testing.assert_array_equal(early.get(name(0))[0], array(0))


def grow_old(path: Path) -> None:
    os.utime(path, (time.time() - 1000,) * 2)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signal")
def test_killed_in_the_middle_of_writing(place):
    with writer(place, 0, 20, "wait") as process:
        assert process.stdout.readline() == "written\n"
        [partial] = files(place, PARTIAL)
        grow_old(partial)
        assert ArrayCache(place, "as is").get(name(0)) is None
        assert files(place, PARTIAL) == [partial], "its writer lives"
        process.send_signal(signal.SIGKILL)
    os.utime(partial)
    ArrayCache(place, "as is")
    assert files(place, PARTIAL) == [partial], "young: its writer may be about to lock it"
    grow_old(partial)
    assert ArrayCache(place, "as is").get(name(0)) is None
    assert files(place, PARTIAL) == []
    np.testing.assert_array_equal(filled(place, {name(0): array(0)}).get(name(0))[0], array(0))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_leaves_the_parents_pack_alone(place):
    code = WRITER.replace(
        'print("written", flush=True)',
        "import os\nif os.fork() == 0:\n    cache.put('ff' * 16, (array,))\n    cache.publish()\n    sys.exit(0)\n"
        "assert os.wait()[1] == 0\ncache.put('ee' * 16, (array,))",
    )
    words = [sys.executable, "-W", "ignore", "-c", code, str(place.folder), "1", "9", "end"]
    subprocess.run(words, check=True, timeout=60)
    cache = ArrayCache(place, "as is")
    for i in range(1, 10):
        np.testing.assert_array_equal(cache.get(name(i))[0], array(i, 50, 60, 3))
    for digest in ("ee" * 16, "ff" * 16):
        np.testing.assert_array_equal(cache.get(digest)[0], array(9, 50, 60, 3))


def test_the_bound_holds_and_the_least_recently_used_goes_first(tmp_path):
    place = CachePlace(tmp_path, limit_bytes=4 * 11_000)
    content = array(0, 100, 100, 1)  # 10,000 bytes, and the index
    for i, identity in enumerate("abcd"):
        filled(place, {name(0): content}, identity)
        for path in files(place):
            if path.parent == ArrayCache(place, identity)._folder:
                os.utime(path, (1000 + i,) * 2)
    assert len(files(place)) == 4
    assert ArrayCache(place, "a").get(name(0)) is not None  # used last, though written first
    filled(place, {name(0): content}, "e")
    assert place.n_bytes() <= place.limit_bytes
    left = [identity for identity in "abcde" if ArrayCache(place, identity).get(name(0)) is not None]
    assert left == ["a", "c", "d", "e"]


def test_pictures_in_use_are_not_thrown_out_for_others_of_the_same_set(tmp_path):
    place = CachePlace(tmp_path, limit_bytes=50_000)
    cache = ArrayCache(place, "as is")
    with pytest.warns(DrivetrainWarning, match="is full"):
        kept = [cache.put(name(i), (array(i, 100, 100, 1),)) for i in range(8)]
    assert kept == [True] * 4 + [False] * 4
    assert place.n_bytes() <= place.limit_bytes
    assert [cache.get(name(i)) is not None for i in range(8)] == kept


def test_a_smaller_limit_shrinks_what_is_there(tmp_path):
    filled(CachePlace(tmp_path, limit_bytes=MB), {name(0): array(0, 100, 100, 1)})
    small = CachePlace(tmp_path, limit_bytes=1000)
    ArrayCache(small, "otherwise")
    assert small.n_bytes() <= 1000


class FullDisk:
    def __init__(self, file):
        self.file = file

    def __getattr__(self, what):
        return getattr(self.file, what)

    def write(self, data):
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_one_warning(place):
    cache = ArrayCache(place, "as is")
    assert cache.put(name(0), (array(0),))
    cache._writer[0]._file = FullDisk(cache._writer[0]._file)
    with pytest.warns(DrivetrainWarning, match="No space left") as caught:
        assert [cache.put(name(i), (array(i),)) for i in (1, 2, 3)] == [False] * 3
    assert len(caught) == 1
    assert cache.get(name(0)) is None
    assert files(place, PARTIAL) == []


def test_an_unwritable_place_is_one_warning(tmp_path):
    (tmp_path / "file").write_text("where a folder should be")
    cache = ArrayCache(CachePlace(tmp_path / "file" / "cache", limit_bytes=MB), "as is")
    with pytest.warns(DrivetrainWarning, match="cannot be kept") as caught:
        assert [cache.put(name(i), (array(i),)) for i in range(3)] == [False] * 3
    assert len(caught) == 1


def test_emptied_meanwhile(place):
    cache = ArrayCache(place, "as is")
    cache.put(name(0), (array(0),))
    assert place.clear().n_bytes > 0
    assert not place.folder.exists() or files(place, "") == []
    cache.publish()
    assert cache.get(name(0)) is None
    assert cache.put(name(0), (array(0),))
    cache.publish()
    np.testing.assert_array_equal(ArrayCache(place, "as is").get(name(0))[0], array(0))


def test_clearing_touches_only_our_files(place):
    filled(place, {name(0): array(0)})
    mine = files(place)[0].with_name("letter.txt")
    mine.write_text("dear")
    assert place.usage().n_pictures == 1
    assert place.clear().n_pictures == 1
    assert mine.read_text() == "dear"
    assert (place.usage().n_pictures, place.usage().n_bytes) == (0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="has other permissions")
def test_others_cannot_look_into_it(place):
    filled(place, {name(0): array(0)})
    assert stat.S_IMODE(files(place)[0].parent.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("text", ["twenty", "-1", "nan", "inf", "1e400", "5 GB"])
def test_a_limit_that_is_no_number_is_refused(monkeypatch, text):
    monkeypatch.setenv("DRIVETRAIN_CACHE_GB", text)
    with pytest.raises(SettingError, match="DRIVETRAIN_CACHE_GB"):
        CachePlace.from_environment()


def test_the_environment_says_where_and_how_much(monkeypatch, tmp_path):
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path / "here"))
    monkeypatch.setenv("DRIVETRAIN_CACHE_GB", "0.5")
    assert CachePlace.from_environment() == CachePlace(tmp_path / "here" / "pictures", GB // 2)
    monkeypatch.delenv("DRIVETRAIN_CACHE_GB")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Free(50 * GB))
    assert CachePlace.from_environment().limit_bytes == 5 * GB
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Free(5000 * GB))
    assert CachePlace.from_environment().limit_bytes == 20 * GB


class Free:
    def __init__(self, free: int):
        self.free = free


# ── the store on top ─────────────────────────────────────────────────────────────────────────────────────────────────


def reader(**changes) -> PictureInput:
    return PictureInput(**({"channels": 3, "size_px": 24, "mean": (0.5,) * 3, "std": (0.5,) * 3} | changes))


class CountingReader:
    """A reader that tells what it decoded."""

    def __init__(self):
        self._reader, self.decoded = reader(), []

    def cache_key(self):
        return self._reader.cache_key()

    def load_file(self, path):
        self.decoded.append(path.name)
        return self._reader.load_file(path)

    load = None  # with digests, everything is read by load_file


@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    """Six files of odd sizes; the last has the content of the first."""
    paths = []
    for i, (height, width) in enumerate([(60, 41), (33, 90), (27, 27), (200, 31), (30, 300)]):
        paths.append(tmp_path / f"{i}.jpg")
        Image.fromarray(array(i, height, width, 3)).save(paths[-1])
    paths.append(tmp_path / "copy.jpg")
    paths[-1].write_bytes(paths[0].read_bytes())
    return paths


def digests(paths):
    return [digest_of(path.read_bytes()) for path in paths]


@pytest.mark.parametrize(
    "changes",
    [{}, {"channels": 1, "mean": (0.5,), "std": (0.5,)}, {"channels": 4, "mean": (0.5,) * 4, "std": (0.5,) * 4}],
)
def test_cached_pictures_are_those_that_the_reader_decodes(pictures, place, changes):
    decode, names = reader(**changes), digests(pictures)
    direct = [decode.load(path)[0] for path in pictures]
    for limit in (100 * MB, 100 * MB, 0, 8000):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if limit == 8000 else "error")
            where = CachePlace(place.folder / str(limit), limit)
            store = Store(Files(pictures), decode, digests=names, cache=where)
            for _ in range(3):
                for (found,), expected in zip(store.get(range(6)), direct, strict=True):
                    np.testing.assert_array_equal(found, expected)
                    assert not found.flags.writeable


def test_each_content_is_decoded_once_for_all_runs(pictures, place):
    decode, names = CountingReader(), digests(pictures)
    store = Store(Files(pictures), decode, digests=names, cache=place, memory_bytes=0)
    for row in (3, 1, 3, 0, 5):
        store.get([row])
    assert decode.decoded == ["3.jpg", "1.jpg", "0.jpg"]
    assert files(place) == []
    store.get([2, 4])
    assert len(files(place)) == 1, "published as soon as all were decoded, while the run goes on"
    decode.decoded.clear()
    again = Store(Files(pictures), decode, digests=names, cache=place, memory_bytes=0)
    for path in pictures:
        path.unlink()
    assert all(found is not None for found in again.get(range(6)))
    assert decode.decoded == []


@pytest.mark.parametrize("gigabytes", ["1", "0"])
def test_a_file_that_was_replaced_since_it_was_checked_is_left_out(pictures, place, monkeypatch, gigabytes):
    """What it holds now was compared with no seal; nor is it kept under the old digest."""
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(place.folder))
    monkeypatch.setenv("DRIVETRAIN_CACHE_GB", gigabytes)
    names = digests(pictures)
    Image.fromarray(array(99, 50, 50, 3)).save(pictures[0])
    store = Store(Files(pictures), reader(), digests=names)
    with pytest.warns(
        DrivetrainWarning, match=r"left out, it cannot be read as when it was checked.*not what it was any more.*To fix"
    ):
        assert store.get([0]) == [None]
    assert store.get([0]) == [None]
    assert all(found is not None for found in store.get(range(1, 5)))
    assert ArrayCache(place, reader().cache_key()).get(names[0]) is None


def test_without_cache_memory_keeps_what_fits(pictures, place, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(place.folder))
    monkeypatch.setenv("DRIVETRAIN_CACHE_GB", "0")
    decode = CountingReader()
    store = Store(Files(pictures), decode, digests=digests(pictures))
    store.get(range(6))
    store.get(range(6))
    assert len(decode.decoded) == 6
    assert not place.folder.exists()


MEMORY = """
import json, sys
from pathlib import Path
import numpy as np
from drivetrain.data.cache.location import CachePlace
from drivetrain.data.inputs import Files
from drivetrain.data.cache.store import Store
class Reader:
    def cache_key(self):
        return "memory"
    def load_file(self, path):
        return (np.full((256, 340, 3), int(path.name) % 251, np.uint8),), f"{int(path.name):032x}"
    def load(self, path):
        return self.load_file(path)[0]
def anonymous_kb():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("RssAnon"))
found = []
for n in (100, 800):
    place = CachePlace(Path(sys.argv[1]) / str(n), 10**9 if sys.argv[2] == "on" else 0)
    rows = Files([Path(str(i)) for i in range(n)])
    store = Store(rows, Reader(), digests=[f"{i:032x}" for i in range(n)], cache=place)
    for _ in range(2):
        for start in range(0, n, 20):
            rows = range(start, start + 20)
            assert [int(a[5, 5, 0]) for a, in store.get(rows)] == [row % 251 for row in rows]
    found.append(anonymous_kb())
print(json.dumps(found))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell anonymous memory")
def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    def grown_mb(cache: str) -> float:
        words = [sys.executable, "-c", MEMORY, str(tmp_path), cache]
        few, many = json.loads(subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout)
        return (many - few) / 1024

    assert grown_mb("on") < 40
    assert grown_mb("off") > 120, "700 pictures of 261 kB in memory: this test can fail"
