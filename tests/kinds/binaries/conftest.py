"""Made-up files of three families, in several versions: tables, code-like bytes, and what is packed."""

from pathlib import Path

import numpy as np
import pytest

FAMILIES = ("code", "packed", "table")


def content(family: str, module: int, version: int = 1) -> bytes:
    """A file; versions of a module share most of it."""
    rng = np.random.default_rng([FAMILIES.index(family), module])
    n = 1500 + 200 * (module % 5)
    if family == "table":
        made = "".join(f"{a},{b}\n" for a, b in rng.integers(0, 9999, (n // 9, 2))).encode()
    elif family == "packed":
        made = rng.integers(0, 256, n, dtype=np.uint8).tobytes()
    else:
        words = rng.integers(0, 256, (40, 6), dtype=np.uint8) & 0x8F
        made = b"\x7fELF\x02\x01\x01" + bytes(9) + words[rng.integers(0, 40, n // 6)].tobytes()
    return made + b"version %d of the same\n" % version * (version > 1)


@pytest.fixture(scope="session")
def families(tmp_path_factory) -> Path:
    """A folder with 20 files of each family, without suffixes; no two are near-duplicates."""
    folder = tmp_path_factory.mktemp("families")
    for family in FAMILIES:
        (folder / family).mkdir()
        for module in range(20):
            (folder / family / f"m{module:02}").write_bytes(content(family, module))
    return folder
