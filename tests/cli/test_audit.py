"""`drivetrain audit`: text, JSON, a page, and features."""

import shutil

import numpy as np
import pytest


@pytest.fixture
def copied(pictures, tmp_path):
    """The colours, with one file twice under two labels."""
    root = tmp_path / "copied"
    shutil.copytree(pictures, root, ignore=lambda _, names: [name for name in names if name.endswith(".csv")])
    shutil.copy(root / "red" / "00.png", root / "blue" / "again.png")
    return root


def test_it_says_what_it_found(run, copied):
    done = run("audit", copied)
    assert done.code == 0
    assert "problem: 1 pair of copies with different targets" in done.out
    assert "looked at:" in done.out


def test_as_json(run, copied):
    found = run("audit", copied, "--json").object
    assert found["ok"] is False
    assert found["findings"][0]["kind"] == "conflicting labels"


def test_a_page(run, copied, tmp_path):
    assert run("audit", copied, "--html", tmp_path / "audit.html").code == 0
    assert "data:image/jpeg" in (tmp_path / "audit.html").read_text(encoding="utf-8")


def test_a_table(run, table):
    assert run("audit", table, "--target", "tags", "--label-delim", ";").code == 0


def test_a_folder_that_is_not_there(run):
    done = run("audit", "nowhere")
    assert done.code == 1
    assert "nowhere does not exist" in done.err


def test_nothing_is_sealed(run, pictures, tmp_path):
    run("audit", pictures)
    assert not (tmp_path / ".drivetrain").exists()


def test_features_come_from_a_body(run, pictures, monkeypatch):
    asked = []

    def features(rows, arch, **_):
        asked.append((len(rows), arch))
        return np.random.default_rng(0).normal(size=(len(rows), 4))

    monkeypatch.setattr("drivetrain.training.features.body_features", features)
    assert run("audit", pictures, "--arch", "some_body").code == 0
    assert asked == [(45, "some_body")]


@pytest.mark.parametrize(
    ("older", "says"), [("number", "To fix: --task number."), ("categories", "To fix: --task multilabel.")]
)
def test_the_older_name_of_the_task_is_understood_with_a_warning(table, run, older, says):
    target = "brightness" if older == "number" else "tags"
    done = run("audit", table, "--target", target, "--kind", older, "--json")
    assert done.code == 0, done.err
    assert done.err.count("next version") == 1 and says in done.err
    both = run("audit", table, "--target", target, "--kind", older, "--task", older)
    assert both.code == 2 and "both given" in both.err
