"""What is lost when a channel is silenced, known by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import drivetrain as dt
from drivetrain.evaluation.intervals import tango_interval
from drivetrain.insight.features.silencing import silenced
from drivetrain.insight.reading import answer

from ..colours import FIRST, SECOND, layer, rows_of, subject, with_target


def test_a_class_is_lost_with_its_colour():
    base = subject(60)
    found = silenced(base, {FIRST: [2, 3, 4], SECOND: [3]})
    red = found["body.1", 2]
    # at its mean everywhere, red weighs less than what the head says where it sees nothing: every red row is lost
    assert red.value == pytest.approx(-1 / 3) and red.percent and red.higher_is_better
    expected, _ = tango_interval(0, 20, 60)
    assert (red.low, red.high) == pytest.approx((expected.low, expected.high))
    assert red.label == "change of accuracy" and red.n == 60 and red.units is None
    # blue is said where nothing else is seen: silencing its channel loses no blue row
    assert silenced(base, {FIRST: [0]})["body.1", 0].value == pytest.approx(0, abs=0.05)
    for nothing in (found["body.1", 3], found["body.1", 4], found["body.3", 3]):
        assert nothing.value == 0 and nothing.low is not None and nothing.low < 0 < nothing.high


def test_the_network_is_as_before():
    base = subject(12)
    with torch.no_grad():
        before = answer(base.network, *base.batch(range(12)))
        silenced(base, {FIRST: [0]})
        after = answer(base.network, *base.batch(range(12)))
    assert torch.equal(before, after)


def test_a_channel_is_set_to_its_mean_and_not_to_nothing():
    """A channel that is the same everywhere tells nothing, though the head counts on it."""
    base = subject(30)
    with torch.no_grad():
        base.network.body[2].weight[0, 4] = 0.1  # adds 0.1 × 4 × 40 = 16 to what is said of blue …
        base.network.head.bias[0] -= 16  # … which the head takes off again
    assert silenced(base, {FIRST: [4]})["body.1", 4].value == 0
    found = silenced(base, {replace(FIRST, reading=replace(FIRST.reading, given=True)): [4]})
    assert found["body.1", 4].value == 0  # also where the search reads it before its activation


def test_groups_and_few_rows():
    base = subject(60)
    grouped = replace(base, rows=replace(base.rows, groups=tuple(f"g{i % 3}{i // 20}" for i in range(60))))
    red = silenced(grouped, {FIRST: [2]})["body.1", 2]
    assert red.units == 9 and red.method is not None and "group" in red.method
    few = silenced(base, {FIRST: [2]}, most_rows=30)["body.1", 2]
    assert few.n == 30 and few.value == pytest.approx(-1 / 3)
    with pytest.raises(dt.SettingError, match="most_rows=0"):
        silenced(base, {FIRST: [2]}, most_rows=0)


def test_numbers_and_labels():
    base = subject(30)
    amounts = dt.NumberTarget(names=("a", "b", "c"), mean=(0.0,) * 3, std=(1.0,) * 3)
    said = base.network.head(base.network.body(base.batch(range(30))[0])).detach().numpy()
    perfect = with_target(base, amounts, [tuple(row) for row in said.astype(float).tolist()])
    found = silenced(perfect, {SECOND: [0, 3]})
    assert found["body.3", 0].name == "rmse" and found["body.3", 0].higher_is_better is False
    assert found["body.3", 0].value > 0.1 and found["body.3", 3].value == pytest.approx(0, abs=1e-6)
    tags = dt.CategoriesTarget(name="tags", vocab=("blue", "green", "red"))
    several = with_target(base, tags, [(("blue", "green", "red")[k],) for k in base.truth])
    assert silenced(several, {FIRST: [2]})["body.1", 2].value < -0.1


def test_one_class_alone_has_a_note():
    base = subject(30)
    tags = dt.CategoriesTarget(name="tags", vocab=("blue", "green", "red"))
    all_same = replace(base, target=tags, truth=np.ones((30, 3), np.float32), rows=rows_of([tags.vocab] * 30))
    found = silenced(all_same, {FIRST: [2]})["body.1", 2]
    assert found.value is None and found.note == "undefined on these rows: the truth does not vary enough"


def test_tokens_are_silenced_along_their_own_axis():
    """A layer of tokens whose channel 1 alone is read by the head."""
    from torch import nn

    from drivetrain.training.network import Network

    class Patches(nn.Module):
        def forward(self, x):
            return nn.functional.avg_pool2d(x, 4).flatten(2).transpose(1, 2)

    class Mean(nn.Module):
        def forward(self, x):
            return x.mean(1)

    head = nn.Linear(3, 3)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[0.0, 0, 9], [0, 9, 0], [9, 0, 0]]))
        head.bias.copy_(torch.tensor([0.7, 0.0, 0.0]))
    network = Network(
        nn.Identity(), nn.Sequential(Patches(), nn.Identity(), Mean()), features=3, n_outputs=3, dropout=0, head=head
    )
    base = subject(30, network.eval())
    found = silenced(base, {layer("body.1", 3, (4, 4), layout="tokens"): [0, 1]})
    assert found["body.1", 0].value == pytest.approx(-1 / 3, abs=0.1)
