"""Plain ONNX Runtime in a loop, no HTTP: decode, resize, run, in as many threads as the services have.

    python onnx_loop.py MODEL.onnx SECONDS THREADS PICTURE…

What a service can reach at most: it has all this to do, and HTTP.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
import onnxruntime
from pictures import pixels_of
from report import tell


def main() -> None:
    model, seconds, threads, *names = sys.argv[1:]
    pictures = [Path(name).read_bytes() for name in names]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def one(i: int) -> None:
        session.run(None, {name: pixels_of(pictures[i % len(pictures)])[None]})[0].argmax()

    one(0)
    until = time.perf_counter() + float(seconds)
    took: list[list[float]] = [[] for _ in range(int(threads))]

    def loop(mine: list[float]) -> None:
        while time.perf_counter() < until:
            began = time.perf_counter()
            one(len(mine))
            mine.append(1000 * (time.perf_counter() - began))

    began, worked = time.perf_counter(), time.process_time()
    loops = [threading.Thread(target=loop, args=(mine,)) for mine in took]
    for thread in loops:
        thread.start()
    for thread in loops:
        thread.join()
    elapsed, cpu = time.perf_counter() - began, time.process_time() - worked
    found = np.array([ms for mine in took for ms in mine])
    p50, p95, p99 = np.percentile(found, [50, 95, 99])
    times = {"seconds": elapsed, "cpu_seconds": cpu, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}
    tell("done", requests=len(found), not_2xx=0, broken=0, **times)


if __name__ == "__main__":
    main()
