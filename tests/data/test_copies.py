"""Folders that repeat others are named."""

import shutil

import pytest

from drivetrain.data.copies import folders_that_repeat
from drivetrain.errors import DrivetrainWarning
from drivetrain.kinds.images.images import images


@pytest.mark.parametrize("copy", ["spare", "fruit_copy", "data (1)", "cat/old"])
def test_a_folder_that_repeats_others_is_named(copy, class_folder):
    root = class_folder(cat=6, dog=6)
    shutil.copytree(root / "cat", root / copy)
    with pytest.warns(
        DrivetrainWarning, match=rf"{copy.replace('(', '.').replace(')', '.')} repeats 6 of its 6 pictures"
    ):
        images(root)


def test_single_pictures_in_common_are_no_copied_folder():
    from pathlib import Path

    paths = [Path(f"{folder}/{i}.jpg") for folder in "ab" for i in range(4)]
    assert folders_that_repeat(paths, ["0", "1", "2", "3", "0", "5", "6", "7"]) == []
    assert folders_that_repeat([], []) == []
