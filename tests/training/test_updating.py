"""What an update adds to training: holding on, a grown head, the line between two networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from drivetrain.training.fast.activations import Bank
from drivetrain.training.fast.growing import start_new_rows
from drivetrain.training.fast.solving import solve_head
from drivetrain.training.interpolating import Line
from drivetrain.training.network import Network
from drivetrain.training.recipe.holding import TEMPERATURE, Hold, absent_of, grown
from drivetrain.training.recipe.losses import Loss


def network(n_outputs: int, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
    return Network(nn.Identity(), body, features=4, n_outputs=n_outputs, dropout=0.0).eval()


def bank(seed: int = 0) -> tuple[Bank, Tensor]:
    torch.manual_seed(seed)
    target = torch.arange(60) % 3
    return Bank((torch.eye(4)[target] + 0.1 * torch.randn(60, 4)).unsqueeze(0), channels_last=False), target


def cross_entropy(outputs: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs, target, reduction="none")


def test_old_outputs_stay_what_they_were_in_a_grown_network() -> None:
    old, new = network(2), network(3, seed=1)
    new.load_state_dict(grown(old.state_dict(), new.state_dict()))
    views = torch.randn(5, 3)
    torch.testing.assert_close(new.answer(views)[:, :2], old.answer(views))


def test_a_new_class_begins_at_the_mean_of_its_rows() -> None:
    made, (stored, target) = network(3), bank()
    old = made.head[-1].weight[:2].clone()
    start_new_rows(made, stored, target, n_old=2)
    weight = made.head[-1].weight.detach()
    torch.testing.assert_close(weight[:2], old)
    assert int(weight[2].argmax()) == 2
    torch.testing.assert_close(weight[2].norm(), old.norm(dim=1).mean())


def test_a_head_solved_from_its_start_stays_nearer_to_it() -> None:
    stored, target = bank()
    loss, apart = Loss("cross_entropy", cross_entropy), list[float]()
    for from_start in (False, True):
        made = network(3)
        linear = made.head[-1]
        with torch.no_grad():
            linear.weight.copy_(2 * torch.roll(torch.eye(4)[:3], 1, 0))
        start, features = made.head.eval(), torch.eye(4)
        before = start(features).detach()
        solve_head(made, stored, target, loss, from_start=from_start)
        apart.append(float((made.head(features) - before).detach().norm()))
    assert apart[1] < apart[0]


def test_the_anchor_pulls_by_rate_and_strength() -> None:
    old, new = network(2), network(3)
    new.load_state_dict(grown(old.state_dict(), new.state_dict()))
    with torch.no_grad():
        for parameter in new.parameters():
            parameter.add_(1)
    then = {name: value.detach().clone() for name, value in new.named_parameters()}
    optimizer = torch.optim.AdamW(new.parameters(), lr=0.1)
    Hold(old, "category", 2, anchor=5.0).pull(new, optimizer)
    weight = new.head[-1].weight.detach()
    torch.testing.assert_close(weight[:2], old.head[-1].weight + 0.5)
    torch.testing.assert_close(weight[2], then["head.2.weight"][2])  # a new row has no start to go back to


def test_distillation_is_the_divergence_from_the_old_answers() -> None:
    old, views = network(2), torch.randn(6, 3)
    hold, outputs = Hold(old, "category", 2, distil=1.0), torch.randn(6, 3)
    found = hold.distance(hold.teacher_of(None), (views,), outputs)
    p, q = (torch.softmax(logits / TEMPERATURE, 1) for logits in (old.answer(views), outputs[:, :2]))
    torch.testing.assert_close(found, (p * (p / q).log()).sum(1) * TEMPERATURE**2)
    same = torch.cat([old.answer(views), torch.randn(6, 1)], 1)
    assert float(hold.distance(old.body, (views,), same).detach().abs().max()) < 1e-5


def test_both_ends_of_the_line_are_what_they_were_and_statistics_follow_between() -> None:
    first, second, made = network(3), network(3, seed=1), network(3)
    with torch.no_grad():
        first.body[1].running_mean.fill_(0.5)
    views = torch.randn(64, 3)
    line = Line(made, first.state_dict(), second.state_dict(), lambda: [(views,)])
    for alpha, end in ((0.0, first), (1.0, second)):
        line.put(alpha)
        torch.testing.assert_close(made.answer(views), end.answer(views))
    for alpha, end in ((1e-6, first), (1 - 1e-6, second)):
        line.put(alpha)
        torch.testing.assert_close(made.answer(views), end.answer(views), atol=1e-3, rtol=1e-3)


def test_statistics_between_are_those_of_the_rows_where_the_ends_are() -> None:
    views = torch.randn(256, 3)
    ends = [network(3, seed) for seed in (0, 1)]
    for end in ends:  # each knows its own rows
        with torch.no_grad():
            for at in (end.body, end.head):
                norm = at[1] if at is end.body else at[0]
                read = end.body[0](views) if at is end.body else end.body(views)
                norm.running_mean.copy_(read.mean(0))
                norm.running_var.copy_(read.var(0, unbiased=False))
    made = network(3)
    Line(made, ends[0].state_dict(), ends[1].state_dict(), lambda: [(views,)]).put(0.5)
    read = made.body[0](views).detach()
    norm = made.body[1]
    np.testing.assert_allclose(norm.running_mean, read.mean(0), atol=1e-5)
    np.testing.assert_allclose(norm.running_var, read.var(0, unbiased=False), atol=1e-4)


def test_classes_without_rows_are_not_unlearnt() -> None:
    absent = absent_of(torch.tensor([2, 2]), 3, "category")
    hold, outputs = Hold(network(2), "category", 2, absent=absent), torch.zeros(2, 3, requires_grad=True)
    cross_entropy(hold.present(outputs), torch.tensor([2, 2])).sum().backward()
    assert outputs.grad is not None and float(outputs.grad.abs().sum()) == 0 and not hold.solves


def test_statistics_that_both_ends_share_are_left_alone() -> None:
    first, second, made = network(3), network(3, seed=1), network(3)
    second.body[1].load_state_dict(first.body[1].state_dict())
    with torch.no_grad():
        second.head[0].running_mean.fill_(1.0)
    Line(made, first.state_dict(), second.state_dict(), lambda: [(torch.randn(64, 3),)]).put(0.25)
    assert torch.equal(made.body[1].running_mean, first.body[1].running_mean)
    assert torch.equal(made.body[1].running_var, first.body[1].running_var)
    torch.testing.assert_close(made.head[0].running_mean, 0.75 * first.head[0].running_mean + 0.25)
