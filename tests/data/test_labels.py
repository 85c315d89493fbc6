"""Names in one spelling, and what is said of names that are nearly the same."""

from collections import Counter

import pytest

from drivetrain.data.tables.labels import (
    column_names,
    label_text,
    same_name,
    tidy,
    warn_of_near_names,
    warn_of_spellings,
)
from drivetrain.errors import DrivetrainWarning


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("cafe\u0301", "caf\u00e9"),
        ("\u1112\u1161\u11ab", "\ud55c"),  # Korean, letter by letter
        (" pear\u00a0", "pear"),
        ("\ufeffpear\u200b", "pear"),
        ("no\u00a0label", "no label"),
        ("thin\u2009blank", "thin blank"),
        ("so\u00adft", "soft"),
        ("\ufb01g", "\ufb01g"),  # a ligature is told, not changed
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),  # Persian
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"),  # an emoji of two
    ],
)
def test_names_in_one_spelling(written, name):
    assert tidy(written) == label_text(written) == name


def test_labels_are_valid_text():
    for odd in ("a\udcff", "a\ud800", "é"):
        label_text(odd).encode()


def test_names_that_become_one_are_told():
    with pytest.warns(
        DrivetrainWarning, match=r"2 labels are written .*'cat' \('cat' 2 times, 'cat ' 1 time\)"
    ) as said:
        warn_of_spellings(["cat", "cat ", "cat", "caf\u00e9", "cafe\u0301", "dog"], "labels")
    assert "'cafe\\u0301' 1 time" in str(said[0].message)
    with pytest.warns(DrivetrainWarning, match=r"1 label is written"):
        warn_of_spellings(["a\u200b"], "labels")
    warn_of_spellings([" pear", " pear", "fig"], "labels")  # a blank behind every delimiter


@pytest.mark.parametrize("other", ["Cat", "CAT", "cat\u3000", "\uff43at", "c\u0430t", "Ca\u0301t"])
def test_near_names_are_told_with_their_counts(other):
    counts = Counter({"cat": 9, other: 2, "dog": 3})
    if other == "Ca\u0301t":
        warn_of_near_names(counts, "labels")  # another word
        return
    with pytest.warns(DrivetrainWarning, match=r"1 label has nearly the same name .*'cat' \(9\) and .*\(2\)"):
        warn_of_near_names(counts, "labels")


def test_near_names_by_separators():
    with pytest.warns(DrivetrainWarning, match="'red_apple' .2. and 'red apple' .1."):
        warn_of_near_names(Counter({"red_apple": 2, "red apple": 1}), "labels")
    warn_of_near_names(Counter("abc"), "labels")


def test_columns():
    assert same_name("cafe\u0301", ["caf\u00e9"]) == "caf\u00e9"
    assert same_name("a", ["a ", " a"]) is None
    assert column_names(["x\u200b", "y"]) == ["x", "y"]
