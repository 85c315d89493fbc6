"""What a log says of two models that were asked the same; lines and shares counted by hand."""

import json

import pytest

from drivetrain.errors import DataError
from drivetrain.runtime.watching.log import collect
from drivetrain.runtime.watching.shadow import Mean, Share, beside, read_beside

FAILED = '{"model": "new", "error": "E", "beside": {"model": "old"}}'


def line(before, after, sure=(0.5, 0.8), agrees=None, pair=("old", "new"), **more):
    """A comparison: what was answered, what the other one says."""
    key = "labels" if isinstance(before, list) else "values" if isinstance(before, dict) else "label"
    row = {"model": pair[1], key: after, "confidence": sure[1], "abstained": (sure[1] or 1) < 0.4}
    row |= {"beside": {"model": pair[0], key: before, "confidence": sure[0], "abstained": (sure[0] or 1) < 0.4}}
    return json.dumps({**row, "agrees": before == after if agrees is None else agrees, **more})


def answer(asked: bool, model: str = "old", shadow: str = "new") -> str:
    return json.dumps({"model": model, "label": "a", "shadow": {"model": shadow, "asked": asked}})


def test_wilson_is_what_statsmodels_does():
    proportion_confint = pytest.importorskip("statsmodels.stats.proportion").proportion_confint
    for count, n in [(0, 1), (1, 1), (0, 7), (3, 7), (50, 1000), (1000, 1000)]:
        low, high = proportion_confint(count, n, method="wilson")
        found = Share.of(count, n)
        assert (found.value, found.low, found.high) == pytest.approx((count / n, low, high), abs=1e-6)
    assert Share.of(0, 0) is None


def test_means_by_hand():
    found = Mean.of([1.0, 2.0, 3.0])  # standard deviation 1, so 1.959964 / √3 either way
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 0.868415, 3.131585), abs=1e-5)
    assert Mean.of([7.0]) == Mean(7.0, None, None) and Mean.of([]) is None


def test_classes():
    rows = [line("apple", "apple")] * 6 + [line("apple", "quince")] * 3 + [line("apple", "pear")]
    rows += [line("pear", "pear", sure=(0.3, 0.9))] * 8 + [line("pear", "apple", sure=(0.3, 0.2))] * 2
    lines = (
        [answer(True)] * 21
        + [answer(False)] * 4
        + rows
        + ['{"model": "new", "error": "E", "beside": {"model": "old"}}']
    )
    found = beside([*lines, "cut o", "[]", '{"model": "else", "label": "a"}'], "old", known=("apple", "pear"))
    assert (found.answering, found.shadow, found.n, found.answers, found.dropped, found.failed) == (
        "old", "new", 20, 25, 4, 1,
    )  # fmt: skip
    assert (found.disagree.count, found.disagree.n) == (6, 20) and found.only_shadow_says.count == 3
    apple, pear, quince = found.by_class
    assert (apple.label, apple.disagree.count, apple.disagree.n) == ("apple", 4, 10)
    assert (apple.becomes, apple.gains) == ((("quince", 3), ("pear", 1)), 2)
    assert (pear.disagree.count, pear.becomes, pear.gains) == (2, (("apple", 2),), 1)
    assert (quince.label, quince.disagree, quince.gains) == ("quince", None, 3)
    assert found.confidence.answering.value == pytest.approx(0.4)
    assert found.confidence.shadow.value == pytest.approx((0.8 * 10 + 0.9 * 8 + 0.2 * 2) / 20)
    assert found.confidence_where_disagree.difference.value == pytest.approx((4 * 0.3 + 2 * -0.1) / 6)
    assert [share.count for share in found.abstained] == [10, 2]


def test_it_is_the_same_whichever_of_the_two_is_asked_about():
    lines = [answer(True), line("a", "b")]
    old, new = beside(lines, "old", known=("a",)), beside(lines, "new", known=("a", "b"))
    assert old.disagree == new.disagree and (new.answering, new.shadow) == ("old", "new")
    assert old.only_shadow_says.value == 1.0
    assert new.only_shadow_says is None  # what the one that answered may say is not known here
    assert beside(lines, "other") is None and beside([], "old") is None


def test_several_labels_each_by_itself():
    rows = [line(["red", "round"], ["round"]), line([], ["red"]), line(["red"], ["red"]), line(["x"], ["y"])]
    found = beside(rows, "old")
    assert (found.disagree.count, found.disagree.n) == (3, 4)
    by_name = {one.label: one for one in found.by_class}
    assert (by_name["red"].disagree.count, by_name["red"].disagree.n, by_name["red"].gains) == (1, 2, 1)
    assert "round" not in by_name and all(one.becomes == () for one in found.by_class)


def test_numbers():
    rows = [line({"g": 10.0}, {"g": 12.0}, sure=(None, None), agrees=False)]
    rows += [line({"g": 10.0}, {"g": 9.0}, sure=(None, None), agrees=True)]
    found = beside(rows, "old")
    assert found.disagree.value == 0.5 and found.confidence is None and found.abstained is None
    [change] = found.numbers
    assert (change.name, change.mean.value, change.absolute.value) == ("g", 0.5, 1.5)
    unknown = [json.dumps({**json.loads(row), "agrees": None}) for row in rows]
    assert beside(unknown, "old").disagree is None and beside(unknown, "old").numbers == found.numbers


def test_the_newest_pair_and_the_newest_lines():
    lines = [line("a", "b", pair=("old", "first"))] * 5 + [line("a", "a")] * 3 + [line("a", "b")] * 2
    found = beside(lines, "old")
    assert (found.shadow, found.n, found.others, found.disagree.count) == ("new", 5, 5, 2)
    assert beside(lines, "old", 2).disagree.value == 1.0
    assert beside([answer(False)], "old").n == 0  # it was there, and could not be asked


@pytest.mark.parametrize(
    "more", [{"label": 7}, {"agrees": "yes"}, {"confidence": "high"}, {"beside": {}}, {"beside": {"model": 3}}]
)
def test_lines_that_somebody_else_wrote_break_nothing(more):
    found = beside([line("a", "b"), json.dumps({**json.loads(line("a", "b")), **more})], "new")
    assert found.n >= 1


def test_watching_either_model_counts_each_answer_once():
    lines = [answer(True)] * 2 + [line("a", "b")] * 2 + [FAILED]
    old, new = collect(lines, "old"), collect(lines, "new")
    assert (old.n, old.of_a_shadow, old.of_other_models, old.failed) == (2, 3, 0, 0)
    assert (new.n, new.of_a_shadow, new.of_other_models, new.failed) == (2, 0, 2, 1)
    assert old.said == [("a",)] * 2 and new.said == [("b",)] * 2


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="To fix"):
        read_beside(tmp_path / "missing", "a" * 64)
