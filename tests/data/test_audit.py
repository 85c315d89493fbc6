"""The audit as a whole: planted faults are found, clean data raise no alarm, test rows stay sealed."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scenes import recompressed, scene, write

import drivetrain as dt
from drivetrain.auditing import Audit, audit
from drivetrain.auditing.findings import Finding
from drivetrain.auditing.forests import Skill, make_folds, out_of_fold, skill
from drivetrain.auditing.section import audit_page, audit_section, report_findings
from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget

N = 48


def folder(root, *, seed=0, n=N, options=lambda label, i: {"quality": 80}):
    """Two classes of pictures that have nothing to do with their class."""
    for i in range(n):
        label = ("cat", "dog")[i % 2]
        write(root / label / f"{i:03}.jpg", scene(1000 * seed + i, 64, 48), **options(label, i))
    return root


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return folder(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def clean_audit(clean):
    return audit(clean)


def kinds(found):
    return {(finding.kind, finding.severity) for finding in found.findings}


def test_clean_data_raise_no_alarm(clean_audit):
    assert clean_audit.ok, clean_audit
    assert clean_audit.counts == {"rows": N}
    assert "crops need features" in clean_audit.looked["copies"]


def test_clean_divided_data_raise_no_alarm(clean, tmp_path):
    found = audit(dt.images(clean, valid_pct=0.25, test_pct=0.25, project=tmp_path))
    assert found.ok, found
    assert sum(found.counts.values()) == N


def test_a_planted_shortcut_is_found(tmp_path):
    found = audit(folder(tmp_path, options=lambda label, i: {"quality": 60 if label == "cat" else 90}))
    assert ("shortcut", "problem") in kinds(found)
    shortcut = next(finding for finding in found.findings if finding.kind == "shortcut")
    assert "JPEG" in next(iter(shortcut.facts["carriers"]))
    assert shortcut.facts["low"] > 0.6


def test_a_shortcut_that_a_group_explains_is_judged_by_group(tmp_path):
    """Each camera has its quality, and each saw one class only: on new cameras the quality tells nothing."""
    rng = np.random.default_rng(0)
    quality = rng.permutation(np.arange(40, 88))[:24]
    folder(tmp_path, n=96, options=lambda label, i: {"quality": int(quality[i % 24])})
    table = pd.DataFrame(
        [
            {"path": str(path), "label": path.parent.name, "camera": f"c{int(path.stem) % 24}"}
            for path in sorted(tmp_path.rglob("*.jpg"))
        ]
    )
    alone = audit(table, target="label", path="path")
    grouped = audit(table, target="label", path="path", group="camera")
    assert "shortcut" in {finding.kind for finding in alone.findings}
    assert "shortcut" not in {finding.kind for finding in grouped.findings}


def test_copies_across_a_given_split_and_a_torn_group(tmp_path):
    folder(tmp_path / "p")
    paths = sorted((tmp_path / "p").rglob("*.jpg"))
    write(tmp_path / "p" / "cat" / "copy.jpg", recompressed(Image.open(paths[0]).convert("RGB"), 50))
    rows = [
        {"path": str(path), "label": path.parent.name, "part": "valid" if i % 4 == 0 else "train", "day": str(i // 6)}
        for i, path in enumerate(paths)
    ]
    rows.append({"path": str(tmp_path / "p/cat/copy.jpg"), "label": "cat", "part": "train", "day": "copy"})
    found = audit(pd.DataFrame(rows), target="label", path="path", split="part", group="day")
    assert {("copies across parts", "problem"), ("group overlap", "problem")} <= kinds(found)
    assert found.findings[0].severity == "problem"


def test_broken_files_are_told(tmp_path):
    folder(tmp_path)
    (tmp_path / "cat" / "bad.jpg").write_bytes(b"\xff\xd8\xff broken")
    with pytest.warns(dt.errors.DrivetrainWarning, match="1 left out"):
        found = audit(tmp_path)
    broken = next(finding for finding in found.findings if finding.kind == "broken files")
    assert (broken.severity, broken.facts["rows"]) == ("warning", 1)
    assert "bad.jpg" in str(broken)
    (row,) = broken.as_json()["rows"]
    assert row["label"] is None
    assert row["reason"].startswith("not a picture")
    assert row["reason"] in str(broken.rows[0])


def test_the_metadata_baseline_is_a_table_of_predictions(clean_audit):
    said = clean_audit.metadata_predictions
    assert len(said) == N
    assert said.output.min() > 0
    assert 0.2 < dt.score(said, ["accuracy"])["accuracy"].value < 0.8


def test_as_json_is_json_and_holds_no_predictions(clean_audit):
    said = json.loads(json.dumps(clean_audit.as_json(), allow_nan=False))
    assert said["ok"] is True
    assert set(said) == {"source", "root", "rows", "ok", "findings", "looked_at", "seconds"}


def test_settings_of_a_source_do_not_go_with_data(clean, tmp_path):
    with pytest.raises(SettingError, match="target= says how a source is read"):
        audit(dt.images(clean, project=tmp_path), target="label")


def test_features_must_be_of_these_rows(clean):
    with pytest.raises(DataError, match=r"shape \(3, 4\); expected 48 rows"):
        audit(clean, features=np.zeros((3, 4)))


def test_features_may_be_a_function_of_the_rows(clean):
    seen = []
    audit(clean, features=lambda rows: seen.append(len(rows)) or np.eye(len(rows)), shortcuts=False)
    assert seen == [N]


def test_few_rows_are_said_to_be_too_few(tmp_path):
    assert "too few" in audit(folder(tmp_path, n=8)).looked["metadata"]


# ── forests ─────────────────────────────────────────────────────────────────────────────────────────────────────────

CLASSES = CategoryTarget(name="c", vocab=("a", "b", "c"))
TAGS = CategoriesTarget(name="t", vocab=("x", "y"))
NUMBERS = NumberTarget(names=("n",), mean=(0.0,), std=(1.0,))


def truth_of(target, n, rng):
    """Targets, and a column that tells them."""
    if target.kind == "category":
        truth = rng.integers(0, 3, n)
        return truth, truth + 0.1 * rng.normal(size=n)
    if target.kind == "categories":
        truth = rng.integers(0, 2, (n, 2)).astype(np.float32)
        return truth, truth @ [1, 2] + 0.1 * rng.normal(size=n)
    truth = rng.normal(size=(n, 1))
    return truth, truth[:, 0] + 0.1 * rng.normal(size=n)


@pytest.mark.parametrize("target", [CLASSES, TAGS, NUMBERS], ids=lambda target: target.kind)
def test_a_telling_column_beats_chance_and_noise_does_not(target):
    rng = np.random.default_rng(0)
    truth, telling = truth_of(target, 200, rng)
    noise = rng.normal(size=(200, 3))
    folds = make_folds(target, truth, None)
    for columns, tells in ((noise, False), (np.column_stack([noise, telling]), True)):
        found = skill(target, truth, out_of_fold(columns, target, truth, folds), folds, None)
        assert found.low <= found.value <= found.high
        assert found.beats_chance is tells
        assert found.strong is tells


def test_folds_keep_groups_whole_and_hold_every_row_once():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 90)
    groups = [f"g{i}" for i in rng.integers(0, 12, 90)]
    folds = make_folds(CLASSES, truth, groups)
    assert sorted(row for _, answer in folds for row in answer) == list(range(90))
    for fit, answer in folds:
        assert not {groups[row] for row in fit} & {groups[row] for row in answer}


def test_no_folds_where_there_is_one_group_or_no_class_twice():
    assert make_folds(CLASSES, np.array([0, 1, 2]), ["g"] * 3) is None
    assert make_folds(CLASSES, np.array([0, 1, 2]), None) is None


def test_rare_classes_are_no_obstacle():
    truth = np.array([0] * 30 + [1] * 30 + [2])
    folds = make_folds(CLASSES, truth, None)
    said = out_of_fold(np.arange(61.0)[:, None], CLASSES, truth, folds)
    np.testing.assert_allclose(said.sum(axis=1), 1)


def test_what_beats_chance():
    def of(low, chance):
        return Skill(low + 0.05, low, low + 0.1, chance, 100, False, "balanced accuracy")

    assert not of(0.51, 0.5).beats_chance
    assert of(0.53, 0.5).beats_chance
    assert not of(0.006, 0.005).beats_chance
    assert of(0.011, 0.005).beats_chance
    assert not of(0.53, 0.5).strong
    assert of(0.66, 0.5).strong


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def with_copies(tmp_path_factory):
    """One copy inside training, and one of a training picture in the test set; a name that would break a page."""
    root = tmp_path_factory.mktemp("copies")
    rows = []
    for i in range(12):
        name = "<img src=x onerror=alert(1)>.png" if i == 0 else f"{i}.png"
        image = recompressed(scene(0), 60) if i in (5, 11) else scene(i)
        path = write(root / name, image)
        rows.append({"path": str(path), "label": "<b>" if i % 2 else "dog", "split": "test" if i > 9 else "train"})
    return audit(pd.DataFrame(rows), target="label", path="path", split="split")


def test_the_page_shows_pairs_and_escapes_names(with_copies):
    page = audit_page(with_copies)
    assert "data:image/jpeg;base64," in page
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in page
    assert "http" not in page.replace("http-equiv", "")


def test_test_pictures_are_not_shown(with_copies):
    across = next(finding for finding in with_copies.findings if finding.kind == "copies across parts")
    only = Audit(with_copies.source, with_copies.counts, (across,), {})
    section = audit_section(only)
    assert section.count("<img") == 1
    assert "sealed: not shown" in section
    (found,) = report_findings(only)
    assert found.level == "stop"
    assert len(found.rows) == 1


def test_a_clean_page_says_so():
    assert "Nothing was found" in audit_section(Audit("fruit", {"rows": 3}, (), {}))


def test_commands_in_a_finding_are_code_and_the_theme_can_be_switched():
    finding = Finding("conflicting labels", "warning", "a", "b", mend="correct one (`drivetrain review`), x < y.")
    page = audit_page(Audit("x", {"rows": 3}, (finding,), {}))
    assert "To fix: correct one (<code>drivetrain review</code>), x &lt; y." in page
    assert '<button type="button" id="theme"' in page
    (reported,) = report_findings(Audit("x", {"rows": 3}, (finding,), {}))
    assert reported.mend == finding.mend


def test_many_pairs_are_cut_short(with_copies):
    finding = next(finding for finding in with_copies.findings if finding.pairs)
    many = Finding(finding.kind, finding.severity, finding.title, finding.text, pairs=finding.pairs * 100)
    assert audit_section(Audit("x", {}, (many,), {})).count("<img") <= 24
    assert f"{len(many.pairs) - 5:,} more" in str(many)
