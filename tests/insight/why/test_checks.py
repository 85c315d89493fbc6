"""Tests of explanations: what shows the picture alone fails, what follows the network passes."""

import numpy as np
import pytest
import torch

from drivetrain.insight.reading import answer, array
from drivetrain.insight.why.checks import checks, checks_of_one, randomised, sameness
from drivetrain.insight.why.explaining import explain, said
from drivetrain.insight.why.methods import METHODS, Asked, asked, integrated_gradients

from ..colours import FIRST, SECOND, subject
from .test_methods import MIDDLE, RED, convolutional, square_of


def picture_alone(about: Asked):
    """An edge detector: it asks nothing of the network."""
    return array(about.inputs[0].abs().sum(0))


def centre(about: Asked):
    height, width = about.inputs.shape[2:]
    rows, columns = np.mgrid[:height, :width]
    return (-((rows - height / 2) ** 2) - (columns - width / 2) ** 2).astype(np.float32)


def against(about: Asked):
    return -integrated_gradients(about)


def by_method(found, test):
    return {each.method: each for each in found if each.test == test}


def test_what_shows_the_picture_alone_says_nothing():
    base = subject(24)
    found = checks(base, [FIRST, SECOND], {"picture alone": picture_alone, "centre": centre}, n_rows=6)
    sanity = by_method(found, "randomised parameters")
    for name in ("picture alone", "centre"):
        assert sanity[name].value == pytest.approx(1) and not sanity[name].passed
        assert "it looks the same with random weights, so it says nothing about the decision" in sanity[name].said
    assert sanity["centre"].against == pytest.approx(1) and abs(sanity["picture alone"].against) < 0.5


def test_a_method_that_follows_the_weights_passes():
    base = subject(24, convolutional())
    found = by_method(checks(base, [MIDDLE], {"noise": weights_alone}, n_rows=6), "randomised parameters")
    assert found["noise"].passed and abs(found["noise"].value) < 0.2
    assert "the map depends on what the network has learnt" in found["noise"].said


def weights_alone(about: Asked):
    """Another map for other weights, the same for all pictures."""
    seed = int(
        sum(float(p.double().mean() * 1e6) + float(p.flatten()[0] * 1e6) for p in about.network.state_dict().values())
    )
    return np.random.default_rng(abs(seed)).normal(size=(16, 16)).astype(np.float32)


def test_what_points_to_the_square_is_better_than_chance():
    base = subject(24)
    methods = {**METHODS, "against": against}
    found = checks(base, [FIRST, SECOND], methods, n_rows=8)
    assert len(found) == 12
    for test in ("deletion", "insertion"):
        fidelity = by_method(found, test)
        better = [fidelity[name] for name in METHODS]
        assert all(each.passed for each in better)
        sign = 1 if test == "insertion" else -1
        assert all(sign * each.value > sign * each.against for each in better)
        assert not fidelity["against"].passed
        assert "not shown to be better than chance" in fidelity["against"].said
        assert len({each.against for each in fidelity.values()}) == 1


def test_areas_by_hand():
    """Deletion of an output that ignores the picture: its probability all the way."""
    base = subject(12)
    with torch.no_grad():
        base.network.head.weight.zero_()
        base.network.head.bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
    about = asked(base, RED, [SECOND])
    found = checks_of_one(about, {"any": picture_alone(about)})
    constant = float(torch.softmax(torch.tensor([1.0, 0.0, 0.0]), 0)[0])
    assert [(each.test, round(each.value, 6), each.passed) for each in found] == [
        ("deletion", round(constant, 6), False),
        ("insertion", round(constant, 6), False),
    ]


def test_pictures_all_alike_give_no_verdict():
    base = subject(12)
    with torch.no_grad():
        base.network.head.weight.zero_()
    found = checks(base, [SECOND], {"any": picture_alone}, n_rows=4)
    assert "too few pictures to tell, or all alike" in by_method(found, "deletion")["any"].said
    assert not by_method(found, "deletion")["any"].passed


def test_a_shuffled_network_has_the_same_numbers_and_another_answer():
    base = subject(24, convolutional())
    shuffled = randomised(base, seed=1)
    for one, other in zip(base.network.parameters(), shuffled.parameters(), strict=True):
        assert torch.equal(one.flatten().sort().values, other.flatten().sort().values)
    with torch.no_grad():
        before, after = (answer(network, *base.batch([0, 1])) for network in (base.network, shuffled))
        again = answer(randomised(base, seed=1), *base.batch([0, 1]))
    assert not torch.allclose(before, after) and torch.equal(after, again)


def test_a_shuffled_network_does_not_die():
    """Batch normalisation learns its statistics anew: the last layer still tells pictures apart."""
    import timm
    from torch import nn

    from drivetrain.training.network import Network

    torch.manual_seed(0)
    body = timm.create_model("test_resnet", num_classes=0)
    network = Network(nn.Identity(), body, features=body.num_features, n_outputs=3, dropout=0).eval()
    base = subject(24, network)
    shuffled = randomised(base)
    assert not shuffled.training and all(not module.training for module in shuffled.modules())
    with torch.no_grad():
        features = shuffled.body(base.batch(range(24))[0])
    assert torch.isfinite(features).all() and float(features.std(0).mean()) > 0.01


@pytest.mark.parametrize(("one", "other", "expected"), [("rising", "falling", -1.0), ("rising", "signed", 1.0)])
def test_sameness_is_of_ranks_of_size(one, other, expected):
    maps = {"rising": np.arange(1.0, 10), "falling": np.arange(9.0, 0, -1), "signed": -(np.arange(1.0, 10) ** 3)}
    assert sameness(maps[one].reshape(3, 3), maps[other].reshape(3, 3)) == expected


def test_why_this_answer():
    base = subject(12)
    found = explain(base, RED, [FIRST, SECOND])
    assert found.said.startswith("red, ") and found.said.endswith(" %") and set(found.maps) == set(METHODS)
    assert [step[:2] for step in found.path[:1]] == [("body.1", 2)]
    last = [step for step in found.path if step[0] == "body.3"]
    assert last[0][1] == 2 and last[0][2] > 0.8  # red does it
    assert all(0 < share <= 1 for _, _, share in found.path)
    assert len(found.checks) == 6 and all(each.against > 0 for each in found.checks)
    inside = square_of(base, RED)
    assert found.maps["integrated gradients"][inside].sum() > 0
    assert all(each.passed for each in found.checks if each.method == "integrated gradients")


def test_why_of_numbers_and_without_tests():
    import drivetrain as dt

    from ..colours import with_target

    base = subject(12)
    amounts = dt.NumberTarget(names=("kg", "m", "s"), mean=(100.0,) * 3, std=(2.0,) * 3)
    found = explain(with_target(base, amounts, [(0.0,) * 3] * 12), RED, [SECOND], output=2, tested=False)
    raw = float(base.network.answer(*base.batch([RED])).detach()[0, 2])
    assert found.said == f"s {100 + 2 * raw:.4g}" and found.checks == ()
    assert said(asked(base, RED, [SECOND])).startswith("red, ")
    with pytest.raises(dt.SettingError, match="row=12"):
        explain(base, 12, [SECOND])


def flat(about: Asked):
    return np.zeros((16, 16), dtype=np.float32)


def test_a_map_that_is_the_same_everywhere_passes_nothing():
    """Cells that are marked alike are covered in an order by chance, and not from the top."""
    base = subject(24)
    with torch.no_grad():  # pictures whose upper half decides
        views = base.batch(range(24))[0]
        views[:, :, 8:] = 0
    found = checks(base, [FIRST, SECOND], {"flat": flat}, n_rows=12)
    assert not any(each.passed for each in found)
    assert "12 of 12 maps are the same everywhere" in by_method(found, "randomised parameters")["flat"].said


def asked_of(network, do):
    """How many pictures a network is asked about."""
    sizes: list[int] = []
    handle = network.body.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    found = do()
    handle.remove()
    return sum(sizes), found


def test_chance_is_asked_once_for_both_tests():
    base = subject(12)
    about = asked(base, RED, [SECOND])
    maps = {name: method(about) for name, method in METHODS.items()}
    n, _ = asked_of(base.network, lambda: checks_of_one(about, maps))
    assert n == 2 + (19 + 2 * len(maps)) * 9


def test_insertion_and_deletion_by_brute_force():
    base = subject(12, convolutional())
    about = asked(base, RED, [MIDDLE])
    map_HW = integrated_gradients(about)
    found = {each.test: each.value for each in checks_of_one(about, {"own": map_HW})}
    rows = np.arange(16) * 14 // 16
    cell_HW = rows[:, None] * 14 + rows[None, :]
    means = [map_HW[cell_HW == cell].mean() for cell in range(196)]
    order = np.argsort(-np.array(means))
    for test in ("insertion", "deletion"):
        degrees = []
        for step in range(11):
            n = round(196 * step / 10)
            first = torch.from_numpy(np.isin(cell_HW, order[:n]))
            degrees.append(float(about.degree(about.inputs * (first if test == "insertion" else ~first))[0]))
        assert found[test] == pytest.approx(np.trapezoid(degrees, dx=0.1), abs=1e-5)
