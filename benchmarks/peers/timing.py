"""How fast a loaded model answers: one picture after another, many at once, and what it prints meanwhile."""

from __future__ import annotations

import json
import os
import pty
import statistics
import sys
import threading
import time
from collections.abc import Callable

LEAST_CALLS = 50
PASSES = 3


def measure(one: Callable[[str], object], many: Callable[[list[str]], int], paths: list[str]) -> None:
    """Print one JSON object with the median and the 95th percentile of one call, and pictures per second of many.

    Args:
        one: Answers for one file.
        many: Answers for all files, and says for how many.
        paths: Files; with fewer than 50 of them they come again.
    """
    printed = bytes_on_terminal(lambda: one(paths[0]))
    calls = (paths * (LEAST_CALLS // len(paths) + 1))[: max(LEAST_CALLS, len(paths))]
    for path in calls[:5]:
        one(path)
    milliseconds = []
    for path in calls:
        began = time.perf_counter()
        one(path)
        milliseconds.append(1000 * (time.perf_counter() - began))
    many(paths[:32])
    rates = []
    for _ in range(PASSES):
        began = time.perf_counter()
        n = many(paths)
        rates.append(n / (time.perf_counter() - began))
    found = {
        "calls": len(calls),
        "p50_ms": statistics.median(milliseconds),
        "p95_ms": statistics.quantiles(milliseconds, n=20)[-1],
        "many": len(paths),
        "many_img_per_s": statistics.median(rates),
        "bytes_printed": printed,
    }
    print("\n@event " + json.dumps(found), flush=True)


def bytes_on_terminal(call: Callable[[], object]) -> int:
    """What a call prints on a terminal, standard output and standard error together."""
    master, slave = pty.openpty()
    sizes: list[int] = []

    def read() -> None:
        while True:
            try:
                content = os.read(master, 65_536)
            except OSError:  # the other end was closed
                return
            if not content:
                return
            sizes.append(len(content))

    reader = threading.Thread(target=read)
    reader.start()
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    try:
        os.dup2(slave, 1)
        os.dup2(slave, 2)
        call()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for descriptor in (*saved, slave):
            os.close(descriptor)
    reader.join()
    os.close(master)
    return sum(sizes)
