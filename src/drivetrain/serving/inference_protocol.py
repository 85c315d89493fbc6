"""A part of the Open Inference Protocol, version 2: health, metadata, and inference on tensors or encoded pictures.

Source: https://github.com/kserve/open-inference-protocol. Not there: several models or versions, binary tensor data,
loading and unloading.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, cast

import numpy as np
from fastapi import FastAPI, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from drivetrain import __version__
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target
from drivetrain.serving import schema
from drivetrain.serving.bodies import content_type, read_body
from drivetrain.serving.model import Answer, Model, Said
from drivetrain.serving.refusals import Refusal
from drivetrain.serving.service import Service
from drivetrain.serving.wire import answer

VERSION = "1"
PIXELS, PICTURES = "pixels", "pictures"
MOST_TEXT_BYTES = 2**20
"""Of a body with letters that are not ASCII."""
_NOT_PIXELS = "data are not as many whole numbers of 0 to 255 as the shape says"


class Tensor(BaseModel):
    """An input."""

    name: str = Field(max_length=100)
    shape: list[int] = Field(max_length=8)
    datatype: str = Field(max_length=10)
    data: list[Any]


class Wanted(BaseModel):
    """An output that is asked for."""

    name: str = Field(max_length=100)


class InferRequest(BaseModel):
    """Body of an inference request; what is not named here is ignored."""

    id: str | None = Field(default=None, max_length=200)
    inputs: list[Tensor] = Field(min_length=1, max_length=1)
    outputs: list[Wanted] | None = Field(default=None, max_length=8)


def add_routes(app: FastAPI, service: Service) -> None:
    """Add /v2 to an application."""
    model = service.model

    @app.get("/v2", **schema.SERVER)
    async def server() -> Response:  # pyright: ignore[reportUnusedFunction]
        """What this server is."""
        return answer({"name": "drivetrain", "version": __version__, "extensions": []})

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
        """Inputs and outputs of the model. One of the two inputs is given in a request."""
        _check_name(name, model)
        return answer(described(model))

    @app.get("/v2/models/{name}/ready", **schema.MODEL_READY)
    async def model_ready(name: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        """As /readyz."""
        _check_name(name, model)
        reason = service.unready
        return answer({"name": name, "ready": reason is None}, 200 if reason is None else 503)

    @app.post("/v2/models/{name}/infer", **schema.INFER)
    async def infer(name: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Answers for `pixels` (UINT8 of shape [N, S, S, C]) or `pictures` (BYTES of shape [N], base64 in JSON)."""
        _check_name(name, model)
        if content_type(request) not in ("application/json", ""):
            raise Refusal(415, "send application/json")
        limits = service.settings.limits
        with service.intake.hold() as hold:
            body = await read_body(request, hold, limits, limits.request_bytes)
            asked = await service.do(partial(_read, model, body, limits.files))
            if isinstance(asked, Refusal):
                raise asked
            found = asked.said
            if asked.pictures:
                found = [_said(one) for one in await service.predict(asked.pictures)]
            else:
                for one in found:
                    service.metrics.count_said(one)
        return answer(_outputs(model, asked.request, found))


def described(model: Model) -> dict[str, Any]:
    """Metadata of the model."""
    reader, target = model.predictor.reader, model.predictor.target
    side = reader.size_px
    inputs = [
        {"name": PIXELS, "datatype": "UINT8", "shape": [-1, side, side, reader.channels]},
        {"name": PICTURES, "datatype": "BYTES", "shape": [-1]},
    ]
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
    pictures: list[bytes]
    """To be answered; empty where pixels were given."""
    said: list[Said]
    """Answers to pixels."""


def _read(model: Model, body: bytes, files: int) -> _Asked | Refusal:
    """In one of the desk's threads: a body may take a while to read; pixels are answered at once."""
    try:
        request = _parsed(model, body, files)
        _check_outputs(model, request)
        tensor = request.inputs[0]
        n = tensor.shape[0] if tensor.shape else 0
        if not 1 <= n <= files:
            raise Refusal(413 if n > files else 400, f"the first side of the shape is {n}; expected 1 to {files}")
        match tensor.name, tensor.datatype:
            case "pixels", "UINT8":
                return _Asked(request, [], model.say(_pixels(model, tensor)))
            case "pictures", "BYTES":
                return _Asked(request, _pictures(tensor, n), [])
            case _:
                raise Refusal(400, f"the input is neither {PIXELS} as UINT8 nor {PICTURES} as BYTES")
    except Refusal as refusal:
        return refusal


def _parsed(model: Model, body: bytes, files: int) -> InferRequest:
    reader = model.predictor.reader
    most = files * reader.size_px**2 * reader.channels + 10_000
    if body.count(b",") + body.count(b"[") + body.count(b"{") > most:  # each would become an object in memory
        raise Refusal(413, f"the request holds more values than {files} pictures have")
    if len(body) > MOST_TEXT_BYTES and (not body.isascii() or b"\\u" in body):
        raise Refusal(400, "a request of this size holds plain ASCII alone")  # one wide letter takes 4 bytes of each
    try:
        return InferRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refusal(400, f"not an inference request: {where or 'body'}: {first['msg']}"[:300]) from None


def _pictures(tensor: Tensor, n: int) -> list[bytes]:
    if len(tensor.shape) != 1 or len(tensor.data) != n:
        raise Refusal(400, f"shape and data of {PICTURES} do not fit together")
    try:
        return [base64.b64decode(text, validate=True) for text in tensor.data if _is_text(text)]
    except (binascii.Error, ValueError):
        raise Refusal(400, f"{PICTURES} are strings of base64") from None


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        raise Refusal(400, f"{PICTURES} are strings of base64")
    return True


def _pixels(model: Model, tensor: Tensor) -> NDArray[np.uint8]:
    """(N, S, S, C): every value is looked at before an array is made, which would make room for the longest of them."""
    reader = model.predictor.reader
    if tensor.shape[1:] != [reader.size_px, reader.size_px, reader.channels]:
        raise Refusal(400, f"the shape is not [N, {reader.size_px}, {reader.size_px}, {reader.channels}]")
    values: list[Any] = tensor.data
    if values and isinstance(values[0], list):  # nested as the shape says, or flat
        for depth in range(1, len(tensor.shape)):
            side = tensor.shape[depth]
            if any(not isinstance(part, list) or len(cast("list[Any]", part)) != side for part in values):
                raise Refusal(400, _NOT_PIXELS)
            values = [value for part in values for value in part]
    if len(values) != prod(tensor.shape) or set(map(type, values)) != {int}:
        raise Refusal(400, _NOT_PIXELS)
    try:
        return np.frombuffer(bytes(values), np.uint8).reshape(tensor.shape)
    except ValueError:
        raise Refusal(400, _NOT_PIXELS) from None


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
