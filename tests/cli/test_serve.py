"""`drivetrain serve` on the command line; the service itself is tested in tests/serving."""

import pytest

import drivetrain.cli.commands.serve as command
from tests.serving.tiny import make_artefact


def test_a_missing_extra_is_one_helpful_line(run, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "NEEDED", ("fastapi", "no_such_library"))
    done = run("serve", make_artefact(tmp_path))
    assert (done.code, done.err) == (
        1,
        "error: drivetrain serve needs no_such_library: pip install 'drivetrain[serve]'\n",
    )


def test_what_was_typed_is_what_is_set(run, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("drivetrain.serving.run.serve", lambda model, settings: given.append((model, settings)))
    monkeypatch.setenv("DRIVETRAIN_TOKEN", "from-the-environment")
    words = ["--host", "0.0.0.0", "--port", "9", "--threads", "3", "--queue", "4", "--deadline", "2.5", "--max-mb", "1"]
    watched = ["--log-predictions", "a.jsonl", "--sample-dir", "kept", "--sample-pct", "0.5", "--sample-most", "7"]
    watched += ["--shadow", "b.model"]
    assert run("serve", "a.model", *words, *watched).code == 0
    ((model, settings),) = given
    assert str(model) == "a.model" and settings.token == "from-the-environment"
    assert (settings.host, settings.port, settings.threads, settings.queue) == ("0.0.0.0", 9, 3, 4)
    assert (settings.deadline_s, settings.limits.picture_bytes) == (2.5, 2**20)
    assert (str(settings.log_predictions), str(settings.sample_dir)) == ("a.jsonl", "kept")
    assert (settings.sample_pct, settings.sample_most, str(settings.shadow)) == (0.5, 7, "b.model")


def test_a_token_is_never_taken_from_the_command_line(run, tmp_path):
    assert run("serve", "a.model", "--token", "x" * 20).code == 2


@pytest.mark.parametrize("words", [["--sample-pct", "2"], ["--port", "70000"], ["--deadline", "0"], ["--queue", "-1"]])
def test_wrong_usage(run, words):
    assert run("serve", "a.model", *words).code == 2


def test_a_model_without_onnx_is_refused(run, tmp_path):
    done = run("serve", make_artefact(tmp_path, export=None), "--port", "0")
    assert done.code == 1 and "no model.onnx" in done.err and done.err.count("\n") == 1
