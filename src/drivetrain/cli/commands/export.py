"""`drivetrain export`: the ONNX model of a saved model made anew, in the precision asked for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import number_of, path_of, text_path_of, whole_of
from drivetrain.cli.failures import complain
from drivetrain.cli.results import AsJson, answers, as_json, quoted

if TYPE_CHECKING:
    from drivetrain.runtime.decisions import Decision
    from drivetrain.runtime.manifest import Export


class ExportName(StrEnum):
    """Of the weights in model.onnx."""

    FP32 = "fp32"
    INT8 = "int8"
    BF16 = "bf16"
    FP16 = "fp16"


def export(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL", parser=path_of("MODEL"))
    ],
    *,
    precision: Annotated[
        ExportName, typer.Option(help="int8 is small and fast, bf16 and fp16 are half the size.")
    ] = ExportName.FP32,
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder or table that holds the rows now.",
            parser=text_path_of("data"),
            metavar="DATA",
            show_default="where they were trained from",
        ),
    ] = None,
    golden: Annotated[
        int,
        typer.Option(
            help="Validation rows that travel with the model; 0 takes random ones.",
            parser=whole_of("golden", least=0, most=64),
            metavar="N",
        ),
    ] = 4,
    worst_change: Annotated[
        float,
        typer.Option(
            help="Loss of accuracy that a precision below fp32 may bring, at the worse end of its interval.",
            parser=number_of("worst_change", above=0, below=1),
            metavar="SHARE",
        ),
    ] = 0.02,
    triton: Annotated[
        Path | None,
        typer.Option(
            "--triton",
            help="Make nothing anew: put model.onnx as it is into this model repository of NVIDIA Triton.",
            parser=path_of("triton"),
            metavar="DIR",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Make the model that runs without torch anew, and compare it with the trained one.

    A precision below fp32 is taken only if the validation rows show that it costs little; else fp32 is written, with a
    warning. A network that no exporter can translate leaves the model as it was, and the exit status is 1.
    """
    if triton is not None:
        _for_triton(
            model, triton, precision is ExportName.FP32 and (data, golden, worst_change) == (None, 4, 0.02), json=json
        )
        return
    from drivetrain.learner.saving.reexport import export_saved  # noqa: PLC0415
    from drivetrain.training.exporting import ExportPlan  # noqa: PLC0415 - brings torch

    plan = ExportPlan(precision.value, golden, worst_change)
    with answers() as answer:
        record, decision = export_saved(model, plan, data=data)
        answer(as_json(_object(model, record, decision)) if json else _text(model, record, decision))
    if decision.value != precision.value:
        complain("warning", f"model.onnx is in {decision}")


def _for_triton(model: Path, repository: Path, alone: bool, *, json: bool) -> None:
    """Write the model repository."""
    if not alone:
        raise typer.BadParameter("--triton makes nothing anew: export without it first, then once more with it alone.")
    from drivetrain.export.triton import write_triton  # noqa: PLC0415 - brings ONNX Runtime

    with answers() as answer:
        place = write_triton(model, repository)
        said = f"{quoted(place)}: model.onnx as it is, for Triton; it gives raw outputs, see config.pbtxt"
        answer(as_json({"artefact": str(model), "triton": str(place)}) if json else said)


def _object(model: Path, record: Export, decision: Decision) -> dict[str, Any]:
    return {"artefact": str(model), **record.model_dump(), "reason": decision.reason}


def _text(model: Path, record: Export, decision: Decision) -> str:
    said = "" if record.agreement is None else f", {100 * record.agreement:g} % say the same"
    compared = f"{record.n} rows ({record.n_held_out} of the validation set)"
    return "\n".join(
        [
            f"{quoted(model)}: model.onnx in {decision}",
            f"  as trained: on {compared} raw outputs differ by at most {record.max_abs_difference:.2g}{said}",
            f"  made with torch.onnx ({record.exporter}, opset {record.opset}) in {record.seconds:.1f} s",
        ]
    )
