"""The routes of the service: each reads a request within its limits, asks the service, and says the answer in JSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from drivetrain import __version__
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import Call, ServeKind
from drivetrain.serving import inference_protocol, schema
from drivetrain.serving.about import about
from drivetrain.serving.bodies import RAW_TYPES, Part, content_type, read_body, read_inputs
from drivetrain.serving.documentation import documentation
from drivetrain.serving.guard import Guard
from drivetrain.serving.metrics import CONTENT_TYPE
from drivetrain.serving.model import Answer, answer_as_json
from drivetrain.serving.page import PAGE_FILES, page_file
from drivetrain.serving.service import Service
from drivetrain.serving.wire import answer, dumps


def make_app(service: Service) -> Guard:
    """The ASGI application: FastAPI behind a guard.

    Example:
        ::

            uvicorn.run(make_app(Service(model, Settings())))
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPI(
        title=f"drivetrain: {service.model.name}",
        version=__version__,
        description='Answers of one model. Errors are `{"error": message}`.',
        lifespan=lifespan,
        openapi_url=None,  # made anew for each request
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _not_routed)
    _add_answers(app, service)
    for path, call in getattr(service.model.kind, "CALLS", {}).items():
        _add_call(app, service, path, call)
    _add_health(app, service)
    _add_pages(app, service.model.kind)
    inference_protocol.add_routes(app, service)
    return Guard(app, service)


def _add_answers(app: FastAPI, service: Service) -> None:
    limits, kind = service.settings.limits, service.model.kind
    split: Callable[[bytes, str], list[bytes] | None] | None = getattr(kind, "rows", None)

    @app.post("/predict", **schema.predict(kind))
    async def predict(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """One input as the body gives one answer; several, or multipart/form-data, give a list, in their order."""
        with service.intake.hold() as hold:
            parts, is_list = await read_inputs(request, hold, limits, kind)
            rows = None if is_list or split is None else split(bytes(parts[0].data), content_type(request))
            if rows is not None:
                return answer(_numbered(await service.predict_rows(rows)))
            found = await service.predict([bytes(part.data) for part in parts])
        if is_list:
            return answer([_row(part, one) for part, one in zip(parts, found, strict=True)])
        if isinstance(found[0], Refusal):
            raise found[0]
        return answer(answer_as_json(found[0].said.prediction), headers={"server-timing": _timing(found[0])})

    async def explain(request: Request) -> Response:
        """One input's answer, and what it rests on."""
        with service.intake.hold() as hold:
            parts, _ = await read_inputs(request, hold, limits, kind)
            if len(parts) != 1:
                raise Refusal(413, f"one {kind.NOUN} can be explained at a time")
            found = await service.explain(bytes(parts[0].data))
        if isinstance(found, Refusal):
            raise found
        return answer({**answer_as_json(found.prediction), **found.as_json()})

    if hasattr(kind, "explain"):
        app.post("/explain", **schema.explain(kind))(explain)

    @app.get("/about", **schema.ABOUT)
    async def what() -> Response:  # pyright: ignore[reportUnusedFunction]
        """What the model was trained on and how good it is."""
        return answer(about(service.model, service.kept_share, service.shadow.model if service.shadow else None))


def _add_call(app: FastAPI, service: Service, path: str, call: Call) -> None:
    limits = service.settings.limits

    async def asked(request: Request) -> Response:
        with service.intake.hold() as hold:
            if content_type(request) not in (*RAW_TYPES, "application/json"):
                raise Refusal(415, "send JSON")
            body = await read_body(request, hold, limits, limits.picture_bytes)
            return answer(await service.do(partial(call.answer, service.model, body)))

    app.post(path, **schema.call(call), description=call.said, name=path.strip("/"))(asked)


def _row(part: Part, found: Answer | Refusal) -> dict[str, Any]:
    fields = {"error": found.message} if isinstance(found, Refusal) else answer_as_json(found.said.prediction)
    return {"file": part.name, **fields}


def _numbered(found: list[Answer | Refusal]) -> list[dict[str, Any]]:
    return [
        {"row": at, **({"error": one.message} if isinstance(one, Refusal) else answer_as_json(one.said.prediction))}
        for at, one in enumerate(found, start=1)
    ]


def _timing(found: Answer) -> str:
    return f"decode;dur={1000 * found.decode_s:.2f}, inference;dur={1000 * found.inference_s:.2f}"


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/livez", **schema.LIVE)
    async def live() -> Response:  # pyright: ignore[reportUnusedFunction]
        """The process answers."""
        return answer({"live": True})

    @app.get("/readyz", **schema.READY)
    async def ready() -> Response:  # pyright: ignore[reportUnusedFunction]
        """The golden examples came out as saved, and the service is not shutting down."""
        reason = service.unready
        return answer({"ready": reason is None, "reason": reason}, 200 if reason is None else 503)

    @app.get("/metrics", **schema.METRICS)
    async def metrics() -> Response:  # pyright: ignore[reportUnusedFunction]
        """For Prometheus."""
        return Response(service.metrics.page(), media_type=CONTENT_TYPE)


def _add_pages(app: FastAPI, kind: ServeKind) -> None:
    for path, name in PAGE_FILES.items():
        app.add_api_route(path, _static(name, kind.PAGE), methods=["GET"], include_in_schema=False)

    @cache
    def described() -> tuple[bytes, str]:
        return dumps(app.openapi()), documentation(app.openapi(), kind.EXAMPLES)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(described()[0], media_type="application/json")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(described()[1], media_type="text/html; charset=utf-8")


def _static(name: str, folder: Any) -> Callable[[], Any]:
    async def serve() -> Response:
        content, media_type = page_file(name, folder)
        return Response(content, media_type=media_type)

    return serve


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return Response(refusal.body(), refusal.status, refusal.headers, "application/json")


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reasons = {404: "there is nothing here; /docs lists what there is", 405: "this cannot be asked with this method"}
    return answer({"error": reasons.get(error.status_code, error.detail)}, error.status_code, dict(error.headers or {}))
