"""Families of architectures: each exports and says what its network says, or is refused with a reason.

Miniatures of the common families here; all 98 in benchmarks/export.py, with what came out in results/export.md.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import timm

ROOT = Path(__file__).parents[2]
ALIKE = {"test_convnext2", "test_vit2"}
"""Other depths of test_convnext; what test_vit3 and test_vit4 have, without more."""
MINIATURES = sorted({*timm.list_models("test_*")} - ALIKE)
REFUSED: dict[str, str] = {}
"""Miniature → what the refusal says; none of them is refused at present."""


@pytest.fixture(scope="module")
def export_one() -> ModuleType:
    spec = importlib.util.spec_from_file_location("export_one", ROOT / "benchmarks" / "export_one.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_miniatures() -> None:
    assert len(MINIATURES) > 8


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MINIATURES)
def test_a_family_exports_or_says_why_not(
    name: str, export_one: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the benchmark does it."""
    monkeypatch.setattr(sys, "argv", ["export_one.py", name])
    export_one.main()
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    if name in REFUSED:
        assert REFUSED[name] in found["reason"]
    else:
        assert found.get("agreement") == 1.0, found
