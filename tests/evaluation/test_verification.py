"""AUC and EER of claims: right values, people as the sample, strangers as impostors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

import drivetrain as dt
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.verification import judge, rates
from drivetrain.runtime.targets import CategoryTarget


def pairs(seed: int, n: int = 12, apart: float = 1.0, digits: int | None = None) -> dict[str, Any]:
    """Every person claims to be everybody, themselves three times."""
    rng = np.random.default_rng(seed)
    people = [f"p{i}" for i in range(n)]
    rows = [(a, b) for a in people for b in people for _ in range(3 if a == b else 1)]
    score = np.array([rng.normal(apart * (a == b)) for a, b in rows])
    score = score if digits is None else score.round(digits)
    return {"score": score, "person": [a for a, _ in rows], "claimed": [b for _, b in rows]}


@pytest.mark.parametrize("digits", [None, 1, 0])
@pytest.mark.parametrize("seed", range(3))
def test_auc_and_eer_are_those_of_scikit_learn(seed, digits):
    table = pairs(seed, digits=digits)
    truth = np.array(table["person"]) == np.array(table["claimed"])
    false, hit, _ = roc_curve(truth, table["score"], drop_intermediate=False)
    place = np.argmin(np.abs(false[1:] - (1 - hit[1:]))) + 1
    found = dt.verification(table)
    assert found.auc.value == pytest.approx(roc_auc_score(truth, table["score"]))
    assert found.eer.value == pytest.approx((false[place] + 1 - hit[place]) / 2)
    assert found.auc.low < found.auc.value < found.auc.high


def test_weights_count_pairs_as_often():
    rng = np.random.default_rng(0)
    score, truth, weight = rng.normal(size=50), rng.random(50) < 0.3, rng.integers(0, 4, 50).astype(float)
    order = np.argsort(-score)
    auc, _, _ = rates(weight[order], truth[order], np.arange(50))
    assert auc == pytest.approx(roc_auc_score(truth, score, sample_weight=weight))


def test_intervals_are_wider_where_people_differ_than_pairs_say():
    """Half of the people are always told, half never: more pairs of each make nothing surer."""
    rng = np.random.default_rng(0)

    def width(times: int) -> float:
        rows = [(a, b) for a in range(16) for b in range(16) for _ in range(times)]
        score = [float(a % 2) if a == b else rng.normal(0, 0.01) for a, b in rows]
        person, claimed = (np.array(one).astype(str) for one in zip(*rows, strict=True))
        found = judge(np.array(score), person, claimed)
        return found.auc.high - found.auc.low

    assert width(1) > 0.15 and width(8) > 0.8 * width(1)


def test_it_says_that_it_cannot_tell():
    found = dt.verification(pairs(1, apart=0.0))
    assert not found.can_tell and "It cannot tell" in str(found)
    assert dt.verification(pairs(1, apart=3.0)).can_tell


def test_the_table_has_each_persons_errors():
    table = pairs(0, n=5, apart=9.0)
    table["score"][[at for at, who in enumerate(table["person"]) if who == "p3"]] = 0.0
    found = dt.verification(table)
    assert [one.person for one in found.people] == [f"p{i}" for i in range(5)]
    assert found.table()[0]["person"] == "p3" and found.people[3].refused == 1.0 and found.people[0].refused == 0.0


def test_predictions_are_judged_as_claims():
    vocab = tuple("abcdef")
    said = dt.Predictions(
        ids=tuple("123456"), target=CategoryTarget(name="who", vocab=vocab), truth=np.arange(6), output=np.eye(6)
    )
    found = dt.verification(said)
    assert found.auc.value == 1.0 and found.n_impostors == 30 and "Strangers are harder" in str(found)


@pytest.mark.parametrize(
    ("table", "error", "why"),
    [
        ({"score": [1.0], "person": ["a"]}, SettingError, "no table of pairs"),
        ([1, 2], SettingError, "no table of pairs"),
        ({"score": ["x"], "person": ["a"], "claimed": ["a"]}, SettingError, "something else than numbers"),
        ({"score": [1.0, 2.0], "person": ["a"], "claimed": ["a"]}, DataError, "different lengths"),
        ({"score": [np.nan], "person": ["a"], "claimed": ["a"]}, DataError, "not finite"),
        ({"score": [1.0] * 6, "person": list("abcdef"), "claimed": list("abcdef")}, DataError, "0 pairs are impostors"),
    ],
)
def test_what_cannot_be_judged_is_told(table, error, why):
    with pytest.raises(error, match=rf"{why}[\s\S]*To fix: "):
        dt.verification(table)


class Knower:
    """A model that knows its people by a number in the row, and takes strangers for whoever is next."""

    def __init__(self, data: Any) -> None:
        self.data, self.learnt = data, set(data.train.values)

    def predictor(self, *, top_k: int) -> Any:
        assert top_k == len(self.data.target.vocab)
        return self

    def predict_many(self, rows: Any) -> Any:
        for cells in rows:
            odds = [np.exp(-abs(int(name[1:]) - cells["x"])) for name in self.data.target.vocab]
            top = tuple(zip(self.data.target.vocab, np.array(odds) / sum(odds), strict=True))
            yield type("Answer", (), {"top": top, "error": None})


def test_impostors_are_people_whom_the_model_has_not_seen():
    parts = ("train", "valid", "valid", "valid")
    rows = [{"x": 10.0 * i + 0.1 * j, "who": f"p{10 * i}", "part": parts[j]} for i in range(10) for j in range(4)]
    data = dt.table(rows, target="who", split="part", columns=["x"])
    seen: list[set[str]] = []

    def train(fold: Any) -> Knower:
        assert set(fold.train.values) == set(fold.valid.values) == set(fold.target.vocab)
        seen.append(set(data.target.vocab) - set(fold.target.vocab))
        return Knower(fold)

    found = dt.verify(data, train, folds=5)
    assert [len(one) for one in seen] == [2] * 5 and set.union(*seen) == set(data.target.vocab)
    assert found.strangers and found.n_genuine == 30 and found.n_impostors == 30 * 8
    assert "whom the model had never seen" in str(found)
    with pytest.raises(SettingError, match="expected a trained model"):
        dt.verify(data, lambda fold: 7, folds=5)
    with pytest.raises(DataError, match="20 folds need 40"):
        dt.verify(data, train, folds=20)
