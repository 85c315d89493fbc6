"""LitServe around the same ONNX file: one worker process per thread that the others have.

python litserve_serve.py MODEL.onnx PORT WORKERS
"""

from __future__ import annotations

import base64
import sys

import litserve
import numpy as np
import onnxruntime
from pictures import pixels_of


class Api(litserve.LitAPI):
    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def decode_request(self, request: dict) -> bytes:
        return base64.b64decode(request["image"])  # files of forms do not reach its worker processes

    def predict(self, data: bytes) -> np.ndarray:
        return self.session.run(None, {self.input: pixels_of(data)[None]})[0][0]

    def encode_response(self, output: np.ndarray) -> dict:
        return {"class": int(output.argmax())}


def main() -> None:
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=int(sys.argv[3]))
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="error")


if __name__ == "__main__":
    main()
