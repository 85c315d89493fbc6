"""Tables of predictions with known properties, for the tests of this folder."""

from dataclasses import replace

import numpy as np

from drivetrain.evaluation import Predictions
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget


def ids(n):
    return tuple(f"row{i}" for i in range(n))


def category(n=200, k=5, *, seed=0, strength=2.0, ties=False):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), truth] += strength
    target = CategoryTarget(name="kind", vocab=tuple(f"k{i:03}" for i in range(k)))
    output = target.activate(logits)
    if ties:
        output = np.ceil(4 * output) / 4  # a few distinct values, exactly equal also after the division
        output /= output.sum(axis=1, keepdims=True)
    loss = -np.log(np.clip(output[np.arange(n), truth], 1e-9, 1))
    return Predictions(ids=ids(n), target=target, truth=truth, output=output, loss=loss)


def categories(n=200, k=5, *, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    truth = (rng.random((n, k)) < 0.3).astype(np.float32)
    target = CategoriesTarget(name="tags", vocab=tuple(f"t{i:03}" for i in range(k)), threshold=0.4)
    output = target.activate(rng.normal(size=(n, k)) + 2 * truth - 1)
    return Predictions(ids=ids(n), target=target, truth=truth, output=np.round(output, 1) if ties else output)


def number(n=200, d=2, *, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, d)) * 10 + 50
    target = NumberTarget(names=tuple(f"y{i}" for i in range(d)), mean=(50.0,) * d, std=(10.0,) * d)
    output = truth + 10 * noise * rng.normal(size=(n, d)) * np.arange(1, d + 1)
    return Predictions(ids=ids(n), target=target, truth=truth, output=output, loss=((output - truth) ** 2).mean(axis=1))


def with_groups(table, groups):
    return replace(table, groups=groups)


def look_alikes(table, rows):
    """The rows at these places, some of them several times, as if each were a content of its own."""
    return replace(table.subset(rows), ids=ids(len(rows)))
