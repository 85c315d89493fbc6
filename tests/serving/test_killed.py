"""What takes too long or too much memory is ended, and everybody else is answered meanwhile."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from drivetrain.errors import InputError
from drivetrain.kinds.images.admission import admit
from drivetrain.runtime.refusals import Refusal
from drivetrain.serving.decoding import Decoder, OverdueError
from drivetrain.serving.settings import MB, Limits, Settings
from tests.serving.conftest import running
from tests.serving.tiny import READER, encoded, paint, picture


def large(width: int = 6000, height: int = 4000) -> bytes:
    """A progressive JPEG whose decoding takes some tenths of a second."""
    return encoded(paint("green", size=(600, 400)).resize((width, height)), "JPEG", progressive=True, quality=80)


@pytest.fixture
def decoder():
    made = Decoder(READER, most_bytes=200 * MB, most_s=20)
    yield made
    made.kill()


def test_it_decodes_as_here(decoder):
    for data in (picture("red"), encoded(paint("blue", size=(500, 300)), "WEBP"), large(3000, 2000)):
        np.testing.assert_array_equal(decoder.load(data)[0], READER.load(data)[0])
    with pytest.raises(InputError, match=r"this picture cannot be read as a picture: .*To fix: "):
        decoder.load(b"no picture")
    assert decoder.load(picture("red"))[0].shape == READER.load(picture("red"))[0].shape


def test_what_is_overdue_is_killed_and_the_next_one_is_read(decoder):
    data = large()
    decoder.load(picture("red"))
    first = decoder._process
    decoder._most_s = 0.05
    began = time.monotonic()
    with pytest.raises(OverdueError):
        decoder.load(data)
    assert time.monotonic() - began < 5 and first.poll() is not None
    decoder._most_s = 20
    assert decoder.load(picture("red"))[0].shape == READER.load(picture("red"))[0].shape
    assert decoder._process is not first


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space")
def test_what_takes_too_much_memory_is_not_decoded():
    small = Decoder(READER, most_bytes=MB, most_s=20)
    try:
        with pytest.raises((InputError, OverdueError)):
            small.load(encoded(Image.new("RGBA", (6000, 5000)), "PNG"))
        assert small.load(picture("red"))[0].shape == READER.load(picture("red"))[0].shape
    finally:
        small.kill()


def test_a_decoder_that_dies_is_replaced(decoder):
    decoder.load(picture("red"))
    decoder._process.kill()
    decoder._process.wait()
    assert decoder.load(picture("red"))[0].shape == READER.load(picture("red"))[0].shape


def test_nothing_is_started_after_the_end(decoder):
    decoder.load(picture("red"))
    decoder.kill()
    with pytest.raises(OverdueError):
        decoder.load(picture("red"))


def test_a_small_picture_does_not_wait_for_large_ones(artefact):
    with running(artefact, Settings(threads=1, queue=16, deadline_s=120)) as service:
        data = large(7000, 5000)
        service.post("/predict", data)  # its process has started
        found = []
        senders = [threading.Thread(target=lambda: found.append(service.post("/predict", data))) for _ in range(5)]
        for sender in senders:
            sender.start()
        until = time.monotonic() + 10
        while not service.service.desk.running and time.monotonic() < until:
            time.sleep(0.005)
        before = []
        while any(sender.is_alive() for sender in senders):
            assert service.post("/predict", picture("red")).json()["label"] == "red"
            before.append(len(found))
        assert {answer.status_code for answer in found} == {200}
        assert before[0] < 4, "the first small one was answered behind the large ones that came before it"
        assert {answer.json()["label"] for answer in found} == {"green"}


@pytest.mark.parametrize(
    ("make", "status", "said"),
    [
        (lambda: encoded(Image.new("RGBA", (5000, 4700)), "PNG"), 200, ""),
        (lambda: encoded(Image.new("RGBA", (4800, 4800)), "WEBP", lossless=True, method=0, quality=0), 413, "memory"),
        (lambda: encoded(Image.new("RGB", (8000, 6000)), "JPEG", progressive=True, subsampling=0), 413, "memory"),
        (lambda: encoded(Image.new("RGB", (8000, 6000)), "JPEG", progressive=True), 200, ""),
    ],
)
def test_decoded_bytes_are_bounded_and_not_pixels_alone(make, status, said):
    data = make()
    try:
        assert admit(data, Limits(), 256).large and status == 200
    except Refusal as refusal:
        assert (refusal.status, said in refusal.message) == (status, True)


def test_it_is_not_ready_while_every_thread_is_overdue(artefact):
    with running(artefact, Settings(threads=1, deadline_s=0.2)) as service:
        real, go_on = service.service.model.answer, threading.Event()
        service.service.model.answer = lambda data, **how: go_on.wait(20) and real(data, **how)
        assert service.get("/readyz").status_code == 200
        assert service.post("/predict", picture("red")).status_code == 504
        found = service.get("/readyz")
        refused = service.post("/predict", picture("red"))
        go_on.set()
        until = time.monotonic() + 5
        while service.get("/readyz").status_code != 200 and time.monotonic() < until:
            time.sleep(0.02)
        assert found.status_code == 503 and "busy with one picture for more than 0.2 seconds" in found.json()["reason"]
        assert refused.status_code == 503 and service.get("/livez").status_code == 200
        assert service.get("/readyz").status_code == 200


NEVER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from drivetrain.serving.model import Model
from drivetrain.serving.run import serve
from drivetrain.serving.settings import Limits, Settings
def never(self, data, **how):
    while True:
        time.sleep(1)
setattr(Model, sys.argv[2], never if sys.argv[2] == "answer" else lambda self: never(self, b""))
serve(Path(sys.argv[1]), Settings(port=0, threads=1, deadline_s=0.5, limits=Limits(body_s=0.5)))
"""


@pytest.mark.parametrize("what", ["answer", "prove"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_whatever_runs(artefact, what, number):
    process = subprocess.Popen([sys.executable, "-c", NEVER, str(artefact), what], stderr=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr))
    try:
        first = process.stderr.readline()
        address = first.split('"address":"')[1].split('"')[0]
        reader.start()
        if what == "answer":
            until = time.monotonic() + 20
            while time.monotonic() < until and not any('"ready"' in line for line in lines):
                time.sleep(0.02)
            assert httpx.post(address + "/predict", content=picture("red"), timeout=10).status_code == 504
        began = time.monotonic()
        process.send_signal(number)
        code = process.wait(30)
        assert time.monotonic() - began < 10 and code == 1
        reader.join(5)
        assert "something was still running" in lines[-1]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(5)
        process.stderr.close()


# --- what leaves the machine


def traced(words: list[str], folder: Path) -> tuple[list[Path], str | None]:
    """What a program leaves below an empty HOME, and the sockets it opened where strace can tell."""
    home, trace = folder / "home", folder / "trace"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    environment |= {"HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    strace = shutil.which("strace")
    prefix = [strace, "-f", "-qq", "-e", "trace=socket,connect", "-o", str(trace)] if strace else []

    def done_with(*prefix: str) -> subprocess.CompletedProcess[str]:
        whole = [*prefix, sys.executable, *words]
        return subprocess.run(whole, capture_output=True, text=True, env=environment, check=False)

    done = done_with(*prefix)
    if done.returncode and "ptrace" in done.stderr:  # not everybody may trace
        done, strace = done_with(), None
    assert done.returncode == 0, done.stderr
    return sorted(home.rglob("*")), trace.read_text() if strace else None


@pytest.mark.parametrize("how", ["predict", "import"])
def test_predicting_leaves_nothing_behind_and_looks_nobody_up(artefact, tmp_path, how):
    path = tmp_path / "red.png"
    path.write_bytes(picture("red"))
    words = ["-m", "drivetrain", "predict", str(artefact), str(path)]
    if how == "import":
        words = ["-c", f"import drivetrain as dt; print(dt.load({str(artefact)!r}).predict({str(path)!r}))"]
    left, sockets = traced(words, tmp_path)
    assert left == []
    if sockets is not None:
        assert "AF_INET" not in sockets


def test_the_wish_of_a_user_is_kept():
    program = "import os, drivetrain; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for given, kept in ((None, "1"), ("", "1"), ("0", "0")):
        environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
        environment |= {} if given is None else {"ORT_DISABLE_TELEMETRY": given}
        words = [sys.executable, "-c", program]
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
        assert done.stdout.strip() == kept
