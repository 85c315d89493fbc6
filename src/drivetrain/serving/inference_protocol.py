"""A part of the Open Inference Protocol, version 2: health, metadata, and inference on tensors or encoded inputs.

Source: https://github.com/kserve/open-inference-protocol. Not there: several models or versions, loading and unloading.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, cast

import numpy as np
from fastapi import FastAPI, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from drivetrain import __version__
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.spec import Arrays, TensorSpec
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target
from drivetrain.serving import schema
from drivetrain.serving.binary_tensors import EXTENSION, HEADER, MEDIA_TYPE, json_length, shared_out, strings
from drivetrain.serving.binary_tensors import response as binary_response
from drivetrain.serving.bodies import content_type, read_body
from drivetrain.serving.model import Answer, Model, Said
from drivetrain.serving.service import Service
from drivetrain.serving.wire import answer

VERSION = "1"
DATATYPES = {
    "bool": "BOOL", "float16": "FP16", "float32": "FP32", "float64": "FP64",
    **{name: name.upper() for name in ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")},
}  # fmt: skip
"""As numpy names them → as the protocol does."""
LONGEST = 65_536
"""Values along a side of any length, where a request's are counted."""
MOST_TEXT_BYTES = 2**20
"""Of a body with letters that are not ASCII."""


class Binary(BaseModel):
    """Parameters about values as bytes, see `binary_tensors`."""

    binary_data_size: int | None = Field(default=None, ge=0, strict=True)
    """Of an input: its bytes behind the JSON."""
    binary_data: bool | None = Field(default=None, strict=True)
    """Of an output: whether its values are wanted as bytes."""
    binary_data_output: bool = Field(default=False, strict=True)
    """Of a request: the same for outputs that do not say."""


class Tensor(BaseModel):
    """An input."""

    name: str = Field(max_length=100)
    shape: list[int] = Field(max_length=8)
    datatype: str = Field(max_length=10)
    data: list[Any] | None = None
    """None: as bytes behind the JSON."""
    parameters: Binary = Binary()

    @property
    def values(self) -> list[Any]:
        """Those in the JSON; raises Refusal where there are none."""
        if self.data is None:
            raise Refusal(400, f"not an inference request: {self.name}: data: Field required")
        return self.data


class Wanted(BaseModel):
    """An output that is asked for."""

    name: str = Field(max_length=100)
    parameters: Binary = Binary()


class InferRequest(BaseModel):
    """Body of an inference request; what is not named here is ignored."""

    id: str | None = Field(default=None, max_length=200)
    inputs: list[Tensor] = Field(min_length=1, max_length=16)
    outputs: list[Wanted] | None = Field(default=None, max_length=8)
    parameters: Binary = Binary()

    def binary_outputs(self, names: Iterable[str]) -> set[str]:
        """Which of the outputs are wanted as bytes."""
        said = {output.name: output.parameters.binary_data for output in self.outputs or ()}
        otherwise = self.parameters.binary_data_output
        return {name for name in names if (otherwise if (asked := said.get(name)) is None else asked)}


def add_routes(app: FastAPI, service: Service) -> None:
    """Add /v2 to an application."""
    model = service.model

    @app.get("/v2", **schema.SERVER)
    async def server() -> Response:  # pyright: ignore[reportUnusedFunction]
        """What this server is."""
        return answer({"name": "drivetrain", "version": __version__, "extensions": [EXTENSION]})

    @app.get("/v2/health/live", **schema.LIVE)
    async def live() -> Response:  # pyright: ignore[reportUnusedFunction]
        """The process answers."""
        return answer({"live": True})

    @app.get("/v2/health/ready", **schema.READY)
    async def ready() -> Response:  # pyright: ignore[reportUnusedFunction]
        """As /readyz."""
        reason = service.unready
        return answer({"ready": reason is None, "reason": reason}, 200 if reason is None else 503)

    @app.get("/v2/models/{name}", **schema.MODEL)
    async def metadata(name: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Inputs and outputs of the model. A request gives the last of the inputs, or all others."""
        _check_name(name, model)
        return answer(described(model))

    @app.get("/v2/models/{name}/ready", **schema.MODEL_READY)
    async def model_ready(name: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        """As /readyz."""
        _check_name(name, model)
        reason = service.unready
        return answer({"name": name, "ready": reason is None}, 200 if reason is None else 503)

    tensors = {spec.name: DATATYPES[spec.dtype] for spec in model.predictor.reader.signature()}

    @app.post("/v2/models/{name}/infer", **schema.infer(model.kind, tensors))
    async def infer(name: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Answers for the tensors that the network reads, or for encoded inputs: BYTES of shape [N], base64 in JSON."""
        _check_name(name, model)
        length = request.headers.get(HEADER)
        if content_type(request) not in ("application/json", "", *([] if length is None else [MEDIA_TYPE])):
            raise Refusal(415, "send application/json")
        limits = service.settings.limits
        with service.intake.hold() as hold:
            body = await read_body(request, hold, limits, limits.request_bytes)
            asked = await service.do(partial(_read, model, body, length, limits.files))
            if isinstance(asked, Refusal):
                raise asked
            found = asked.said
            if asked.encoded:
                found = [_said(one) for one in await service.predict(asked.encoded)]
            else:
                for one in found:
                    service.metrics.count_said(one)
                service.offer_tensors(found, asked.tensors)
        said = _outputs(model, asked.request, found)
        binary = asked.request.binary_outputs(output["name"] for output in said["outputs"])
        return binary_response(said, binary) if binary else answer(said)


def described(model: Model) -> dict[str, Any]:
    """Metadata of the model."""
    target = model.predictor.target
    inputs: list[dict[str, Any]] = [
        {
            "name": spec.name,
            "datatype": DATATYPES[spec.dtype],
            "shape": [-1, *(-1 if side is None else side for side in spec.shape)],
        }
        for spec in model.predictor.reader.signature()
    ]
    inputs.append({"name": model.kind.ENCODED, "datatype": "BYTES", "shape": [-1]})
    outputs: list[dict[str, Any]] = [
        {"name": _row_name(model), "datatype": _datatype(target), "shape": [-1, target.n_outputs]},
    ]
    if isinstance(target, CategoryTarget):
        outputs.append({"name": "label", "datatype": "BYTES", "shape": [-1]})
    return {
        "name": model.name,
        "versions": [VERSION],
        "platform": "onnxruntime_onnx",
        "inputs": inputs,
        "outputs": outputs,
        "parameters": {"sha256": model.sha256},
    }


def _row_name(model: Model) -> str:
    return "values" if isinstance(model.predictor.target, NumberTarget) else "probabilities"


def _check_name(name: str, model: Model) -> None:
    if name != model.name:
        raise Refusal(404, f"there is one model here: {model.name}")


@dataclass(frozen=True)
class _Asked:
    """A request, read and checked."""

    request: InferRequest
    encoded: list[bytes]
    """To be answered; empty where tensors were given."""
    said: list[Said]
    """Answers to tensors."""
    tensors: Arrays = ()
    """(N, …) each, as the network reads them; empty of encoded inputs."""


def _read(model: Model, body: bytes, length: str | None, files: int) -> _Asked | Refusal:
    """In one of the desk's threads: a body may take a while to read; tensors are answered at once."""
    try:
        end = json_length(length, body)
        request = _parsed(model, body[:end], files)
        parts = shared_out(body[end:], [tensor.parameters.binary_data_size for tensor in request.inputs])
        raw = dict(zip((tensor.name for tensor in request.inputs), parts, strict=True))
        _check_outputs(model, request)
        sizes = {tensor.shape[0] if tensor.shape else 0 for tensor in request.inputs}
        n = max(sizes)
        if not 1 <= n <= files:
            raise Refusal(413 if n > files else 400, f"the first side of the shape is {n}; expected 1 to {files}")
        first = request.inputs[0]
        if len(request.inputs) == 1 and (first.name, first.datatype) == (model.kind.ENCODED, "BYTES"):
            return _Asked(request, _encoded(first, n, raw[first.name]), [])
        signature = model.predictor.reader.signature()
        given = {tensor.name: tensor for tensor in request.inputs}
        if len(sizes) > 1 or len(given) != len(request.inputs) or given.keys() != {spec.name for spec in signature}:
            names = " and ".join(f"{spec.name} as {DATATYPES[spec.dtype]}" for spec in signature)
            raise Refusal(400, f"the input is neither {names}, of the same rows, nor {model.kind.ENCODED} as BYTES")
        tensors = tuple(_array(spec, given[spec.name], raw[spec.name]) for spec in signature)
        return _Asked(request, [], model.say(*tensors), tensors)
    except Refusal as refusal:
        return refusal


def _parsed(model: Model, body: bytes, files: int) -> InferRequest:
    signature = model.predictor.reader.signature()
    most = files * sum(prod(side or LONGEST for side in spec.shape) for spec in signature) + 10_000
    if body.count(b",") + body.count(b"[") + body.count(b"{") > most:  # each would become an object in memory
        raise Refusal(413, f"the request holds more values than {files} inputs have")
    if len(body) > MOST_TEXT_BYTES and (not body.isascii() or b"\\u" in body):
        raise Refusal(400, "a request of this size holds plain ASCII alone")  # one wide letter takes 4 bytes of each
    try:
        return InferRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refusal(400, f"not an inference request: {where or 'body'}: {first['msg']}"[:300]) from None


def _encoded(tensor: Tensor, n: int, raw: memoryview | None) -> list[bytes]:
    """The inputs as they are: bytes behind the JSON, or base64 in it."""
    found = strings(raw, n) if raw is not None else tensor.values
    if len(tensor.shape) != 1 or found is None or len(found) != n:
        raise Refusal(400, f"shape and data of {tensor.name} do not fit together")
    if raw is not None:
        return found
    try:
        return [base64.b64decode(text, validate=True) for text in map(_text, found)]
    except (binascii.Error, ValueError):
        raise Refusal(400, f"{tensor.name} are strings of base64") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _array(spec: TensorSpec, tensor: Tensor, raw: memoryview | None) -> NDArray[Any]:
    """(N, ...): every value is looked at before an array is made, which would make room for the longest of them."""
    datatype = DATATYPES[spec.dtype]
    if tensor.datatype != datatype:
        raise Refusal(400, f"{spec.name} is {tensor.datatype}; expected {datatype}")
    shape = tensor.shape
    if len(shape) != 1 + len(spec.shape) or any(
        found < 1 or expected not in (None, found) for found, expected in zip(shape[1:], spec.shape, strict=True)
    ):
        sides = ", ".join(["N", *("any" if side is None else str(side) for side in spec.shape)])
        raise Refusal(400, f"the shape of {spec.name} is not [{sides}]")
    found = _of_values(spec, tensor.values, shape) if raw is None else _of_bytes(spec, raw, shape)
    if not np.isfinite(found).all() or (spec.below is not None and not ((found >= 0) & (found < spec.below)).all()):
        raise _unlike(spec)
    return found


def _of_values(spec: TensorSpec, values: list[Any], shape: list[int]) -> NDArray[Any]:
    """Of numbers in JSON, nested as the shape says, or flat."""
    if values and isinstance(values[0], list):
        for side in shape[1:]:
            if any(not isinstance(part, list) or len(cast("list[Any]", part)) != side for part in values):
                raise _unlike(spec)
            values = [value for part in values for value in part]
    if len(values) != prod(shape) or not set(map(type, values)) <= _types(spec.dtype):
        raise _unlike(spec)
    try:
        if spec.dtype == "uint8":
            return np.frombuffer(bytes(values), np.uint8).reshape(shape)
        with np.errstate(over="raise"):
            return np.array(values, spec.dtype).reshape(shape)
    except (ValueError, OverflowError, FloatingPointError):
        raise _unlike(spec) from None


def _of_bytes(spec: TensorSpec, raw: memoryview, shape: list[int]) -> NDArray[Any]:
    """Of numbers behind the JSON; a byte that is neither 0 nor 1 is no truth value."""
    dtype = np.dtype(spec.dtype).newbyteorder("<")
    if len(raw) != prod(shape) * dtype.itemsize or (dtype.kind == "b" and max(raw, default=0) > 1):
        raise _unlike(spec)
    return np.frombuffer(raw, dtype).astype(spec.dtype, copy=False).reshape(shape)


def _types(dtype: str) -> set[type]:
    """Of JSON values that an array of this type may be made of."""
    kind = np.dtype(dtype).kind
    return {bool} if kind == "b" else {int} if kind in "iu" else {int, float}


def _unlike(spec: TensorSpec) -> Refusal:
    most = "" if spec.below is None else f" below {spec.below}"
    return Refusal(400, f"data of {spec.name} are not as many {DATATYPES[spec.dtype]} numbers{most} as the shape says")


def _datatype(target: Target) -> str:
    """Of the answers: numbers may be large and differ little, which 32 bits do not hold."""
    return "FP64" if isinstance(target, NumberTarget) else "FP32"


def _said(found: Answer | Refusal) -> Said:
    if isinstance(found, Refusal):
        raise found
    return found.said


def _check_outputs(model: Model, request: InferRequest) -> None:
    there = {output["name"] for output in described(model)["outputs"]}
    if any(output.name not in there for output in request.outputs or ()):
        raise Refusal(400, "an output was asked for that the model does not have; see its metadata")


def _outputs(model: Model, request: InferRequest, found: list[Said]) -> dict[str, Any]:
    target = model.predictor.target
    rows = np.stack([said.row_K for said in found])
    datatype = _datatype(target)
    rows = rows.astype(np.float32 if datatype == "FP32" else np.float64)
    outputs: list[dict[str, Any]] = [
        {"name": _row_name(model), "datatype": datatype, "shape": list(rows.shape), "data": rows.ravel().tolist()}
    ]
    if isinstance(target, CategoryTarget):
        labels = [said.prediction.label for said in found]
        outputs.append({"name": "label", "datatype": "BYTES", "shape": [len(found)], "data": labels})
    if request.outputs is not None:
        wanted = {output.name for output in request.outputs}
        outputs = [output for output in outputs if output["name"] in wanted]
    said = {"model_name": model.name, "model_version": VERSION, "outputs": outputs}
    return said if request.id is None else {**said, "id": request.id}
