#!/usr/bin/env python
"""20,000 small pictures in 20 tar shards: listed for the first and the second time, and read in random order.

"in place" is what drivetrain does: an index of each shard, and bytes by their place. "unpacked" writes every sample
into the cache folder as a file of its own, as is still done with compressed shards; "single files" are the same
pictures in folders of classes. Each job runs in a process of its own with an empty cache folder, the second listing in
another process; its seconds are those of one core, the least of three rounds, since others may use the machine. The
disk is what the cache folder takes, in blocks. All pictures are in the memory of the system: on a network share each
single file would cost a round trip besides.

    python benchmarks/shards.py
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions
from PIL import Image

JOBS = ("in place", "unpacked", "single files")
PX, CLASSES, ROUNDS = 32, 10, 3


def made(folder: Path, n: int, shards: int) -> None:
    """The pictures, in shards and in folders."""
    rng = np.random.default_rng(0)
    each = n // shards
    for shard in range(shards):
        (folder / "shards").mkdir(exist_ok=True)
        with tarfile.open(folder / "shards" / f"{shard:04}.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
            for row in range(shard * each, (shard + 1) * each):
                stream = io.BytesIO()
                Image.fromarray(rng.integers(0, 256, (PX, PX, 3), dtype=np.uint8)).save(stream, "JPEG")
                label = str(row % CLASSES)
                for name, content in ((f"{row:06}.jpg", stream.getvalue()), (f"{row:06}.cls", label.encode())):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
                place = folder / "files" / label / f"{row:06}.jpg"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(stream.getvalue())


def job(name: str, folder: Path, *, read: bool) -> None:
    """List the rows, read them if that is asked for, and print how long each took."""
    from drivetrain.data.labelled import webdataset
    from drivetrain.data.sources import read_source

    warnings.simplefilter("ignore")
    if name == "unpacked":
        webdataset.packing_of = lambda shard: "none"  # as with shards that are compressed
    found: dict[str, Any] = {}
    begun = time.process_time()
    rows = read_source(folder / ("files" if name == "single files" else "shards")).rows
    found["list_s"] = time.process_time() - begun
    if read:
        order = np.random.default_rng(1).permutation(len(rows)).tolist()
        begun = time.process_time()
        for row in order:
            rows.inputs.digest(row)
        found["read_s"] = time.process_time() - begun
    print(json.dumps(found | {"rows": len(rows)}))


def asked(name: str, folder: Path, cache: Path, *, read: bool) -> dict[str, Any]:
    line = [sys.executable, __file__, "--job", name, "--folder", str(folder), *(["--read"] if read else [])]
    environment = {**os.environ, "DRIVETRAIN_CACHE_DIR": str(cache)}
    return json.loads(subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout)


def on_disk(folder: Path) -> Iterator[int]:
    return (path.stat().st_blocks * 512 for path in folder.rglob("*"))


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--job")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--read", action="store_true")
    options = parser.parse_args()
    if options.job:
        job(options.job, options.folder, read=options.read)
        return
    n, shards = (400, 4) if options.quick else (20_000, 20)
    path = (options.results or (QUICK_RESULTS if options.quick else RESULTS)) / "shards.json"
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made(folder, n, shards)
        for number in range(1 if options.quick else ROUNDS):
            for name in JOBS:
                cache = folder / f"cache-{name}-{number}"
                first = asked(name, folder, cache, read=False)
                second = asked(name, folder, cache, read=True)
                assert first["rows"] == second["rows"] == n
                row = {"first_s": first["list_s"], "second_s": second["list_s"], "read_s": second["read_s"]}
                row["disk_mb"], row["files"] = sum(on_disk(cache)) / 1e6, sum(p.is_file() for p in cache.rglob("*"))
                old = rows.setdefault(name, row)
                rows[name] = {key: min(value, old[key]) for key, value in row.items()}
                print(number, name, row, flush=True)
    results = Results(path, hidden_places())
    for name, row in rows.items():
        results.put(name, {**row, "n": n, "command": "python benchmarks/shards.py", "versions": versions()})
    results.write(report(results))


def report(results: Results) -> list[str]:
    rows = {name: results.rows[name] for name in JOBS}
    head = [
        "",
        "listed first, s",
        "listed again, s",
        "read in random order, s",
        "in the cache folder, MB",
        "files there",
    ]
    times = ("first_s", "second_s", "read_s")
    told = [
        [name, *(f"{row[key]:.2f}" for key in times), f"{row['disk_mb']:.1f}", f"{row['files']:,}"]
        for name, row in rows.items()
    ]
    here, before = rows["in place"], rows["unpacked"]
    told.append(["unpacked ÷ in place", *(f"{before[key] / here[key]:.2f}" for key in times)])
    told[-1] += [f"{before['disk_mb'] / here['disk_mb']:.0f}", f"{before['files'] / here['files']:.0f}"]
    assert __doc__ is not None
    about = [*__doc__.strip().split("\n")[2:8]]
    return ["# Pictures in shards", "", *about, "", *table(head, told), "", *provenance(rows)]


if __name__ == "__main__":
    main()
