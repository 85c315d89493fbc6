"""Where the files are that a column names."""

import os
import unicodedata
from pathlib import Path

import pytest

from drivetrain.data.sources import read_source
from drivetrain.data.tables.finding import Folders, Rule, find_files, resolved
from drivetrain.errors import DrivetrainWarning
from drivetrain.runtime.files.formats import PICTURE_SUFFIXES as SUFFIXES


@pytest.fixture
def tree(tmp_path):
    """tree("im/0.jpg", ...) makes empty files below a folder, and gives the folder."""

    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


FILES = [f"im/{i}.jpg" for i in range(12)]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (FILES, "as written"),
        ([str(i) for i in range(12)], "in the folder 'im', with '.jpg' behind the name"),
        ([f"im/{i}" for i in range(12)], "with '.jpg' behind the name"),
        ([f"{i}.jpg" for i in range(12)], "in the folder 'im'"),
        ([f"im\\{i}.jpg" for i in range(12)], "with \\ between folders"),
        ([f"im/{i}.JPG" for i in range(12)], "whatever the case of letters"),
        ([f"IM/{i}.jpg" for i in range(12)], "whatever the case of letters"),
        ([f"/srv/ann/im/{i}.jpg" for i in range(12)], "without the first 2 folders of the path"),
        (
            [f"C:\\ann\\im\\{i}.jpg" for i in range(12)],
            "with \\ between folders, without the first 2 folders of the path",
        ),
    ],
)
def test_one_rule_for_all_rows(tree, names, said):
    base = tree(*FILES, "im/notes.txt", "other/x.png")
    folders = Folders()
    found = find_files(names, [base], folders, SUFFIXES)
    assert (found.n_found, found.n_names) == (12, 12)
    assert found.rule.said(base) == said
    assert found.n_as_written == (12 if said == "as written" else 0)
    assert resolved(names, found.rule, folders) == [base / file for file in FILES]


def test_numbers_that_lost_their_zeros(tree):
    base = tree(*(f"{i:05}.png" for i in range(12)))
    found = find_files([str(i) for i in range(12)], [base], Folders(), SUFFIXES)
    assert (found.n_found, found.rule.said(base)) == (12, "filled with zeros to 5 digits, with '.png' behind the name")


def test_the_other_start_of_paths(tree):
    base = tree("table/t.csv", *FILES)
    found = find_files(FILES, [base / "table", base], Folders(), SUFFIXES)
    assert (found.n_found, found.rule.base) == (12, base)
    assert found.rule.said(base / "table") == f"in {base}"


def test_the_rule_that_finds_most_is_taken_and_no_row_has_its_own(tree):
    base = tree(*FILES[:10], "more/10.jpg", "more/11.jpg")
    names = [f"{i}.jpg" for i in range(12)]
    folders = Folders()
    found = find_files(names, [base], folders, SUFFIXES)
    assert (found.n_found, found.rule.folder) == (10, "im")
    assert resolved(names, found.rule, folders)[11] == base / "im/11.jpg"  # which is missing, and will be told


def test_a_rule_that_makes_one_file_of_two_names_is_no_rule(tree):
    base = tree("flat/0.jpg", "flat/1.jpg")
    found = find_files(["cat/0.jpg", "dog/0.jpg", "cat/1.jpg", "dog/1.jpg"], [base], Folders(), SUFFIXES)
    assert found.n_found <= 2


def test_nothing_found_says_what_was_tried(tree):
    base = tree("im/0.png")
    found = find_files(["x.jpg", "y.jpg"], [base], Folders(), SUFFIXES)
    assert (found.n_found, found.rule.said(base)) == (0, "as written")
    assert "in the folder 'im'" in found.tried
    assert find_files(["a\0b", "x" * 5000, "../..", "/"], [base], Folders(), SUFFIXES).n_names == 4


def test_names_in_either_normal_form_are_opened_as_they_are_on_disk(tree):
    on_disk = [
        unicodedata.normalize("NFD", "caf\u00e9/\u00fc.jpg"),
        unicodedata.normalize("NFC", "caf\u00e9s/\u00f6.jpg"),
    ]
    base = tree(*on_disk)
    folders = Folders()
    asked = [unicodedata.normalize("NFC", on_disk[0]), unicodedata.normalize("NFD", on_disk[1])]
    found = find_files(asked, [base], folders, SUFFIXES)
    assert found.n_found == 2
    assert [os.fspath(path.relative_to(base)) for path in resolved(asked, found.rule, folders)] == on_disk


def test_steps_that_lead_nowhere_are_no_other_names(put, tmp_path):
    for i in range(3):
        put(f"images/{i}.jpg", i)
    names = [*(f"images/{i}.jpg" for i in range(3)), *(f"./images/{i}.jpg" for i in range(3)), "images//0.jpg"]
    found = find_files(names, [tmp_path], Folders(), SUFFIXES)
    assert (found.rule, found.n_found, found.n_names) == (Rule(tmp_path), 3, 3)
    deep = Rule(tmp_path, leading=2, folder="images").path("x.jpg")
    assert deep.endswith("images/x.jpg"), "a name is never dropped whole"


def test_names_that_are_in_several_places_are_told(put, tmp_path):
    for i in range(4):
        put(f"left/{i}.jpg", i)
        put(f"right/{i}.jpg", 10 + i)
        put(f"right/{i}.png", 20 + i)
    names = [f"{i}.jpg" for i in range(4)]
    assert find_files(names, [tmp_path], Folders(), SUFFIXES).also == ("right/0.jpg",)
    assert find_files([f"right/{i}" for i in range(4)], [tmp_path], Folders(), SUFFIXES).also == ("right/0.png",)
    assert find_files([f"left/{i}" for i in range(4)], [tmp_path], Folders(), SUFFIXES).also == ()
    assert find_files([f"left/{i}.jpg" for i in range(4)], [tmp_path], Folders(), SUFFIXES).also == ()
    (tmp_path / "t.csv").write_text("path,label\n" + "".join(f"{i}.jpg,{'ab'[i % 2]}\n" for i in range(4)))
    with pytest.warns(DrivetrainWarning, match=r"are found in the folder 'left', but most of them also .*right/0.jpg"):
        listed = read_source(tmp_path / "t.csv")
    assert [path.parent.name for path in listed.rows.inputs.paths] == ["left"] * 4
