"""A small network that reads two numbers."""

import numpy as np
from torch import nn

from tests.kinds.toy_table.spec import Spec


def describe(data):
    columns = data.train.inputs.columns
    cells = {name: np.asarray(column, float) for name, column in columns.items()}
    mean = tuple(float(np.nanmean(column)) for column in cells.values())
    std = tuple(float(np.nanstd(column)) or 1.0 for column in cells.values())
    return Spec(columns=tuple(columns), mean=mean, std=std)


BODIES = {
    "dense": lambda spec: nn.Sequential(nn.Linear(len(spec.columns), 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
}
