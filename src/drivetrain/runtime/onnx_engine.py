"""The network in ONNX Runtime: small, quick to start, and without torch.

Legend: N pictures, S side in px, C channels, K outputs.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from drivetrain.errors import ArtefactError
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.manifest import Manifest
from drivetrain.runtime.onnx_file import SafeModel, safe_model
from drivetrain.settings import whole

MOST_ROWS = 32
"""Pictures that go through the network at once. More at a time are no faster on a CPU, and need memory for each."""

NO_FOLDER = os.devnull
"""Where the runtime would look for weights in other files: no file can lie in there."""

FATAL = 4
"""Severity below which ONNX Runtime writes nothing: what matters is raised, and standard error belongs to the user."""


class OnnxEngine:
    """Runs `model.onnx` on pictures as they were read: (N, S, S, C) uint8 → (N, K) float32 raw outputs.

    May be called from several threads at once.

    Args:
        model: Content of the file.
        name: Of the file, for messages.
        threads: That work on one picture; None takes `OMP_NUM_THREADS` where it is set, else the processors this
            process may use.
        own: Whether this user has saved this very content: then it is taken as it is, which is quicker.

    Raises:
        ArtefactError: The model is damaged, reads other files, or is not a model of pictures like drivetrain's.
        SettingError: `threads` is below 1.

    Example:
        ::

            engine = OnnxEngine(Path("fruit.model/model.onnx").read_bytes())
            outputs_NK = engine(pictures_NSSC)
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
        self._input, self.size_px, self.channels = _input_of(self._session, name)
        self._output, self.n_outputs = _output_of(self._session, name)

    def __call__(self, pictures: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Raw outputs, one row per picture."""
        if not len(pictures):
            return np.zeros((0, self.n_outputs), np.float32)
        parts = [self._run(pictures[start : start + MOST_ROWS]) for start in range(0, len(pictures), MOST_ROWS)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def check_fits(self, manifest: Manifest) -> None:
        """Raise ArtefactError where the model reads or says something else than the manifest describes."""
        described = (manifest.input.size_px, manifest.input.channels, manifest.target.n_outputs)
        if (self.size_px, self.channels, self.n_outputs) != described:
            raise ArtefactError(
                f"{self.name} reads {self.channels} channels of {self.size_px} px and gives {self.n_outputs} outputs; "
                f"its manifest describes {described[1]} channels of {described[0]} px and {described[2]} outputs."
            )

    def _run(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            made: Any = self._session.run([self._output], {self._input: np.ascontiguousarray(pictures)})
        except Exception as error:  # onnxruntime's own exceptions share no base
            raise ArtefactError(
                f"{self.name} cannot answer {len(pictures)} pictures: {_first_line(error)}. "
                "To fix: get the model again from whoever made it, or export it anew."
            ) from error
        return made[0]


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


def _input_of(session: Any, name: str) -> tuple[str, int, int]:
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    square = len(shape) == 4 and all(isinstance(side, int) for side in shape[1:]) and shape[1] == shape[2]
    if not square or inputs[0].type != "tensor(uint8)" or isinstance(shape[0], int):
        found = ", ".join(f"{value.name} {value.type} {value.shape}" for value in inputs)
        raise ArtefactError(f"{name} reads {found or 'nothing'}: expected one input, uint8 of shape (N, S, S, C).")
    return inputs[0].name, shape[1], shape[3]


def _output_of(session: Any, name: str) -> tuple[str, int]:
    outputs = session.get_outputs()
    shape = outputs[0].shape if len(outputs) == 1 else []
    if len(shape) != 2 or not isinstance(shape[1], int) or outputs[0].type != "tensor(float)":
        found = ", ".join(f"{value.name} {value.type} {value.shape}" for value in outputs)
        raise ArtefactError(f"{name} gives {found or 'nothing'}: expected one output, float32 of shape (N, K).")
    return outputs[0].name, shape[1]


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
