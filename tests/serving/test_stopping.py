"""The command from start to end: ready soon, everything it took answered, exit status 0."""

import os
import signal
import threading
import time

import httpx
import pytest

from drivetrain.cli.main import main
from drivetrain.serving.settings import Settings
from tests.serving.conftest import running
from tests.serving.service import Service
from tests.serving.tiny import make_artefact, picture


@pytest.fixture
def started(artefact):
    process = Service(artefact, "--port", "0", "--threads", "1")
    yield process
    if process.popen.poll() is None:
        process.end(signal.SIGKILL)


def test_what_was_taken_is_answered_and_nothing_more(artefact):
    with running(artefact, Settings(threads=1, queue=5)) as service:
        real = service.service.model.answer

        def slow(data, **how):
            time.sleep(0.15)
            return real(data, **how)

        service.service.model.answer = slow
        answers: list[httpx.Response] = []

        def ask():
            answers.append(service.post("/predict", picture("red")))

        callers = [threading.Thread(target=ask) for _ in range(4)]
        for caller in callers:
            caller.start()
        desk = service.service.desk
        while desk.waiting + desk.running < 4:
            time.sleep(0.005)
        service.server.handle_exit(signal.SIGTERM, None)
        assert service.service.unready == "shutting down"
        for caller in callers:
            caller.join()
        assert [answer.status_code for answer in answers] == [200] * 4
        until = time.monotonic() + 5
        with pytest.raises(httpx.ConnectError):
            while time.monotonic() < until:
                assert service.post("/predict", picture("red")).status_code == 503


def test_sigterm_is_an_ordinary_end(started):
    address = started.wait_for("listening")["address"]
    assert started.wait_for("ready")["golden"] == 3
    assert httpx.post(address + "/predict", content=picture("red")).json()["label"] == "red"
    assert started.end() == 0
    assert started.lines[-1]["event"] == "stopped"
    assert not any(line["event"] in {"text", "server"} for line in started.lines), started.lines


def test_ctrl_c_is_an_ordinary_end(started):
    started.wait_for("ready")
    assert started.end(signal.SIGINT) == 0


def test_a_model_that_fails_its_golden_examples_is_said_to(tmp_path):
    process = Service(make_artefact(tmp_path, golden_is_wrong=True), "--port", "0")
    address = process.wait_for("listening")["address"]
    assert "differ by 1" in process.wait_for("not ready")["reason"]
    assert httpx.get(address + "/readyz").status_code == 503
    assert process.end() == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "no token is set"),
        (["--port", "1"], "cannot listen on 127.0.0.1:1"),
        (["--token-file", "missing"], "--token-file missing cannot be read"),
        (["--log-predictions", "/dev/null/log.jsonl"], "/dev/null is a file, not a folder"),
        (["--log-predictions", "pipe"], "a device or a pipe"),
        (["--log-predictions", "/dev/null"], "a device or a pipe"),
        (["--log-predictions", "."], "it is a folder"),
        (["--sample-dir", "/dev/null"], "it is not a folder"),
    ],
)
def test_what_cannot_be_is_one_line(artefact, words, said, tmp_path, monkeypatch, capsys):
    if words[0] == "--port" and os.geteuid() == 0:
        words, said = ["--host", "192.0.2.1", "--port", "0"], "cannot listen on 192.0.2.1:0"
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRIVETRAIN_TOKEN", "a" * 20 if "192" in str(words) else "")
    assert main(["serve", str(artefact), *words]) == 1
    told = capsys.readouterr()
    assert told.err.count("\n") == 1 and said in told.err and not told.out


def test_told_to_stop_as_soon_as_it_speaks_it_stops(artefact):
    service = Service(artefact, "--port", "0", "--threads", "1")
    service.wait_for("listening")
    assert service.end() == 0
