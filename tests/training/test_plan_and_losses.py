"""Schedules against their definition, losses against plain torch."""

from __future__ import annotations

import math
from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from drivetrain.errors import SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget
from drivetrain.training.recipe import defaults
from drivetrain.training.recipe.losses import make_loss
from drivetrain.training.recipe.lr_find import suggest
from drivetrain.training.recipe.plan import BATCH, FIXED, MOMENTUM_HIGH, MOMENTUM_LOW, Phase, Rates
from drivetrain.training.stepping import BETA2, set_schedule

PETS = CategoryTarget(name="pet", vocab=("cat", "dog", "eel"))
TAGS = CategoriesTarget(name="tags", vocab=("a", "b", "c"))
SIZE = NumberTarget(names=("w", "h"), mean=(0.0, 0.0), std=(1.0, 1.0))
ROWS = np.array([0, 0, 0, 0, 1, 1, 2, 0])
OUTPUTS = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


@given(steps=st.integers(4, 500), warmup=st.floats(0.05, 0.9))
def test_one_cycle_rises_then_falls(steps: int, warmup: float) -> None:
    phase = Phase("p", 1, False, Rates(1, 1, 1), warmup=warmup, start_div=25, end_div=1e5)
    factors = [phase.factor(step, steps) for step in range(steps)]
    peak = int(np.argmax(factors))
    assert all(a <= b + 1e-12 for a, b in pairwise(factors[: peak + 1]))
    assert all(a >= b - 1e-12 for a, b in pairwise(factors[peak:]))
    assert factors[-1] == pytest.approx(1e-5)
    assert max(factors) <= 1
    momenta = [phase.momentum(step, steps) for step in range(steps)]
    assert min(momenta) >= MOMENTUM_LOW and max(momenta) <= MOMENTUM_HIGH
    assert int(np.argmin(momenta)) == peak


def test_one_cycle_against_the_formula() -> None:
    phase = Phase("p", 1, False, Rates(1, 1, 1), warmup=0.5, start_div=10, end_div=100)
    assert phase.factor(1, 8) == pytest.approx(1 + (0.1 - 1) * 0.5 * (1 + math.cos(math.pi * 0.5)))
    assert phase.factor(3, 8) == pytest.approx(1.0)
    assert phase.factor(7, 8) == pytest.approx(0.01)


def test_body_rates_are_geometric() -> None:
    rates = Rates(head=1e-2, body_top=1e-3, body_stem=1e-5)
    assert [rates.at(d) for d in (0, 0.5, 1)] == pytest.approx([1e-5, 1e-4, 1e-3])
    assert Rates(1e-2, 0, 0).at(0.5) == 0


def test_every_group_follows_the_schedule_at_its_own_rate() -> None:
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": [w], "lr": r, "peak_lr": r} for w, r in zip(weights, (1e-2, 1e-4), strict=True)]
    optimizer = torch.optim.AdamW(groups)
    phase = Phase("p", 1, False, Rates(1e-2, 1e-4, 1e-4))
    for step in (0, 5, 19):
        set_schedule(optimizer, phase, step, 20)
        factor, momentum = phase.factor(step, 20), phase.momentum(step, 20)
        assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([1e-2 * factor, 1e-4 * factor])
        assert all(g["betas"] == (momentum, BETA2) for g in optimizer.param_groups)


def test_default_choices() -> None:
    assert [defaults.choose_batch_size(n, "cpu").value for n in (10, 300, 5000)] == [16, 16, 32]
    assert defaults.choose_batch_size(50_000, "cuda").value == 64
    assert [defaults.choose_head_epochs(n, True).value for n in (1, 20, 1000)] == [20, 4, 1]
    assert defaults.choose_head_epochs(5, False).value == 0
    assert "solved" in defaults.choose_head_epochs(5, True, solved=True).reason
    assert defaults.choose_head_epochs(5, False, solved=True).value == 0
    conv, plain = normalised_body(0.1), torch.nn.Linear(2, 2)
    assert defaults.choose_rates(1e-2, conv, True)[0].body_top > defaults.choose_rates(1e-2, plain, True)[0].body_top
    assert defaults.choose_rates(1e-2, conv, False)[0] == Rates(1e-2, 1e-2, 1e-2)


def normalised_body(size: float) -> torch.nn.Module:
    """Convolutions with weights of that size; the depthwise one has others."""
    whole, depthwise = torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 8, 3, groups=8)
    with torch.no_grad():
        whole.weight.fill_(size)
        depthwise.weight.fill_(9.0)
    return torch.nn.Sequential(whole, torch.nn.BatchNorm2d(8), depthwise, torch.nn.BatchNorm2d(8))


def test_a_batch_normalised_body_is_changed_by_a_share_of_its_weights() -> None:
    small, large = (defaults.choose_rates(1e-2, normalised_body(size), True)[0] for size in (0.04, 0.16))
    assert astuple(small) == pytest.approx((1e-2, 1e-3, 3e-4)) and large.body_top == pytest.approx(4e-3)
    extremes = [defaults.choose_rates(1e-2, normalised_body(size), True)[0].body_top for size in (1e-6, 1e3)]
    assert extremes == pytest.approx([5e-4, 5e-3])
    solved, why = defaults.choose_rates(1e-2, normalised_body(0.04), True, solved=True)
    assert astuple(solved) == pytest.approx((5e-3, 1e-3, 3e-4)) and "weights of about 0.04" in why.reason
    assert defaults.weight_size(torch.nn.Conv2d(3, 8, 3)) is None


def test_with_fixed_statistics_the_body_learns_more_slowly_and_the_head_does_not() -> None:
    batch = defaults.choose_rates(1e-2, normalised_body(0.04), True)[0]
    fixed, why = defaults.choose_rates(1e-2, normalised_body(0.04), True, statistics=FIXED)
    assert fixed.head == batch.head and "fixed statistics" in why.reason
    ratios = [fixed.body_top / batch.body_top, fixed.body_stem / batch.body_stem]
    assert ratios == pytest.approx([defaults.FIXED_STATISTICS_SHARE] * 2)
    plain = torch.nn.Linear(2, 2)
    assert defaults.choose_rates(1e-2, plain, True, statistics=FIXED) == defaults.choose_rates(1e-2, plain, True)


def test_which_statistics_a_body_is_trained_with() -> None:
    body, plain = normalised_body(0.04), torch.nn.Linear(2, 2)
    assert defaults.choose_statistics(None, body, True).value == FIXED
    assert defaults.choose_statistics("batch", body, True) == Decision(value=BATCH, reason="as asked")
    assert defaults.choose_statistics(None, body, False).value == BATCH
    assert "no batch normalisation" in defaults.choose_statistics(None, plain, True).reason
    with pytest.raises(SettingError, match="no statistics yet"):
        defaults.choose_statistics("fixed", body, False)
    with pytest.raises(SettingError, match="Did you mean 'fixed'"):
        defaults.choose_statistics("fixd", body, True)


RATES = [1e-6 * 10 ** (i / 16) for i in range(97)]
"""1e-6 to 1, as in a trial."""


def test_a_falling_curve_is_read_where_it_falls() -> None:
    losses = [1 + 3 / (1 + (lr / 1e-3) ** 2) + (lr / 0.3) ** 4 for lr in RATES]
    found = suggest(RATES, losses, default=2e-3)
    assert 3e-4 < found.lr < 3e-3 and "fastest" in found.reason


def test_noise_is_not_taken_for_a_fall() -> None:
    """The curve of a trained model: flat and noisy, then it rises."""
    noise = np.random.default_rng(0).normal(0, 0.03, len(RATES))
    losses = [1.1 + n + (lr / 5e-3) ** 2 for lr, n in zip(RATES, noise, strict=True)]
    found = suggest(RATES, losses, default=2e-3)
    assert 5e-5 < found.lr <= 2e-3 and "hardly falls" in found.reason


def test_a_short_trial_gives_the_default() -> None:
    assert suggest(RATES[:4], [1.0] * 4, default=2e-3).lr == 2e-3


def loss_of(target: object, **options: object):
    settings = {"loss": None, "label_smoothing": 0.0, "class_weights": None, "training_rows": ROWS}
    return make_loss(target=target, **(settings | options))


def test_cross_entropy() -> None:
    truth = torch.from_numpy(ROWS)
    expected = functional.cross_entropy(OUTPUTS, truth, reduction="none", label_smoothing=0.1)
    torch.testing.assert_close(loss_of(PETS, label_smoothing=0.1)(OUTPUTS, truth), expected)


def test_balanced_weights_have_mean_one_over_the_training_rows() -> None:
    truth = torch.from_numpy(ROWS)
    plain = loss_of(PETS)(OUTPUTS, truth)
    weights = loss_of(PETS, class_weights="balanced")(OUTPUTS, truth) / plain
    assert float(weights.mean()) == pytest.approx(1, rel=1e-5)
    per_class = [float(weights[k == ROWS].mean()) for k in range(3)]
    assert [w * n for w, n in zip(per_class, (5, 2, 1), strict=True)] == pytest.approx([8 / 3] * 3, rel=1e-4)


def test_named_weights() -> None:
    truth = torch.from_numpy(ROWS)
    weights = loss_of(PETS, class_weights={"eel": 3.0})(OUTPUTS, truth) / loss_of(PETS)(OUTPUTS, truth)
    assert float(weights[6] / weights[0]) == pytest.approx(3, rel=1e-5)
    assert float(weights.mean()) == pytest.approx(1, rel=1e-5), "the loss keeps its scale"


def best_constant(loss: object, tags: np.ndarray) -> list[float]:
    """The probabilities that a model without inputs would say, found by minimising the loss."""
    outputs = torch.zeros(tags.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([outputs], max_iter=200, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def objective() -> torch.Tensor:
        optimizer.zero_grad()
        mean = loss(outputs.expand(len(tags), -1), torch.from_numpy(tags)).mean()  # type: ignore[operator]
        mean.backward()
        return mean

    optimizer.step(objective)
    return outputs.sigmoid().tolist()


def tags_of(*having: int, n: int = 400) -> np.ndarray:
    """(n, K) labels, each true of so many rows."""
    return np.stack([np.random.default_rng(k).permutation(np.arange(n) < h) for k, h in enumerate(having)], 1) * 1.0


def test_balanced_labels_are_as_likely_as_not() -> None:
    """Whatever their frequency: 5 %, 1 row of 400, nearly all. Unweighted, the best constant is the frequency."""
    tags = tags_of(20, 1, 395)
    options = {"training_rows": tags}
    assert best_constant(loss_of(TAGS, **options), tags) == pytest.approx([0.05, 0.0025, 0.9875], abs=1e-3)
    balanced = loss_of(TAGS, class_weights="balanced", **options)
    assert best_constant(balanced, tags) == pytest.approx([0.5] * 3, abs=1e-3)
    assert balanced.tilt_K + np.log([20 / 380, 1 / 399, 395 / 5]) == pytest.approx(np.zeros(3), abs=1e-5)
    at_half = balanced(torch.zeros(400, 3), torch.from_numpy(tags))
    assert float(at_half.mean()) == pytest.approx(np.log(2), rel=1e-5), "the loss keeps its scale"


def test_labels_of_all_rows_or_none_are_left_as_they_are() -> None:
    tags = tags_of(0, 400, 40)
    plain, balanced = (loss_of(TAGS, class_weights=how, training_rows=tags) for how in (None, "balanced"))
    outputs = torch.randn(400, 3)
    outputs[:, 2] = 0
    difference = balanced(outputs, torch.from_numpy(tags)) - plain(outputs, torch.from_numpy(tags))
    assert float(difference.mean()) == pytest.approx(0, abs=1e-6) and torch.isfinite(difference).all()


def test_a_weight_of_a_label_is_that_of_the_rows_that_have_it() -> None:
    tags = tags_of(40, 40, 40)
    named = loss_of(TAGS, class_weights={TAGS.vocab[1]: 9.0}, training_rows=tags)
    assert best_constant(named, tags) == pytest.approx([0.1, 0.5, 0.1], abs=1e-3)
    assert float(named(torch.zeros(400, 3), torch.from_numpy(tags)).mean()) == pytest.approx(np.log(2), rel=1e-5)


def test_a_weighted_head_begins_at_the_best_constant() -> None:
    """A new head says what the weighted loss likes best, not the frequencies."""
    rates = defaults.base_rates(PETS, ROWS) + loss_of(PETS, class_weights="balanced").tilt_K
    assert np.exp(rates) / np.exp(rates).sum() == pytest.approx([1 / 3] * 3)


def test_binary_cross_entropy_and_regression() -> None:
    tags = torch.randint(0, 2, (8, 3)).float()
    rows = functional.binary_cross_entropy_with_logits(OUTPUTS, tags, reduction="none").mean(1)
    torch.testing.assert_close(loss_of(TAGS, training_rows=tags.numpy())(OUTPUTS, tags), rows)
    numbers = torch.randn(8, 2)
    for name, function in (("mse", functional.mse_loss), ("l1", functional.l1_loss), ("huber", functional.huber_loss)):
        expected = function(OUTPUTS[:, :2], numbers, reduction="none").mean(1)
        torch.testing.assert_close(loss_of(SIZE, loss=name)(OUTPUTS[:, :2], numbers), expected)


@pytest.mark.parametrize("target", [TAGS, SIZE])
def test_an_option_that_would_be_ignored_is_an_error(target: object) -> None:
    with pytest.raises(SettingError, match="no effect"):
        loss_of(target, label_smoothing=0.1, training_rows=np.ones((2, 3)))


def test_a_weight_of_nothing_leaves_a_category_out() -> None:
    assert loss_of(PETS, class_weights={"cat": 0.0}).weights[0] == 0


def test_a_module_of_torch_weighs_rows_as_its_mean_over_a_batch_does() -> None:
    truth = torch.tensor([0, 0, 1, 2, 2, 2, 1, 0])[: len(OUTPUTS)]
    weight = torch.tensor([1.0, 2.0, 5.0])
    expected = functional.cross_entropy(OUTPUTS, truth, weight, reduction="none")
    for reduction in ("mean", "sum", "none"):
        asked = torch.nn.CrossEntropyLoss(weight, reduction=reduction)
        torch.testing.assert_close(loss_of(PETS, loss=asked)(OUTPUTS, truth), expected)
        assert asked.reduction == reduction  # the user's own stays as it was


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (torch.nn.CrossEntropyLoss, r"loss=CrossEntropyLoss\(\)"),
        (torch.nn.ReLU(), "takes outputs .2, 3. float32 and targets .2,. int64"),
        (torch.nn.BCEWithLogitsLoss(), "It said ValueError"),
        (lambda outputs: outputs, "It said TypeError"),
        (lambda outputs, target: 1.0, "It said AttributeError"),
        (lambda outputs, target: torch.zeros(2), "does not depend on the outputs"),
        ("cross_entrpy", "Did you mean 'cross_entropy'"),
        ("", "expected 'cross_entropy'"),
        (3, "expected 'cross_entropy'"),
    ],
)
def test_a_loss_that_cannot_be_used_is_refused_before_anything_is_trained(loss: object, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        loss_of(PETS, loss=loss)
