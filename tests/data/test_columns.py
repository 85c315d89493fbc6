"""Which column is the path and which the target."""

import pytest

from drivetrain.data.tables.columns import choose_path, choose_targets, known_column
from drivetrain.errors import DataError, DrivetrainWarning, SettingError


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ({"path": ["a"], "x": ["b.jpg"]}, "x"),  # the one that looks like paths
        ({"label": ["b.jpg"], "Image": ["a.jpg"]}, "Image"),  # both look like it: the name decides
        ({"id": ["a"], "file": ["b"]}, "file"),  # none looks like it: the name alone
        ({"n": [1], "where": [None, "b.png"]}, "where"),
    ],
)
def test_the_path_column(columns, chosen):
    name, decision = choose_path(columns, None)
    assert name == chosen
    assert decision.value == chosen


def test_path_errors():
    assert choose_path({"a": [1]}, "a") == ("a", None)
    with pytest.raises(
        DataError, match=r"no column 'pth', named by path=; the columns are 'path', 'b'\. Did you mean 'path'"
    ):
        choose_path({"path": ["a.jpg"], "b": [1]}, "pth")
    with pytest.raises(
        DataError, match=r"no column looks like picture paths; the columns are 'a', 'b'.*To fix: pass path="
    ):
        choose_path({"a": ["x"], "b": [1]}, None)
    with pytest.raises(DataError, match=r"2 columns \('a', 'b'\) look like picture paths"):
        choose_path({"a": ["x.jpg"], "b": ["y.jpg"]}, None)


def test_the_target_columns():
    assert choose_targets({"p": [], "Class": [], "x": []}, None, ["p"])[0] == ("Class",)
    assert choose_targets({"p": [], "x": []}, None, ["p"])[0] == ("x",)
    assert choose_targets({"p": [], "x": [], "y2": []}, ["y2", "x"], ["p"])[0] == ("y2", "x")
    with pytest.raises(DataError, match="not clear which column is the target; the columns are 'p', 'a', 'b'"):
        choose_targets({"p": [], "a": [], "b": []}, None, ["p"])
    with pytest.raises(DataError, match="not clear"):
        choose_targets({"p": []}, None, ["p"])
    for wrong in ([], ["a", "a"], ["p"]):
        with pytest.raises(SettingError):
            choose_targets({"p": [], "a": []}, wrong, ["p"])


def test_columns_that_are_not_clear_but_say_yes_and_no_are_offered_as_labels():
    with pytest.raises(DataError, match=r"for labels in columns of yes and no: target=\['rot', 'scab'\]"):
        choose_targets({"p": ["a"], "rot": [0], "scab": [True], "note": ["x"]}, None, ["p"])


def test_columns_that_differ_by_case_or_blanks_are_named():
    with pytest.warns(DrivetrainWarning, match=r"'Label', 'label', 'LABEL ' differ by case .* 'label' was taken"):
        assert choose_targets({"p": [], "Label": [], "label": [], "LABEL ": []}, None, ["p"])[0] == ("label",)
    with pytest.warns(DrivetrainWarning, match="'path' was taken.*pass path="):
        assert choose_path({"Path": ["a.jpg"], "path": ["b.jpg"]}, None)[0] == "path"


def test_a_column_is_known_in_either_normal_form():
    assert known_column(["p", "caf\u00e9"], "cafe\u0301", "target") == "caf\u00e9"
    assert known_column(["p", " label"], "label", "target") == " label"
    with pytest.raises(DataError, match=r"there is no column 'Label', named by target=.*Did you mean 'label'.*To fix"):
        known_column(["label"], "Label", "target")


def test_paths_without_a_suffix_are_found_by_their_files():
    columns = {"id": ["7", "8"], "label": ["a", "b"]}
    name, why = choose_path(columns, None, lambda name: name == "id")
    assert (name, why.reason) == ("id", "the only column whose cells are names of picture files")
