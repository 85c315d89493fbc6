"""What folders mean: parts in any spelling, batches, wrappers, and classes that lie deeper."""

import unicodedata
from collections import Counter

import pytest

from drivetrain.data.folders import read_folder
from drivetrain.data.tables.part_names import are_a_series, part_of
from drivetrain.errors import DataError, DrivetrainWarning, SettingError
from drivetrain.kinds.images.images import images


@pytest.fixture
def tree(put, tmp_path):
    """tree("a/x", "b/y") makes folders of two pictures each; a name with a dot is a picture."""

    def make(*names: str):
        for seed, name in enumerate(names):
            for i in range(1 if "." in name else 2):
                put(f"root/{name}" if "." in name else f"root/{name}/{i}.jpg", 10 * seed + i)
        return tmp_path / "root"

    return make


def counted(listed):
    return Counter(zip(listed.parts or ["-"] * len(listed.rows.values), listed.rows.values, strict=True))


@pytest.mark.parametrize(
    ("train", "held_out", "part"),
    [
        ("training_set", "test_set", "test"),
        ("TRAINING", "Validation", "valid"),
        ("TrainImages", "HoldOut", "test"),
        ("train_images", "val-split", "valid"),
        ("trn", "tst", "test"),
        ("train2017", "val2017", "valid"),
        ("01_train", "02_eval", "valid"),
        ("Fruits-360 Training", "Fruits-360 Test", "test"),
        ("my dogs (train)", "my dogs (dev)", "valid"),
        ("entrenamiento", "prueba", "test"),
        ("Trainingsdaten", "Testdaten", "test"),
        ("Training", "Prüfung", "test"),
        ("обучение", "тест", "test"),
        ("訓練データ", "検証データ", "valid"),
        ("addestramento", "convalida", "valid"),
    ],
)
def test_a_split_in_any_spelling(train, held_out, part, tree):
    listed = read_folder(tree(f"{train}/cats", f"{train}/dogs", f"{held_out}/cats", f"{held_out}/dogs"))
    assert counted(listed) == {("train", "cats"): 2, ("train", "dogs"): 2, (part, "cats"): 2, (part, "dogs"): 2}
    assert f"{held_out} → {part}" in listed.decisions["parts"].reason
    assert listed.notes == ()


def test_a_split_inside_each_class(tree):
    listed = read_folder(tree("cat/train", "cat/test", "dog/train", "dog/test"))
    assert counted(listed) == {("train", "cat"): 2, ("train", "dog"): 2, ("test", "cat"): 2, ("test", "dog"): 2}


def test_parts_that_bear_the_name_of_the_data_with_pictures_without_labels_beside_them(tree):
    parts = [f"seg_{part}/seg_{part}/{name}" for part in ("train", "test") for name in ("forest", "sea")]
    listed = read_folder(tree(*parts, "seg_pred/seg_pred"))
    assert counted(listed) == {(part, name): 2 for part in ("train", "test") for name in ("forest", "sea")}
    assert listed.notes == ("folder seg_pred with 2 pictures is not used: its name is that of no part",)
    other = read_folder(tree("train station/day", "train station/night", "test tube/day", "lab/day", "lab/night"))
    assert other.parts is None


def test_names_that_say_a_class_and_a_part(tree):
    listed = read_folder(tree("cat_train", "cat_test", "dog_train", "dog_test"))
    assert counted(listed) == {(part, name): 2 for part in ("train", "test") for name in ("cat", "dog")}
    assert "cat_train" in listed.decisions["parts"].reason


def test_names_that_say_a_class_and_a_part_keep_case_and_numbers(tree):
    names = [f"{part}-{name}" for part in ("train", "val") for name in ("Oak 1", "Oak 2", "ELM")]
    listed = read_folder(tree(*names))
    assert counted(listed) == {(part, name): 2 for part in ("train", "valid") for name in ("Oak 1", "Oak 2", "ELM")}


@pytest.mark.parametrize(
    "names", [("train station", "test tube", "oak", "elm"), ("train a", "train b", "train c", "d")]
)
def test_classes_with_a_word_for_a_part_stay_classes(names, tree):
    assert set(read_folder(tree(*names)).rows.values) == set(names)


def test_pictures_without_labels_in_a_folder_of_their_own(tree):
    listed = read_folder(tree("train/cat", "train/dog", "test/all"))
    assert counted(listed) == {("train", "cat"): 2, ("train", "dog"): 2}
    assert listed.notes[0].startswith("2 pictures lie in test/all itself, in no class folder")
    assert counted(read_folder(tree("valid/dog"))) == {("train", "cat"): 2, ("train", "dog"): 2, ("valid", "dog"): 2}


def test_parts_of_a_download_are_no_classes(tree):
    listed = read_folder(tree("pear-20240131T1-001/pear", "pear-20240131T1-002/pear", "fig-20240131T1-001/fig"))
    assert counted(listed) == {("-", "pear"): 4, ("-", "fig"): 2}
    assert listed.decisions["labels from"].value == "leaf"
    assert set(read_folder(tree("x"), "top").rows.values) > {"x", "pear-20240131T1-001"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("100CANON", "101_PANA"), "when or in which lot"),
        (("2024-05-01", "2024-05-02", "2024-06-11"), "when or in which lot"),
        (("batch 1", "batch 2"), "when or in which lot"),
        (("batch1/a/x", "batch1/b/x", "batch2/a/x"), "when or in which lot"),
        (("images", "masks"), "what is drawn over them"),
        (("JPEGImages", "SegmentationClass", "SegmentationObject"), "what is drawn over them"),
        (("train/images", "train/labels", "val/images", "val/labels"), "what is drawn over them"),
    ],
)
def test_names_that_hardly_say_what_is_seen_are_told(names, said, tree):
    listed = read_folder(tree(*names))
    assert said in listed.notes[0]
    assert read_folder(tree(), "top").notes == ()


@pytest.mark.parametrize(
    "names", [("1", "2", "3"), ("person1", "person2"), ("mask", "no mask"), ("grade 1", "grade 2"), ("00001", "00002")]
)
def test_names_that_are_numbered_are_ordinary(names, tree):
    listed = read_folder(tree(*names))
    assert set(listed.rows.values) == set(names)
    assert listed.notes == ()


@pytest.mark.parametrize("name", ["test kitchen", "cats", "trainers", "validator", "contest", "devil", "train station"])
def test_other_names_are_no_parts(name):
    assert part_of(name) is None


@pytest.mark.parametrize("tops", [("batch1", "batch2"), ("2019", "2020"), ("siteA", "siteB"), ("cohort 1", "cohort 2")])
def test_the_class_is_the_inner_folder_of_a_series(tops, tree):
    listed = read_folder(tree(*[f"{top}/{name}" for top in tops for name in ("cat", "dog")]))
    assert counted(listed) == {("-", "cat"): 4, ("-", "dog"): 4}
    assert listed.decisions["labels from"].value == "leaf"
    assert "labels_from='top' takes" in listed.notes[0]
    for labels_from, classes in (("leaf", {"cat", "dog"}), ("top", set(tops))):
        again = read_folder(tree(), labels_from)
        assert set(again.rows.values) == classes
        assert again.notes == (), "asked for"


@pytest.mark.parametrize(
    ("names", "classes", "said"),
    [
        (
            ("london/cat", "london/dog", "paris/cat", "paris/dog"),
            {"london", "paris"},
            "2 inner folders (cat, dog), which",
        ),
        (("animals/cat", "animals/dog", "plants/oak"), {"animals", "plants"}, "3 inner folders (cat, dog, oak). If"),
        (("grade1/left", "grade1/right", "grade2/left", "grade2/right"), {"grade1", "grade2"}, "2 inner folders"),
        (("train/a/x", "train/a/y", "train/b/z", "test/a/x"), {"a", "b"}, "3 inner folders (x, y, z)"),
    ],
)
def test_where_it_is_not_clear_a_warning_says_how_to_take_the_inner_folders(names, classes, said, tree):
    root = tree(*names)
    listed = read_folder(root)
    assert set(listed.rows.values) == classes
    assert said in listed.notes[0]
    assert "labels_from='leaf'" in listed.notes[0]
    assert set(read_folder(root, "leaf").rows.values) == {name.split("/")[-1] for name in names}


@pytest.mark.parametrize(
    "names",
    [
        ("cat/2019", "cat/2020", "dog/2019", "dog/2020"),
        ("cat/images", "dog/images"),
        ("benign/SOB/a/40X", "benign/SOB/b/40X", "malignant/SOB/c/40X"),
        ("cat", "cat/old", "dog/new"),
        ("bus", "car", "train"),
    ],
)
def test_where_it_is_clear_there_is_no_warning(names, tree):
    listed = read_folder(tree(*names))
    assert listed.parts is None
    assert set(listed.rows.values) == {name.split("/")[0] for name in names}
    assert listed.notes == ()


@pytest.mark.parametrize(
    ("names", "inner"),
    [
        (("zoo/train/cat", "zoo/train/dog", "zoo/test/cat"), "zoo"),
        (("dataset/cat", "dataset/dog"), "dataset"),
        (("preview.jpg", "zoo/cat", "zoo/dog"), "zoo"),
        (("a/b/cat", "a/b/dog"), "a/b"),
    ],
)
def test_a_wrapper_is_entered(names, inner, tree):
    listed = read_folder(tree(*names))
    assert set(listed.rows.values) == {"cat", "dog"}
    assert listed.decisions["folder"].value == inner


def test_wrappers_inside_the_parts(tree):
    listed = read_folder(tree("train/train/cat", "train/train/dog", "test/images/cat", "test/images/dog"))
    assert counted(listed) == {("train", "cat"): 2, ("train", "dog"): 2, ("test", "cat"): 2, ("test", "dog"): 2}


@pytest.mark.parametrize(
    ("names", "known", "classes"),
    [
        (("pear/site1", "pear/site2"), ("apple", "pear"), {"pear"}),
        (("pear/site1", "pear/site2"), (), {"site1", "site2"}),
        (("new/apple", "new/fig", "old/apple"), ("apple", "fig"), {"apple", "fig"}),
        (("red/a", "red/b", "blue/a"), ("red", "blue"), {"red", "blue"}),
        (("val/apple", "test/fig"), ("apple", "fig"), {"apple", "fig"}),
    ],
)
def test_the_classes_of_a_model_settle_what_is_not_clear(names, known, classes, tree):
    listed = read_folder(tree(*names), known=known)
    assert set(listed.rows.values) == classes
    assert listed.notes == ()


def test_loose_pictures_and_empty_classes_are_named(tree, tmp_path):
    root = tree("train/cat", "train/dog", "test/1.jpg", "test/2.jpg")
    (root / "train/fig").mkdir()
    (root / "train/fig/notes.txt").write_text("none yet")
    listed = read_folder(root)
    assert len(listed.rows.values) == 4
    assert listed.notes[0] == "folder train/fig holds no picture (1 .txt files), and there is no such class"
    assert "2 pictures lie in test itself, in no class folder, such as 1.jpg" in listed.notes[1]
    assert f"`drivetrain predict MODEL {root / 'test'}`" in listed.notes[1]
    with pytest.warns(DrivetrainWarning, match=r"train/fig holds no picture(.|\n)*2 pictures lie in test itself"):
        images(root, valid_pct=0.5, test_pct=0)


def test_one_name_in_two_encodings_is_one_class(tree):
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    listed = read_folder(tree(f"train/{composed}", "train/tea", f"val/{decomposed}", "val/tea"))
    assert set(listed.rows.values) == {composed, "tea"}
    assert "spelt in 2 Unicode forms" in listed.notes[0]


@pytest.mark.parametrize(("one", "other"), [("cat", "Cat"), ("cat", "cat "), ("sea_lion", "sea lion")])
def test_nearly_equal_names_are_told(one, other, tree):
    listed = read_folder(tree(one, other, "dog"))
    assert set(listed.rows.values) == {one, other, "dog"}
    assert f"'{one}' (2)" in listed.notes[0]


@pytest.mark.parametrize("name", ["unsorted", "To sort", "not_yet_labelled", "New folder (2)", "misc", "TODO 3"])
def test_a_folder_of_what_is_not_sorted_is_told_and_can_still_be_a_class(name, tree):
    listed = read_folder(tree(name, "cat", "other"))
    assert name in set(listed.rows.values)
    (note,) = [note for note in listed.notes if "not sorted" in note]
    assert note.startswith(f"{name!r} (2 pictures) is learnt as a class, though its name says")
    assert "To fix: if it is none, move the folder out" in note


def test_several_folders_of_what_is_not_sorted_are_told_in_one_note(tree):
    listed = read_folder(tree("unsorted", "cat", "misc", "dog"))
    (note,) = [note for note in listed.notes if "not sorted" in note]
    assert note.startswith("'misc' (2 pictures), 'unsorted' (2 pictures) are learnt as classes, though their names say")
    assert "To fix: move out each that is none" in note


def test_labels_from_is_checked(tree):
    root = tree("a", "b")
    with pytest.raises(SettingError, match="labels_from='inner' cannot be used: expected None, 'top' or 'leaf'"):
        images(root, labels_from="inner")
    (root / "t.csv").write_text("path,label\na/0.jpg,x\n")
    with pytest.raises(SettingError, match="source is a table"):
        images(root / "t.csv", labels_from="leaf")
    with pytest.raises(DataError, match="cannot be read"):
        read_folder(root / "no")


def test_series():
    assert are_a_series(["2019-05", "2020-06"])
    assert not are_a_series(["0", "1"]), "may be digits"
    assert not are_a_series([])
