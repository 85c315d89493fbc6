"""Golden examples: a few real inputs and the answers to them, so that a model can prove itself wherever it runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from drivetrain.errors import ArtefactError
from drivetrain.runtime.artefact import GOLDEN, Artefact
from drivetrain.runtime.files.plain_json import read_json, what_is_wrong
from drivetrain.runtime.trust.known_models import is_known
from drivetrain.text import agreeing

EXPECTED = f"{GOLDEN}/expected.json"
MOST_EXAMPLES, MOST_BYTES = 64, 32 * 2**20
"""Inputs, and bytes of all of them together; and of the answers to them."""
MOST_SHARE, LEAST_TOLERANCE = 0.2, 1e-3
"""The tolerance is at most this share of the outputs' spread, or so small: with more, any answer would pass."""


class Expected(BaseModel):
    """`golden/expected.json`: what the model answered when it was saved."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    inputs: tuple[str, ...] = Field(min_length=1, max_length=MOST_EXAMPLES)
    """Files of the folder, encoded inputs."""
    outputs: tuple[tuple[float, ...], ...]
    """Raw outputs, one row per input."""
    tolerance: float = Field(gt=0)
    """Difference of raw outputs up to which an answer counts as the same: processors and decoders round differently."""

    @model_validator(mode="after")
    def _one_row_each(self) -> Expected:
        if len(self.inputs) != len(self.outputs) or len({len(row) for row in self.outputs}) != 1:
            raise ValueError("inputs and outputs do not fit together")
        return self

    def check_tolerance(self) -> None:
        """Raise ValueError where nearly any answer would count as the same."""
        most = max(MOST_SHARE * float(np.std(self.outputs)), LEAST_TOLERANCE)
        if self.tolerance > most * 1.01:
            raise ValueError(f"tolerance={self.tolerance:.3g} lets other answers pass: expected at most {most:.3g}")


@dataclass(frozen=True)
class Golden:
    """Encoded inputs, and the answers to them."""

    inputs: tuple[bytes, ...]
    outputs_NK: NDArray[np.float32]
    tolerance: float


@dataclass(frozen=True)
class SelfTest:
    """Whether a model still answers its golden examples as it did when it was saved."""

    passed: bool
    n: int
    """Golden examples."""
    max_abs_difference: float
    """Of the raw outputs; infinite where there are other outputs than expected, or none."""
    reason: str


def read_golden(artefact: Artefact) -> Golden | None:
    """The golden examples of an artefact; None where it has none.

    Raises:
        ArtefactError: `golden/expected.json` is damaged, or names a file that is not there.
    """
    if EXPECTED not in artefact.manifest.files:
        return None
    fix = "To fix: get the model again from whoever made it, or save it anew."
    try:
        raw = read_json(artefact.file(EXPECTED).read_bytes(), most_bytes=MOST_BYTES)
        expected = Expected.model_validate(raw)
        if expected.outputs and len(expected.outputs[0]) != artefact.manifest.target.n_outputs:
            raise ValueError(f"it answers with {len(expected.outputs[0])} numbers, the model with others")
        outputs = np.array(expected.outputs, np.float32)
        if not np.isfinite(outputs).all():
            raise ValueError("an answer is out of range")
        if not is_known(artefact.manifest, "saved"):
            expected.check_tolerance()
    except (ValueError, OSError) as error:
        reason = what_is_wrong(error) if isinstance(error, ValidationError) else error
        raise ArtefactError(f"{artefact.path / EXPECTED} is damaged: {reason}. {fix}") from error
    files = [artefact.file(f"{GOLDEN}/{name}") for name in expected.inputs]
    size = sum(artefact.manifest.files[f"{GOLDEN}/{name}"].bytes for name in expected.inputs)
    if size > MOST_BYTES:
        raise ArtefactError(
            f"the golden examples of {artefact.path} take {size:,} bytes: expected at most {MOST_BYTES:,}. {fix}"
        )
    return Golden(tuple(file.read_bytes() for file in files), outputs, expected.tolerance)


def compare(golden: Golden, outputs_NK: NDArray[np.float32]) -> SelfTest:
    """Set answers of now beside the expected ones.

    Example:
        >>> golden = Golden((b"",), np.array([[1.0, 2.0]], np.float32), tolerance=0.1)
        >>> compare(golden, np.array([[1.0, 2.05]], np.float32)).passed
        True
        >>> compare(golden, np.array([[1.0, 3.0]], np.float32)).reason
        'raw outputs differ by 1 where at most 0.1 is rounding'
    """
    n = len(golden.inputs)
    if outputs_NK.shape != golden.outputs_NK.shape:
        expected = golden.outputs_NK.shape
        return SelfTest(False, n, float("inf"), f"outputs of shape {outputs_NK.shape}, expected {expected}")
    difference = float(np.nan_to_num(np.abs(outputs_NK - golden.outputs_NK), nan=np.inf).max())
    if difference > golden.tolerance:
        reason = f"raw outputs differ by {difference:.3g} where at most {golden.tolerance:.3g} is rounding"
        return SelfTest(False, n, difference, reason)
    return SelfTest(
        True, n, difference, f"{agreeing(n, 'golden examples', 'are')} answered as when the model was saved"
    )
