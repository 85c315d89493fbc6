"""Who won, by how much, and whether that is real: from tables of predictions alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.errors import SettingError
from drivetrain.evaluation.metrics.metrics import METRICS
from drivetrain.models.blend import grid, mixed
from drivetrain.models.leaderboard import CONSTANT, LINE, TREES, Candidate, _amount, chosen_by, rank

TARGET = dt.CategoryTarget(name="y", vocab=("no", "yes"))
LOSS = METRICS["log_loss"]


def candidate(name, sure, *, n=400, variants=(), truth=None):
    """Answers that give the truth this probability in three rows of four, and 1 minus it in the others."""
    truth = np.arange(n) % 2 if truth is None else truth
    right = np.arange(n) % 4 != 3
    of_truth = np.where(right, sure, 1 - sure)
    output = np.where(np.eye(2)[truth] > 0, of_truth[:, None], 1 - of_truth[:, None])
    said = dt.Predictions(ids=tuple(map(str, range(n))), target=TARGET, truth=truth, output=output)
    return Candidate(name, 1.5, dt.score(said, ["accuracy", "log_loss"]), said, None, variants)


def test_the_order_is_that_of_the_metric_and_the_difference_that_of_the_rows():
    board = rank([candidate(CONSTANT, 0.5), candidate(LINE, 0.6), candidate(TREES, 0.75)], LOSS)
    assert [one.name for one in board.candidates] == [TREES, LINE, CONSTANT]
    best, line = (-(0.75 * np.log(p) + 0.25 * np.log(1 - p)) for p in (0.75, 0.6))
    assert board.runner_up.comparison.difference == pytest.approx(best - line)
    assert board.runner_up.real and board.plain.other == LINE
    assert "the plain line is beaten: its log loss is higher by 0.0" in str(board)
    assert "against plain line: log loss lower by 0.0" in str(board) and " -0." not in str(board)


def test_higher_is_better_is_said_the_other_way_round():
    """Ninety rows of a hundred right against seventy-five: 15 points of accuracy."""
    right = candidate(TREES, 0.75)
    truth = np.eye(2)[right.predictions.truth]
    sure = replace(right.predictions, output=np.where(np.arange(400)[:, None] % 40 < 36, truth, 1 - truth))
    board = rank([candidate(LINE, 0.6), replace(right, predictions=sure)], METRICS["accuracy"])
    assert "its accuracy is lower by 15.00 points [" in board.about_the_line()
    assert "accuracy higher by 15.00 points [" in str(board)


def test_an_interval_around_nothing_keeps_the_direction_of_the_difference():
    one = candidate(LINE, 0.6).predictions
    found = dt.compare(one, candidate(TREES, 0.61).predictions, "log_loss")
    turned = dt.compare(candidate(TREES, 0.61).predictions, one, "log_loss")
    assert found.difference == pytest.approx(-turned.difference)
    assert _amount(found) == _amount(turned)


def test_all_differences_hold_together():
    """The winner is compared twice, so each interval has a level of 97.5 %."""
    board = rank([candidate(CONSTANT, 0.5), candidate(LINE, 0.6), candidate(TREES, 0.75)], LOSS)
    assert board.runner_up.comparison.level == pytest.approx(0.975)


def test_a_difference_by_chance_is_not_real():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    p = np.where(truth > 0, 0.7, 0.3)
    tables = [np.clip(p + rng.normal(0, 0.15, 200), 0.02, 0.98) for _ in range(2)]
    ids = tuple(map(str, range(200)))
    said = [dt.Predictions(ids=ids, target=TARGET, truth=truth, output=np.stack([1 - q, q], 1)) for q in tables]
    board = rank([Candidate(n, 0, dt.score(s), s, None) for n, s in zip((LINE, TREES), said, strict=True)], LOSS)
    assert not board.runner_up.real and board.runner_up.comparison.low < 0 < board.runner_up.comparison.high
    assert "the plain line is not beaten" in str(board)


def test_where_the_line_wins_it_says_so():
    board = rank([candidate(CONSTANT, 0.5), candidate(LINE, 0.75), candidate(TREES, 0.6)], LOSS)
    said = board.as_json()["difference"]["plain"]
    assert (board.winner.name, said["real"], said["value"], said["name"]) == (LINE, False, 0.0, LINE)
    assert board.about_the_line().startswith("the plain line is not beaten")


def test_without_a_line_the_constant_answer_stands_for_it():
    board = rank([candidate(CONSTANT, 0.5), candidate(TREES, 0.75)], LOSS, left_out={LINE: "no memory"})
    assert board.plain.other == CONSTANT and "no memory" in board.about_the_line()


def test_a_blend_is_held_to_have_chosen_its_weights():
    """Of 21 blends of noise the best looks better than it is, and the correction counts all of them."""
    rng = np.random.default_rng(3)
    truth = np.arange(60) % 2
    ids = tuple(map(str, range(60)))

    def guess(noise):
        q = np.clip(0.5 + 0.02 * (truth - 0.5) + noise, 0.02, 0.98)
        return dt.Predictions(ids=ids, target=TARGET, truth=truth, output=np.stack([1 - q, q], 1))

    members = [guess(rng.normal(0, 0.2, 60)) for _ in range(3)]
    tried = [mixed(members, weights) for weights in grid(3)]
    best = min(tried, key=LOSS.value)
    others = tuple(table for table in tried if table is not best)
    blend = Candidate("blend", 0, dt.score(best), best, None, others)
    honest = guess(np.zeros(60))
    board = rank([blend, Candidate(TREES, 0, dt.score(honest), honest, None)], LOSS)
    corrected = next(one for one in board.candidates if one.name == "blend").corrected
    assert corrected.trials == 22 and corrected.corrected > corrected.raw


def test_json_has_the_names_that_scripts_rely_on():
    board = rank([candidate(CONSTANT, 0.5), candidate(LINE, 0.6), candidate(TREES, 0.75)], LOSS)
    said = json.loads(json.dumps(board.as_json(), allow_nan=False))
    assert said["winner"] == TREES
    for one in said["candidates"]:
        assert {"name", "seconds", "metrics"} <= one.keys()
        assert one["accuracy"] == one["metrics"]["accuracy"] and {"value", "low", "high", "n"} <= one["accuracy"].keys()
    for against in ("runner_up", "plain"):
        assert {"name", "value", "low", "high", "real"} <= said["difference"][against].keys()
        assert said["difference"][against]["real"] is True


def test_an_undefined_score_decides_nothing():
    """With one class present the area under the curve is undefined, for all candidates alike."""
    one_class = [candidate(name, sure, truth=np.zeros(20, int), n=20) for name, sure in ((LINE, 0.6), (TREES, 0.7))]
    board = rank(one_class, METRICS["roc_auc"])
    assert board.winner.corrected is None and not board.runner_up.real
    assert board.as_json()["difference"]["runner_up"]["value"] is None


@pytest.mark.parametrize(("metrics", "name"), [(None, "log_loss"), ("roc_auc", "roc_auc"), (["f1", "accuracy"], "f1")])
def test_what_was_asked_for_first_decides(metrics, name):
    found, decision = chosen_by(metrics, TARGET)
    assert found.name == decision.value == name


def test_a_function_that_does_not_say_what_is_better_decides_nothing():
    def mine(truth, output):
        return 1.0

    found, _ = chosen_by([mine], TARGET)
    assert found.name == "log_loss"
    with pytest.raises(SettingError):
        chosen_by("nonsense", TARGET)
