"""Where a task is solved, on networks whose layers are known to hold it or not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import drivetrain as dt
from drivetrain.evaluation import score
from drivetrain.evaluation.predictions import Predictions
from drivetrain.insight.reading import passed
from drivetrain.insight.separable import _first, separable
from drivetrain.training.network import Network
from drivetrain.training.probing import out_of_fold

from .colours import NAMES, layer, rows_of, subject, with_target


class Grey(nn.Module):
    def forward(self, x):
        return x.mean(1, keepdim=True).repeat(1, 3, 1, 1)


def forgetful() -> Network:
    """body.0 is the picture, body.1 has lost its colours."""
    body = nn.Sequential(nn.Identity(), Grey(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Network(nn.Identity(), body, features=3, n_outputs=3, dropout=0, head=nn.Linear(3, 3)).eval()


LAYERS = [layer("body.0", 3, (16, 16), depth=0.2), layer("body.1", 3, (16, 16), depth=1.0)]


def test_the_score_is_that_of_the_probe_of_the_house():
    base = subject(60, forgetful())
    found = separable(base, LAYERS)
    features = passed(base, LAYERS).means["body.0"].astype(float)
    table = Predictions.of(base.rows, base.target, out_of_fold(base.target, features, base.rows))
    assert dict(found.scores)["body.0"] == score(table, ["accuracy"])["accuracy"]


def test_a_task_that_is_solved_by_colour_alone():
    found = separable(subject(60, forgetful()), LAYERS)
    first, second = (each for _, each in found.scores)
    assert first.value == 1.0 and first.low is not None and first.low > 0.9 and second.value < 0.6
    assert found.solved == "body.0" and found.constant.value == pytest.approx(1 / 3) and found.n_rows == 60
    assert found.said.startswith("The task is solved at body.0 (layer 1 of the 2 shown): a linear probe on it has")
    assert "It is the first layer shown" in found.said and "No layer below" not in found.said
    assert [each.name for each in found.classes] == list(NAMES)
    assert {each.layer for each in found.classes} == {"body.0"}
    assert found.classes[0].scores[0][1].value == pytest.approx(1.0)


def test_solved_later_says_where_training_can_begin():
    found = separable(subject(60, forgetful()), [replace(LAYERS[1], depth=0.1), replace(LAYERS[0], depth=0.7)])
    assert "No layer below reads it as well, so what is before it is general" in found.said
    assert "training can begin there: the upper 30 % of the body's work." in found.said


def test_solved_late_says_that_all_of_the_body_takes_part():
    found = separable(subject(60, forgetful()), [replace(LAYERS[1], depth=0.1), replace(LAYERS[0], depth=1.0)])
    assert found.solved == "body.0" and "training all of it can pay" in found.said


def test_nothing_to_read():
    rng = np.random.default_rng(0)
    base = subject(60, forgetful())
    shuffled = rng.permutation(base.truth)
    base = replace(base, truth=shuffled, rows=rows_of([NAMES[k] for k in shuffled]))
    found = separable(base, LAYERS[1:])
    assert found.solved is None
    assert "No layer is shown to let a linear model do better than the constant answer" in found.said


def test_numbers_are_solved_where_the_error_is_smallest():
    base = subject(60, forgetful())
    amount = dt.NumberTarget(names=("amount",), mean=(1.0,), std=(1.0,))
    found = separable(with_target(base, amount, [(float(k),) for k in base.truth]), LAYERS)
    (_, first), (_, second) = found.scores
    assert first.name == "rmse" and first.value < 0.6 * second.value and found.solved == "body.0"
    assert found.constant.value == pytest.approx(np.sqrt(2 / 3)) and found.classes == ()


def test_several_labels():
    base = subject(60, forgetful())
    tags = dt.CategoriesTarget(name="tags", vocab=("cold", "warm", "rare"))
    values = [("cold",) if k == 0 else ("warm",) for k in base.truth]
    found = separable(with_target(base, tags, values), LAYERS)
    assert found.solved == "body.0" and [each.name for each in found.classes] == ["cold", "warm"]
    assert found.left_out == ("rare",)  # no row has it


def test_groups_are_not_torn():
    """Each of 6 patients has a colour cast of their own, and a class by chance: a probe that saw the patient knows."""
    rng = np.random.default_rng(1)
    patients = np.arange(96) % 6
    classes = (np.arange(6) % 3)[patients]
    casts = rng.normal(size=(6, 3, 1, 1)).astype(np.float32)
    views = torch.from_numpy(casts[patients] + 0.01 * rng.normal(size=(96, 3, 8, 8)).astype(np.float32))
    names = [NAMES[k] for k in classes]
    base = replace(
        subject(96, forgetful()),
        truth=classes,
        batch=lambda rows: (views[list(rows)],),
        rows=rows_of(names),
        size=(8, 8),
    )
    grouped = replace(base, rows=rows_of(names, groups=tuple(f"p{i}" for i in patients)))
    at = [replace(LAYERS[0], resolution=(8, 8))]
    torn, whole = (separable(each, at).scores[0][1] for each in (base, grouped))
    assert torn.value > 0.7 > whole.value and whole.units == 6


def test_too_little_to_divide():
    with pytest.raises(dt.DataError, match="To fix"):
        separable(subject(3, forgetful()), [])
    base = subject(6, forgetful())
    alone = replace(base, rows=rows_of(list(base.rows.values), groups=("one",) * 6))
    with pytest.raises(dt.DataError, match="cannot be divided into folds"):
        separable(alone, LAYERS)


def test_solved_means_nine_tenths_of_the_way():
    def at(value, low):
        return dt.Score(name="roc_auc", label="AUC", value=value, low=low, high=1.0, n=50, higher_is_better=True)

    scores = [
        ("a", at(0.6, 0.55)),
        ("b", at(0.82, 0.8)),
        ("c", at(0.87, 0.4)),
        ("d", at(0.88, 0.8)),
        ("e", at(0.9, 0.8)),
    ]
    assert _first(scores, 0.5) == "d"  # c is far enough, and may be chance
    assert _first(scores[:1], 0.7) is None
