"""The head of a saved model, grown by classes that are new.

Legend: K outputs of which the first are old, F features.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from drivetrain.training.fast.activations import Bank
from drivetrain.training.fast.solving import ROWS_AT_ONCE, standardise_outputs
from drivetrain.training.network import Network


@torch.no_grad()
def start_new_rows(network: Network, bank: Bank, target: Tensor, *, n_old: int) -> None:
    """Let each new class begin at the mean of its rows, among old classes that stay as they are.

    The features are standardised as the head does it; the row of a class points to its mean, as long as the old rows
    are on average, and its bias lets a row half way to the mean of all rows speak for neither. Source: weight
    imprinting, Qi et al. (2018), arXiv:1712.07136.

    Args:
        network: Its first `n_old` outputs are known.
        bank: (1, N, F) features of the rows as they are judged.
        target: (N,) classes or (N, K) labels, in training form.
        n_old: Outputs that are not new.
    """
    head = cast(nn.Sequential, network.head)
    norm, linear = cast(nn.BatchNorm1d, head[0]), cast(nn.Linear, head[-1])
    n_new = linear.out_features - n_old
    if n_new <= 0:
        return
    rows = bank.there(np.arange(bank.rows))
    totals = torch.zeros(linear.out_features, linear.in_features, dtype=torch.float64)
    counts = torch.zeros(linear.out_features, dtype=torch.float64)
    for which in np.array_split(rows, math.ceil(len(rows) / ROWS_AT_ONCE)):
        standard = standardise_outputs(norm, bank, which)
        said = target[torch.from_numpy(which)]
        member = nn.functional.one_hot(said, linear.out_features) if said.ndim == 1 else said
        totals += member.T.double() @ standard
        counts += member.double().sum(0)
    mean_KF = totals / counts.clamp_min(1).unsqueeze(1)
    new = mean_KF[n_old:]
    length = float(linear.weight[:n_old].norm(dim=1).mean())
    direction = new / new.norm(dim=1, keepdim=True).clamp_min(1e-12)
    bias = float(linear.bias[:n_old].mean()) - 0.5 * length * (direction * new).sum(1)
    linear.weight[n_old:] = (length * direction).to(linear.weight)
    linear.bias[n_old:] = bias.to(linear.bias)
