"""Where a command computes and in what precision: options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from drivetrain.cli.checked import DEVICE


class PrecisionName(StrEnum):
    """Of the arithmetic."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, ...", parser=DEVICE, metavar="DEVICE")]
Precision = Annotated[PrecisionName, typer.Option("--precision", help="Of the arithmetic.")]
