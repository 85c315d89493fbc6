"""What the OpenAPI document says of each route; requests are read by hand, so FastAPI cannot see it by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, create_model
from starlette.responses import PlainTextResponse

from drivetrain.runtime.serve import Call, ServeKind
from drivetrain.serving.binary_tensors import MEDIA_TYPE
from drivetrain.serving.bodies import MULTIPART


class Error(BaseModel):
    """Why there is no answer."""

    error: str


class Likely(BaseModel):
    """A category and its probability."""

    label: str
    probability: float | None


class SpanSaid(BaseModel):
    """From when to when a label holds in a long input, in seconds."""

    start: float
    end: float
    label: str
    probability: float | None


class Answer(BaseModel):
    """What the model says of an input; what does not apply to the kind of target is absent."""

    label: str | None = None
    probability: float | None = None
    labels: list[str] | None = None
    values: dict[str, float | None] | None = None
    intervals: dict[str, list[float | None]] | None = None
    top: list[Likely] | None = None
    set: list[str] | None = None
    abstained: bool | None = None
    spans: list[SpanSaid] | None = None


class FileAnswer(Answer):
    """Of one file of several; with `error` instead where it cannot be read."""

    file: str | None
    error: str | None = None


class RowAnswer(Answer):
    """Of one row of several, counted from 1; with `error` instead where it cannot be read."""

    row: int
    error: str | None = None


class Live(BaseModel):
    """The process answers."""

    live: bool


class Ready(BaseModel):
    """Whether requests should be sent."""

    ready: bool
    reason: str | None


class ModelReady(BaseModel):
    """Whether requests should be sent to this model."""

    name: str
    ready: bool


class Server(BaseModel):
    """Of the Open Inference Protocol."""

    name: str
    version: str
    extensions: list[str]


class TensorAbout(BaseModel):
    """An input or output; −1 is any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelAbout(BaseModel):
    """Of the Open Inference Protocol."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorAbout]
    outputs: list[TensorAbout]
    parameters: dict[str, str]


class TensorOut(TensorAbout):
    """An output."""

    data: list[float | str | None]


class Inferred(BaseModel):
    """Of the Open Inference Protocol."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[TensorOut]


_REASONS = {
    400: "The request is not what it says it is.",
    401: "The token is missing or wrong.",
    403: "Asked by a page of another site.",
    404: "There is no such thing.",
    408: "The body came too slowly.",
    413: "Too many bytes, pixels, files or values.",
    421: "Asked for under another host's name.",
    431: "Too many headers.",
    500: "A fault of the service.",
    503: "Too busy, starting or shutting down; `Retry-After` says when to come again.",
    504: "No answer within the deadline.",
}


def _route(
    good: Any, *refusals: int, takes: dict[str, Any] | None = None, kind: ServeKind | None = None
) -> dict[str, Any]:
    """Keyword arguments of a FastAPI route."""
    reasons = _REASONS | ({415: kind.REFUSED, 422: f"The {kind.NOUN} cannot be read."} if kind else {})
    responses: dict[int, dict[str, Any]] = {200: {"model": good, "description": "The answer."}}
    responses |= {code: {"model": Error, "description": reasons[code]} for code in (401, 403, 421, 431, *refusals)}
    extra = {"requestBody": {"required": True, "content": takes}} if takes else None
    return {"responses": responses, "openapi_extra": extra, "response_model": None}


_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILES: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "array", "items": _BINARY["schema"]}},
    }
}
_NAMED = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
_UNREADY = {503: {"model": Ready, "description": "Not ready, and why."}}


def _inputs(kind: ServeKind) -> dict[str, Any]:
    """Bodies that hold inputs of a kind."""
    return {**dict.fromkeys(kind.MEDIA_TYPES, _BINARY), MULTIPART: _FILES}


def predict(kind: ServeKind) -> dict[str, Any]:
    """Of /predict."""
    good = Answer | list[FileAnswer] | list[RowAnswer] if hasattr(kind, "rows") else Answer | list[FileAnswer]
    return _route(good, 400, 408, 413, 415, 422, 503, 504, takes=_inputs(kind), kind=kind)


def explain(kind: ServeKind) -> dict[str, Any]:
    """Of /explain, for a kind that explains."""
    good = create_model("Explained", __base__=(Answer, cast(Any, kind).Explained))
    good.__doc__ = "An answer, and what it rests on."
    return _route(good, 400, 408, 413, 415, 422, 503, 504, takes=_inputs(kind), kind=kind)


def call(asked: Call) -> dict[str, Any]:
    """Of a further route of a kind."""
    takes = {"application/json": {"schema": {"type": "object"}}}
    route = _route(asked.gives, 400, 408, 413, 503, 504, takes=takes)
    route["responses"] |= {415: {"model": Error, "description": "Not JSON."}}
    route["responses"] |= {422: {"model": Error, "description": "It cannot be answered as asked; the error says why."}}
    return route


def infer(kind: ServeKind, tensors: Mapping[str, str]) -> dict[str, Any]:
    """Of inference; `tensors` are the names of the inputs with their data types, without the encoded one."""
    tensor: dict[str, Any] = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"type": "string", "enum": [*tensors, kind.ENCODED]},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"type": "string", "enum": [*dict.fromkeys(tensors.values()), "BYTES"]},
            "data": {"type": "array", "items": {}},
        },
    }
    body: dict[str, Any] = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {"type": "array", "minItems": 1, "maxItems": len(tensors), "items": tensor},
            "outputs": {"type": "array", "items": _NAMED},
        },
    }
    takes = {"application/json": {"schema": body}, MEDIA_TYPE: _BINARY}
    return _route(Inferred, 400, 404, 408, 413, 415, 422, 503, 504, takes=takes, kind=kind)


ABOUT = _route(dict[str, Any])
LIVE = _route(Live)
READY = _route(Ready)
READY["responses"] |= _UNREADY
METRICS: dict[str, Any] = _route(None)
METRICS["responses"][200] = {"description": "Counts, in the text format of Prometheus."}
METRICS["response_class"] = PlainTextResponse
SERVER = _route(Server)
MODEL = _route(ModelAbout, 404)
MODEL_READY = _route(ModelReady, 404)
MODEL_READY["responses"][503] = {"model": ModelReady, "description": "Not ready."}
