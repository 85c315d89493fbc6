"""From a torch network to an ONNX file that says the same, or to an error that says what differs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from drivetrain.data.examples import Examples
from drivetrain.errors import ExportError, PictureError
from drivetrain.export import exporting
from drivetrain.export.converting import EXPORTERS, convert
from drivetrain.export.exporting import export_network
from drivetrain.export.parity import compare
from drivetrain.runtime.artefact import MODEL
from drivetrain.runtime.golden import EXPECTED
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.onnx.file import safe_model
from drivetrain.runtime.spec import TensorSpec
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget

from .nets import FRUIT, READER, engine_of, paint, read, small_net, trained


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return paint(tmp_path_factory.mktemp("rows"), 40, FRUIT.vocab)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """What each exporter makes of the same network."""
    return {exporter: convert(small_net(), READER.signature(), 3, exporter) for exporter in EXPORTERS}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_files_say_what_the_network_says_for_any_number_of_rows(files: dict[str, bytes], exporter: str) -> None:
    engine = OnnxEngine(files[exporter], threads=1)
    assert (engine.signature, engine.n_outputs) == (READER.signature(), 3)
    for n in (1, 2, 5):
        pixels = np.random.default_rng(n).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)
        np.testing.assert_allclose(engine(pixels), engine_of(small_net())(pixels), atol=1e-5)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_files_are_whole_plain_and_silent_about_this_machine(files: dict[str, bytes], exporter: str) -> None:
    assert safe_model(files[exporter], "a.onnx").rising
    model = onnx.load_model_from_string(files[exporter])
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.input] == ["pixels"]
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    for trace in (b".py", b"site-packages", b"/tests/", str(Path.home()).encode()):
        assert trace not in files[exporter]


def test_exporting_prints_and_warns_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for exporter in EXPORTERS:
        convert(small_net(), READER.signature(), 3, exporter)
    assert capfd.readouterr() == ("", "")


def test_the_record_says_how_it_was_made(rows: Examples) -> None:
    made = export_network(trained(small_net(), rows), precision="fp32", valid=rows, train=rows)
    record = made.record
    assert (record.exporter, record.opset, record.precision, record.n, record.n_held_out) == (
        "dynamo",
        18,
        "fp32",
        40,
        40,
    )
    assert record.agreement == 1.0 and 0 <= record.max_abs_difference < 1e-4 and record.seconds > 0
    assert record.change is None and made.decision.value == "fp32"


def test_golden_examples_are_what_the_file_says_of_small_pictures(rows: Examples) -> None:
    made = export_network(trained(small_net(), rows), precision="fp32", valid=rows, train=rows, golden=3)
    expected = json.loads(made.files[EXPECTED])
    assert expected["inputs"] == ["0.jpg", "1.jpg", "2.jpg"]
    pixels = np.stack([read(made.files[f"golden/{name}"]) for name in expected["inputs"]])
    found = OnnxEngine(made.files[MODEL], threads=1)(pixels)
    np.testing.assert_allclose(found, expected["outputs"], atol=1e-6)
    assert 0 < expected["tolerance"] < 0.2 * found.std()
    random = export_network(trained(small_net(), rows), precision="fp32", valid=rows, train=rows, golden=0)
    assert len(json.loads(random.files[EXPECTED])["inputs"]) == 4


def test_where_one_exporter_fails_the_other_is_tried(rows: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_fails(*arguments: object) -> bytes:
        if arguments[-1] == "dynamo":
            raise RuntimeError("Constraints violated\nsecond line")
        return convert(*arguments)

    monkeypatch.setattr(exporting, "convert", first_fails)
    made = export_network(trained(small_net(), rows), precision="fp32", valid=rows, train=rows)
    assert made.record.exporter == "torchscript"


class Reversed(nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.flip(3)


class Unscaled(nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.permute(0, 3, 1, 2).float()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda n: nn.Sequential(n[0], n[1], nn.Linear(16, 3)), "raw outputs differ by up to"),
        (lambda n: nn.Sequential(Unscaled(), n[1], n[2]), "raw outputs differ by up to"),
        (lambda n: nn.Sequential(Reversed(), *n), "raw outputs differ by up to"),
    ],
)
def test_a_file_that_says_something_else_is_not_taken(rows: Examples, monkeypatch, wrong, said: str) -> None:
    """The file is made of another network than the trained one: other weights, no scaling, channels reversed."""
    other = wrong(small_net())
    monkeypatch.setattr(exporting, "convert", lambda network, *rest: convert(other, *rest))
    with pytest.raises(ExportError, match=rf"dynamo: {said}.*torchscript: {said}.*To fix"):
        export_network(trained(small_net(), rows), precision="fp32", valid=rows, train=rows)


def test_a_file_that_reads_other_pixels_is_not_taken(rows: Examples) -> None:
    """As when the trained network was shown pictures that were prepared in another way than those it will see."""
    expected = engine_of(small_net())(np.stack([read(path)[:, ::-1, ::-1] for path in rows.inputs.paths]).copy())
    with pytest.raises(ExportError, match="raw outputs differ"):
        export_network(trained(small_net(), rows, expected_NK=expected), precision="fp32", valid=rows, train=rows)


def test_a_picture_that_is_gone_is_named(rows: Examples, tmp_path: Path) -> None:
    gone = trained(small_net(), rows, paths=(*rows.inputs.paths[:-1], tmp_path / "gone.png"))
    with pytest.raises(PictureError, match=r"gone\.png"):
        export_network(gone, precision="fp32", valid=rows, train=rows)


@pytest.mark.parametrize(
    ("target", "agreement"),
    [
        (CategoriesTarget(name="t", vocab=("a", "b", "c")), 1.0),
        (NumberTarget(names=("x", "y", "z"), mean=(0.0,) * 3, std=(1.0,) * 3), None),
    ],
)
def test_every_kind_of_target_is_compared_in_its_own_way(rows: Examples, target, agreement: float | None) -> None:
    made = export_network(trained(small_net(), rows, target), precision="fp32", valid=rows, train=rows)
    assert made.record.agreement == agreement


class Says:
    """An engine that gives rows of a table, one after the other; then zeros, for the noise."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        given, self.rows = self.rows[: len(pixels)], self.rows[len(pixels) :]
        return given if len(given) else np.zeros((len(pixels), 2), np.float32)


def parity_of(found: list[list[float]], expected: list[list[float]]):
    target = CategoryTarget(name="t", vocab=("a", "b"))
    pixels = np.zeros((len(expected), 1, 1, 3), np.uint8)
    tables = np.array(found, np.float32), np.array(expected, np.float32)
    signature = [TensorSpec("pixels", "uint8", (1, 1, 3))]
    silent = Says(np.zeros((0, 2), np.float32))
    return compare(Says(tables[0]), (pixels,), tables[1], silent, target, signature=signature)


def test_ties_may_fall_to_either_side_and_clear_answers_may_not() -> None:
    tie = parity_of([[9.0, 0.0], [5.0, 5.00004]], [[9.0, 0.0], [5.00004, 5.0]])
    assert tie.problem is None and tie.agreement == 0.5 and tie.max_abs_difference == pytest.approx(4e-5, rel=0.1)
    clear = parity_of([[9.0, 0.0], [5.0, 5.002]], [[9.0, 0.0], [5.002, 5.0]])
    assert clear.problem == "1 of 2 rows get another answer" and clear.agreement == 0.5
    far = parity_of([[9.0, 0.0], [5.0, 0.0]], [[9.0, 0.0], [5.1, 0.0]])
    assert far.problem is not None and far.agreement == 1.0
    same = parity_of([[9.0, 0.0], [0.0, 9.0]], [[9.0, 0.0], [0.0, 9.0]])
    assert (same.problem, same.agreement, same.max_abs_difference, same.n) == (None, 1.0, 0.0, 2)


@pytest.mark.parametrize("found", [[[float("nan"), 0.0]], [[float("inf"), 0.0]], [[0.0, 1.0]]])
def test_other_outputs_are_no_parity(found: list[list[float]]) -> None:
    assert parity_of(found, [[1.0, 0.0]]).problem is not None
    assert parity_of([[1.0, 0.0]], found).problem is not None


def test_networks_that_nobody_can_follow_are_refused_with_both_reasons(rows: Examples) -> None:
    class Listing(nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return torch.tensor(pictures.mean(dim=(2, 3)).tolist())

    given = trained(small_net(), rows)
    with pytest.raises(ExportError, match=r"dynamo: .*; torchscript: "):
        export_network(replace(given, network=Listing()), precision="fp32", valid=rows, train=rows)
