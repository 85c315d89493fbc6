"""The network in ONNX Runtime: small, quick to start, and without torch.

Legend: N rows, K outputs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from drivetrain.errors import ArtefactError
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.manifest import Manifest
from drivetrain.runtime.onnx.file import SafeModel, safe_model
from drivetrain.runtime.spec import Arrays, TensorSpec
from drivetrain.settings import whole

MOST_ROWS = 32
"""Rows that go through the network at once. More at a time are no faster on a CPU, and need memory for each."""
MOST_SMALL_ROWS, SMALL_ROW_BYTES = 1024, 16_384
"""Rows of a table are small, and what a model makes of one takes less time than to start it: more go at once."""

NO_FOLDER = os.devnull
"""Where the runtime would look for weights in other files: no file can lie in there."""

_DTYPES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(bool)": "bool",
    **{f"tensor({name})": name for name in ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")},
}  # fmt: skip
"""As ONNX Runtime names them → as numpy does."""

FATAL = 4
"""Severity below which ONNX Runtime writes nothing: what matters is raised, and standard error belongs to the user."""


class OnnxEngine:
    """Runs `model.onnx` on a batch of views, one array for each of its inputs → (N, K) float32 raw outputs.

    May be called from several threads at once.

    Args:
        model: Content of the file.
        name: Of the file, for messages.
        threads: That work on one row; None takes `OMP_NUM_THREADS` where it is set, else the processors this
            process may use.
        own: Whether this user has saved this very content: then it is taken as it is, which is quicker.

    Raises:
        ArtefactError: The model is damaged, reads other files, or is not a model like drivetrain's.
        SettingError: `threads` is below 1.

    Example:
        ::

            engine = OnnxEngine(Path("fruit.model/model.onnx").read_bytes())
            outputs_NK = engine(*spec.stack(views))
    """

    def __init__(
        self, model: bytes, *, name: str = "model.onnx", threads: int | None = None, own: bool = False
    ) -> None:
        threads = None if threads is None else whole("threads", threads, least=1)
        model, self.rising = SafeModel(model, rising=True) if own else safe_model(model, name)
        self.name = name
        self.threads = threads or granted_threads()
        onnxruntime.set_default_logger_severity(FATAL)
        try:
            self._session = onnxruntime.InferenceSession(
                model, _options(self.threads), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own exceptions share no base
            raise ArtefactError(f"{name} cannot be run by ONNX Runtime: {_first_line(error)}.") from error
        self.signature = _signature_of(self._session, name)
        self.output, self.n_outputs = _output_of(self._session, name)
        self.most_rows = most_rows(self.signature) if self.rising else MOST_ROWS

    def __call__(self, *views: NDArray[Any]) -> NDArray[np.float32]:
        """Raw outputs, one row per row of the views; these are in the order of the signature."""
        n = len(views[0])
        if not n:
            return np.zeros((0, self.n_outputs), np.float32)
        most = self.most_rows
        if n <= most:
            return self._run(views)
        parts = [tuple(array[start : start + most] for array in views) for start in range(0, n, most)]
        return np.concatenate([self._run(part) for part in parts])

    def check_fits(self, manifest: Manifest) -> None:
        """Raise ArtefactError where the model reads or says something else than the manifest describes."""
        described = tuple(spec._replace(below=None) for spec in manifest.input.signature())
        if self.signature != described or self.n_outputs != manifest.target.n_outputs:
            raise ArtefactError(
                f"{self.name} reads {_said(self.signature)} and gives {self.n_outputs} outputs; its manifest describes "
                f"{_said(described)} and {manifest.target.n_outputs} outputs."
            )

    def _run(self, views: Arrays) -> NDArray[np.float32]:
        try:
            given = {spec.name: np.ascontiguousarray(array) for spec, array in zip(self.signature, views, strict=True)}
            made: Any = self._session.run([self.output], given)
        except Exception as error:  # onnxruntime's own exceptions share no base
            raise ArtefactError(
                f"{self.name} cannot answer {len(views[0])} rows: {_first_line(error)}. "
                "To fix: get the model again from whoever made it, or export it anew."
            ) from error
        return made[0]


def most_rows(signature: Sequence[TensorSpec]) -> int:
    """How many rows go through a model at once.

    Example:
        >>> most_rows([TensorSpec("pixels", "uint8", (224, 224, 3))]), most_rows([TensorSpec("ids", "int64", (None,))])
        (32, 32)
        >>> most_rows([TensorSpec("numbers", "float32", (30,)), TensorSpec("codes", "int64", (9,))])
        1024
    """
    if not all(len(spec.shape) == 1 and spec.shape[0] is not None for spec in signature):
        return MOST_ROWS
    row_bytes = sum(np.dtype(spec.dtype).itemsize * (spec.shape[0] or 0) for spec in signature)
    return MOST_SMALL_ROWS if row_bytes <= SMALL_ROW_BYTES else MOST_ROWS


def granted_threads() -> int:
    """Threads that one network may use: as the user says, else as many as there are processors to run them.

    Example:
        >>> granted_threads() >= 1
        True
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) > 0 else usable_cpus()


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = FATAL
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", NO_FOLDER)
    # Within an answer threads wait for each other awake, since putting one to sleep and waking it takes as long as a
    # small layer. Between answers they sleep: one that spins takes the processor from whoever else works here.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _signature_of(session: Any, name: str) -> tuple[TensorSpec, ...]:
    found: list[TensorSpec] = []
    for value in session.get_inputs():
        dtype = _DTYPES.get(value.type)
        if dtype is None or not value.shape or isinstance(value.shape[0], int):
            raise ArtefactError(
                f"{name} reads {value.name} {value.type} {value.shape}: expected numbers of shape (N, ...), for any N."
            )
        found.append(TensorSpec(value.name, dtype, tuple(s if isinstance(s, int) else None for s in value.shape[1:])))
    if not found:
        raise ArtefactError(f"{name} reads nothing: expected an input of shape (N, ...).")
    return tuple(found)


def _said(signature: tuple[TensorSpec, ...]) -> str:
    """For people.

    Example:
        >>> _said((TensorSpec("pixels", "uint8", (224, 224, 3)), TensorSpec("ids", "int64", (None,))))
        'pixels uint8 (N, 224, 224, 3), ids int64 (N, any)'
    """
    sides = [", ".join(["N", *("any" if side is None else str(side) for side in spec.shape)]) for spec in signature]
    return ", ".join(f"{spec.name} {spec.dtype} ({shape})" for spec, shape in zip(signature, sides, strict=True))


def _output_of(session: Any, name: str) -> tuple[str, int]:
    outputs = session.get_outputs()
    shape = outputs[0].shape if len(outputs) == 1 else []
    if len(shape) != 2 or not isinstance(shape[1], int) or outputs[0].type != "tensor(float)":
        found = ", ".join(f"{value.name} {value.type} {value.shape}" for value in outputs)
        raise ArtefactError(f"{name} gives {found or 'nothing'}: expected one output, float32 of shape (N, K).")
    return outputs[0].name, shape[1]


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
