"""The best weights of a new head on a body that stays as it is, found at once instead of approached step by step.

Over a frozen body the head is a generalised linear model of features that never change: a quasi-Newton method finds
its best weights in seconds. Fine-tuning from there changes the body less than from a head that has still to find its
way (Kumar et al. 2022, arXiv:2202.10054).
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from drivetrain.errors import TrainingError
from drivetrain.progress import track
from drivetrain.training.fast.activations import Bank
from drivetrain.training.network import Network
from drivetrain.training.recipe.losses import Loss

PENALTY = 100.0
"""Of the squared weights on standardised features, beside the sum of the rows' losses: ½ · 100 · |w|². On 40
and 81 classes 100 and 300 were a point apart after fine-tuning (76.3 and 77.6, 93.8 and 94.2 %): no reason to choose;
the linear probe of `probing` has the same."""
MOST_ITERATIONS = 60
MOST_TRIALS = 75
"""Of the loss: an iteration may take several."""
ROWS_AT_ONCE = 4096


@torch.no_grad()
def standardise(norm: nn.BatchNorm1d, bank: Bank, batches: list[np.ndarray]) -> None:
    """Let the head's normalisation know mean and variance of all rows."""
    total, squares, n = 0.0, 0.0, 0
    for which in batches:
        features = _features(bank, which).double()
        total, squares, n = total + features.sum(0), squares + features.square().sum(0), n + len(which)
    mean = cast(Tensor, total) / n
    variance = (cast(Tensor, squares) / n - mean.square()).clamp_min(0)
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)


def solve_head(network: Network, bank: Bank, target: Tensor, loss: Loss, *, from_start: bool = False) -> float:
    """Give the head the weights that minimise the loss on stored features, with a ridge penalty; returns the mean loss.

    L-BFGS with a line search on all rows at once: no rate to choose, no order, no chance. Nocedal and Wright (2006),
    Numerical Optimization, algorithms 7.4 and 3.5.

    Args:
        network: Its body gave the features.
        bank: (1, N, F) features of the rows as they are judged, not varied.
        target: (N, ...) training form of the targets.
        loss: Of the run.
        from_start: Let the penalty be the distance to the weights that the head has now, and not to none: what it
            knows already is given up only for what the rows say.

    Raises:
        TrainingError: The loss is not a finite number.
    """
    head = cast(nn.Sequential, network.head)
    norm, linear = cast(nn.BatchNorm1d, head[0]), cast(nn.Linear, head[-1])
    device = linear.weight.device
    rows = bank.there(np.arange(bank.rows))
    batches = np.array_split(rows, math.ceil(len(rows) / ROWS_AT_ONCE))
    known = _of_features(norm, linear) if from_start else None
    standardise(norm, bank, batches)
    if known is not None:
        put_map(norm, linear, *known)
    origin = linear.weight.detach().clone() if from_start else torch.zeros(())
    origin = origin.to(device)
    # Losses of several outputs are means over them: their penalty is too.
    shared = 1 if loss.name == "cross_entropy" else linear.out_features
    ridge = PENALTY / len(rows) / shared / 2
    training = network.training
    network.eval()
    optimizer = torch.optim.LBFGS(
        linear.parameters(), max_iter=MOST_ITERATIONS, max_eval=MOST_TRIALS, line_search_fn="strong_wolfe"
    )
    fitted = 0.0
    with track("solving for the head", MOST_TRIALS) as advance:

        def objective() -> float:
            nonlocal fitted
            optimizer.zero_grad()
            fitted = 0.0
            for which in batches:
                with torch.no_grad():
                    standard = norm(_features(bank, which).to(device))
                part = loss(linear(standard), target[torch.from_numpy(which)].to(device)).sum() / len(rows)
                part.backward()
                fitted += float(part.detach())
            penalty = ridge * (linear.weight - origin).square().sum()
            penalty.backward()
            advance(1, note=f"loss {fitted:.3f}")
            if not math.isfinite(fitted):
                raise TrainingError(
                    f"training stopped: the loss of the head became {fitted}. To fix: train a new Learner with "
                    "precision='fp32', or targets without extreme values."
                )
            return fitted + float(penalty.detach())

        optimizer.step(objective)
        objective()
    optimizer.zero_grad()
    network.train(training)
    return fitted


def settle_head(network: Network, bank: Bank, target: Tensor, loss: Loss, *, from_start: bool = False) -> float:
    """Let the head be the mean of itself and of the best one on stored features; returns the mean loss.

    The one has learned from varied views while the body changed, the other knows the rows as they are judged. Both are
    linear in the features, so the mean of what they say is a head of the same form (an average of models as in Wortsman
    et al. 2022, arXiv:2203.05482, exact here).

    Args and errors as of `solve_head`.
    """
    head = cast(nn.Sequential, network.head)
    norm, linear = cast(nn.BatchNorm1d, head[0]), cast(nn.Linear, head[-1])
    trained_weight, trained_bias = _of_features(norm, linear)
    solve_head(network, bank, target, loss, from_start=from_start)
    weight, bias = _of_features(norm, linear)
    weight, bias = (weight + trained_weight) / 2, (bias + trained_bias) / 2
    put_map(norm, linear, weight, bias)
    with torch.no_grad():
        rows = bank.there(np.arange(bank.rows))
        total = 0.0
        for which in np.array_split(rows, math.ceil(len(rows) / ROWS_AT_ONCE)):
            outputs = _features(bank, which).double() @ weight.T + bias
            total += float(loss(outputs.float(), target[torch.from_numpy(which)]).sum())
    return total / len(rows)


@torch.no_grad()
def put_map(norm: nn.BatchNorm1d, linear: nn.Linear, weight: Tensor, bias: Tensor) -> None:
    """Let the head be this linear map of features that are not standardised, whatever its normalisation knows.

    Args:
        norm: Of the head, which stays as it is.
        linear: Of the head.
        weight: (K, F) float64.
        bias: (K,) float64.
    """
    scale, shift = _standardising(norm)
    linear.weight.copy_(torch.where(scale == 0, 0.0, weight / scale))
    linear.bias.copy_(bias - linear.weight.cpu().double() @ shift)


def _standardising(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """(F,) and (F,) float64 on the CPU: what evaluation multiplies features with, and what it adds."""
    assert norm.running_mean is not None and norm.running_var is not None
    weight, bias, mean, variance = (
        value.detach().cpu().double() for value in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    scale = weight / (variance + norm.eps).sqrt()
    return scale, bias - mean * scale


def _of_features(norm: nn.BatchNorm1d, linear: nn.Linear) -> tuple[Tensor, Tensor]:
    """(K, F) and (K,) float64: the head as one linear map of features that are not standardised."""
    scale, shift = _standardising(norm)
    weight = linear.weight.detach().cpu().double()
    return weight * scale, linear.bias.detach().cpu().double() + weight @ shift


def standardise_outputs(norm: nn.BatchNorm1d, bank: Bank, rows: np.ndarray) -> Tensor:
    """(B, F) float64 on the CPU: features of some rows as the head's normalisation gives them in evaluation."""
    scale, shift = _standardising(norm)
    return _features(bank, rows).cpu().double() * scale + shift


def _features(bank: Bank, rows: np.ndarray) -> Tensor:
    return bank.get(rows, np.zeros(len(rows), np.int64)).float()
