"""Cross-validation: all rows judged by models that did not see them, in one table."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.listing import SourceSpec
from drivetrain.data.splitting.divide import fit_target
from drivetrain.data.splitting.split import Split
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.cross_validation import cross_validate
from drivetrain.evaluation.predictions import Predictions


def data_of(n=60, *, kind="category", **columns):
    random = np.random.default_rng(0)
    values = {
        "category": tuple(random.choice(list("aabc"), n).tolist()),
        "categories": tuple(("a", "b") if i % 3 else ("b", "c") for i in range(n)),
        "number": tuple((float(i % 7), float(i)) for i in range(n)),
    }[kind]
    rows = Examples(Files(Path(f"{i}.png") for i in range(n)), tuple(f"{i:032x}" for i in range(n)), values, **columns)
    names = ("x", "y") if kind == "number" else ("x",)
    parts = ["train" if i % 4 else "valid" for i in range(n)]
    train, valid = (rows.subset([i for i, part in enumerate(parts) if part == name]) for name in ("train", "valid"))
    return Data(
        train,
        valid,
        fit_target(kind, names, train.values),
        Split.of(
            rows.digests,
            parts,
            method="time" if rows.times else "random",
            seed=3,
            valid_pct=0.25,
            test_pct=0,
            time="t" if rows.times else None,
        ),
        SourceSpec(layout="table", kind=kind, target=names),
        "here",
    )


def constant(fold):
    """What the training rows have on average."""
    encoded = fold.target.encode(fold.train.values)
    if fold.target.kind == "category":
        mean = np.bincount(encoded, minlength=len(fold.target.vocab)) / len(encoded)
    else:
        mean = encoded.mean(axis=0)
    return Predictions(
        ids=fold.valid.digests,
        target=fold.target,
        truth=fold.target.encode(fold.valid.values),
        output=np.tile(mean, (len(fold.valid), 1)),
        loss=np.ones(len(fold.valid)),
    )


@pytest.mark.parametrize("kind", ["category", "categories", "number"])
def test_every_row_is_judged_once_by_its_fold(kind):
    data = data_of(kind=kind)
    seen = []

    def train(fold):
        seen.append(set(fold.train.digests))
        return constant(fold)

    found = cross_validate(data, train, folds=4)
    assert sorted(found.predictions.ids) == sorted((*data.train.digests, *data.valid.digests))
    assert len(found.folds) == 4 and np.bincount(found.fold_of).tolist() == [15, 15, 15, 15]
    for digest, fold in zip(found.predictions.ids, found.fold_of, strict=True):
        assert digest not in seen[fold]
    assert found.scores.n == 60 and found.predictions.loss is not None
    values = dict(
        zip((*data.train.digests, *data.valid.digests), (*data.train.values, *data.valid.values), strict=True)
    )
    told = found.predictions.decoded_truth()
    assert [values[digest] for digest in found.predictions.ids] == (
        told if kind != "number" else [tuple(t) for t in told]
    )
    assert "4 folds:" in str(found) and repr(found) == str(found)


def test_scores_are_those_of_all_rows_together():
    data = data_of()
    found = cross_validate(data, constant, folds=3, metrics="accuracy")
    most = max(data.target.vocab, key=[*data.train.values, *data.valid.values].count)
    share = [*data.train.values, *data.valid.values].count(most) / 60
    assert found.scores["accuracy"].value == pytest.approx(share)
    weights = np.bincount(found.fold_of) / 60
    assert found.scores["accuracy"].value == pytest.approx(
        sum(w * f["accuracy"].value for w, f in zip(weights, found.folds, strict=True))
    )


def test_groups_are_carried_and_whole():
    groups = tuple(f"g{i // 5}" for i in range(60))
    found = cross_validate(data_of(groups=groups), constant, folds=3)
    assert found.predictions.groups is not None
    of = dict(zip((f"{i:032x}" for i in range(60)), groups, strict=True))
    assert [of[digest] for digest in found.predictions.ids] == found.predictions.groups.tolist()
    folds_of = {}
    for group, fold in zip(found.predictions.groups.tolist(), found.fold_of.tolist(), strict=True):
        assert folds_of.setdefault(group, fold) == fold


def test_a_category_that_a_fold_did_not_know_has_no_probability():
    data = data_of(times=tuple(float(i) for i in range(60)))
    late = tuple(
        "new" if digest >= f"{30:032x}" and int(digest, 16) % 5 == 0 else value
        for digest, value in zip(data.train.digests, data.train.values, strict=True)
    )
    data = replace(data, train=replace(data.train, values=late))
    with pytest.warns(match="not in the training set"):
        found = cross_validate(data, constant, folds=4)
    assert "new" in found.predictions.target.vocab
    column = found.predictions.target.vocab.index("new")
    assert (found.predictions.output[found.fold_of == 0][:, column] == 0).all()
    assert np.allclose(found.predictions.output.sum(axis=1), 1)


def test_what_train_may_not_give():
    data = data_of()
    with pytest.raises(SettingError, match="train gave a NoneType for fold 1; expected Predictions"):
        cross_validate(data, lambda fold: None, folds=3)
    with pytest.raises(
        DataError, match="the predictions for fold 1 are of 20 rows that are not its 20 validation rows"
    ):
        cross_validate(data, lambda fold: constant(fold).subset(np.arange(20)[::-1]), folds=3)
    with pytest.raises(SettingError, match=r"folds=\[\] cannot be used: expected how many"):
        cross_validate(data, constant, folds=[])


def test_folds_made_before_can_be_given():
    data = data_of()
    folds = data.folds(3, seed=9)
    assert (
        cross_validate(data, constant, folds=folds).predictions.ids
        == cross_validate(data, constant, folds=3, seed=9).predictions.ids
    )
