"""fastai behind FastAPI, as its users write it: `load_learner`, and `learn.predict` in a route.

python fastai_serve.py LEARNER.pkl PORT
"""

from __future__ import annotations

import sys
import threading

import uvicorn
from fastai.vision.all import PILImage, load_learner
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool


def main() -> None:
    learn = load_learner(sys.argv[1])
    app = FastAPI()
    one_at_a_time = threading.Lock()  # a Learner keeps state while it predicts

    def said(data: bytes) -> dict[str, object]:
        with one_at_a_time, learn.no_bar():
            label, index, probabilities = learn.predict(PILImage.create(data))
        return {"label": label, "probability": float(probabilities[index])}

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, object]:
        return await run_in_threadpool(said, await request.body())

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")


if __name__ == "__main__":
    main()
