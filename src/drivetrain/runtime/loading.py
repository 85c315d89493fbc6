"""A saved model, ready to answer: with ONNX Runtime where the artefact has a model for it, else with torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

from drivetrain.calls import named
from drivetrain.errors import ArtefactError, MissingExtraError, SettingError
from drivetrain.runtime.artefact import MODEL, Artefact, open_artefact, sha256_of
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.golden import read_golden
from drivetrain.runtime.kinds import face
from drivetrain.runtime.manifest import ExportPrecision, Manifest
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.trust.known_models import is_known
from drivetrain.runtime.trust.quarantine import Engine, ensure_tried
from drivetrain.settings import device as asked_device
from drivetrain.settings import place, whole
from drivetrain.settings import precision as asked_precision
from drivetrain.text import readable

if TYPE_CHECKING:
    from drivetrain.runtime.onnx.engine import OnnxEngine

HUB = "hf-hub:"
"""Before the name of a model on the hub."""

SHUFFLED_COPIES = 3
"""Of a model, that its explanations are checked against."""
MOST_SHUFFLED_BYTES = 1 << 26

TORCH_LOADER = "drivetrain.learner.saving.torch_predictor"
"""Named, not imported: the ground floor must run where this room and torch are not installed."""


@named
def load(
    path: str | os.PathLike[str],
    *,
    device: str | int = "auto",
    precision: str = "auto",
    top_k: int = 5,
    threads: int | None = None,
) -> Predictor:
    """A saved model, ready to predict; needs the artefact alone, and no torch where it holds `model.onnx`.

    A model that this user has not saved is first tried in a process of its own, with bounded memory and time; once.

    Args:
        path: The artefact; or ``hf-hub:owner/name``, which fetches it into this user's cache.
        device: ``auto`` and ``cpu`` take ONNX Runtime where they can; another device, such as ``cuda``, takes torch.
        precision: ``auto`` takes what `model.onnx` holds. Another precision than that takes torch.
        top_k: How many categories `Prediction.top` lists, at most.
        threads: That work on one picture; None takes `OMP_NUM_THREADS` where it is set, else as many processors as
            this process may use. Of ONNX Runtime.

    Raises:
        ArtefactError: The artefact is missing, altered or of an unknown format, or did not stand the trial.
        MissingExtraError: It can be answered with torch only, which is not installed.
        SettingError: A setting cannot be used.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import drivetrain as dt
        >>> area = [20.5 + 7 * i % 90 for i in range(60)]
        >>> data = dt.table({"area": area, "price": [3 * each for each in area]}, target="price")
        >>> with TemporaryDirectory() as folder:
        ...     path = dt.Linear(data).save(f"{folder}/homes.model")
        ...     model = dt.load(path)
        >>> round(model.predict({"area": 10}).values["price"])
        31
    """
    path, device = place("path", path), asked_device(device)
    precision = asked_precision(precision, ("auto", *get_args(ExportPrecision)))
    top_k = whole("top_k", top_k, least=1)
    threads = None if threads is None else whole("threads", threads, least=1)
    if path.startswith(HUB):
        from drivetrain.runtime.hub.fetch import pull_cached  # noqa: PLC0415 - models on this machine need no network

        path = pull_cached(path.removeprefix(HUB))
    artefact = open_artefact(path)
    why_not = _why_not_onnx(artefact.manifest, device, precision)
    if why_not is None:
        ensure_tried(artefact, "onnxruntime")
        return _with_onnx(artefact, top_k, threads)
    if artefact.manifest.export is not None and artefact.manifest.export.exporter == "direct":
        asked = f"device={device!r}" if device not in ("auto", "cpu") else f"precision={precision!r}"
        raise SettingError(
            f"{asked} cannot be used: {artefact.path} holds no network but {MODEL} alone, which runs in fp32 on the "
            "CPU. Expected device 'auto' or 'cpu', and precision 'auto' or 'fp32'. To fix: leave them out."
        )
    if find_spec("torch") is None:
        raise MissingExtraError(f"{artefact.path} {why_not}: that needs torch. pip install 'drivetrain[train]'")
    made: Predictor = import_module(TORCH_LOADER).load_with_torch(
        artefact, device=device, precision=precision, top_k=top_k
    )
    made.decisions["engine"] = Decision(value="torch", reason=why_not)
    return made


def load_with(artefact: Artefact, engine: Engine) -> Predictor:
    """What `load` gives on the CPU with one engine or the other; of an artefact that is open already."""
    if engine == "onnxruntime":
        return _with_onnx(artefact, 5, 1)
    made: Predictor = import_module(TORCH_LOADER).load_with_torch(artefact, device="cpu", precision="fp32", top_k=5)
    return made


def _why_not_onnx(manifest: Manifest, device: str, precision: str) -> str | None:
    """Why this model cannot be answered with ONNX Runtime as asked; None where it can."""
    if manifest.export is None or MODEL not in manifest.files:
        said = manifest.decisions.get("export")
        return f"holds no {MODEL}" + (f" ({said.reason})" if said and said.value is None else "")
    if device not in ("auto", "cpu"):
        return f"is to run on device={device!r}"
    if precision not in ("auto", manifest.export.precision):
        return f"holds a {MODEL} in {manifest.export.precision}, and {precision} was asked for"
    return None


def _with_onnx(artefact: Artefact, top_k: int, threads: int | None) -> Predictor:
    from drivetrain.runtime.onnx.engine import OnnxEngine  # noqa: PLC0415 - models without ONNX need no ONNX Runtime

    manifest = artefact.manifest
    assert manifest.export is not None
    file = artefact.file(MODEL)
    engine = OnnxEngine(file.read_bytes(), name=str(file), threads=threads, own=is_known(manifest, "saved"))
    engine.check_fits(manifest)
    made = Predictor(
        manifest.input,
        manifest.target,
        engine,
        top_k=top_k,
        decisions={
            "engine": Decision(value="onnxruntime", reason="the artefact holds model.onnx; no torch is needed"),
            "precision": Decision(value=manifest.export.precision, reason="as exported"),
            "threads": Decision(value=engine.threads, reason="as asked" if threads else "what this process may use"),
        },
        manifest=manifest,
        calibration=manifest.calibration,
        golden=read_golden(artefact),
    )
    made.companion = companion_of(artefact)
    made.shuffled = cache(partial(_shuffled, artefact))
    return made


def _shuffled(artefact: Artefact) -> tuple[OnnxEngine, ...]:
    """Copies of the model with shuffled parameters; none of a large one, which would need its memory again for each."""
    from drivetrain.runtime.onnx.engine import OnnxEngine  # noqa: PLC0415 - as above
    from drivetrain.runtime.onnx.shuffled import shuffled  # noqa: PLC0415 - for what explains alone

    file = artefact.file(MODEL)
    if file.stat().st_size > MOST_SHUFFLED_BYTES or sha256_of(file) != artefact.manifest.files[MODEL].sha256:
        return ()
    content = file.read_bytes()
    return tuple(OnnxEngine(shuffled(content, seed=seed), name=str(file), threads=1) for seed in range(SHUFFLED_COPIES))


def companion_files(kind: str) -> tuple[str, ...]:
    """Names of the files that a kind of input keeps beside a model.

    Example:
        >>> companion_files("images")
        ()
    """
    return tuple(getattr(face(kind, "spec"), "COMPANION_FILES", ()))


def further_files(kind: str) -> tuple[str, ...]:
    """Names of files that a kind of input may keep beside a model in addition.

    Example:
        >>> further_files("images")
        ()
    """
    return tuple(getattr(face(kind, "spec"), "MORE_FILES", ()))


def companion_of(artefact: Artefact) -> Callable[[], Any] | None:
    """What reads the files that the kind of input keeps beside the model; None where it keeps none.

    The face `spec` of a kind may say so: ``companion(artefact)``, ``COMPANION_FILES``, the names of the files, and
    ``MORE_FILES``, those of files that need not be there.
    """
    kind = artefact.manifest.input.kind
    spec, names = face(kind, "spec"), companion_files(kind)
    if not names or any(name not in artefact.manifest.files for name in names):
        return None
    names += tuple(name for name in further_files(kind) if name in artefact.manifest.files)

    def read() -> Any:
        for name in names:
            if sha256_of(artefact.file(name)) != artefact.manifest.files[name].sha256:
                raise ArtefactError(
                    f"{readable(artefact.path)}: {name} is another than when the model was loaded; expected the same. "
                    "To fix: load the model again."
                )
        return spec.companion(artefact)

    return read
