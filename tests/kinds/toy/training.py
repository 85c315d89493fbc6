"""A small 1-D convolutional network that reads curves."""

from torch import nn


def conv1d(spec):
    conv = [nn.Conv1d(1, 8, 5, padding=2), nn.BatchNorm1d(8), nn.ReLU(), nn.Conv1d(8, 16, 5, stride=2), nn.ReLU()]
    return nn.Sequential(nn.Unflatten(1, (1, spec.points)), *conv, nn.AdaptiveAvgPool1d(1), nn.Flatten())


BODIES = {"conv1d": conv1d}


def vary(batch, draws):
    return (batch[0] * (0.9 + 0.2 * draws),)
