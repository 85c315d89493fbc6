"""A second model beside the one that answers: compared and written down, never sent, never waited for."""

import json
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from drivetrain.errors import ArtefactError, SettingError
from drivetrain.runtime.calibration import Calibration
from drivetrain.runtime.targets import CategoryTarget, NumberTarget
from drivetrain.runtime.watching.shadow import read_beside
from drivetrain.serving import shadow as shadow_module
from drivetrain.serving.model import Answer
from drivetrain.serving.run import make_service
from drivetrain.serving.settings import Settings
from tests.serving.conftest import running
from tests.serving.tiny import COLOURS, NUMBER, READER, SEVERAL, make_artefact, picture

OTHER = "cd" * 32
EYE = np.eye(3) * 12 - 4
MORE = CategoryTarget(name="colour", vocab=(*COLOURS, "violet"))
"""The old classes first, in their order, and a new one."""
SEES_VIOLET = np.column_stack([EYE, 1.5 * EYE[:, 2]])
"""As the old model, but what was blue is violet."""


@pytest.fixture
def old(tmp_path):
    return make_artefact(tmp_path, name="old")


@pytest.fixture
def new(tmp_path):
    return make_artefact(tmp_path, MORE, name="new", weights=SEES_VIOLET, parameters_sha256=OTHER)


@contextmanager
def beside(old, new, tmp_path, **changes):
    """A service that has proved both models, without its HTTP."""
    settings = Settings(threads=1, log_predictions=tmp_path / "log.jsonl", shadow=new, **changes)
    service = make_service(old, settings)
    service.model.prove()
    service.shadow.prove()
    try:
        yield service
    finally:
        service.desk.finish()
        service.shadow.close()
        service.log.close()


def outcome(service, name: str) -> float:
    return service.metrics.registry.get_sample_value("drivetrain_shadow_inputs_total", {"outcome": name}) or 0.0


def wait(service, n: int, *names: str) -> None:
    until = time.monotonic() + 20
    while sum(outcome(service, name) for name in names) < n:
        assert time.monotonic() < until, service.metrics.page().decode()
        time.sleep(0.005)


def lines(tmp_path) -> tuple[list[dict], list[dict]]:
    """Of the one that answers, and of the other one."""
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    return [row for row in rows if "beside" not in row], [row for row in rows if "beside" in row]


def test_the_old_model_answers_and_the_new_one_is_compared(old, new, tmp_path):
    settings = Settings(threads=2, log_predictions=tmp_path / "log.jsonl", shadow=new)
    sent = ["red", "green", "blue", "blue"]
    with running(old, settings) as live:
        answers = [live.post("/predict", picture(colour)).json() for colour in sent]
        wait(live.service, 4, "agrees", "disagrees")
        metrics = live.get("/metrics").text
        about = live.get("/about").json()
    assert [answer["label"] for answer in answers] == sent
    assert about["model"] == "old" and about["shadow"]["model"] == "new" and len(about["shadow"]["sha256"]) == 64
    own, others = lines(tmp_path)
    assert [row["shadow"] for row in own] == [{"model": OTHER[:16], "asked": True}] * 4
    assert [(row["beside"]["label"], row["label"], row["agrees"]) for row in others] == [
        ("red", "red", True),
        ("green", "green", True),
        ("blue", "violet", False),
        ("blue", "violet", False),
    ]
    assert all(row["model"] == OTHER[:16] and row["beside"]["model"] == "ab" * 8 for row in others)
    assert [row["inputs"] for row in others] == [row["inputs"] for row in own] and "brightness" in others[0]["inputs"]
    assert [row["beside"]["confidence"] for row in others] == [row["confidence"] for row in own]
    assert 'drivetrain_shadow_inputs_total{outcome="disagrees"} 2.0' in metrics
    assert 'drivetrain_shadow_disagreements_total{label="blue"} 2.0' in metrics
    assert 'drivetrain_predictions_total{label="violet"}' not in metrics and "drivetrain_shadow_ready 1.0" in metrics


def test_a_shadow_that_reads_in_its_own_way_reads_for_itself(old, tmp_path):
    reader = READER.model_copy(update={"mean": (0.4,) * 3})
    new = make_artefact(
        tmp_path, MORE, name="new", weights=SEES_VIOLET, parameters_sha256=OTHER, input=reader, calibration=None
    )
    with beside(old, new, tmp_path) as service:
        assert not service.shadow._reads_alike
        service.answer(picture("blue"))
        service._answer_rows([picture("red"), b"no picture", picture("blue", 1)])
        wait(service, 3, "agrees", "disagrees")
    _, others = lines(tmp_path)
    assert [(row["label"], row["agrees"]) for row in others] == [("violet", False), ("red", True), ("violet", False)]
    assert all("brightness" in row["inputs"] for row in others)


def test_nobody_waits_for_a_slow_shadow_and_what_it_misses_is_counted(old, new, tmp_path, monkeypatch):
    monkeypatch.setattr(shadow_module, "MOST_WAITING", 3)
    go = threading.Event()
    with beside(old, new, tmp_path) as service:
        say = service.shadow.model.say
        monkeypatch.setattr(service.shadow.model, "say", lambda *views: (go.wait(30), say(*views))[1])
        service.answer(picture("red"))
        until = time.monotonic() + 10
        while service.shadow._waiting and time.monotonic() < until:  # the first one is being worked on
            time.sleep(0.001)
        said = [service.answer(picture("green", seed)).said.prediction.label for seed in range(10)]
        assert said == ["green"] * 10 and outcome(service, "dropped") == 7
        go.set()
        wait(service, 4, "agrees", "disagrees")
    own, others = lines(tmp_path)
    assert [row["shadow"]["asked"] for row in own] == [True] * 4 + [False] * 7 and len(others) == 4
    found = read_beside(tmp_path / "log.jsonl", "ab" * 32)
    assert (found.n, found.answers, found.dropped, found.failed) == (4, 11, 7, 0)


def test_bytes_are_bounded_too_but_a_request_alone_is_taken(old, new, tmp_path, monkeypatch):
    monkeypatch.setattr(shadow_module, "MOST_BYTES", 1)
    go = threading.Event()
    with beside(old, new, tmp_path) as service:
        future = service.desk.take([lambda: go.wait(30)])[0]
        while not service.desk.busy:
            time.sleep(0.001)
        first, *rest = [service.model.answer(picture("red", seed)) for seed in range(5)]
        assert service.shadow.offer([first])
        while service.shadow._waiting:  # it is taken up, and waits for the desk
            time.sleep(0.001)
        assert service.shadow.offer(rest[:3]) and not service.shadow.offer(rest[3:])
        assert outcome(service, "dropped") == 1 and outcome(service, "agrees") == 0  # the desk comes first
        go.set()
        future.result(10)
        wait(service, 4, "agrees")


def test_it_begins_only_when_the_desk_has_a_thread_to_spare(old, new, tmp_path):
    go = threading.Event()
    with beside(old, new, tmp_path) as service:
        future = service.desk.take([lambda: go.wait(30)])[0]
        service.answer(picture("red"))
        time.sleep(0.1)
        assert service.desk.busy and outcome(service, "agrees") == 0
        go.set()
        future.result(10)
        wait(service, 1, "agrees")


@pytest.mark.parametrize("failure", [RuntimeError("out of order\x1b[2J"), MemoryError(), ArtefactError("not finite")])
def test_a_shadow_that_fails_costs_no_answer(old, new, tmp_path, monkeypatch, capfd, failure):
    def fail(*_):
        raise failure

    with beside(old, new, tmp_path) as service:
        monkeypatch.setattr(service.shadow.model, "say", fail)
        assert [service.answer(picture("red", seed)).said.prediction.label for seed in range(3)] == ["red"] * 3
        wait(service, 3, "failed")
    _, others = lines(tmp_path)
    assert [row["error"] for row in others] == [type(failure).__name__] * 3 and others[0]["beside"]["label"] == "red"
    told = [line for line in capfd.readouterr().err.splitlines() if '"shadow failed"' in line]
    assert len(told) == 1 and type(failure).__name__ in told[0] and "\\u001b" not in told[0]


def test_a_shadow_that_does_not_prove_itself_is_not_asked(old, tmp_path, capfd):
    new = make_artefact(tmp_path, MORE, name="new", weights=SEES_VIOLET, parameters_sha256=OTHER, golden_is_wrong=True)
    with beside(old, new, tmp_path) as service:
        assert isinstance(service.answer(picture("red")), Answer) and service.unready is None
        assert outcome(service, "not ready") == 1
    own, others = lines(tmp_path)
    assert own[0]["shadow"]["asked"] is False and others == []
    assert '"shadow not ready"' in capfd.readouterr().err


def test_what_only_one_of_them_says_is_told_at_the_start(old, tmp_path, capfd):
    fewer = CategoryTarget(name="colour", vocab=("red", "blue", "violet"))
    new = make_artefact(
        tmp_path, fewer, name="new", weights=SEES_VIOLET[:, [0, 2, 3]], parameters_sha256=OTHER, calibration=None
    )
    with beside(old, new, tmp_path):
        pass
    [told] = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"event":"shadow"' in line]
    assert (told["only_the_shadow_says"], told["the_shadow_never_says"]) == (["violet"], ["green"])
    assert told["model"] == "new" and told["logged"] is True


def test_several_labels_agree_as_a_whole(tmp_path):
    old = make_artefact(tmp_path, SEVERAL, name="old")
    weights = EYE.copy()
    weights[:, 1] = 4.0  # green is said of everything
    new = make_artefact(tmp_path, SEVERAL, name="new", weights=weights, parameters_sha256=OTHER)
    with beside(old, new, tmp_path) as service:
        for colour in ("red", "green"):
            service.answer(picture(colour))
        wait(service, 2, "agrees", "disagrees")
    _, others = lines(tmp_path)
    assert [(row["beside"]["labels"], row["labels"], row["agrees"]) for row in others] == [
        (["red"], ["red", "green"], False),
        (["green"], ["green"], True),
    ]


@pytest.mark.parametrize(("shift", "agrees"), [(0.0, True), (4.0, False)])
@pytest.mark.parametrize("calibrated", [True, False])
def test_numbers_are_held_against_the_interval_of_the_answer(tmp_path, calibrated, shift, agrees):
    kept = Calibration(kind="number", coverage=0.9, half_widths=(1.0,) * 3, n=60) if calibrated else None
    old = make_artefact(tmp_path, NUMBER, name="old", calibration=kept)
    new = make_artefact(tmp_path, NUMBER, name="new", weights=EYE + shift, parameters_sha256=OTHER)
    with beside(old, new, tmp_path) as service:
        service.answer(picture("red"))
        wait(service, 1, "agrees", "disagrees", "compared")
    _, [row] = lines(tmp_path)
    assert row["agrees"] is (agrees if calibrated else None)
    assert row["values"].keys() == row["beside"]["values"].keys() == {"red_g", "green_g", "blue_g"}


@pytest.mark.parametrize(
    ("target", "changes", "said"),
    [
        (CategoryTarget(name="colour", vocab=tuple(COLOURS)), {"parameters_sha256": "ab" * 32}, "same parameters"),
        (CategoryTarget(name="pet", vocab=("cat", "dog", "eel")), {}, "knows none of the 3 classes"),
        (SEVERAL, {}, "answers with a"),
        (NUMBER, {}, "answers with a"),
        (CategoryTarget(name="colour", vocab=tuple(COLOURS)), {"export": None}, "no model.onnx"),
    ],
    ids=["same", "nothing in common", "several", "number", "no onnx"],
)
def test_models_that_cannot_be_compared_are_refused_at_the_start(old, tmp_path, target, changes, said):
    new = make_artefact(tmp_path, target, name="new", **{"parameters_sha256": OTHER, **changes})
    with pytest.raises((SettingError, ArtefactError), match=said) as refused:
        make_service(old, Settings(threads=1, shadow=new))
    assert "To fix:" in str(refused.value)


def test_all_numbers_of_the_old_model_must_be_there(tmp_path):
    old = make_artefact(tmp_path, NUMBER, name="old")
    renamed = NumberTarget(names=("red_g", "green_g", "zinc_g"), mean=NUMBER.mean, std=NUMBER.std)
    new = make_artefact(tmp_path, renamed, name="new", parameters_sha256=OTHER)
    with pytest.raises(SettingError, match="does not predict blue_g"):
        make_service(old, Settings(threads=1, shadow=new))


@pytest.mark.parametrize("alike", [True, False], ids=["reads alike", "reads in its own way"])
def test_tensors_are_compared_where_both_models_read_them(old, tmp_path, alike):
    reader = READER if alike else READER.model_copy(update={"crop_pct": 1.0})
    new = make_artefact(tmp_path, MORE, name="new", weights=SEES_VIOLET, parameters_sha256=OTHER, input=reader)
    with running(old, Settings(threads=1, log_predictions=tmp_path / "log.jsonl", shadow=new)) as live:
        data = [200, 10, 10] * 576 + [10, 10, 200] * 576
        pixels = {"name": "pixels", "shape": [2, 24, 24, 3], "datatype": "UINT8", "data": data}
        answered = live.post("/v2/models/old/infer", json.dumps({"inputs": [pixels]}).encode())
        assert answered.status_code == 200
        wait(live.service, 2, *(["agrees", "disagrees"] if alike else ["not asked"]))
        assert outcome(live.service, "agrees") == outcome(live.service, "disagrees") == alike
    said, compared = lines(tmp_path)
    assert said == [] and [(row["beside"]["label"], row["label"]) for row in compared] == (
        [("red", "red"), ("blue", "violet")] if alike else []
    )


def test_without_a_log_it_is_counted_alone(old, new):
    service = make_service(old, Settings(threads=1, shadow=new))
    service.shadow.prove()
    service.answer(picture("blue"))
    wait(service, 1, "disagrees")
    service.shadow.close()
    assert not service.shadow.offer([service.model.answer(picture("red"))]) and outcome(service, "dropped") == 1
