"""Families of architectures: each exports and says what its network says, or is refused with a reason.

Miniatures of the common families here; all 98 in benchmarks/export.py, with what came out in results/export.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm

ROOT = Path(__file__).parents[2]
MINIATURES = sorted(name for name in timm.list_models("test_*"))
REFUSED: dict[str, str] = {}
"""Miniature → what the refusal says; none of them is refused at present."""


def test_there_are_miniatures() -> None:
    assert len(MINIATURES) > 8


@pytest.mark.slow
@pytest.mark.parametrize("name", MINIATURES)
def test_a_family_exports_or_says_why_not(name: str) -> None:
    """In a process of its own, as the benchmark does it."""
    command = [sys.executable, str(ROOT / "benchmarks" / "export_one.py"), name]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    if name in REFUSED:
        assert REFUSED[name] in found["reason"]
    else:
        assert found.get("agreement") == 1.0, found
