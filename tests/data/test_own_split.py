"""Splits that a table brings in its columns."""

import re

import pytest

from drivetrain.data.tables.own_split import choose_split, parts_of
from drivetrain.errors import DataError, SplitError

OTHER = {"label": ["a", "b", "a"]}


def test_a_column_of_words():
    parts = ["train", "VAL", None]
    found = choose_split({"Split": parts, **OTHER}, None, [])
    assert (found.columns, found.notes) == (("Split",), ())
    assert "'Split'" in str(found) or "Split" in found.decision.value
    assert parts_of({"Split": parts}, ["Split"]) == ["train", "valid", None]
    assert choose_split({"set": [None]}, None, []).columns == ()
    assert choose_split({"set": parts}, None, ["set"]).columns == ()
    assert choose_split({"other": parts}, "other", []).columns == ("other",)
    with pytest.raises(DataError, match="named by split="):
        choose_split({"other": parts}, "set", [])


@pytest.mark.parametrize(
    "pair", [(True, False), (1, 0), (1.0, 0.0), ("True", "False"), ("yes", "no"), ("1", "0"), ("TRUE", None)]
)
@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["is_valid"], ["valid", "train", "train"]),
        (["Is Validation"], ["valid", "train", "train"]),
        (["isVal"], ["valid", "train", "train"]),
        (["is_test"], ["test", "train", "train"]),
        (["Is Test?"], ["test", "train", "train"]),
        (["is_val_set"], ["valid", "train", "train"]),
        (["is_training_image"], ["train", "test", "test"]),
        (["train"], ["train", "test", "test"]),  # what is set apart is rather tested on than chosen by
        (["is_valid", "is_test"], ["valid", "test", "train"]),
        (["train", "test"], ["train", "test", "valid"]),
        (["train", "valid"], ["train", "valid", "test"]),
        (["train", "valid", "test"], ["train", "valid", "test"]),
    ],
)
def test_columns_of_yes_and_no(pair, names, parts):
    yes, no = pair
    columns = {name: [yes if row == place else no for row in range(3)] for place, name in enumerate(names)}
    found = choose_split({**columns, **OTHER}, None, [])
    assert found.columns == tuple(names)
    assert f"{names[0]} →" in found.decision.reason
    assert parts_of(columns, names) == parts


def test_yes_and_no_that_do_not_say_a_part():
    assert choose_split({"test": [1, 0], "label": [0, 1]}, None, ["test"]).columns == ()  # it is the target
    assert choose_split({"valid": [1, 0, 1]}, None, []).columns == ()  # nothing else is left to be the target
    assert choose_split({"test": ["positive", "negative", "positive"], **OTHER}, None, []).columns == ()
    with pytest.raises(SplitError, match=r"row 2 is in 2 parts by the columns 'is_valid', 'is_test'.*To fix"):
        parts_of({"is_valid": [0, 1], "is_test": [1, 1]}, ["is_valid", "is_test"])
    with pytest.raises(
        SplitError, match=r"column 'chosen' says 0, 1, and its name does not tell .* To fix: call it is_valid"
    ):
        parts_of({"chosen": [0, 1]}, ["chosen"])
    assert parts_of({"is_valid": [True, None, False]}, ["is_valid"]) == ["valid", None, "train"]


@pytest.mark.parametrize(
    ("name", "cells", "says"),
    [
        (
            "split",
            [0, 1, 2],
            r"its cells are 0, 1, 2, and it was not followed. To use it: pass split='split' \(0 training",
        ),
        (
            "split",
            ["0", "1", "1"],
            "its cells are 0, 1, and it was not followed. To use it: write train, valid and test",
        ),
        ("partition", ["train", "hold", "hold"], r"'hold' \(2 rows\) names no part"),
        (
            "fold",
            [0, 1, 2],
            "column 'fold' looks like 3 folds and was not followed. To use it: make a column .*group='fold'",
        ),
        ("split", [1, 2, 3], "its cells are 3 numbers, as folds have, and it was not followed. .*group='split'"),
        (
            "valid",
            [1, 1, 0],
            "says yes of 2 of 3 rows, too many for validation, and was not followed.*call it is_valid",
        ),
        ("Test", ["yes", "no", "yes"], "too many for test, and was not followed as a split.*split='Test'"),
        ("cv fold", ["a", "b", "c"], "looks like 3 folds"),
        ("Usage", ["Training", "PublicTest", "PrivateTest"], "'Training'.* and it was not followed.*split='Usage'"),
        (
            "set",
            ["Training set", "Test set", "Test set"],
            "column 'set' looks like a split, but its cells are 'Test set'",
        ),
        ("phase", ["train", "val", "train"], "column 'phase' says train, val and was not followed.*split='phase'"),
    ],
)
def test_what_looks_like_a_split_and_is_not_followed_is_told(name, cells, says):
    found = choose_split({name: cells, **OTHER}, None, [])
    assert (found.columns, found.seeming) == ((), (name,))
    assert re.search(says, found.notes[0])
    assert choose_split({name: cells, **OTHER}, None, [name]).notes == ()


def test_other_columns_are_no_split():
    for cells in (["head", "tail", "head"], [1.5, 2.5, 3.5], ["train", "bus", "car"]):
        assert choose_split({"part": [*cells[:2], "x"], "thing": cells, **OTHER}, None, []).notes == ()


def test_a_column_of_yes_and_no_that_is_the_only_one_may_be_the_target():
    found = choose_split({"valid": [1, 1, 0]}, None, [])
    assert (found.columns, found.seeming, found.notes) == ((), (), ())


def test_what_was_asked_for():
    assert parts_of({"split": ["0", "1", "2", None]}, ["split"]) == ["train", "valid", "test", None]
    assert parts_of({"split": [0.0, 2.0]}, ["split"]) == ["train", "test"]
    with pytest.raises(SplitError, match=r"column 'fold' has 3 folds .0, 1, 2.; expected train.*To fix.*group='fold'"):
        parts_of({"fold": [0, 1, 2] * 3}, ["fold"])
    with pytest.raises(SplitError, match="has 1 unknown values: 'tain'"):
        parts_of({"split": ["tain", "valid"]}, ["split"])
