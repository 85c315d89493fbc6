"""A model of three colours learns a fourth, and what that costs is said."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.cli.main import main
from drivetrain.data.examples import Examples
from drivetrain.evaluation.metrics.metrics import METRICS
from drivetrain.kinds.texts.spec import Spec
from drivetrain.learner.updating import exemplars, judging
from drivetrain.learner.updating.choosing import Point, choose, correct
from drivetrain.learner.updating.exemplars import Exemplar, Exemplars, chosen_exemplars, exemplars_of, herding
from drivetrain.learner.updating.joining import join, read_new_rows
from drivetrain.learner.updating.noise import estimated_noise, measured_noise
from drivetrain.learner.updating.old import old_artefact, with_old_rows
from drivetrain.learner.updating.unlearnt import unlearnt
from drivetrain.runtime.artefact import open_artefact
from tests.learner.conftest import ARCH, paint

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*travel with the model as exemplars"),
    pytest.mark.filterwarnings("ignore:.*saved without model.onnx"),
]
FRUIT = dt.CategoryTarget(name="fruit", vocab=("apple", "pear"))


def said(*right: bool) -> dt.Predictions:
    """Two classes; whether each row is right."""
    ids = tuple(f"{i:02}" for i in range(len(right)))
    return dt.Predictions(
        ids=ids, target=FRUIT, truth=np.zeros(len(right), np.int64), output=np.eye(2)[[int(not one) for one in right]]
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`old` and `new` pictures, and a model of the old ones, with exemplars and without."""
    root = tmp_path_factory.mktemp("second")
    rng = np.random.default_rng(0)
    colours = {
        "old/blue": (40, 60, 200),
        "old/green": (40, 180, 60),
        "new/black": (15, 15, 15),
        "new/green": (40, 180, 60),
    }
    for name, colour in colours.items():
        (root / name).mkdir(parents=True)
        for i in range(20):
            paint(colour, rng).save(root / name / f"{i:02}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETRAIN_PROJECT", str(root / "project"))
        data = dt.images(root / "old", seed=1)
        learn = dt.Learner(data, ARCH, size=32, pretrained=False, precision="fp32", device="cpu")
        learn.fine_tune(3)
        learn.save(root / "bare.model", precision=None)
        learn.save(root / "carrying.model", precision=None, exemplars=4)
    return root


@pytest.fixture(autouse=True)
def project(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(world / "project"))


def updated(world: Path, name: str = "bare.model", **settings: Any) -> Any:
    asked: dict[str, Any] = {"epochs": 1, "device": "cpu", "precision": "fp32", "seed": 1}
    return dt.update(world / name, world / "new", **(asked | settings))


def test_old_classes_keep_their_places_and_new_ones_come_behind(world: Path, tmp_path: Path) -> None:
    found = updated(world, old=world / "old")
    assert found.model.data.target.vocab == ("blue", "green", "black")
    assert found.new_classes == ("black",)
    assert [point.alpha for point in found.curve] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert found.old.before.n == 8 and found.flips.n == 8
    assert found.new.before["accuracy"].value <= 0.5  # half of the new rows are of a class it did not know
    own = set(found.model.data.sealed_test.open().digests)
    assert own.isdisjoint(found.model.data.train.digests) and own.isdisjoint(found.model.data.valid.digests)
    path = found.save(tmp_path / "new.model", accept_forgetting=True, precision=None)
    manifest = open_artefact(path).manifest
    assert manifest.lineage[-1].parent == open_artefact(world / "bare.model").manifest.parameters_sha256
    assert manifest.lineage[-1].new_classes == ("black",)
    again = dt.Learner.load(path, device="cpu", precision="fp32")  # in both places that it was trained from
    assert len(again.data.valid) == len(found.model.data.valid)
    np.testing.assert_allclose(again.predictions().output, found.model.predictions().output, atol=1e-5)


def test_alpha_0_of_known_classes_alone_and_a_learner_that_is_not_touched(world: Path) -> None:
    learn = dt.Learner.load(world / "bare.model", device="cpu", precision="fp32")
    before = learn.identity()
    found = learn.update(world / "new", epochs=1, alpha=1, seed=1, exemplars=1)
    assert learn.identity() == before and found.model.identity() != before
    assert (len(found.model.data.train), found.model.feeder.batch_size) == (48, 16)
    assert found.model.feeder.steps == 2, "an epoch takes 24 new rows and one old row of each class"
    assert found.alpha == 1 and found.curve == ()


def test_without_old_rows_the_gate_holds_until_somebody_accepts(world: Path, tmp_path: Path, capsys: Any) -> None:
    command = ["update", str(world / "bare.model"), str(world / "new"), "--without-old", "--epochs", "1", "--json"]
    command += ["--device", "cpu", "--precision", "fp32", "--out", str(tmp_path / "new.model")]
    assert main(command) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["written"] is False and answer["old"] is None and answer["alpha"] == 0.5
    assert not (tmp_path / "new.model").exists()
    found = updated(world, old=False)
    with pytest.raises(dt.ForgettingError, match="cannot be judged"):
        found.save(tmp_path / "new.model")
    assert main([*command, "--accept-forgetting"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] is True and (tmp_path / "new.model").is_dir()


def test_exemplars_stand_in_for_rows_that_are_gone_and_go_on(world: Path, tmp_path: Path) -> None:
    carried = exemplars_of(open_artefact(world / "carrying.model"))
    assert carried is not None and [row.value for row in carried.rows].count("blue") == 4
    split = dt.Learner.load(world / "carrying.model", device="cpu", precision="fp32").data.split
    assert {row.digest for row in carried.rows} <= split.find("train")
    found = updated(world, "carrying.model", old=False)
    assert found.decisions["old rows"].value == "exemplars"
    assert found.old.before.n == 2 and found.decisions["rehearsed"].value == 6  # one of four judges
    path = found.save(tmp_path / "next.model", accept_forgetting=True, precision=None)
    following = exemplars_of(open_artefact(path))
    assert following is not None and following.per_class == 4
    assert {row.value for row in following.rows} == {"blue", "green", "black"}


def test_exemplars_are_what_the_network_reads_to_the_last_bit(world: Path) -> None:
    learn = dt.Learner.load(world / "carrying.model", device="cpu", precision="fp32")
    carried, train = learn.carried, learn.data.train
    assert carried is not None
    kept = carried.examples(train.inputs, train.kind, train.options, learn.kind.spec)
    for at, row in enumerate(carried.rows):
        was = learn.kind.spec.load(train.inputs.paths[train.digests.index(row.digest)])
        np.testing.assert_array_equal(learn.kind.spec.load(kept.inputs.paths[at])[0], was[0])


@pytest.mark.parametrize("limit", ["rows", "bytes"])
def test_as_many_exemplars_travel_as_a_model_may_carry(
    world: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    learn = dt.Learner.load(world / "bare.model", device="cpu", precision="fp32")
    whole = chosen_exemplars(learn, 3)
    assert whole is not None and [row.value for row in whole.rows] == ["blue", "green"] * 3
    if limit == "rows":
        monkeypatch.setattr(exemplars, "MOST_ROWS", 4)
    else:
        most = exemplars.LEFT_FOR_INDEX + sum(map(len, whole.contents[:5])) - 1
        monkeypatch.setitem(exemplars.MOST_BYTES, exemplars.EXEMPLARS, most)
    with pytest.warns(dt.DrivetrainWarning, match="^4 training pictures travel .* MB, fewer than 3 of each class, sin"):
        found = chosen_exemplars(learn, 3)
    assert found is not None and found.contents == whole.contents[:4], "the best ones of each class"


@pytest.mark.parametrize(
    ("exemplars", "new_rows", "of_blue", "in_an_epoch"),
    [(3, 20, 6, 3), (3, 40, 12, 3), (8, 20, 8, 8), (100, 40, 12, 12)],
    ids=["6 old ones to 12 new ones", "24 to 24", "no fewer than an epoch takes", "more than there are"],
)
def test_epochs_take_some_old_rows_each_and_the_head_as_many_as_there_are_new_ones(
    world: Path, tmp_path: Path, exemplars: int, new_rows: int, of_blue: int, in_an_epoch: int
) -> None:
    shutil.copytree(world / "new", tmp_path / "new", ignore=shutil.ignore_patterns(*["green"] * (new_rows == 20)))
    artefact = open_artefact(world / "bare.model")
    bare = old_artefact(artefact)
    old, joined = join(
        with_old_rows(bare, artefact, world / "old"), read_new_rows(tmp_path / "new", bare),
        rehearse=exemplars, valid_pct=None, test_pct=None, seed=1, project=None,
    )  # fmt: skip
    values = joined.data.train.values
    assert old.train.values.count("blue") == 12 and joined.decisions["rehearsed"].value == joined.n_rehearsed
    assert values[: joined.n_rehearsed].count("blue") == of_blue
    epochs = [joined.drawn(np.random.default_rng(seed)) for seed in range(60)]
    for rows in epochs:
        assert [values[row] for row in rows if row < joined.n_rehearsed].count("blue") == in_an_epoch
        assert set(range(joined.n_rehearsed, len(values))) <= set(rows.tolist())
    assert {row for rows in epochs for row in rows.tolist()} == set(range(len(values)))


@pytest.mark.parametrize("case", ["all known", "sealed"])
def test_rows_that_it_was_made_with_are_not_new(world: Path, tmp_path: Path, case: str) -> None:
    if case == "all known":
        with pytest.raises(dt.DataError, match=r"no row that is new to bare\.model"):
            dt.update(world / "bare.model", world / "old", epochs=1)
        return
    learn = dt.Learner.load(world / "bare.model", device="cpu", precision="fp32")
    shutil.copytree(world / "new", tmp_path / "mixed")
    test = learn.data.sealed_test.open()
    shutil.copy(test.inputs[0], tmp_path / "mixed" / "black" / "copy.png")
    with pytest.warns(dt.DrivetrainWarning, match=r"1 picture .* sealed test set of bare\.model"):
        found = dt.update(world / "bare.model", tmp_path / "mixed", epochs=1, alpha=0, seed=1, device="cpu")
    assert test.digests[0] not in found.model.data.train.digests + found.model.data.valid.digests


def test_a_wrong_folder_of_new_rows_is_refused_before_the_old_ones_are_read(world: Path, tmp_path: Path) -> None:
    wrong = {tmp_path / "nowhere": "nowhere", tmp_path: "is empty", world / "old": "no row that is new"}
    for new, said in wrong.items():
        with pytest.raises(dt.DataError, match=said):
            dt.update(world / "bare.model", new, old=tmp_path / "never read", epochs=1)


def test_other_data_are_not_the_old_ones(world: Path) -> None:
    with pytest.raises(dt.DataError, match="none of the"):
        updated(world, old=world / "new")


def test_flips_count_each_way_and_have_an_interval() -> None:
    before, after = said(*[True] * 8, False, False), said(*[True] * 6, False, False, True, False)
    found = judging.flips_of(before, after, floor=0.1, how="told")
    assert found is not None and (found.negative, found.positive, found.n) == (2, 1, 10)
    assert found.rows == ("06", "07") and found.share == 0.2
    assert found.low is not None and found.high is not None and found.low < 0.2 < found.high


def test_what_the_old_model_did_not_know_has_no_probability() -> None:
    target = FRUIT.model_copy(update={"vocab": ("apple", "pear", "plum")})
    rows = Examples(dt.Files([Path("a")]), ("00",), ("plum",))
    found = judging.said_before(np.zeros((1, 2), np.float32), rows, FRUIT, target)
    assert found.output.tolist() == [[0.5, 0.5, 0.0]] and not found.hits()[0]


def test_log_loss_of_classes_that_it_did_not_know_is_infinite() -> None:
    """And not the number at which probabilities of zero are cut off."""
    target = FRUIT.model_copy(update={"vocab": ("apple", "pear", "plum")})
    output = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    before = dt.Predictions(ids=("a", "b"), target=target, truth=np.array([0, 2]), output=output)
    metrics = [METRICS["accuracy"], METRICS["log_loss"]]
    found = judging.judge_task(before, replace(before, output=output[:, ::-1]), metrics, "new", n_known=2)
    assert found.before["accuracy"].value == 0.5 and found.before["log_loss"].value is None
    assert "infinite" in str(found.before["log_loss"]) and found.after["log_loss"].value is not None
    known = judging.judge_task(before, before, metrics, "new", n_known=3)
    assert known.before["log_loss"].value is not None


def test_the_noise_of_two_seeds() -> None:
    assert measured_noise(said(True, True, False, False), said(True, False, True, False)) == 0.25
    unsure = replace(said(*[True] * 50, *[False] * 50), output=np.full((100, 2), 0.5))
    assert estimated_noise(unsure) == pytest.approx(0.25)


def test_the_rule_of_the_curve_takes_the_best_mean_and_the_older_of_equals() -> None:
    curve = (Point(0.0, 0.9, 0.5), Point(0.25, 0.8, 0.8), Point(0.5, 0.7, 0.9), Point(1.0, 0.6, 0.9))
    assert choose(curve, METRICS["accuracy"])[0] == 0.25
    errors = (Point(0.0, 1.0, 3.0), Point(1.0, 1.5, 1.0))
    assert choose(errors, METRICS["rmse"])[0] == 1.0


@pytest.mark.parametrize(("n", "taken"), [(10, 1.0), (400, 0.5)])
def test_a_better_mean_counts_only_beyond_chance(n: int, taken: float) -> None:
    """One row in ten more of the old task is right half way: one of ten is chance, forty of four hundred are not."""
    end, half = said(*[i % 10 > 1 for i in range(n)]), said(*[i % 10 > 0 for i in range(n)])
    new = said(*[i % 2 > 0 for i in range(n)])
    alpha, why = choose((Point(0.5, 0.9, 0.5), Point(1.0, 0.8, 0.5)), METRICS["accuracy"], ((half, new), (end, new)))
    assert alpha == taken
    assert ("none is better by more than chance" in why.reason) == (taken == 1.0)


def test_herding_takes_what_brings_the_mean_nearest() -> None:
    features = np.array([[1.0, 0.0], [0.0, 1.0], [0.7, 0.7], [-1.0, 0.0]])
    assert herding(features, 1) == [1]  # 0.599 from the mean (0.18, 0.43), the third one 0.600
    assert herding(features[:3], 2)[0] == 2
    assert sorted(herding(features, 4)) == [0, 1, 2, 3]


def test_a_new_class_that_no_row_is_recognised_of_is_told() -> None:
    grown = dt.CategoryTarget(name="fruit", vocab=("apple", "fig", "pear", "plum"))
    answers = np.eye(4)[[1, 0, 0, 2, 0]]
    ids, truth = tuple("abcde"), np.array([1, 1, 2, 3, 3])
    said = dt.Predictions(ids=ids, target=grown, truth=truth, output=answers)
    assert unlearnt(("fig", "pear", "plum"), said) == {"pear": 1, "plum": 2}
    assert unlearnt(("fig",), said) == {}


def test_a_point_chosen_by_the_rows_that_judge_it_is_worth_less() -> None:
    """Of ten models that are right by chance the rule takes the luckiest, which is right by chance, too."""
    raw, corrected = [], []
    for world in range(30):
        random = np.random.default_rng(world)
        said_at = [tuple(said(*(random.random(60) < 0.5)) for _ in (0, 1)) for _ in range(10)]
        points = [Point(i / 9, *(METRICS["accuracy"].value(one) for one in pair)) for i, pair in enumerate(said_at)]
        chosen = round(9 * choose(points, METRICS["accuracy"], said_at)[0])
        found = correct(said_at, chosen, METRICS["accuracy"])
        assert found is not None and found.old == pytest.approx((points[chosen].old or 0) - found.old_luck)
        raw.append(((points[chosen].old or 0) + (points[chosen].new or 0)) / 2)
        corrected.append((found.old + found.new) / 2)
    assert np.mean(raw) > 0.53 and abs(np.mean(corrected) - 0.5) < abs(np.mean(raw) - 0.5) / 2
    assert "corrected for the choice among 10" in str(found)


def test_a_point_that_is_surely_better_keeps_its_value() -> None:
    good, bad = said(*[True] * 90, *[False] * 10), said(*[False] * 100)
    found = correct([(good, good), (bad, bad)], 0, METRICS["accuracy"])
    assert found is not None and found.old == pytest.approx(0.9, abs=0.01) and abs(found.old_luck) < 0.01


@pytest.mark.parametrize(("luck", "worse"), [(0.0, False), (0.03, True)])
def test_luck_counts_against_the_update(luck: float, worse: bool) -> None:
    before, after = said(*[True] * 100), said(*[True] * 97, *[False] * 3)
    judged = judging.judge_task(before, after, [METRICS["accuracy"]], "validation")
    assert judged.comparison is not None and judged.comparison.low is not None
    assert judged.is_worse(luck) == worse == (judged.comparison.low + luck > 0)


@pytest.mark.parametrize(
    ("columns", "text"), [(("title",), "Dear all"), (("title", "body"), "Hello\n\nworld & <b>co</b>, 5 > 3")]
)
def test_exemplars_that_are_texts_of_a_table(columns: tuple[str, ...], text: str) -> None:
    """Their files are texts, no JSON; beside rows of a table they become rows that read the same."""
    spec = Spec(columns=columns, html=False)
    content, suffix = spec.encode(spec.load(text))
    rows = Exemplars(1, (Exemplar(file=f"0{suffix}", value="mail", digest="0" * 16),), (content,))
    like = dt.Cells({name: np.array(["one", None], object) for name in columns})
    found = rows.examples(like, "texts", {}, spec)
    assert spec.read(found.inputs[0]) == text and found.values == ("mail",)
    assert found.inputs.join(like)[1][columns[0]] == "one"


def test_old_rows_that_are_missing_are_counted(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "old", tmp_path / "part")
    for name in ("blue", "green"):
        for i in range(10):
            (tmp_path / "part" / name / f"{i:02}.png").unlink()
    with pytest.warns(dt.DrivetrainWarning, match="20 pictures .* are not in"):
        found = updated(world, old=tmp_path / "part", alpha=1)
    told = found.decisions["old rows"].reason
    assert re.match(r"\d+ of 24 to rehearse and \d of 8 to judge by, in ", told), told
