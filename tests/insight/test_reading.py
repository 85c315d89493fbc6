"""What layers give is read as it was, and can be replaced."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import drivetrain as dt
from drivetrain.insight.reading import answer, passed, replaced, spread_rows, watched

from .colours import FIRST, NAMES, SECOND, layer, pictures, rows_of, subject


def test_a_layer_is_read_before_the_next_writes_over_it():
    base = subject(6)
    [views] = base.batch([0, 1])
    convolution = layer("body.0", 5, (16, 16))  # its output is overwritten by the ReLU in place
    with torch.no_grad(), watched(base.network, [convolution, FIRST]) as found:
        answer(base.network, views)
    expected = base.network.body[0](views)
    torch.testing.assert_close(found["body.0"], expected)
    torch.testing.assert_close(found["body.1"], expected.relu())
    assert not base.network.body[1]._forward_hooks


def test_gradients_come_through_a_frozen_body():
    base = subject(3)
    base.network.freeze_body(True)
    with watched(base.network, [FIRST]) as found:
        said = answer(base.network, base.batch([0])[0].requires_grad_())
        [slope] = torch.autograd.grad(said[0, 0], [found["body.1"]])
    assert float(slope[0, 0].max()) > 0  # blue


@pytest.mark.parametrize("rows", [[0], [0, 1, 2, 3, 4], list(range(60))], ids=len)
def test_means_do_not_depend_on_the_batch(rows):
    base = subject(60)
    found = passed(base, [FIRST, SECOND], rows)
    alone = [passed(base, [FIRST], [row]).means["body.1"][0] for row in rows]
    np.testing.assert_allclose(found.means["body.1"], np.stack(alone), rtol=1e-6)
    assert found.outputs.shape == (len(rows), 3) and found.means["body.3"].shape == (len(rows), 4)


def test_another_value_is_read_by_what_follows():
    base = subject(3)
    with torch.no_grad(), replaced(base.network, SECOND, torch.zeros_like):
        said = answer(base.network, *base.batch([0, 1]))
    assert said.tolist() == [[3.5, 0.0, 0.0]] * 2  # what the head says of nothing


def test_a_layer_of_another_network_is_refused():
    with pytest.raises(dt.ModelError, match=r"no layer 'body\.9'.*To fix"):
        passed(subject(3), [layer("body.9", 3, (1, 1))])


def test_what_is_read_comes_after_the_activation():
    """The search reads ReLU6 before it cuts values off; what follows reads what it gives."""
    at = replace(FIRST, reading=replace(FIRST.reading, given=True))
    found = passed(subject(6), [at]).means["body.1"]
    np.testing.assert_array_equal(found, passed(subject(6), [FIRST]).means["body.1"])
    assert found[:, 3].tolist() == [0] * 6


def test_rare_classes_are_among_the_rows_that_are_drawn():
    base = subject(60)
    classes = np.array([0] * 50 + [1] * 8 + [2] * 2)
    base = replace(base, truth=classes, rows=rows_of([NAMES[k] for k in classes]))
    drawn = spread_rows(base, 12)
    assert np.bincount(classes[drawn]).tolist() == [5, 5, 2] and drawn == sorted(drawn)
    assert spread_rows(base, 12) == drawn != spread_rows(base, 12, seed=1)
    assert spread_rows(base, 100) == list(range(60))


def test_pictures_have_their_colour():
    assert pictures(np.array([0]))[0].amax((1, 2)).round().tolist() == [0, 0, 1]
