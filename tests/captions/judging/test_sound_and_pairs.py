"""How captions sound, and the test without references."""

import math

import numpy as np
import pytest

from drivetrain.captions.judging.fluency import Bigrams
from drivetrain.captions.judging.pairs import partners, share_interval, told_apart


def test_the_probability_of_a_caption_is_witten_bells():
    """Pairs < a, a b, b >, < a, a c, c >. "b" after "a": (1 + 2·P(b)) / (2 + 2), P(b) = (1 + 1)/(6 + 5)."""
    usual = Bigrams({"x": ["a b"], "y": ["a c"]})
    alone = {"a": 3 / 11, "b": 2 / 11, ">": 3 / 11}  # words: a, b, c, > and one never seen
    expected = [(2 + alone["a"]) / 3, (1 + 2 * alone["b"]) / 4, (1 + alone[">"]) / 2]
    assert usual.sounds("a b", "other") == pytest.approx(math.prod(expected) ** (1 / 3))


def test_texts_of_the_same_picture_do_not_count():
    both = Bigrams({"x": ["a b c"], "y": ["d e f", "d e g"]})
    without = Bigrams({"y": ["d e f", "d e g"]})
    said = both.sounds("d e f", "x")
    assert said < without.sounds("d e f", "z")  # only the number of different words differs
    assert both.sounds("a b c", "x") < both.sounds("a b c", "z")
    assert Bigrams({"x": ["a b"]}).sounds("a b", "x") > 0  # nothing is left to know words from


def test_each_picture_meets_its_rivals_once():
    for n, rivals in ((2, 1), (2, 4), (7, 3), (50, 4), (51, 5)):
        pairs = partners(n, rivals, seed=3)
        assert len(set(pairs)) == len(pairs) and all(a < b for a, b in pairs)
        met = np.bincount(np.array(pairs).ravel(), minlength=n)
        assert met.max() <= rivals and met.min() >= min(rivals, n - 1) - 1, (n, rivals)


def test_a_judge_that_knows_is_always_right_and_one_that_hears_only_the_caption_guesses():
    pairs = partners(40, 4, seed=0)
    noise = np.random.default_rng(0).normal(size=(40, 40))
    usual, easy = np.random.default_rng(1).normal(0, 9, 40), np.random.default_rng(2).normal(0, 9, 40)
    assert told_apart(lambda a, b: 5.0 * (a == b) + usual[b] + easy[a] + noise[a, b] / 9, pairs).mean() == 1
    assert told_apart(lambda a, b: usual[b] + easy[a], pairs).mean() == 0.5  # ties: the picture changes nothing
    assert 0.3 < told_apart(lambda a, b: usual[b] + noise[a, b], pairs).mean() < 0.7


def test_the_interval_of_guessing_holds_one_half_about_as_often_as_it_says():
    held = []
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(size=(30, 30))
        pairs = partners(30, 4, seed)
        found = share_interval(pairs, told_apart(lambda a, b, noise=noise: noise[a, b], pairs), 30, 0.95)
        held.append(found.low <= 0.5 <= found.high)
    assert np.mean(held) >= 0.93


def test_the_interval_without_a_mistake_is_wilsons_of_half_the_pictures():
    pairs = [(2 * i, 2 * i + 1) for i in range(20)]
    found = share_interval(pairs, np.ones(20), 40, 0.95)
    assert found.high == 1 and found.low == pytest.approx(0.8389, abs=2e-4)  # Wilson, 20 of 20
