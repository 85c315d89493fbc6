"""Test rows judged by name: what a model says of rows that it may or may not have classes for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from compare import packed, unpacked
from sets import Row

import drivetrain as dt
from drivetrain.data.cache.store import Store
from drivetrain.data.inputs import Files
from drivetrain.evaluation.intervals import tango_interval, wilson_interval
from drivetrain.training.evaluating import raw_outputs

CONFIDENCES = 10
"""Bins of the calibration error."""


class TestRows:
    """Rows that nothing was trained on or chosen by."""

    def __init__(self, rows: list[Row]) -> None:
        self.inputs = Files([Path(path) for path, _, _ in rows])
        self.truth = np.array([label for _, label, _ in rows])
        self.digests = [self.inputs.digest(i) for i in range(len(rows))]

    def judged(self, learn: dt.Learner) -> dict[str, Any]:
        """Which rows the model has right, among all its classes and among those that these rows have."""
        store = Store(self.inputs, learn.kind.spec, digests=self.digests)
        raw = raw_outputs(learn.network, learn.kind.spec, store, learn.place.judging())
        return self.judged_by(raw, np.array(learn.data.target.vocab))

    def judged_by(self, raw: np.ndarray, names: np.ndarray) -> dict[str, Any]:
        """The same of (N, K) raw outputs for K classes."""
        exp = np.exp(raw - raw.max(axis=1, keepdims=True))
        sure = exp.max(axis=1) / exp.sum(axis=1)
        hits = names[raw.argmax(axis=1)] == self.truth
        own = np.flatnonzero(np.isin(names, np.unique(self.truth)))
        among = names[own][raw[:, own].argmax(axis=1)] == self.truth if len(own) else np.zeros(len(hits), bool)
        return {
            "n": len(hits),
            "hits": packed(hits),
            "among_own": packed(among),
            "calibration_error": calibration_error(sure, hits),
        }


def calibration_error(sure: np.ndarray, hits: np.ndarray) -> float:
    """Mean distance between how sure a model is and how often it is right, over bins of as many rows each."""
    parts = np.array_split(np.argsort(sure), CONFIDENCES)
    return float(sum(abs(float(sure[part].mean() - hits[part].mean())) * len(part) for part in parts) / len(hits))


def hits_of(said: Mapping[str, Any], which: str = "hits") -> np.ndarray:
    return unpacked(said[which], said["n"])


@dataclass(frozen=True)
class Flips:
    """Rows of the old task that were right and are wrong now, and the other way round."""

    negative: int
    positive: int
    n: int

    @property
    def share(self) -> float:
        return self.negative / self.n


def flips(before: Mapping[str, Any], after: Mapping[str, Any]) -> Flips:
    was, now = hits_of(before), hits_of(after)
    return Flips(int((was & ~now).sum()), int((now & ~was).sum()), len(was))


def accuracy(said: Mapping[str, Any], which: str = "hits") -> tuple[float, float, float]:
    """With its 95 % Wilson interval."""
    hits = hits_of(said, which)
    interval = wilson_interval(int(hits.sum()), len(hits))
    return float(hits.mean()), interval.low, interval.high


def change(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[float, float, float]:
    """Of the accuracy on the same rows, with its 95 % interval (Tango, paired)."""
    was, now = hits_of(before), hits_of(after)
    interval, _ = tango_interval(int((now & ~was).sum()), int((was & ~now).sum()), len(was))
    return float(now.mean() - was.mean()), interval.low, interval.high
