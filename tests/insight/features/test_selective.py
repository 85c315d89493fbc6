"""AUC of channels by hand and by scikit-learn, and what chance shows."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import drivetrain as dt
from drivetrain.insight.features.choosing import by_chance, choose, most_selective, most_used, uses
from drivetrain.insight.features.meaning import meanings, strongest_units
from drivetrain.insight.features.selective import labels_of, selectivity
from drivetrain.insight.parts import Change, Top

from ..colours import FIRST, SECOND, layer, rows_of, subject, top_of, with_target


def made_top(strongest: np.ndarray) -> Top:
    width = strongest.shape[1]
    rows = np.argsort(-strongest, axis=0)[:9].T
    return Top(
        layer=layer("made", width, (1, 1)),
        values=np.take_along_axis(strongest.T, rows, 1).astype(np.float32),
        rows=rows,
        places=np.zeros((*rows.shape, 2), np.int64),
        strongest=strongest.astype(np.float32),
    )


def test_each_colour_is_told_by_its_channel():
    base = subject(60)
    found = selectivity(top_of(base, FIRST), labels_of(base))
    assert [found.best(channel) for channel in range(5)] == [("blue", 1.0), ("green", 1.0), ("red", 1.0), None, None]
    assert found.active.tolist() == [True, True, True, False, False]
    assert found.auc[:, 3].tolist() == [0.5, 0.5, 0.5]  # never active: all tied


def test_auc_is_that_of_scikit_learn_with_ties():
    rng = np.random.default_rng(3)
    base = subject(60)
    strongest = rng.integers(0, 6, (60, 4)).astype(np.float32)
    found = selectivity(made_top(strongest), labels_of(base))
    expected = [[roc_auc_score(base.truth == k, strongest[:, c]) for c in range(4)] for k in range(3)]
    np.testing.assert_allclose(found.auc, expected)


@pytest.mark.parametrize("width", [4, 64])
def test_noise_passes_the_threshold_as_seldom_as_said(width):
    """The nominal rate is 1 in 20 for a whole layer; 60 layers of noise pass more than 9 times once in 1,000."""
    base = subject(90)
    labels = labels_of(base)
    passed = 0
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(size=(90, width))
        passed += bool((selectivity(made_top(noise), labels, seed=seed).margin >= 0).any())
    assert passed <= 9


def test_more_channels_raise_the_threshold():
    labels = labels_of(subject(90))
    few, many = (
        selectivity(made_top(np.random.default_rng(0).normal(size=(90, width))), labels).threshold for width in (2, 200)
    )
    assert (many > few).all() and (few > 0.5).all() and (many < 0.85).all()


def test_rows_of_one_group_count_once():
    """90 rows of 9 patients, each with a channel value and a class of its own: nothing can be told from 9."""
    patients = np.repeat(np.arange(9), 10)
    base = subject(90)
    classes = patients % 3
    names = [("blue", "green", "red")[k] for k in classes]
    alone = replace(base, truth=classes, rows=rows_of(names))
    grouped = replace(base, truth=classes, rows=rows_of(names, groups=tuple(f"p{i}" for i in patients)))
    values = np.random.default_rng(0).normal(size=9)[patients][:, None] + np.zeros((90, 3))
    values[:, 1] = np.random.default_rng(1).normal(size=9)[patients]
    assert labels_of(alone).n_units == 90 and labels_of(grouped).n_units == 9
    assert (selectivity(made_top(values), labels_of(alone)).margin >= 0).any()
    assert not (selectivity(made_top(values), labels_of(grouped)).margin >= 0).any()


def test_copies_of_one_content_count_once():
    base = subject(30)
    labels = labels_of(replace(base, rows=replace(base.rows, digests=tuple(f"{i % 3}{i // 6}" for i in range(30)))))
    assert labels.n_units == 15 and labels.counts.tolist() == [5, 5, 5]


def test_a_class_with_one_row_is_told_by_nothing():
    base = subject(60)
    classes = np.array([0] * 59 + [2])
    base = replace(base, truth=classes, rows=rows_of([("blue", "green", "red")[k] for k in classes]))
    found = selectivity(top_of(base, FIRST), labels_of(base))
    assert np.isnan(found.auc).all() and found.best(2) is None
    assert most_selective(found) == []
    assert meanings(top_of(base, FIRST), found)[2].name == ""


def test_labels_of_every_task():
    base = subject(9)
    tags = dt.CategoriesTarget(name="tags", vocab=("dark", "warm"))
    several = with_target(base, tags, [("dark",), (), ("dark", "warm")] * 3)
    assert labels_of(several).names == ("dark", "warm")
    assert labels_of(several).of_units.sum(axis=0).tolist() == [6, 3]
    price = dt.NumberTarget(names=("price",), mean=(4.0,), std=(2.0,))
    numbers = labels_of(with_target(base, price, [(float(i),) for i in range(9)]))
    assert numbers.names == ("price below 2.667", "price 2.667 to 5.333", "price above 5.333")
    assert numbers.counts.tolist() == [3, 3, 3]
    two = labels_of(with_target(base, price, [(float(i % 2),) for i in range(9)]))
    assert two.names == ("price 0", "price 1") and two.counts.tolist() == [5, 4]


def test_maxima_of_other_rows_are_refused():
    with pytest.raises(dt.DataError, match=r"maxima of 60 rows and labels of 30.*To fix"):
        selectivity(top_of(subject(60), FIRST), labels_of(subject(30)))


def test_a_feature_is_called_by_what_excites_it():
    base = subject(60)
    top = top_of(base, FIRST)
    found = meanings(top, selectivity(top, labels_of(base)))
    assert [found[channel].name for channel in range(5)] == ["blue 100 %", "green 100 %", "red 100 %", "", ""]
    name, share, low, high = found[2].shares[0]
    # Wilson for 20 of 20: 20 / (20 + 1.96²)
    assert (name, share, high) == ("red", 1.0, 1.0) and low == pytest.approx(20 / (20 + 3.8415), abs=0.02)
    assert found[2].auc == 1.0
    assert found[3].shares == ()  # never active: nothing excites it


def test_two_classes_share_a_name_and_a_spread_feature_has_none():
    fruit = dt.CategoryTarget(name="fruit", vocab=("apple", "banana", "fig", "kiwi", "lemon", "pear"))
    base = with_target(subject(180), fruit, [fruit.vocab[i % 6] for i in range(180)])
    rng = np.random.default_rng(0)
    values = rng.normal(size=(180, 3))
    values[:, 0] += np.where(np.isin(base.truth, [1, 4]), 4.0, 0.0)  # both that are yellow
    top = made_top(values)
    found = meanings(top, selectivity(top, labels_of(base)))
    assert sorted(word for word in found[0].name.replace(",", "").split() if word.isalpha()) == ["banana", "lemon"]
    assert found[0].shares[0][0] == found[0].name.split()[0]  # the larger share comes first
    assert found[1].name == found[2].name == ""
    assert sum(share for _, share, _, _ in found[1].shares) == pytest.approx(1)


def test_the_strongest_are_none_of_the_weakest():
    assert strongest_units(np.zeros(50)).tolist() == []
    assert len(strongest_units(np.arange(1000.0))) == 50
    assert len(strongest_units(np.arange(100.0))) == 20
    assert len(strongest_units(np.arange(10.0))) == 5


def test_what_is_used_for_a_class_by_hand():
    """The network is linear above its ReLUs: activation × gradient is each channel's part of the output."""
    base = subject(60)
    found = uses(base, [SECOND])["body.3"]
    means = np.stack([top_mean(base, SECOND)[base.truth == k].mean(axis=0) for k in range(3)])  # (class, channel)
    weight = np.zeros((3, 4))
    weight[range(3), range(3)] = 40.0
    expected = means * (weight - weight.mean(axis=0))  # above the mean of all outputs
    np.testing.assert_allclose(found.moved, expected, rtol=1e-4, atol=1e-6)
    assert [most_used(found, 1, label=name)[0] for name in ("blue", "green", "red")] == [
        (0, "most used for blue"),
        (1, "most used for green"),
        (2, "most used for red"),
    ]
    assert sorted(most_used(found, 3)) == [
        (0, "most used for blue"),
        (1, "most used for green"),
        (2, "most used for red"),
    ]


def top_mean(base, at):
    from drivetrain.insight.reading import passed

    return passed(base, [at]).means[at.name]


def test_use_of_numbers_and_labels():
    base = subject(12)
    tags = dt.CategoriesTarget(name="tags", vocab=("a", "b", "c"))
    found = uses(with_target(base, tags, [("a",), ("b",), ("b", "c")] * 4), [SECOND])["body.3"]
    assert found.n_rows == 16 and most_used(found, 1, label="a")[0].channel == 0
    numbers = dt.NumberTarget(names=("x", "y", "z"), mean=(0.0,) * 3, std=(1.0,) * 3)
    amounts = uses(with_target(base, numbers, [(0.0, 1.0, 2.0)] * 12), [SECOND], most_rows=20)["body.3"]
    assert (amounts.moved >= 0).all() and most_used(amounts, 1, label="z")[0].channel == 2
    with pytest.raises(dt.SettingError, match=r"label='bleu'.*expected one of the 3 outputs.*To fix"):
        most_used(found, label="bleu")


def test_the_rules_take_turns():
    base = subject(60)
    top = top_of(base, FIRST)
    found, use = selectivity(top, labels_of(base)), uses(base, [FIRST])["body.1"]
    shown = choose(top, found, use, n=5, seed=1)
    assert sorted(each.channel for each in shown) == [0, 1, 2, 3, 4]
    assert [each.why.split(" for ")[0] for each in shown[:3]] == [
        "most selective",
        "most used",
        "drawn by chance (seed 1)",
    ]
    assert len(choose(top, found, use, n=9)) == 5
    change = Change("body.1", 0.5, 0.4, 0.6, np.arange(5), np.array([0, 0, 0, 0.9, 0.1], np.float32))
    with_change = choose(top, found, use, change, n=4, seed=1)
    assert [each for each in with_change if each.why == "most changed"] == [(3, "most changed")]
    assert choose(top, found, use, n=3, seed=1) == shown[:3]


def test_chance_is_the_same_for_the_same_seed():
    assert by_chance(40, 5, seed=3) == by_chance(40, 5, seed=3) != by_chance(40, 5, seed=4)
    assert {each.why for each in by_chance(40, 5, seed=3)} == {"drawn by chance (seed 3)"}
