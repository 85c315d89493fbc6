"""What a pretrained body sees in each picture: the audit finds crops by it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from drivetrain.data.cache.store import Store
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.listing import SourceSpec
from drivetrain.data.splitting.split import Part, Split
from drivetrain.errors import DataError
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.training.evaluating import raw_outputs
from drivetrain.training.kind import prepare_kind, to_device
from drivetrain.training.network import Network
from drivetrain.training.place import Precision, find_place


def body_features(
    data: Data | Examples,
    arch: str | None = None,
    *,
    channels: int | None = None,
    size: int | None = None,
    pretrained: bool = True,
    device: str = "auto",
    precision: Precision = "auto",
) -> NDArray[np.float32]:
    """Features of every picture as a pretrained body gives them, before any training here.

    Args:
        data: Data, all of whose rows are taken: training, validation, test, as `drivetrain.audit` wants them (no
            target is read); or rows of one's own.
        arch: As of `drivetrain.Learner`.
        channels: Of pictures of one's own: 1 grey, 3 colour, 4 colour with transparency; None as they were read.
        size: Side of the pictures in px; None as of `drivetrain.Learner`.
        pretrained: False takes random weights, which tell pictures apart less well.
        device: "auto", or a torch device name.
        precision: "auto", "fp32", "bf16" or "fp16".

    Returns:
        (N, D) float32, in the order of the rows.

    Raises:
        DataError: There are no rows, or a picture cannot be read any more.
        ModelError: The body cannot be had.

    Example:
        >>> body_features(Examples())
        Traceback (most recent call last):
        drivetrain.errors.DataError: there are no rows to compute features of.
    """
    if isinstance(data, Examples):
        rows, data = data, _as_data(data, channels)
    else:
        rows = Examples.concat([data.train, data.valid, data.sealed_test.open()])
    if not len(rows):
        raise DataError("there are no rows to compute features of.")
    place = find_place(device, precision)
    with place.own_randomness():
        torch.manual_seed(0)
        kind = prepare_kind(data, arch=arch, pretrained=pretrained, size_px=size, augment=False, dropout=0.0)
        n_features = kind.architecture.features
        network = Network(kind.intake, kind.body, features=n_features, n_outputs=1, dropout=0.0)
    network.head = nn.Sequential()
    to_device(network, place.device)
    network.eval()
    store = Store(rows.inputs, kind.spec, digests=rows.digests)
    return raw_outputs(network, kind.spec, store, place)


def _as_data(rows: Examples, channels: int | None) -> Data:
    """Data that are asked for nothing but their inputs."""
    options = dict(rows.options) if channels is None else {**rows.options, "channels": channels}
    parts: list[Part] = ["train"] * len(rows)
    return Data(
        train=rows,
        valid=Examples(),
        target=CategoryTarget(name="", vocab=("",)),
        split=Split.of(rows.digests, parts, method="given", seed=0, valid_pct=0.0, test_pct=0.0),
        spec=SourceSpec(layout="table", input=rows.kind, options=options),
        source="",
    )
