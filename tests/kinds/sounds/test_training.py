"""Sounds learned, saved, answered, explained and shown: the faces training, serve and show on small made-up sounds."""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import drivetrain as dt
from drivetrain.errors import DataError, DrivetrainWarning, ModelError, SettingError
from drivetrain.evaluation.report.showing import draws_views, plays, shown_source
from drivetrain.kinds.sounds import explaining, serve, show
from drivetrain.kinds.sounds.bodies.augment import START, SoundAugmentation
from drivetrain.kinds.sounds.mel import efficientat_front, picture_front
from drivetrain.kinds.sounds.spec import SoundInput
from drivetrain.kinds.sounds.training import described, front_rate, prepare, rebuild
from drivetrain.pages.chart import sound_of
from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.refusals import Refusal
from drivetrain.serving.guard import HEADERS, headers_for
from drivetrain.serving.model import Model, answer_as_json
from drivetrain.serving.plain import serve_kind
from drivetrain.serving.schema import Answer
from drivetrain.serving.settings import Limits
from drivetrain.training.feeding import loaded_for

RATE = 8000
KINDS = {"low": 300, "high": 1500}


def tone(hertz: float, seconds: float, seed: int = 0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.4 * np.sin(2 * np.pi * hertz * t) + 0.01 * noise).astype(np.float32)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tones")
    for kind, hertz in KINDS.items():
        (folder / kind).mkdir()
        for i in range(14):
            soundfile.write(folder / kind / f"{i:02}.wav", tone(hertz * (1 + i / 50), 0.25 + i / 100, i), RATE)
    return folder


@pytest.fixture(scope="module")
def learn(place: Path) -> Any:
    with dt.quiet():
        data = dt.sounds(place, clip_s=0.2, windows=2, project=place.parent / "project")
        learn = dt.Learner(data, arch="embedded")
        learn.fine_tune(1)
    return learn


@pytest.fixture(scope="module")
def saved(learn: Any, place: Path) -> Path:
    return learn.save(place.parent / "model")


def test_what_was_decided_is_told(learn: Any) -> None:
    said = learn.decisions
    assert said["front"].value == "8000 Hz, 128 bands to 4 kHz, a frame every 10 ms, decibel"
    assert said["augmentation"].value == str(SoundAugmentation())
    assert learn.kind.spec.signature()[0].shape == (None, 3, 128, 21)


def test_tones_are_told_apart_and_answers_agree_from_file_bytes_and_array(learn: Any, saved: Path, place: Path) -> None:
    assert learn.validate()["accuracy"].value == 1
    model = dt.load(saved)
    assert model.manifest.export.agreement == 1
    path = place / "high" / "03.wav"
    samples, rate = soundfile.read(path, dtype="float32")
    answers = [model.predict(given) for given in (path, path.read_bytes(), (samples, rate))]
    assert [one.label for one in answers] == ["high"] * 3
    assert len({one.top for one in answers}) == 1
    assert model.self_test().passed


def test_no_augmentation_is_what_validation_hears(place: Path) -> None:
    with dt.quiet():
        data = dt.sounds(place, clip_s=0.25, windows=2, project=place.parent / "plain")
        kind = dt.Learner(data, arch="test_resnet", pretrained=False, augment=False).kind
    loaded = [kind.spec.load((tone(400, seconds), RATE)) for seconds in (0.1, 0.25, 3.0)]
    draws = np.random.default_rng(0).random((3, kind.n_draws), dtype=np.float32)
    draws[:, START] = 0
    batch = loaded_for(kind, loaded, draws)
    assert batch.tensors[0].shape == (3, 2001)  # of three seconds no more than a window
    (views,) = kind.vary(batch.tensors, batch.draws)
    judged = np.stack([kind.spec.draw(one, 0) for one in loaded])
    assert views.shape == judged.shape and np.abs(views.numpy() - judged).max() < 2e-4


def test_training_views_differ_by_their_draws_alone(learn: Any) -> None:
    loaded = [learn.kind.spec.load((tone(400, 1.0), RATE))] * 3
    draws = np.random.default_rng(0).random((3, learn.kind.n_draws), dtype=np.float32)
    draws[2] = draws[0]
    batch = loaded_for(learn.kind, loaded, draws)
    drawn = [view for (view,) in learn.kind.drawn(batch.tensors, batch.draws)]
    assert drawn[0].shape == (1, 3, 128, 21)
    assert not np.allclose(drawn[0], drawn[1], atol=0.1)
    assert "<img" in show.show((drawn[0],))


@pytest.mark.parametrize(
    ("options", "rate"),
    [({}, 16_000), ({"recorded_hz": 44_100}, 32_000), ({"sample_rate": 44_100, "recorded_hz": 8000}, 44_100)],
    ids=str,
)
def test_the_rate_of_bodies_that_read_pictures(options: dict[str, int], rate: int) -> None:
    assert front_rate(options) == rate


def test_options_reach_the_description() -> None:
    options = {"clip_s": 0.5, "hop_s": 0.1, "windows": 3, "channel": 0, "keep_silent": True}
    spec = described(picture_front(8000), options, channels=1)
    assert (spec.clip_s, spec.hop_s, spec.windows, spec.channel, spec.keep_silent) == (0.5, 0.1, 3, 0, True)


def test_a_body_for_sounds_has_its_own_front_end_and_says_so(place: Path) -> None:
    with dt.quiet():
        data = dt.sounds(place, sample_rate=RATE, pcen=True, clip_s=0.2, project=place.parent / "audio")
    with pytest.warns(DrivetrainWarning) as told:
        kind = prepare(data, arch="efficientat_mn04", pretrained=False, augment=True, dropout=0.0)
    said = " ".join(str(one.message) for one in told)
    assert "sample_rate=8000 has no effect" in said and "pcen=True has no effect" in said
    assert kind.spec.front == efficientat_front() and kind.spec.channels == 1
    assert kind.body(torch.zeros(1, 1, 128, kind.spec.width_px)).shape == (1, 384)
    intake, body, head = rebuild(kind.spec, kind.architecture, 2)
    assert head is None and body(intake(torch.zeros(2, 1, 1, 128, kind.spec.width_px))).shape == (2, 384)


def test_bodies_and_settings_that_do_not_fit(place: Path) -> None:
    with dt.quiet():
        data = dt.sounds(place, clip_s=0.2, project=place.parent / "misfits")
    with pytest.raises(ModelError, match=r"square pictures.*To fix"):
        dt.Learner(data, arch="vit_tiny_patch16_224", pretrained=False)
    with pytest.raises(SettingError, match="no flip"):
        dt.Learner(data, arch="test_resnet", pretrained=False, augment={"flip": True})
    with pytest.raises(SettingError, match="size"):
        dt.Learner(data, arch="test_resnet", pretrained=False, size=64)


def test_several_windows_are_rebuilt_as_such() -> None:
    spec = SoundInput.of(picture_front(8000), clip_s=0.2, windows=3)
    intake, body, _ = rebuild(spec, Architecture(name="test_resnet", pretrained_from=None, features=96, dropout=0), 2)
    windows = torch.randn(2, 3, 3, 128, 21)
    with torch.no_grad():
        found = body.eval()(intake(windows))
        each = torch.stack([body(intake(windows[:, [at]])) for at in range(3)], 1)
    assert torch.allclose(found, each.mean(1), atol=1e-5)


# ── serve ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def model(saved: Path) -> Model:
    return Model(dt.load(saved), name="tones", sha256="0" * 64, limits=Limits())


def wav(samples: np.ndarray, folder: Path) -> bytes:
    soundfile.write(folder / "made.wav", samples, RATE)
    return (folder / "made.wav").read_bytes()


def test_what_is_silenced_where_the_tone_is_changes_the_answer_most(model: Model, tmp_path: Path) -> None:
    samples = np.concatenate([tone(1500, 0.1), 0.001 * tone(1500, 0.3)])
    found = serve.explain(model, wav(samples, tmp_path), until=time.monotonic() + 60)
    assert not isinstance(found, Refusal)
    change = np.array(found.change)
    assert change.shape == (len(found.hertz), len(found.seconds)) == (explaining.BANDS, 16)
    assert serve.Explained(**found.as_json()).change == found.change
    band = int(change.max(axis=1).argmax())
    low, high = found.hertz[band]
    assert low * 0.7 < 1500 < high * 1.3
    assert found.hertz[0][0] == 0 and found.hertz[-1][1] == pytest.approx(4000)
    assert found.seconds[0] == [0, 0.025] and found.seconds[-1][1] == pytest.approx(0.4)


def test_an_explanation_that_takes_too_long_is_given_up(model: Model, tmp_path: Path) -> None:
    late = serve.explain(model, wav(tone(500, 0.3), tmp_path), until=time.monotonic() - 1)
    assert isinstance(late, Refusal) and late.status == 504
    wrong = serve.explain(model, b"GIF89a", until=time.monotonic() + 60)
    assert isinstance(wrong, Refusal) and wrong.status == 415


@pytest.fixture(scope="module")
def recording(place: Path) -> Path:
    """Three seconds of low tones with one of high ones between: far more than the two windows of a row."""
    path = place.parent / "recording.wav"
    samples = np.concatenate([tone(320, 1.0), tone(1500, 0.6), tone(320, 1.4)])
    soundfile.write(path, samples, RATE)
    return path


def test_a_service_answers_a_long_sound_as_predict_does(model: Model, learn: Any, recording: Path, place: Path) -> None:
    said = model.predictor.predict(recording)
    found = model.answer(recording.read_bytes())
    assert not isinstance(found, Refusal)
    assert found.said.prediction.top == said.top and found.said.prediction.spans == said.spans
    np.testing.assert_array_equal(found.said.row_K, model.predictor.predict_array([recording])[0])
    assert [span.label for span in said.spans] == ["low", "high", "low"] and said.label == "low"
    assert [span.start for span in said.spans] == pytest.approx([0, 1, 1.6], abs=0.1)
    told = Answer.model_validate(answer_as_json(found.said.prediction)).spans
    assert told is not None and [one.label for one in told] == ["low", "high", "low"]
    own = learn.predict(recording)
    assert [span.label for span in own.spans] == ["low", "high", "low"]
    assert own.probability == pytest.approx(learn.predictor().predict(recording.read_bytes()).probability)
    short = model.answer((place / "high" / "03.wav").read_bytes())
    assert not isinstance(short, Refusal) and short.said.prediction.label == "high"


def test_a_service_gives_up_on_a_sound_that_takes_too_long(model: Model, recording: Path) -> None:
    late = model.answer(recording.read_bytes(), until=time.monotonic() - 1)
    assert isinstance(late, Refusal) and late.status == 504 and "send a shorter part" in str(late)
    cut = recording.read_bytes()[:-4000]
    wrong = model.answer(cut)
    assert isinstance(wrong, Refusal) and wrong.status == 422 and "cut short" in str(wrong)


def test_a_long_sound_is_explained_by_what_its_answer_rests_on(model: Model, recording: Path) -> None:
    """Silencing low tones where they are takes from "low"; in the time of the high ones there is nothing to take."""
    data = recording.read_bytes()
    found = serve.explain(model, data, until=time.monotonic() + 60)
    assert not isinstance(found, Refusal)
    assert found.prediction == model.predictor.predict(data) and found.prediction.label == "low"
    change, middles = np.array(found.change), np.mean(found.seconds, axis=1)
    assert change.shape == (explaining.BANDS, len(found.seconds)) and len(found.seconds) <= explaining.MOST_COLUMNS
    assert found.seconds[0][0] == 0 and found.seconds[-1][1] == pytest.approx(3.0)
    high = (middles > 1.1) & (middles < 1.5)
    assert change.max(axis=0)[~high].mean() > change.max(axis=0)[high].mean()
    late = serve.explain(model, data, until=time.monotonic() - 1)
    assert isinstance(late, Refusal) and late.status == 504


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 422),
        (b"GIF89a...", 415),
        (b"\x1aE\xdf\xa3webm", 415),
        (b"fLaC" + bytes(11 * 2**20), 413),
        (b"RIFF....AVI ", 415),
    ],
    ids=["empty", "picture", "webm", "large", "video"],
)  # fmt: skip
def test_what_a_service_refuses(data: bytes, status: int, model: Model) -> None:
    with pytest.raises(Refusal) as refused:
        model.admit(data)
    assert refused.value.status == status


def test_what_a_service_admits_and_cannot_read_is_a_422(model: Model, tmp_path: Path) -> None:
    cut = wav(tone(500, 0.3), tmp_path)[:200]
    with pytest.raises(Refusal) as refused:
        model.load(model.admit(cut))
    assert refused.value.status == 422 and "cut short" in str(refused.value)


def test_an_hour_of_silence_in_a_few_kilobytes_is_too_long(model: Model, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hour.flac", np.zeros(3600 * RATE, np.int16), RATE)
    data = (tmp_path / "hour.flac").read_bytes()
    assert len(data) < 200_000
    with pytest.raises(Refusal, match=r"3,600 seconds long; at most 2,\d+ are taken") as refused:
        model.admit(data)
    assert refused.value.status == 413


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_formats_are_known_by_their_first_bytes(suffix: str, model: Model, tmp_path: Path) -> None:
    soundfile.write(tmp_path / f"a{suffix}", tone(500, 0.5), RATE)
    admitted = model.admit((tmp_path / f"a{suffix}").read_bytes())
    assert admitted.suffix == suffix
    assert model.load(admitted)[0].dtype == np.int16
    about = {"sample_rate": 8000, "window_s": 0.2, "windows": model.predictor.reader.windows}
    assert model.kind.about(model.predictor.reader) == about


# ── show ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def held(html: str, tag: str) -> bytes:
    return base64.b64decode(re.search(rf'<{tag}[^>]*src="data:[\w/]+;base64,([^"]+)"', html)[1])  # pyright: ignore[reportOptionalSubscript]


def test_a_page_plays_what_it_shows(place: Path, tmp_path: Path) -> None:
    html = show.show_source(place / "low" / "00.wav", alt="a low tone")
    assert html.startswith("<img") and 'alt="a low tone"' in html and "<audio controls" in html
    (tmp_path / "played.wav").write_bytes(held(html, "audio"))
    played, rate = soundfile.read(tmp_path / "played.wav", dtype="float32")
    original, _ = soundfile.read(place / "low" / "00.wav", dtype="float32")
    assert rate == RATE and np.abs(played - original).max() < 1e-4
    assert not draws_views("sounds")
    assert shown_source("sounds", tmp_path / "gone.wav") is None


def test_of_a_long_sound_the_middle_is_played(tmp_path: Path) -> None:
    samples = np.concatenate([tone(300, 10), tone(1000, 10), tone(300, 10)])
    soundfile.write(tmp_path / "long.flac", samples, RATE)
    for source in (tmp_path / "long.flac", dt.Span(tmp_path / "long.flac", 5, 25)):
        heard, rate = show.heard(source)
        assert (len(heard), rate) == (10 * RATE, RATE)
        power = np.abs(np.fft.rfft(heard[: 1 << 15]))
        assert power.argmax() * rate / (1 << 15) == pytest.approx(1000, abs=2)
    html = show.show_source(tmp_path / "long.flac")
    assert "audio/mpeg" in html and len(html) < 150_000


def test_what_is_no_spectrogram_is_not_drawn() -> None:
    with pytest.raises(DataError, match="no spectrogram"):
        show.show((np.zeros(100, np.int16),))


def test_a_report_plays_its_mistakes(learn: Any, tmp_path: Path) -> None:
    page = learn.report(tmp_path / "report.html", probe=False).read_text(encoding="utf-8")
    assert "media-src data:" in page and page.count("<audio") >= 1


def test_only_the_page_of_sounds_may_hear_and_play() -> None:
    heard, other = (dict(headers_for(serve_kind(kind))) for kind in ("sounds", "images"))
    assert heard[b"permissions-policy"] == b"camera=(), microphone=(self), geolocation=()"
    assert heard[b"content-security-policy"] == other[b"content-security-policy"] + b"; media-src 'self' blob:"
    assert other == dict(HEADERS) and b"microphone=()" in other[b"permissions-policy"]


def test_a_review_finds_what_plays(place: Path) -> None:
    heard = sound_of(show.show_source(place / "low" / "00.wav"))
    assert heard is not None and heard[1] == "audio/wav" and heard[0][:4] == b"RIFF"
    assert plays("sounds") and not plays("images")
