"""The recipe of the embedded body, on a handful of pictures: what it writes loads, and a second call trains nothing."""

import io
import runpy
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from drivetrain.kinds.images.bodies.load import load_body

RECIPE = Path(__file__).parents[1] / "recipes" / "embedded_body.py"
LABELS = ("n01", "n02", "n03", "n04", "n05", "n06")


def jpeg(rng: np.random.Generator) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def archives(tmp_path):
    """Six classes; one training picture is a copy of a held-out one, and must not be trained on."""
    rng, copied = np.random.default_rng(0), b""
    for source, n in (("val", 4), ("train", 16)):
        with zipfile.ZipFile(tmp_path / f"{source}.zip", "w") as archive:
            for label in LABELS:
                for i in range(n):
                    picture = copied if (source, label, i) == ("train", "n06", 15) else jpeg(rng)
                    copied = copied or picture
                    archive.writestr(f"{label}/{label}_{i:02}.JPEG", picture)
    return tmp_path


def run(source: Path, out: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["embedded_body.py", str(source), "--out", str(out), "--epochs", "0.04"])
    runpy.run_path(str(RECIPE), run_name="__main__")


def test_it_writes_a_body_that_loads_and_a_card(archives, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run(archives, out, monkeypatch)
    table = (out / "pictures" / "pictures-200.csv").read_text()
    assert table.count(",train") == 35 and table.count(",valid") == 60 and table.count(",test") == 24
    body = load_body(f"local-dir:{out / 'body'}", pretrained=True, channels=3, size_px=None, dropout=0.0)
    weights = load_file(out / "body" / "model.safetensors")
    state = body.module.state_dict()
    assert all((state[name] == tensor.float()).all() for name, tensor in weights.items())
    card = (out / "body" / "README.md").read_text()
    assert "35 pictures of" in card and "of 24 validation pictures" in card and "seed 42" in card

    before = {path: path.stat().st_mtime_ns for path in out.glob("*.safetensors")}
    run(archives, out, monkeypatch)
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.safetensors")} == before
    assert len(before) == 2
    assert (out / "body" / "README.md").read_text() == card
