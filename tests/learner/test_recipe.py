"""The settings of a training in one place, and the way they were written before."""

import pytest

import drivetrain as dt
from drivetrain.errors import DrivetrainWarning, SettingError
from drivetrain.learner.recipe import Recipe, asked_recipe

PLAIN = {"pretrained": False, "size": 32, "device": "cpu", "precision": "fp32"}


def test_a_recipe_shows_what_was_asked_for():
    assert repr(Recipe(batch_size="16", dropout=0)) == "Recipe(batch_size=16, dropout=0.0)"
    assert repr(Recipe()) == "Recipe()" and Recipe(mixup=0.2).asked() == {"mixup": 0.2}


def test_old_names_still_work_and_say_what_to_write(data):
    with pytest.warns(DrivetrainWarning, match=r"batch_size, mixup of .*dt\.Recipe\(batch_size=6, mixup=0\.2\)"):
        old = dt.Learner(data, "test_resnet", batch_size=6, mixup=0.2, **PLAIN)
    new = dt.Learner(data, "test_resnet", recipe=dt.Recipe(batch_size=6, mixup=0.2), **PLAIN)
    again = dt.Learner(data, "test_resnet", recipe={"batch_size": 6, "mixup": 0.2}, **PLAIN)
    assert old.settings == new.settings == again.settings and new.batch_size == 6
    assert old.identity() == new.identity()


@pytest.mark.parametrize(
    ("recipe", "older", "says"),
    [
        ({"wd": 1}, {}, r"Recipe\(\) has no wd; expected weight_decay. To fix: write weight_decay="),
        (None, {"lr": 1}, "expected lr of fine_tune"),
        (None, {"zzz": 1}, "has no zzz; expected among data, recipe"),
        ({"dropout": 0.5}, {"dropout": 0.1}, "dropout stands in recipe and beside it; expected one of them. To fix"),
        ("strong", {}, r"recipe='strong' cannot be used: expected dt\.Recipe"),
        (Recipe, {}, "That is the class itself. To fix"),
        ({"dropout": 1}, {}, "dropout=1 cannot be used: expected"),
    ],
)
def test_what_is_no_recipe_is_refused(recipe, older, says):
    with pytest.raises(SettingError, match=says):
        asked_recipe(recipe, older, known=["self", "data", "recipe", "older"])


def test_a_saved_model_brings_its_dropout_along(make_learner, tmp_path):
    model = make_learner(dropout=0.4).save(tmp_path / "a.model", precision=None)
    again = dt.Learner.load(model, recipe=dt.Recipe(batch_size=6), device="cpu", precision="fp32")
    assert again.kind.architecture.dropout == 0.4 and again.batch_size == 6
    with pytest.raises(SettingError, match="dropout cannot be given here"):
        dt.Learner.load(model, recipe=dt.Recipe(dropout=0.1))
