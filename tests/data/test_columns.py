"""Which column is what, and what kind of target it holds."""

import math
from decimal import Decimal

import numpy as np
import pytest

from drivetrain.data.columns import (
    UnusableError,
    choose_kind,
    choose_path,
    choose_split,
    choose_targets,
    label_text,
    target_value,
)
from drivetrain.errors import DataError, SettingError


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


def test_the_split_column():
    parts = ["train", "VAL", None]
    assert choose_split({"Split": parts}, None, [])[0] == "Split"
    assert choose_split({"set": ["a", "train"]}, None, []) == (None, None)
    assert choose_split({"set": [None]}, None, []) == (None, None)
    assert choose_split({"other": parts}, None, []) == (None, None)
    assert choose_split({"set": parts}, None, ["set"]) == (None, None)
    assert choose_split({"other": parts}, "other", []) == ("other", None)
    with pytest.raises(DataError, match="named by split="):
        choose_split({"other": parts}, "set", [])


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"a": ["x", "y", None]}, "category"),
        ({"a": [True, False]}, "category"),
        ({"a": [1, 2, 1]}, "category"),
        ({"a": list(range(20))}, "category"),
        ({"a": list(range(21))}, "number"),
        ({"a": [1.5, None]}, "number"),
        ({"a": [1.0, 2.0]}, "number"),
        ({"a": [Decimal("1.5")]}, "number"),
        ({"a": [1, "x"]}, "category"),
        ({"a": [["x"], []]}, "categories"),
        ({"a": [np.array(["x"])]}, "categories"),
        ({"a": [1.5], "b": [2]}, "number"),
        ({"a": [1.5], "b": ["x"]}, "categories"),
    ],
)
def test_the_kind(columns, kind):
    decision = choose_kind(columns, list(columns), None, None)
    assert decision.value == kind
    assert decision.reason


DECIMALS = [i + 0.5 for i in range(30)]


def test_text_among_many_decimals_is_named_and_makes_no_class_of_each():
    for column in ([*DECIMALS, "heavy"], [*map(str, DECIMALS), "heavy", None]):
        with pytest.raises(DataError, match=r"target 'w' .*30 of 31 cells, such as 0.5.*text, such as 'heavy'.*kind="):
            choose_kind({"w": column}, ["w"], None, None)
        for kind in ("number", "category"):
            assert choose_kind({"w": column}, ["w"], kind, None).value == kind
    assert choose_kind({"w": [*DECIMALS, math.inf, math.nan]}, ["w"], None, None).value == "number"
    assert choose_kind({"w": [*range(30), "unknown"]}, ["w"], None, None).value == "category"
    assert choose_kind({"w": [*DECIMALS[:3] * 9, "beta"]}, ["w"], None, None).value == "category"
    assert choose_kind({"w": [[number] for number in DECIMALS]}, ["w"], None, None).value == "categories"


def test_columns_of_numbers_and_of_text_are_no_one_target():
    with pytest.raises(DataError, match=r"'w' holds numbers.*'label' text, such as 'pear'.*columns of one kind"):
        choose_kind({"label": ["pear"] * 30, "w": DECIMALS}, ["label", "w"], None, None)


def test_kind_when_asked():
    assert choose_kind({"a": [1.5]}, ["a"], "category", None).value == "category"
    assert choose_kind({"a": ["x;y"]}, ["a"], None, ";").value == "categories"
    assert "'n/a?'" in choose_kind({"a": ["1.5", "2.5", "n/a?"]}, ["a"], None, None).reason
    with pytest.raises(DataError, match="target column 'a' has no value in any row"):
        choose_kind({"a": [None]}, ["a"], None, None)
    for kind, columns, delim in (
        ("category", {"a": ["x"], "b": ["y"]}, None),
        ("category", {"a": [["x"]]}, None),
        ("number", {"a": [[1.0]]}, None),
        ("category", {"a": ["x"]}, ";"),
        ("number", {"a": ["x"]}, ";"),
    ):
        with pytest.raises(SettingError):
            choose_kind(columns, list(columns), kind, delim)


@pytest.mark.parametrize(
    ("cells", "kind", "delim", "value"),
    [
        ([" pear "], "category", None, "pear"),
        ([3], "category", None, "3"),
        ([3.0], "category", None, "3"),
        ([True], "category", None, "True"),
        (["b; a;b;"], "categories", ";", ("b", "a")),
        ([["b", "a", "b"]], "categories", None, ("b", "a")),
        ([{"b", "a"}], "categories", None, ("a", "b")),
        ([np.array([1, 2])], "categories", None, ("1", "2")),
        ([[]], "categories", None, ()),
        (["x;y"], "categories", None, ("x;y",)),
        (["1", 2], "number", None, (1.0, 2.0)),
    ],
)
def test_values(cells, kind, delim, value):
    assert target_value(cells, ["c", "d"][: len(cells)], kind, delim) == value


def test_labels_of_several_columns_carry_the_column():
    assert target_value(["red", "big;new"], ["colour", "tags"], "categories", ";") == (
        "colour=red",
        "tags=big",
        "tags=new",
    )


@pytest.mark.parametrize(
    ("cell", "kind", "says"),
    [
        (None, "category", "missing: c"),
        (None, "number", "missing: c"),
        ("1,5", "number", "not a number: c is '1,5'"),
        (math.inf, "number", "not finite"),
        (math.nan, "number", "not finite"),
        (10**400, "number", "not a number"),
    ],
)
def test_unusable_values(cell, kind, says):
    with pytest.raises(UnusableError, match=says):
        target_value([cell], ["c"], kind, None)


def test_labels_are_valid_text():
    for odd in ("a\udcff", "a\ud800", "é"):
        label_text(odd).encode()
    assert label_text("é") == "é"
