"""The recipe for Ray Serve is started, and says what the Predictor says."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import drivetrain as dt
from tests.serving.tiny import COLOURS, make_artefact, picture
from tests.tuning.conftest import rows

ROOT = Path(__file__).parents[1]
TRIAL = """
import sys

import ray
from ray import serve
from recipes.ray_serve import app

ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
for name, model in zip(("pictures", "rows"), sys.argv[2:]):
    serve.run(app({"model": model}), name=name, route_prefix=f"/{name}")
print("ready", flush=True)
sys.stdin.read()
serve.shutdown()
ray.shutdown()
"""


@contextmanager
def serving(*models: Path) -> Generator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    server = subprocess.Popen(
        [sys.executable, "-c", TRIAL, str(port), *map(str, models)],
        cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        said = iter(server.stdout.readline, "")
        assert any(line == "ready\n" for line in said), server.communicate()[1][-3000:]
        yield f"http://127.0.0.1:{port}"
    finally:
        try:
            server.communicate(timeout=60)  # ends what it is told to wait for
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def ask(address: str, body: bytes, kind: str = "application/octet-stream") -> tuple[int, Any]:
    request = urllib.request.Request(address, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as found:
            return found.status, json.loads(found.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def as_sent(found: Any) -> Any:
    """What JSON makes of an answer."""
    return json.loads(json.dumps(found.as_json()))


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_ray_serve_says_what_the_predictor_says(tmp_path: Path) -> None:
    pytest.importorskip("ray.serve", reason="Ray Serve is not installed", exc_type=ImportError)
    colours = make_artefact(tmp_path)
    line = dt.Linear(dt.table(rows(), target="y", project=tmp_path / "project")).save(tmp_path / "line.model")
    with serving(colours, line) as address:
        pictures = [picture(list(COLOURS)[i % 3], i) for i in range(24)]
        sent = [*pictures, b"\x89PNG\r\n\x1a\n torn", b""]
        with ThreadPoolExecutor(12) as pool:  # so that several wait together, the torn one among them
            found = list(pool.map(lambda body: ask(f"{address}/pictures", body), sent))
        assert [status for status, _ in found] == [200] * 24 + [400] * 2
        for (_, said), alone in zip(found, dt.load(colours).predict_many(pictures), strict=False):
            assert said == as_sent(alone)
        assert all(set(said) == {"path", "error"} for _, said in found[24:])

        cells = {"a": 0.5, "b": -1.0, "c": "x"}
        status, said = ask(f"{address}/rows", json.dumps(cells).encode(), "application/json")
        assert (status, said) == (200, as_sent(dt.load(line).predict(cells)))
        for body in (b'"/etc/hostname"', b"[1, 2]", b"{", b"{}", b'{"a": "many", "b": 1, "c": "x"}', b"null"):
            status, said = ask(f"{address}/rows", body, "application/json")
            assert status == 400, (body, said)
            assert "error" in said and "hostname" not in said["error"]
        status, said = ask(f"{address}/pictures", json.dumps(cells).encode(), "application/json")
        assert status == 400
