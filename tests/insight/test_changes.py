"""Linear CKA by its definition, channels that moved, and layers that stayed."""

import copy
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import nn

import drivetrain as dt
from drivetrain.insight.changes import changes, cka, cka_interval, match

from .colours import FIRST, SECOND, layer, subject


def slow_hsic(k: np.ndarray, m: np.ndarray) -> float:
    """Song et al. 2012: the mean of k_ij m_ij + k_ij m_qr − 2 k_ij m_iq over all different i, j, q, r."""
    found = [
        k[i, j] * m[i, j] + k[i, j] * m[q, r] - 2 * k[i, j] * m[i, q] for i, j, q, r in permutations(range(len(k)), 4)
    ]
    return float(np.mean(found))


def test_cka_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 3))
    y = x @ rng.normal(size=(3, 2)) + 0.5 * rng.normal(size=(7, 2))
    k, m = x @ x.T, y @ y.T
    expected = slow_hsic(k, m) / np.sqrt(slow_hsic(k, k) * slow_hsic(m, m))
    assert cka(x[:, None], y[:, None]) == pytest.approx(expected)


def usual_cka(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(0), y - y.mean(0)
    return float(np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def test_rotation_scale_and_order_are_no_change():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 2, 5)) * np.arange(1, 6)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    for y in (x @ turn, -3 * x, x[..., ::-1], x + 7):
        assert cka(x, y) == pytest.approx(1)


def test_many_channels_on_few_rows_are_not_alike_by_chance():
    """The usual, biased estimator gives 0.9 here."""
    rng = np.random.default_rng(2)
    pairs = [(rng.normal(size=(20, 4, 200)), rng.normal(size=(20, 4, 200))) for _ in range(20)]
    assert abs(np.mean([cka(x, y) for x, y in pairs])) < 0.05
    assert np.mean([usual_cka(x[:, 0], y[:, 0]) for x, y in pairs]) > 0.88


def test_the_interval_covers_as_often_as_said():
    """Truth by 2,000 rows; 95 % of 80 intervals from 60 rows: fewer than 68 have a probability below 1 in 1,000."""
    rng = np.random.default_rng(3)
    mix = rng.normal(size=(6, 6))

    def draw(n):
        x = rng.normal(size=(n, 1, 6))
        return x, x @ mix + 2 * rng.normal(size=(n, 1, 6))

    truth = cka(*draw(2000))
    hits = 0
    for _ in range(80):
        _, low, high = cka_interval(*draw(60), np.arange(60) % 20)
        hits += low <= truth <= high
    assert hits >= 68


def test_a_layer_that_never_varies_is_undefined():
    still, x = np.ones((10, 1, 3)), np.random.default_rng(0).normal(size=(10, 1, 3))
    assert np.isnan(cka(still, x)) and np.isnan(cka_interval(still, x, np.arange(10))).all()


def test_channels_are_matched_wherever_they_went():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(50, 2, 6))
    order = np.array([3, 0, 5, 1, 2, 4])
    y = x[..., order] + 0.05 * rng.normal(size=x.shape)
    y[..., 2] = rng.normal(size=(50, 2))  # what had been channel 5
    matched, moved = match(x, y)
    assert matched.tolist() == np.argsort(order).tolist()
    assert moved[5] > 0.7 and np.delete(moved, 5).max() < 0.02
    r = np.corrcoef(x[..., 0].ravel(), y[..., matched[0]].ravel())[0, 1]
    assert moved[0] == pytest.approx(1 - r)


def test_more_channels_than_there_were_and_fewer():
    x = np.random.default_rng(5).normal(size=(40, 1, 4))
    assert match(x, np.concatenate([x, x[..., :1] ** 2], -1))[0].tolist() == [0, 1, 2, 3]
    matched, moved = match(x, x[..., :2])
    assert matched.tolist() == [0, 1, -1, -1] and moved.round(9).tolist() == [0, 0, 1, 1]


def test_channels_that_are_never_active():
    x = np.random.default_rng(6).normal(size=(40, 1, 3))
    x[..., 1] = 0
    y = x.copy()
    matched, moved = match(x, y)
    assert matched.tolist() == [0, 1, 2] and moved.round(9).tolist() == [0, 0, 0]
    y[..., 1] = np.random.default_rng(7).normal(size=(40, 1))
    assert match(x, y)[1].round(9)[1] == 1


def test_the_layer_that_was_retrained_is_the_one_that_changed():
    before = subject(60)
    network = copy.deepcopy(before.network)
    with torch.no_grad():
        network.body[2].weight[:2] = network.body[2].weight[[1, 0]]  # blue and green change places
        network.body[2].weight[2] = torch.rand(5, 2, 2, generator=torch.Generator().manual_seed(0)) - 0.3
    first, second = changes(before, replace(before, network=network), [FIRST, SECOND])
    assert first.layer == "body.1" and first.cka == pytest.approx(1) and first.low == first.cka == first.high
    assert first.matched.tolist() == [0, 1, 2, 3, 4] and np.abs(first.moved).max() < 1e-6
    assert second.cka < 0.97 and -1 <= second.low < second.cka < second.high <= 1
    assert second.matched[:2].tolist() == [1, 0] and int(second.moved.argmax()) in (2, 3)


def test_what_cannot_be_compared_is_refused():
    base = subject(60)
    with pytest.raises(dt.DataError, match=r"6 rows cannot show what changed.*To fix"):
        changes(subject(6), subject(6), [FIRST])
    with pytest.raises(dt.DataError, match=r"2 layers before and 1 after.*To fix"):
        changes(base, base, [FIRST, SECOND], layers_after=[FIRST])
    with pytest.raises(dt.DataError, match=r"16 × 16 places before and 8 × 8 after"):
        changes(base, base, [FIRST], layers_after=[SECOND])
    other = replace(base, network=copy.deepcopy(base.network))
    other.network.body = nn.Sequential(base.network.body[0], nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(dt.ModelError, match=r"no layer 'body\.3'"):
        changes(base, other, [layer("body.3", 4, (8, 8))])
