"""Checks of the arrays a table of predictions is made of. Legend: N rows, K categories, D numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, first_few
from drivetrain.runtime.targets import Array, Target
from drivetrain.text import counted, does

SUM_TOLERANCE = 0.01
"""How far the probabilities of a row may be from 1: half-precision models miss it by a few thousandths."""

COARSEST = 0.01
"""Numbers in 32 bits or fewer are taken where their steps are at most this share of their spread."""

_MISSING = ("None", "nan", "NaT", "<NA>")
"""How Python, numpy and pandas write a missing value."""


def frozen(array: Array) -> Array:
    """A read-only view, so that what was checked stays true."""
    view = array.view()
    view.flags.writeable = False
    return view


def as_array(values: Any, what: str) -> Array:
    """An array of numbers; raises DataError for text, objects and ragged lists."""
    try:
        array = np.asarray(values)
    except ValueError as err:
        raise DataError(f"the {what} has rows of different lengths: {err}. To fix: give one array.") from err
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"the {what} holds {array.dtype} values, and numbers are expected. "
            "To fix: pass labels through target.encode(labels) first."
        )
    return array


def check_length(array: Sequence[Any] | Array, n: int, what: str) -> None:
    """Raise DataError unless there is one item per row."""
    if len(array) != n:
        raise DataError(
            f"{what}: received {len(array)} for {counted(n, 'row')} of output, expected one per row. "
            "To fix: pass the same rows, in the same order, everywhere."
        )


def check_finite(array: Array, ids: Sequence[str], what: str) -> None:
    """Raise DataError where a row has a NaN or infinite number, naming how many rows and the first."""
    finite = np.isfinite(array if array.ndim == 2 else array[:, None]).all(axis=1)
    bad = np.flatnonzero(~finite)
    if bad.size:
        raise DataError(
            f"{bad.size} of {counted(len(array), 'row')} of {what} {does(bad.size, 'are')} NaN or infinite; the first "
            f"is row {bad[0]} (id {ids[bad[0]]!r}). To fix: lower the learning rate if training diverged, or look at "
            "those rows."
        )


def check_output(output: Any, target: Target, ids: Sequence[str]) -> Array:
    """(N, K) probabilities or (N, D) values, floating point and finite."""
    array = as_array(output, "output")
    if array.dtype.kind != "f":
        array = _exact(array, "output")
    if target.kind == "number" and array.ndim == 1 and target.n_outputs == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != target.n_outputs:
        raise DataError(
            f"the output has shape {array.shape}, expected (N, {target.n_outputs}): one column per {target.noun} of "
            f"{target.name!r}. To fix: pass the columns in the order of the target."
        )
    check_length(ids, len(array), "ids")
    check_finite(array, ids, "output")
    if target.kind != "number":
        _check_probabilities(array, target, ids)
        return array
    return _in_double(array, target, "output")


def _check_probabilities(output_NK: Array, target: Target, ids: Sequence[str]) -> None:
    outside = ((output_NK < 0) | (output_NK > 1)).any(axis=1)
    if target.kind == "category":
        outside |= np.abs(output_NK.sum(axis=1, dtype=np.float64) - 1) > SUM_TOLERANCE
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        rule = "between 0 and 1, each row summing to 1" if target.kind == "category" else "between 0 and 1"
        raise DataError(
            f"{int(outside.sum())} of {len(output_NK)} rows of output are not probabilities ({rule}); the first is "
            f"row {row} (id {ids[row]!r}): {first_few(np.round(output_NK[row], 4).tolist())}. "
            "To fix: pass target.activate(logits) rather than the logits."
        )


def check_truth(truth: Any, target: Target, ids: Sequence[str]) -> Array:
    """(N,) int64, (N, K) float32 of 0 and 1, or (N, D) float64."""
    array = as_array(truth, "truth")
    n, k = len(ids), target.n_outputs
    if target.kind == "number" and array.ndim == 1 and k == 1:
        array = array[:, None]
    expected = target.encoded_shape(n)
    if array.shape != expected:
        raise DataError(
            f"the truth has shape {array.shape}, expected {expected} for a target of the task {target.task!r}. "
            "To fix: pass target.encode(labels)."
        )
    check_finite(array, ids, "truth")
    if target.kind == "category":
        _check_values((array >= 0) & (array < k) & (array == np.floor(array)), array, f"a whole number in 0 … {k - 1}")
        return array.astype(np.int64)
    if target.kind == "categories":
        _check_values(((array == 0) | (array == 1)).all(axis=1), array, "0 or 1 in each column")
        return array.astype(np.float32)
    return _in_double(array, target, "truth")


def _exact(array: Array, what: str) -> Array:
    """Whole numbers as float64; raises DataError where two of them would become one."""
    found = array.astype(np.float64)
    if array.dtype.kind in "iu" and array.size and not (found.astype(object) == array.astype(object)).all():
        raise DataError(
            f"the {what} holds whole numbers beyond {2**53:,}, such as {array.flat[np.abs(found).argmax()]}, of which "
            "float64 does not hold every one; expected numbers that it holds. To fix: subtract a constant from all "
            "of them before, or divide them (nanoseconds by 1e9)."
        )
    return found


def _in_double(array_ND: Array, target: Target, what: str) -> Array:
    """(N, D) float64; raises DataError where the numbers come in a form too coarse to tell them apart."""
    if array_ND.dtype.kind != "f":
        return _exact(array_ND, what)
    found = array_ND.astype(np.float64)
    if array_ND.dtype.itemsize >= found.itemsize or not array_ND.size:
        return found
    step_D = np.spacing(np.abs(array_ND).max(axis=0)).astype(np.float64)
    spread_D = np.maximum(found.std(axis=0), np.asarray(target.std if target.kind == "number" else 0.0))
    coarse = np.flatnonzero(step_D > COARSEST * spread_D)
    if coarse.size:
        d = int(coarse[0])
        raise DataError(
            f"the {what} is {array_ND.dtype}, of which neighbouring values at {np.abs(found[:, d]).max():,.0f} are "
            f"{step_D[d]:,.4g} apart, while the values vary by {spread_D[d]:,.4g}; expected numbers that are told "
            f"apart by far. To fix: give the {what} as float64 from the start (converting it now brings nothing back)."
        )
    return found


def _check_values(fine_N: NDArray[np.bool_], truth: Array, rule: str) -> None:
    if not fine_N.all():
        row = int(np.flatnonzero(~fine_N)[0])
        raise DataError(
            f"{int((~fine_N).sum())} of {len(truth)} rows of truth are not {rule}; the first is row {row}: "
            f"{truth[row].tolist()}. To fix: pass target.encode(labels), and leave unlabelled rows out."
        )


def check_groups(groups: Any, n: int) -> Array:
    """(N,) numbers or text, without missing ones."""
    array = np.asarray(groups)
    if array.dtype.kind == "O":
        if any(not isinstance(group, str) and str(group) in _MISSING for group in array.ravel()):
            raise DataError("groups has missing values. To fix: give each row a group, or leave `groups` out.")
        array = array.astype(str)
    if array.ndim != 1 or array.dtype.kind not in "biufU":
        raise DataError(
            f"groups has shape {array.shape} of {array.dtype}, expected one number or text per row. "
            "To fix: pass a flat list."
        )
    check_length(array, n, "groups")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError("groups has missing values. To fix: give each row a group, or leave `groups` out.")
    return array
