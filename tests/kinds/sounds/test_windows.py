"""Long sounds as a stream: the same windows, bit for bit, as of the whole sound in memory, and where they lie."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from drivetrain.data.cache.store import Store
from drivetrain.data.inputs import Files, Spans
from drivetrain.kinds.sounds.mel import picture_front
from drivetrain.kinds.sounds.spec import SoundInput
from drivetrain.kinds.sounds.windows import cut
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.spans import Span
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.training.evaluating import any_over_time, engine_outputs

SPEC = SoundInput.of(picture_front(8000, n_mels=16), clip_s=0.5, hop_s=0.25, windows=3)


def low_high_low(rate: int = 11_025) -> np.ndarray:
    t = np.arange(6 * rate) / rate
    high = (t > 2) & (t < 4.5)
    return (0.3 * np.sin(2 * np.pi * np.where(high, 3000, 200) * t)).astype(np.float32)


@pytest.mark.parametrize("windows", [1, 3, 8])
def test_the_view_of_a_stream_is_that_of_the_whole(windows: int) -> None:
    spec = SPEC.model_copy(update={"windows": windows})
    sound = np.random.default_rng(0).standard_normal(44_100 * 3).astype(np.float32)
    found = spec.stretches((sound, 44_100))
    assert found is not None
    np.testing.assert_array_equal(found.whole()[0], spec.view(spec.load((sound, 44_100)))[0])


def test_pieces_cover_a_sound_to_its_end_and_are_those_of_the_waveform() -> None:
    sound = low_high_low()[: round(11_025 * 1.3)]
    loaded, found = SPEC.load((sound, 11_025)), SPEC.stretches((sound, 11_025))
    assert found is not None
    pieces = list(found)
    assert [(piece.start, round(piece.end, 4)) for piece in pieces] == [
        (0, 0.5), (0.25, 0.75), (0.5, 1.0), (0.75, 1.25), (pytest.approx(0.8, abs=1e-3), pytest.approx(1.3, abs=1e-3)),
    ]  # fmt: skip
    for piece in pieces:
        np.testing.assert_array_equal(piece.view[0][0], SPEC.draw(loaded, round(piece.start * 8000)))


def test_what_is_no_longer_than_a_window_has_no_pieces() -> None:
    assert SPEC.stretches((low_high_low(8000)[:4000], 8000)) is None
    assert SPEC.stretches((low_high_low(8000)[:4001], 8000)) is not None


@pytest.mark.parametrize("length", [1, 3, 10])
def test_cutting_a_stream_is_cutting_an_array(length: int) -> None:
    wave = np.arange(50, dtype=np.float32)
    starts = [0, 0, 4, 11, 30, 47]
    for size in (1, 7, 50):
        found = list(cut(np.split(wave, range(size, 50, size)), starts, length))
        assert [part.tolist() for part in found] == [wave[start : start + length].tolist() for start in starts]


def by_height(views: np.ndarray) -> np.ndarray:
    """As a network that tells low from high: (N, W, C, M, T) → (N, 2)."""
    bands = views[:, :, 0].mean(axis=(1, 3))
    return np.stack([bands[:, :8].mean(axis=1), bands[:, 8:].mean(axis=1)], axis=1).astype(np.float32) * 9


def test_a_recording_is_answered_with_times(tmp_path: Path) -> None:
    model = Predictor(SPEC, CategoryTarget(name="pitch", vocab=("low", "high")), by_height)
    soundfile.write(tmp_path / "a.flac", low_high_low(), 11_025)
    said = model.predict(tmp_path / "a.flac")
    assert [span.label for span in said.spans] == ["low", "high", "low"]
    assert [span.start for span in said.spans] == pytest.approx([0, 2, 4.5], abs=0.25)
    assert said.spans[0].end == said.spans[1].start and said.spans[-1].end == pytest.approx(6, abs=1e-3)
    assert all(0.5 <= span.probability <= 1 for span in said.spans)
    samples, rate = soundfile.read(tmp_path / "a.flac", dtype="float32")
    same = [model.predict((samples, rate)), model.predict((tmp_path / "a.flac").read_bytes())]
    assert all(other.spans == said.spans and other.top == said.top for other in same)
    [many, none, short] = model.predict([tmp_path / "a.flac", b"junk", (samples[:3000], rate)])
    assert many == said and none.error and not none.spans and not short.spans
    part = model.predict(Span(tmp_path / "a.flac", 1.5, 3.0))
    assert [(span.label, round(span.start, 2)) for span in part.spans] == [
        ("low", 1.5),
        ("high", pytest.approx(2, abs=0.25)),
    ]
    assert [span["label"] for span in said.as_json()["spans"]] == ["low", "high", "low"]
    np.testing.assert_array_equal(model.predict_array([tmp_path / "a.flac"]), model.predict_array([(samples, rate)]))


def test_a_long_recording_is_answered_by_all_of_it(tmp_path: Path) -> None:
    """Six seconds, high in the two and a half in the middle: as a row the middle alone is heard, as an answer all."""
    spec = SPEC.model_copy(update={"windows": 1})
    model = Predictor(spec, CategoryTarget(name="pitch", vocab=("low", "high")), by_height)
    wave = low_high_low(8000)
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="FLOAT")
    as_row = model.answers(model.run(*spec.stack([model.read(tmp_path / "a.wav")])))[0]
    said = model.predict(tmp_path / "a.wav")
    assert as_row.label == "high" and said.label == "low"
    loaded, starts = spec.load((wave, 8000)), range(0, 8000 * 6 - 4000 + 1, 2000)
    each = by_height(np.stack([spec.draw(loaded, start)[None] for start in starts]))
    np.testing.assert_allclose(
        model.predict_array([tmp_path / "a.wav"])[0], model.activated(each.mean(axis=0)[None])[0], rtol=1e-5
    )


@pytest.mark.parametrize(("seconds", "windows", "covered"), [(0.9, 1, False), (1.5, 3, True), (1.51, 3, False)])
def test_a_row_whose_windows_hold_all_of_it_is_answered_as_it_was_judged(
    seconds: float, windows: int, covered: bool
) -> None:
    spec = SPEC.model_copy(update={"windows": windows})
    model = Predictor(spec, CategoryTarget(name="pitch", vocab=("low", "high")), by_height)
    sound = (low_high_low(8000)[12_800:][: round(8000 * seconds)], 8000)
    found = spec.stretches(sound)
    assert found is not None and found.covered is covered
    as_row = model.activated(model.run(*spec.stack([spec.view(spec.load(sound))])))
    assert np.array_equal(as_row, model.predict_array([sound])) is covered


@pytest.mark.parametrize("windows", [1, 2])
def test_rows_are_judged_by_what_predict_answers(tmp_path: Path, windows: int) -> None:
    """Files of half a second to six, and a span: long ones by all of their windows, short ones in one batch."""
    spec = SPEC.model_copy(update={"windows": windows})
    model = Predictor(spec, CategoryTarget(name="pitch", vocab=("low", "high")), by_height)
    wave, rate = low_high_low(), 11_025
    rows = []
    for at, seconds in enumerate((6.0, 0.4, 2.7, 0.5, 1.3)):
        rows.append(tmp_path / f"{at}.wav")
        soundfile.write(rows[-1], wave[-round(seconds * rate) :], rate, subtype="FLOAT")
    inputs = Spans([*rows, rows[0]], [np.nan] * 5 + [1.7], [np.nan] * 5 + [4.1])
    said = engine_outputs(by_height, spec, Store(inputs, spec), batch_size=4)
    np.testing.assert_array_equal(model.activated(said), model.predict_array(list(inputs)))
    assert any_over_time(spec, Store(inputs, spec))
    assert not any_over_time(spec, Store(Files(rows[1:4:2]), spec))


def test_a_long_recording_is_never_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from drivetrain.kinds.sounds import windows

    ahead: list[int] = []
    plain = windows.cut

    def watched(blocks, starts, length):
        taken = 0

        def counted():
            nonlocal taken
            for block in blocks:
                taken += len(block)
                yield block

        for start, part in zip(starts, plain(counted(), starts, length), strict=True):
            ahead.append(taken - start)
            yield part

    monkeypatch.setattr(windows, "cut", watched)
    noise = np.random.default_rng(0).integers(-999, 999, 8000 * 600, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", noise, 8000)
    found = SPEC.model_copy(update={"hop_s": 0.5, "windows": 2}).stretches(tmp_path / "a.wav")
    assert found is not None
    times = [(piece.start, piece.end) for piece in found]
    assert len(times) == 1200 and times[-1] == (599.5, 600.0)
    assert max(ahead) <= 2**16 + 4000 < len(noise) / 50
