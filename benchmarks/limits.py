"""What the machine can do at most: matrix products, copies of memory, decoded pictures; and what a body costs.

    python benchmarks/limits.py TABLE BODY SIZE

Prints one JSON object. The best of several tries counts: a limit is what is possible, not what is usual.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from sets import read_paths
from torch.utils.flop_counter import FlopCounterMode

SIDE = 2048
COPY_BYTES = 512 * 2**20
MOST_PICTURES = 500


def best_seconds(work: Callable[[], object], *, tries: int = 7) -> float:
    work()  # the first call allocates and plans
    found = []
    for _ in range(tries):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def matmul_gflops(dtype: torch.dtype) -> float:
    a, b = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(2))
    return 2 * SIDE**3 / best_seconds(lambda: a @ b) / 1e9


def copy_gb_per_s() -> float:
    """Read and written bytes together, all cores."""
    source, target = torch.ones(COPY_BYTES, dtype=torch.uint8), torch.empty(COPY_BYTES, dtype=torch.uint8)
    return 2 * COPY_BYTES / best_seconds(lambda: target.copy_(source)) / 1e9


def decode_img_per_s(paths: list[str]) -> float:
    """Files that the system has at hand, Pillow, full size, all cores."""
    contents = [Path(path) for path in paths[:MOST_PICTURES]]

    def decode(path: Path) -> int:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB")).nbytes

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return len(contents) / best_seconds(lambda: sum(pool.map(decode, contents)), tries=3)


def body_gflops(body: str, size: int) -> float:
    """Of one picture forwards; a product and its sum are two."""
    model = timm.create_model(body, pretrained=False, num_classes=0).eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, size, size))
    return counter.get_total_flops() / 1e9


def main() -> None:
    table, body, size = sys.argv[1:4]
    limits: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "matmul_fp32_gflops": matmul_gflops(torch.float32),
        "matmul_bf16_gflops": matmul_gflops(torch.bfloat16),
        "copy_gb_per_s": copy_gb_per_s(),
        "decode_img_per_s": decode_img_per_s(read_paths(Path(table), "train")),
        "body_gflops": body_gflops(body, int(size)),
        "size": int(size),
    }
    print(json.dumps(limits))


if __name__ == "__main__":
    main()
