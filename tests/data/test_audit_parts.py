"""Each look of the audit finds what was planted, and nothing where nothing is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scenes import COPIES, CROPS, recompressed, scene, write
from scipy.stats import chi2_contingency

from drivetrain.auditing.balance import balance_findings, g_test
from drivetrain.auditing.columns import read_columns
from drivetrain.auditing.duplicates import copies_findings, find_copies
from drivetrain.auditing.missing import missing_findings
from drivetrain.auditing.neighbours import close_pairs
from drivetrain.auditing.overlap import group_findings, time_findings
from drivetrain.auditing.rows import AuditRows, signatures_of
from drivetrain.auditing.shift import shift_findings
from drivetrain.data.check import CheckReport
from drivetrain.data.examples import Examples
from drivetrain.data.groups.guesses import GroupGuess
from drivetrain.data.inputs import Files
from drivetrain.kinds.images.metadata import capture_facts, jpeg_quality
from drivetrain.kinds.images.near import probe_pictures
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget


def rows_of(paths, labels, parts=None, *, method="random", times=(), target=None) -> AuditRows:
    """Rows of files that exist (or, for looks at targets alone, of names)."""
    if all(path.exists() for path in paths):
        digests = tuple(checked.digest for checked in probe_pictures(paths))
    else:
        digests = tuple(str(i) for i in range(len(paths)))
    examples = Examples(Files(paths), digests, tuple(labels), times=tuple(times))
    return AuditRows(
        examples=examples,
        parts=None if parts is None else tuple(parts),
        target=target or CategoryTarget.fit("class", labels),
        signatures=signatures_of(examples),
        report=CheckReport(len(paths)),
        source="test",
        layout="folder",
        method=method if parts else "",
    )


def named(labels, parts=None, **more) -> AuditRows:
    return rows_of([Path(f"no/such/{i}.png") for i in range(len(labels))], labels, parts, **more)


@pytest.fixture
def pictures(tmp_path):
    """Eight pictures, two classes."""
    return [write(tmp_path / f"{seed}.png", scene(seed)) for seed in range(8)]


LABELS = ["cat", "dog"] * 4
PARTS = ["train"] * 4 + ["valid"] * 2 + ["test"] * 2


def kinds(findings):
    return [(finding.kind, finding.severity) for finding in findings]


def test_different_pictures_raise_nothing(pictures):
    rows = rows_of(pictures, LABELS, PARTS)
    copies = find_copies(rows)
    assert copies.pairs == ()
    assert copies_findings(rows, copies) == []


@pytest.mark.parametrize("held_out", ["valid", "test"])
@pytest.mark.parametrize("how", ["same file", *COPIES])
def test_a_copy_in_another_part_is_a_problem(how, held_out, pictures, tmp_path):
    copy = tmp_path / "copy.png"
    if how == "same file":
        copy.write_bytes(pictures[1].read_bytes())
    else:
        write(copy, COPIES[how](scene(1)))
    row = PARTS.index(held_out)
    rows = rows_of([*pictures[:row], copy, *pictures[row + 1 :]], LABELS, PARTS)
    found = copies_findings(rows, find_copies(rows))
    assert kinds(found)[0] == ("copies across parts", "problem")
    assert (found[0].pairs[0].one.path, found[0].pairs[0].other.path) == ("1.png", "copy.png")
    assert found[0].facts == {
        "part": "test" if held_out == "test" else "validation",
        "rows": 1,
        "of": 2,
        "same_file": int(how == "same file"),
    }


def test_nothing_of_a_test_row_is_told_but_its_name(pictures, tmp_path):
    write(tmp_path / "copy.png", recompressed(scene(1)))
    rows = rows_of([*pictures[:6], tmp_path / "copy.png", pictures[7]], LABELS, PARTS)  # a dog in training, a cat here
    found = copies_findings(rows, find_copies(rows))
    assert kinds(found) == [("copies across parts", "problem")]  # that the labels differ is not told
    sealed = found[0].pairs[0].other
    assert (sealed.part, sealed.label, sealed.source) == ("test", None, None)


@pytest.mark.parametrize("same_file", [True, False])
def test_copies_with_different_labels_contradict(same_file, pictures, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes(pictures[0].read_bytes()) if same_file else write(copy, recompressed(scene(0)))
    rows = rows_of([*pictures, copy], [*LABELS, "dog"])
    found = copies_findings(rows, find_copies(rows))
    assert ("conflicting labels", "problem" if same_file else "warning") in kinds(found)
    assert ("copies within a part", "warning") in kinds(found)


def test_copies_within_a_part_are_counted_as_families(pictures, tmp_path):
    more = [write(tmp_path / f"copy{i}.png", COPIES[how](scene(0))) for i, how in enumerate(["halved", "mirrored"])]
    rows = rows_of([*pictures, *more], [*LABELS, "cat", "cat"], ["train"] * 10)
    (found,) = copies_findings(rows, find_copies(rows))
    assert (found.kind, found.severity) == ("copies within a part", "note")
    assert found.facts == {"families": 1, "spare": 2}


def test_many_equal_files_are_one_family(pictures):
    rows = rows_of([pictures[0]] * 5 + pictures[1:4], ["cat"] * 8, ["train"] * 3 + ["valid"] * 3 + ["test"] * 2)
    found = copies_findings(rows, find_copies(rows))
    assert found[0].facts == {"part": "validation", "rows": 2, "of": 3, "same_file": 2}


def test_crops_are_found_by_features(pictures, tmp_path):
    """Features that say where the picture is from, as a good body's do."""
    crop = write(tmp_path / "crop.png", CROPS["cut in a corner"](scene(2)))
    rows = rows_of([*pictures[:7], crop], LABELS, ["train"] * 7 + ["valid"])
    rng = np.random.default_rng(0)
    features = rng.normal(size=(8, 16))
    assert find_copies(rows).pairs == ()
    features[7] = features[2] + 0.1 * rng.normal(size=16)
    (copy,) = find_copies(rows, features).pairs
    assert (copy.first, copy.second) == (2, 7)
    features[7] = features[3]  # alike to the body, but not the same picture
    assert find_copies(rows, features).pairs == ()


def test_the_number_of_looks_is_bounded_and_told(pictures, tmp_path):
    more = [write(tmp_path / f"c{i}.png", recompressed(scene(i))) for i in range(4)]
    rows = rows_of([*pictures, *more], [*LABELS, *LABELS[:4]], [*PARTS[:4], *["train"] * 4, *["train"] * 3, "valid"])
    copies = find_copies(rows, looks=1)
    assert [(copy.first, copy.second) for copy in copies.pairs] == [(3, 11)]  # between parts before within
    assert (copies.looked_at, copies.not_looked_at) == (1, 3)


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(3, 60))
def test_nearest_features_are_found_in_blocks(seed, n):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 24))
    one, other = sorted(rng.permutation(n)[:2].tolist())
    features[other] = features[one] * 1.001
    pairs = close_pairs(features)
    assert pairs[0][:2] == (one, other)
    assert all(i < j and cosine <= 1.001 for i, j, cosine in pairs)


def test_features_that_never_vary_have_no_neighbours():
    assert close_pairs(np.ones((5, 3))) == []
    assert close_pairs(np.ones((1, 3))) == []


# ── groups and times ────────────────────────────────────────────────────────────────────────────────────────────────


def grouped(groups) -> AuditRows:
    rows = named(LABELS, PARTS)
    return replace(rows, examples=replace(rows.examples, groups=tuple(groups)), group_name="group='patient'")


def test_groups_on_both_sides_are_a_problem():
    found = group_findings(grouped("abcdaebf"))
    assert [(f.facts["part"], f.facts["rows"], f.severity) for f in found] == [
        ("validation", 1, "problem"),
        ("test", 1, "problem"),
    ]
    assert "group 'a'" in str(found[0].pairs[0])
    assert "group='patient'" in found[0].title
    assert group_findings(grouped("abcdefgh")) == []


def test_guessed_groups_warn():
    guess = GroupGuess("column 'patient'", "patient", n_groups=4, n_torn=3, likely=True, such_as=("p1", "p2"))
    divided = replace(named(LABELS, PARTS), guessed=(guess, replace(guess, likely=False), replace(guess, n_torn=0)))
    (found,) = group_findings(divided)
    assert (found.severity, found.facts["torn"]) == ("warning", 3)
    assert "group='patient'" in found.mend
    (found,) = group_findings(replace(named(LABELS), guessed=(guess,)))
    assert "would tear" in found.title
    assert "on both sides" not in found.text


def test_times_that_overlap_are_told():
    later = named(LABELS, PARTS, times=range(8), method="time")
    assert time_findings(later) == []
    early = named(LABELS, PARTS, times=[0, 1, 2, 9, 4, 10, 11, 12], method="random")
    (found,) = time_findings(early)
    assert (found.severity, found.facts) == ("warning", {"part": "validation", "rows": 1, "of": 2})


# ── balance and shift ───────────────────────────────────────────────────────────────────────────────────────────────


def test_even_classes_raise_nothing():
    assert balance_findings(named(["cat", "dog"] * 100, ["train"] * 120 + ["valid"] * 80)) == []


def test_rare_and_uneven_classes_are_noted():
    (found,) = balance_findings(named(["cat"] * 30 + ["dog"] * 3))
    assert (found.severity, found.facts["rare"]) == ("note", 1)
    (found,) = balance_findings(named(["cat"] * 400 + ["dog"] * 12))
    assert (found.severity, found.facts["rare"]) == ("note", 0)


@pytest.mark.parametrize(("method", "severity"), [("random", "warning"), ("time", "note")])
def test_other_proportions_are_told(method, severity):
    rows = named(["cat", "dog"] * 100 + ["cat"] * 90 + ["dog"] * 10, ["train"] * 200 + ["valid"] * 100, method=method)
    (found,) = balance_findings(rows)
    assert (found.kind, found.severity) == ("class shift", severity)
    assert "'cat'" in found.text


def test_which_class_differs_in_the_test_set_is_not_told():
    rows = named(["cat", "dog"] * 100 + ["cat"] * 90 + ["dog"] * 10, ["train"] * 200 + ["test"] * 100)
    (found,) = balance_findings(rows)
    assert "cat" not in str(found)
    assert "dog" not in str(found)


def test_other_numbers_are_told():
    rng = np.random.default_rng(0)
    values = [(float(v),) for v in (*rng.normal(0, 1, 200), *rng.normal(1, 1, 100))]
    target = NumberTarget.fit(("weight",), values)
    (found,) = balance_findings(named(values, ["train"] * 200 + ["valid"] * 100, target=target))
    assert "'weight'" in found.text


@pytest.mark.parametrize("part", ["valid", "test"])
@pytest.mark.parametrize("method", ["given", "random", "time"])
def test_a_class_missing_from_a_part_is_told(part, method):
    other = "test" if part == "valid" else "valid"
    parts = ["train"] * 120 + [other] * 40 + [part] * 40
    labels = ["cat", "dog", "pear", "plum"] * 40 + ["cat", "dog", "plum"] * 13 + ["cat"]
    (found,) = [f for f in balance_findings(named(labels, parts, method=method)) if f.kind == "missing class"]
    word = "validation" if part == "valid" else "test"
    assert (found.severity, found.title) == ("warning", f"1 of 4 classes has no {word} row")
    assert "'pear' (30 training" in found.text
    assert f"0 {word}" in found.text
    assert found.mend
    counts = found.facts["missing"]["pear"]
    assert counts == {"training": 30, word: 0} | ({"test": None} if part == "valid" else {"validation": 10})


def test_a_class_missing_from_training_is_told_unless_only_test_rows_have_it():
    parts = ["train"] * 80 + ["valid"] * 30 + ["test"] * 30
    labels = ["cat", "dog"] * 40 + ["cat", "dog", "pear"] * 10 + ["cat", "dog", "plum"] * 10
    found = missing_findings(named(labels, parts))
    assert [(f.facts["part"], f.severity) for f in found] == [("training", "warning"), ("test", "note")]
    assert not any("plum" in str(f) for f in found)


def test_a_label_true_of_no_validation_row_is_told():
    values = [("red", "ripe"), ("red",), (), ("ripe",)] * 50 + [("red",), ()] * 25
    target = CategoriesTarget.fit("tags", values)
    (found,) = missing_findings(named(values, ["train"] * 200 + ["valid"] * 50, target=target))
    assert (found.severity, found.title) == ("warning", "1 of 2 labels has no validation row")
    assert "'ripe' (100 training, 0 validation rows)" in found.text
    assert "stratify" not in found.mend  # that divides rows of one class only


def test_a_rare_class_that_chance_misses_is_a_note():
    labels = ["cat", "dog"] * 50 + ["pear"] * 3 + ["cat", "dog"] * 20
    (found,) = missing_findings(named(labels, ["train"] * 103 + ["valid"] * 40))
    assert (found.severity, list(found.facts["missing"])) == ("note", ["pear"])
    assert "Chance explains it" in found.text


def test_many_missing_classes_are_more_than_chance_though_each_alone_is_not():
    labels = [f"{i % 20:02}" for i in range(160)] + [f"{i % 10:02}" for i in range(40)]
    found = missing_findings(named(labels, ["train"] * 160 + ["valid"] * 40, method="given"))
    assert [(f.severity, len(f.facts["missing"])) for f in found] == [("warning", 10)]
    found = missing_findings(named(labels[:-30], ["train"] * 160 + ["valid"] * 10, method="given"))
    assert kinds(found) == [("missing class", "note")]


def test_a_class_of_few_groups_is_missing_by_chance():
    """Thirty rows of one patient are drawn as one."""
    labels, parts = ["cat", "dog"] * 50 + ["pear"] * 30 + ["cat", "dog"] * 15, ["train"] * 130 + ["valid"] * 30
    rows = named(labels, parts, method="grouped")
    assert missing_findings(rows)[0].alarm
    groups = (*(f"{i // 5}" for i in range(100)), *["pears"] * 30, *(f"v{i // 5}" for i in range(30)))
    assert not missing_findings(replace(rows, examples=replace(rows.examples, groups=groups)))[0].alarm


def test_clean_draws_miss_no_class_beyond_chance():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(100):
        shares = rng.dirichlet(np.full(30, 0.5))
        labels = [f"{c}" for c in rng.choice(30, 200, p=shares)]
        parts = rng.permutation(["train"] * 120 + ["valid"] * 40 + ["test"] * 40).tolist()
        alarms += any(finding.alarm for finding in missing_findings(named(labels, parts)))
    assert alarms <= 3


def test_the_g_test_is_scipys_where_no_class_is_rare():
    table = np.array([[50.0, 40.0, 30.0], [20.0, 35.0, 30.0]])
    assert g_test(table) == pytest.approx(chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue)


def test_the_g_test_keeps_its_level_with_many_rare_classes():
    """Of clean splits about one in twenty has p below .05."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(300, 1.0))
    ps = np.array([g_test(np.array([rng.multinomial(300, shares) for _ in range(2)], float)) for _ in range(400)])
    assert 0.01 < np.mean(ps < 0.05) < 0.1
    assert np.mean(ps < 0.001) < 0.02


# ── metadata ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("quality", [20, 35, 50, 65, 80, 90, 95, 99])
def test_jpeg_quality_is_read_from_the_tables(quality, tmp_path):
    path = write(tmp_path / "a.jpg", scene(0), quality=quality)
    with Image.open(path) as image:
        assert jpeg_quality(image.quantization[0]) == pytest.approx(quality, abs=1)


def test_capture_facts_of_a_photograph(tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Acme", "One"
    path = write(tmp_path / "a.jpg", scene(0, 80, 60), quality=70, exif=exif, subsampling=0, dpi=(72, 72))
    facts = capture_facts(path)
    assert (facts["format"], facts["mode"], facts["width"], facts["height"]) == ("JPEG", "RGB", 80, 60)
    assert (facts["camera"], facts["EXIF"], facts["chroma subsampling"]) == ("Acme One", True, "0")
    assert facts["JPEG quality"] == pytest.approx(70, abs=1)
    assert facts["dots per inch"] == 72


def test_columns_are_in_families_and_vary(tmp_path):
    paths = [write(tmp_path / f"cat_{i:03}.jpg", scene(i), quality=40 + i) for i in range(6)]
    rows = rows_of(paths, ["cat", "dog"] * 3)
    columns = {column.name: column for column in read_columns(rows, np.arange(6))}
    assert columns["JPEG quality"].family == "capture"
    assert columns["mean red"].family == "contents"
    assert columns["last number in name"].values.tolist() == [0, 1, 2, 3, 4, 5]
    assert "width" not in columns  # never varies
    assert "order" not in columns  # a folder's order is that of its names


def test_the_class_in_a_name_tells_nothing(tmp_path):
    paths = [write(tmp_path / label / f"{label}_{i}.png", scene(i)) for i in range(3) for label in ("cat", "dog")]
    rows = rows_of(paths, ["cat", "dog"] * 3)
    assert "name pattern" not in {column.name for column in read_columns(rows, np.arange(6))}


def test_other_pictures_in_validation_are_told(tmp_path):
    paths = [write(tmp_path / f"{i}.png", scene(i)) for i in range(80)]
    parts = ["train"] * 40 + ["valid"] * 40
    rows = rows_of(paths, ["cat", "dog"] * 40, parts)
    columns = read_columns(rows, np.arange(80))
    assert shift_findings(columns, parts, "random") == []
    dark = [write(path, Image.eval(scene(i), lambda v: v // 3)) if i >= 40 else path for i, path in enumerate(paths)]
    rows = rows_of(dark, ["cat", "dog"] * 40, parts)
    (found,) = shift_findings(read_columns(rows, np.arange(80)), parts, "random")
    assert (found.kind, found.severity) == ("input shift", "warning")
    assert "brightness" in found.text


def test_signatures_are_read_where_rows_carry_none(pictures):
    rows = rows_of(pictures, LABELS)
    assert signatures_of(rows.examples) == rows.signatures
    carried = replace(rows.examples, signatures=(b"x",) * 8)
    assert signatures_of(carried) == (b"x",) * 8
