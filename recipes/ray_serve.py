"""A saved model behind Ray Serve: pictures, sounds or files as they are, or a row as JSON; the answer as JSON.

    pip install 'ray[serve]' drivetrain
    serve run recipes.ray_serve:app model=fruit.model
    curl --data-binary @pear.jpg http://127.0.0.1:8000/

`ray[serve]` brings HAProxy as a program of its own, which is under the GPL; nothing here uses it.
Ray Serve scales and restarts. What `drivetrain serve` does besides is not here: limits of what is sent and of memory,
decoding in a process of its own, a token, the page, the log for `drivetrain watch`. Let no strangers reach it.
"""

import asyncio
import json
from typing import Any

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

import drivetrain as dt


@serve.deployment(max_ongoing_requests=64, ray_actor_options={"num_cpus": 1})
class Model:
    """One replica: a model with one thread, which answers what waits together."""

    def __init__(self, path: str) -> None:
        self.predictor = dt.load(path, threads=1)
        if not (found := self.predictor.self_test()).passed:
            raise RuntimeError(found.reason)  # the replica does not become ready

    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0.005)
    async def answer(self, inputs: list[Any]) -> list[dict[str, Any]]:
        """An answer for each, or its error."""
        found = await asyncio.to_thread(lambda: list(self.predictor.predict_many(inputs)))
        return [each.as_json() for each in found]

    async def __call__(self, request: Request) -> JSONResponse:
        """Of one input."""
        given: Any = await request.body()
        if request.headers.get("content-type", "").startswith("application/json"):
            try:
                given = json.loads(given)
            except ValueError as error:
                return JSONResponse({"error": f"the body is no JSON: {error}"}, 400)
            if not isinstance(given, dict):  # a text would be the path of a file of this machine
                return JSONResponse({"error": "expected a JSON object: a column and its cell each"}, 400)
        said = await self.answer(given)
        return JSONResponse(said, 400 if "error" in said else 200)


def app(arguments: dict[str, str]) -> serve.Application:
    """For `serve run`; takes model=PATH."""
    return Model.bind(arguments["model"])
