"""The engine: the right numbers for any number of pictures, nothing on the terminal, foreign models refused."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from onnx import TensorProto

from drivetrain.errors import ArtefactError, SettingError
from drivetrain.runtime.manifest import Manifest
from drivetrain.runtime.onnx.engine import MOST_ROWS, OnnxEngine, granted_threads
from drivetrain.runtime.targets import CategoryTarget

from .models import READER, WEIGHTS, describe, light_bytes


def pictures(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)


def expected(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32) - 127.5).mean(axis=(1, 2)) @ WEIGHTS


@pytest.mark.parametrize("n", [0, 1, 7, MOST_ROWS, 2 * MOST_ROWS + 3])
def test_outputs_are_those_of_the_formula(n: int) -> None:
    found = OnnxEngine(light_bytes(), threads=1)(pictures(n))
    assert found.shape == (n, 2) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected(pictures(n)), atol=1e-4)


def test_a_model_of_our_own_is_not_read_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivetrain.runtime.onnx.engine.safe_model", pytest.fail)
    np.testing.assert_allclose(OnnxEngine(light_bytes(), own=True)(pictures(3)), expected(pictures(3)), atol=1e-4)


def test_memory_is_bounded_by_running_few_pictures_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, seen = OnnxEngine(light_bytes(), threads=1), []
    run = engine._run
    monkeypatch.setattr(engine, "_run", lambda part: (seen.append(len(part[0])), run(part))[1])
    engine(pictures(MOST_ROWS + 5))
    assert seen == [MOST_ROWS, 5]


def test_views_of_other_arrays_are_read_rightly() -> None:
    wide = np.random.default_rng(0).integers(0, 256, (3, 4, 8, 3), dtype=np.uint8)
    view = wide[:, :, ::2]
    np.testing.assert_allclose(OnnxEngine(light_bytes(), threads=1)(view), expected(view), atol=1e-4)


def test_many_threads_may_ask_at_once() -> None:
    engine = OnnxEngine(light_bytes(), threads=1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: engine(pictures(n)), range(1, 30)))
    for n, outputs in enumerate(found, 1):
        np.testing.assert_allclose(outputs, expected(pictures(n)), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": 2}, r"reads more1 tensor\(float\) \[1\]: expected numbers of shape"),
        ({"dtype": TensorProto.FLOAT}, r"reads pixels float32 \(N, 4, 4, 3\).*describes pixels uint8 \(N, 4, 4, 3\)"),
        ({"shape": ("N", 4, 5, 3)}, r"reads pixels uint8 \(N, 4, 5, 3\).*its manifest describes"),
        ({"shape": (1, 4, 4, 3)}, r"reads pixels tensor\(uint8\) \[1, 4, 4, 3\]: expected numbers of shape"),
        ({"shape": ("N", "S", "S", 3)}, r"reads pixels uint8 \(N, any, any, 3\).*its manifest describes"),
        ({"outputs": 2}, "expected one output"),
    ],
)
def test_models_of_another_form_are_refused(options: dict, message: str) -> None:
    """Some are of no form that drivetrain writes; others may be of another kind of input than the manifest's."""
    with pytest.raises(ArtefactError, match=message):
        OnnxEngine(light_bytes(**options), name="other.onnx").check_fits(Manifest.model_validate(describe(files={})))


def test_damaged_models_are_refused() -> None:
    content = light_bytes()
    with pytest.raises(ArtefactError, match=r"here\.onnx may do more than .* the operator ReduceNean"):
        OnnxEngine(content.replace(b"ReduceMean", b"ReduceNean"), name="here.onnx")
    with pytest.raises(SettingError, match="threads=0"):
        OnnxEngine(content, threads=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"input": READER.model_copy(update={"size_px": 5})},
        {"target": CategoryTarget(name="light", vocab=("dark", "grey", "pale"))},
    ],
)
def test_a_model_that_its_manifest_does_not_describe_is_refused(changes: dict) -> None:
    engine = OnnxEngine(light_bytes(), threads=1)
    engine.check_fits(Manifest.model_validate(describe(files={})))
    with pytest.raises(ArtefactError, match="its manifest describes"):
        engine.check_fits(Manifest.model_validate(describe(files={}, **changes)))


def test_threads_are_as_the_user_says_or_as_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert granted_threads() == 3
    monkeypatch.setattr("drivetrain.runtime.onnx.engine.usable_cpus", lambda: 5)
    for ignored in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", ignored)
        assert granted_threads() == 5


def test_nothing_is_printed(tmp_path) -> None:
    """In a process of its own: ONNX Runtime writes to file descriptors, some of it when it is imported."""
    (tmp_path / "model.onnx").write_bytes(light_bytes())
    code = (
        "import numpy as np; from drivetrain.runtime.onnx.engine import OnnxEngine\n"
        "engine = OnnxEngine(open('model.onnx', 'rb').read())\n"
        "assert engine(np.zeros((2, 4, 4, 3), np.uint8)).shape == (2, 2)\n"
        "try: OnnxEngine(b'broken')\n"
        "except Exception: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
