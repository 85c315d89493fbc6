"""How fast pictures become arrays: decoding, the picture cache, what the machine could do at best, and the usual way.

    python benchmarks/loading.py ../shared [--most 4000]

On the Grocery Store photographs at a working size of 256 px: decoding with one thread and with all, whole and scaled
decoding of the same photographs enlarged to 1280 and 4000 px; a set going through `Store` for the first time, again,
and in a new process; the memory that this takes as the set grows; copying memory and reading the disk on the same
machine; and an epoch as torchvision and fastai do it, decoding and resizing each picture anew in a worker per core.
Every figure is the median of several runs, each in a process of its own where memory or a cache is measured. It
prints and writes `results/loading.json` and `results/loading.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from common import QUICK_RESULTS
from PIL import Image

from drivetrain.data.cache.location import CachePlace
from drivetrain.data.cache.store import Store
from drivetrain.data.inputs import Files
from drivetrain.kinds.images.near import probe_pictures
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.progress import quiet
from drivetrain.runtime.cpus import usable_cpus

RESULTS = Path(__file__).parent / "results"
READER = PictureInput(channels=3, size_px=224, mean=(0.5,) * 3, std=(0.5,) * 3)
BATCH, REPEATS = 64, 3


def rate(work: Callable[[], int]) -> float:
    """Pictures per second, the median of several goes."""
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        found.append(work() / (time.perf_counter() - began))
    return statistics.median(found)


def decode_all(paths: Sequence[Path], threads: int, read: Callable[[Path], Any] = READER.load) -> int:
    with ThreadPoolExecutor(threads) as pool:
        return sum(1 for _ in pool.map(read, paths))


def decoding(paths: list[Path]) -> dict[str, float]:
    threads = {"1 thread": 1, f"{usable_cpus()} threads": usable_cpus()}
    return {name: rate(lambda n=n: decode_all(paths, n)) for name, n in threads.items()}


def scaled(paths: list[Path], folder: Path) -> dict[str, dict[str, float]]:
    """Whole and scaled decoding, one thread, and how far the results are apart."""
    found = {}
    for px in (1280, 4000):
        large = []
        for i, path in enumerate(paths):
            with Image.open(path) as image:
                factor = px / max(image.size)
                size = (round(image.width * factor), round(image.height * factor))
                large.append(folder / f"{px}-{i}.jpg")
                image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(large[-1], quality=90)
        apart = [np.abs(READER.load(path).astype(int) - whole(path)).mean() for path in large]
        fast = rate(lambda large=large: decode_all(large, 1))
        slow = rate(lambda large=large: decode_all(large, 1, whole))
        found[f"{px} px"] = {"scaled": fast, "whole": slow, "ratio": fast / slow, "mean_change": float(max(apart))}
    return found


def whole(path: Path) -> Any:
    """Decode all pixels, then one antialiased resize to the working size."""
    with Image.open(path) as image:
        scale = READER.working_px / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))


def anonymous_mb(field: str = "RssAnon") -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return float("nan")


def passes(table: Path, cache: str, limit_bytes: int) -> dict[str, Any]:
    """Two passes over a set in random order, as training makes them; run in a process of its own."""
    rows = json.loads(table.read_text())
    paths, digests = [Path(path) for path, _ in rows], [digest for _, digest in rows]
    before, peak, found = anonymous_mb(), 0.0, {}
    began = time.perf_counter()
    store = Store(Files(paths), READER, digests=digests, cache=CachePlace(Path(cache), limit_bytes))
    found["open_s"] = time.perf_counter() - began
    for number in (1, 2):
        order = np.random.default_rng(number).permutation(len(paths)).tolist()
        began = time.perf_counter()
        for start in range(0, len(order), BATCH):
            for array in store.get(order[start : start + BATCH]):
                assert array is not None
                np.array(array)  # as collating does
            peak = max(peak, anonymous_mb())
        found[f"pass_{number}"] = len(paths) / (time.perf_counter() - began)
    return found | {"anonymous_mb": peak, "anonymous_before_mb": before}


def in_a_process(table: Path, cache: Path, limit_bytes: int = 100 * 10**9) -> dict[str, Any]:
    words = [sys.executable, str(Path(__file__).resolve()), "--passes", str(table), str(cache), str(limit_bytes)]
    return json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout)


def caching(rows: list[tuple[str, str]], folder: Path) -> dict[str, Any]:
    table = folder / "rows.json"
    table.write_text(json.dumps(rows))
    first = [in_a_process(table, folder / f"cache{i}") for i in range(REPEATS)]
    again = [in_a_process(table, folder / "cache0") for _ in range(REPEATS)]
    off = in_a_process(table, folder / "none", 0)

    def middle(found: list[dict[str, Any]], key: str) -> float:
        return statistics.median(one[key] for one in found)

    return {
        "n": len(rows),
        "first run, first pass (decodes and writes)": middle(first, "pass_1"),
        "first run, second pass": middle(first, "pass_2"),
        "second run, first pass (checks)": middle(again, "pass_1"),
        "second run, second pass": middle(again, "pass_2"),
        "cache off, first pass (decodes)": off["pass_1"],
        "cache off, second pass (from memory)": off["pass_2"],
    }


def memory(rows: list[tuple[str, str]], sizes: list[int], folder: Path) -> dict[str, dict[str, float]]:
    found = {}
    for n in sizes:
        table = folder / "memory.json"
        table.write_text(json.dumps([rows[i % len(rows)] for i in range(n)]))
        on, off = in_a_process(table, folder / f"memory{n}"), in_a_process(table, folder / "none", 0)
        found[str(n)] = {"on": on["anonymous_mb"], "off": off["anonymous_mb"], "before": on["anonymous_before_mb"]}
    return found


def machine_limits(folder: Path, picture_bytes: float) -> dict[str, float]:
    """Copying memory and reading the disk, in MB/s, and the pictures per second that would be."""
    source = np.ones(2**28, np.uint8)
    target = np.empty_like(source)

    def copy() -> int:
        np.copyto(target, source)
        return source.nbytes

    large = folder / "large"
    large.write_bytes(np.random.default_rng(0).bytes(2**28))

    def disk() -> int:
        with large.open("rb", buffering=0) as file:
            if hasattr(os, "posix_fadvise"):
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return sum(len(block) for block in iter(lambda: file.read(2**22), b""))

    copied, read = rate(copy), rate(disk)
    large.unlink()
    return {
        "memory copy, MB/s": copied / 1e6,
        "disk read, MB/s": read / 1e6,
        "memory copy, pictures/s": copied / picture_bytes,
        "disk read, pictures/s": read / picture_bytes,
    }


class EachEpochAnew:
    """A map-style data set as torchvision's `ImageFolder` and fastai have it: open, convert, resize, crop."""

    def __init__(self, paths: list[Path]) -> None:
        from torchvision.transforms import v2

        self.paths = paths
        self.transform = v2.Compose([v2.Resize(256), v2.CenterCrop(224), v2.PILToTensor()])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Any:
        with Image.open(self.paths[row]) as image:
            return self.transform(image.convert("RGB"))


def usual(paths: list[Path]) -> dict[str, float]:
    from torch.utils.data import DataLoader

    found = {}
    for workers in (0, usable_cpus()):
        loader = DataLoader(EachEpochAnew(paths), batch_size=BATCH, shuffle=True, num_workers=workers)  # pyright: ignore[reportArgumentType]
        found[f"{workers} workers"] = rate(lambda loader=loader: sum(len(batch) for batch in loader))
    return found


def checked_rows(shared: Path, most: int) -> list[tuple[str, str]]:
    """Path and digest of the first `most` Grocery photographs that can be read, each content once."""
    paths = sorted((shared / "data" / "grocery").rglob("*.jpg"))[:most]
    found = {checked.digest: str(path) for path, checked in zip(paths, probe_pictures(paths), strict=True)}
    return [(path, digest) for digest, path in found.items() if digest]


def machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return {
        "cpu": next((line.split(":")[1].strip() for line in info.splitlines() if "model name" in line), "unknown"),
        "usable_cpus": usable_cpus(),
        "python": platform.python_version(),
        **{library: version(library) for library in ("drivetrain", "numpy", "Pillow", "torch", "torchvision")},
    }


def report(results: dict[str, Any]) -> str:
    lines = ["# From files to arrays", "", f"`{results['command']}` on {json.dumps(results['machine'])}", ""]
    lines += ["| what | pictures a second |", "|---|---|"]
    lines += [f"| decoding, {name} | {value:,.0f} |" for name, value in results["decoding"].items()]
    lines += [f"| {name} | {value:,.0f} |" for name, value in results["caching"].items() if name != "n"]
    lines += [f"| decoded anew each epoch, torchvision, {k} | {v:,.0f} |" for k, v in results["usual"].items()]
    limits = results["limits"]
    lines += [f"| at best: {name.split(',')[0]} | {v:,.0f} |" for name, v in limits.items() if "pictures/s" in name]
    lines += [
        "",
        f"{results['caching']['n']:,} photographs, {results['picture_bytes'] / 1e3:.0f} kB each once decoded.",
    ]
    lines += ["", "| enlarged to | whole, pictures/s | scaled, pictures/s | ratio | mean change of 255 |"]
    lines += ["|---|---|---|---|---|"]
    for name, one in results["scaled"].items():
        shown = f"{one['whole']:.1f} | {one['scaled']:.1f} | {one['ratio']:.1f} | {one['mean_change']:.2f}"
        lines.append(f"| {name} | {shown} |")
    lines += [
        "",
        "| pictures | peak anonymous memory, cache on, MB | cache off, MB | before, MB |",
        "|---|---|---|---|",
    ]
    for n, one in results["memory"].items():
        lines.append(f"| {int(n):,} | {one['on']:.0f} | {one['off']:.0f} | {one['before']:.0f} |")
    shown = ", ".join(f"{name} {value:,.0f}" for name, value in limits.items() if "MB/s" in name)
    return "\n".join([*lines, "", f"The machine: {shown}.", ""])


def main() -> None:
    if sys.argv[1:2] == ["--passes"]:
        table, cache, limit = sys.argv[2:]
        print(json.dumps(passes(Path(table), cache, int(limit))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--most", type=int, default=4000, help="pictures; fewer for a trial")
    parser.add_argument("--quick", action="store_true", help="a minute's try: the numbers mean nothing")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.quick:
        options.most, options.out = 200, QUICK_RESULTS
    with quiet(), tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = checked_rows(options.shared, options.most)
        paths = [Path(path) for path, _ in rows]
        picture_bytes = statistics.mean(READER.load(path).nbytes for path in paths[:200])
        results = {
            "command": f"python benchmarks/loading.py ../shared --most {options.most}",
            "machine": machine(),
            "picture_bytes": picture_bytes,
            "decoding": decoding(paths[:1000]),
            "scaled": scaled(paths[:: max(1, len(paths) // 20)][:20], folder),
            "caching": caching(rows, folder),
            "memory": memory(rows, [n for n in (500, 1000, 2000, 4000) if n <= len(rows)] or [len(rows)], folder),
            "limits": machine_limits(folder, picture_bytes),
            "usual": usual(paths[:1000]),
        }
    options.out.mkdir(exist_ok=True, parents=True)
    text = report(results)
    (options.out / "loading.md").write_text(text)
    (options.out / "loading.json").write_text(json.dumps(results, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
