"""An old class under another name is told apart from a new one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.learner.updating.renamed import taken_for, warn_of_likeness, warn_of_spellings


@pytest.mark.parametrize(
    ("new", "old"), [("Pear", "pear"), ("pear ", "pear"), ("red_pear", "Red pear"), ("PÉAR", "péar")]
)
def test_names_that_differ_in_spelling_alone_are_told(new: str, old: str) -> None:
    with pytest.warns(dt.DrivetrainWarning, match="counts as a new class, though the model knows .* To fix: "):
        warn_of_spellings([new, "fig"], ["apple", old])


@pytest.mark.parametrize("new", ["pears", "fig", "!!", "梨"])
def test_other_names_are_not(new: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_spellings([new], ["pear", "apple", "??"])


def test_what_the_old_model_is_sure_of_is_told_and_what_it_doubts_is_not() -> None:
    random = np.random.default_rng(0)
    sure, unsure = np.tile([0.95, 0.03, 0.02], (6, 1)), np.tile([0.5, 0.3, 0.2], (6, 1))
    spread = np.eye(3)[random.permutation([0, 0, 1, 1, 2, 2])]
    labels = ["crimson"] * 6 + ["fig"] * 6 + ["mixed"] * 6 + ["one"]
    found = taken_for(labels, np.concatenate([sure, unsure, spread, sure[:1]]), ("red", "green", "blue"), 0.8)
    assert found == {"crimson": ("red", 6, 6)}


def test_two_names_that_the_updated_model_mixes_up_are_warned_of() -> None:
    target = dt.CategoryTarget(name="colour", vocab=("red", "green", "crimson"))
    found = {"crimson": ("red", 6, 6)}

    def said(*answers: int) -> dt.Predictions:
        """Of two rows of red, one of green and one of crimson."""
        return dt.Predictions(
            ids=tuple("abcd"), target=target, truth=np.array([0, 0, 1, 2]), output=np.eye(3)[list(answers)]
        )

    with pytest.warns(dt.DrivetrainWarning, match="takes 6 of 6 .*'crimson' for 'red'.* mixes up 2 of both"):
        warn_of_likeness(found, [said(0, 2, 1, 0)], "pictures")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_likeness(found, [said(0, 0, 2, 1)], "pictures")
