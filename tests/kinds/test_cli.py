"""The command line takes any kind of input that is in the table, and refuses what a kind does not have."""

import json

import numpy as np
import pytest

from drivetrain.cli.main import main

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def curves(tmp_path, monkeypatch):
    """20 curves of each of two shapes, below one folder per shape, beside a file that is no curve."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("drivetrain.export.exporting.EXPORTERS", ("torchscript", "dynamo"))
    x = np.linspace(-3, 3, 24)
    for name, shape in {"sine": np.sin, "step": np.sign}.items():
        (tmp_path / "curves" / name).mkdir(parents=True)
        for i in range(20):
            noise = np.random.default_rng([i, len(name)]).normal(0, 0.2, len(x))
            np.save(tmp_path / "curves" / name / f"m{i % 4}-{i:02}.npy", shape(x) + noise)
    return tmp_path / "curves"


def test_audit_looks_at_curves(curves, capsys):
    assert main(["audit", str(curves), "--input", "toy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == {"rows": 40}


def test_a_curve_is_trained_on_and_predicted(curves, capsys):
    words = ["--input", "toy", "--epochs", "1", "--device", "cpu", "--precision", "fp32", "--out", "curves.model"]
    assert main(["train", str(curves), *words, "--group", "machine"]) == 0
    said = capsys.readouterr()
    assert "what does it say of a curve?" in said.out
    assert main(["predict", "curves.model", "curves/sine", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 20 and all(line["label"] in {"sine", "step"} for line in lines)


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (
            "--input toys",
            2,
            ("no kind of input 'toys'", "expected one of binaries, images, ratings", "toy, toy_table", "To fix:"),
        ),
        ("--input toy --channels 1", 1, ("toy have no option 'channels'", "expected 'least'", "To fix:")),
        (
            "--input toy --size 32",
            1,
            ("--size 32 means nothing for toy", "expected among", "To fix: leave --size out"),
        ),
        (
            "--input toy --fit pad",
            1,
            ("--fit pad means nothing for toy", "expected among", "To fix: leave --fit out"),
        ),
        ("--input toy_table", 1, ("is a folder", "expected a table file", "To fix:")),
    ],
)
def test_what_a_kind_does_not_have_is_refused_before_anything_is_sealed(curves, capsys, words, code, parts):
    assert main(["train", str(curves), "--out", "a.model", *words.split()]) == code
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert [part for part in parts if part not in said] == [], said
    assert not (curves.parent / ".drivetrain").exists()
