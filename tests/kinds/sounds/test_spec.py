"""A sound is the same from a file, its bytes and an array; formats, rates, channels; a hundred hostile ones."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from drivetrain.errors import InputError, SettingError
from drivetrain.kinds.sounds.announced import samples_of_mp3
from drivetrain.kinds.sounds.mel import efficientat_front, picture_front
from drivetrain.kinds.sounds.reading import opened
from drivetrain.kinds.sounds.spec import SoundInput, clipped_share, scale_for, sound_statistics, wav_of
from drivetrain.runtime.spans import Span
from tests.kinds.sounds import hostile

SPEC = SoundInput.of(picture_front(16_000, n_mels=32), clip_s=0.25, windows=2)


def tone(rate: int = 16_000, seconds: float = 0.5, hertz: float = 440.0) -> np.ndarray:
    t = np.arange(round(rate * seconds)) / rate
    return (0.4 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 96_000])
@pytest.mark.parametrize(
    ("form", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"), ("FLAC", "PCM_24"), ("OGG", "VORBIS")],
)
def test_file_bytes_and_array_agree_bit_for_bit(tmp_path: Path, form: str, subtype: str, rate: int) -> None:
    data = hostile.encoded(np.stack([tone(rate), 0.5 * tone(rate)], axis=1), rate, form, subtype)
    (tmp_path / "a.snd").write_bytes(data)
    samples, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    views = [
        SPEC.view(SPEC.load(source))[0]
        for source in (tmp_path / "a.snd", str(tmp_path / "a.snd"), data, (samples, rate), (rate, samples.T))
    ]
    with (tmp_path / "a.snd").open("rb") as file:
        views.append(SPEC.view(SPEC.load(file))[0])
    assert views[0].shape == (2, 3, 32, 26) and views[0].dtype == np.float32
    for other in views[1:]:
        np.testing.assert_array_equal(other, views[0])


def test_sixteen_bits_at_the_right_rate_stay_what_they_are() -> None:
    samples = (32_767 * tone()).astype(np.int16)
    kept, scale = SPEC.load((samples, 16_000))
    np.testing.assert_array_equal(kept * scale[0], samples / np.float32(32_768))
    assert scale[0] == scale_for(float(np.abs(samples).max()) / 32_768)
    quiet, scale = SPEC.load((1e-4 * tone(), 16_000))
    assert np.abs(quiet).max() > 16_000  # a quiet recording keeps all its bits
    np.testing.assert_allclose(quiet * scale[0], 1e-4 * tone(), atol=1e-8)
    loud, scale = SPEC.load((30 * tone(), 16_000))
    np.testing.assert_allclose(loud * scale[0], 30 * tone(), atol=1e-3)  # nothing is cut off


def test_resampled_sounds_are_those_of_the_other_rate() -> None:
    one, other = (SPEC.load((tone(rate), rate)) for rate in (16_000, 48_000))
    np.testing.assert_allclose((other[0] * other[1])[400:-400], (one[0] * one[1])[400:-400], atol=2e-3)


def test_several_channels_are_one_by_a_rule() -> None:
    both = np.stack([tone(), np.zeros_like(tone())], axis=1)
    mean, first = SPEC.load((both, 16_000)), SPEC.model_copy(update={"channel": 0}).load((both, 16_000))
    np.testing.assert_allclose(2 * (mean[0] * mean[1]), first[0] * first[1], atol=1e-4)
    with pytest.raises(InputError, match=r"2 channels, and channel 2 .*To fix: pass channel=None"):
        SPEC.model_copy(update={"channel": 2}).load((both, 16_000))
    with pytest.raises(InputError, match=r"channels cancel each other.*To fix: pass channel=0"):
        SPEC.load((np.stack([tone(), -tone()], axis=1), 16_000))


def test_a_span_is_that_part_of_the_file(tmp_path: Path) -> None:
    sound = np.concatenate([tone(hertz=300), tone(hertz=900)])
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype="PCM_16")
    part = SPEC.load(Span(tmp_path / "a.wav", 0.5, 1.0))
    written, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    np.testing.assert_array_equal(part[0] * part[1], written[8000:] / np.float32(32_768))
    assert len(SPEC.load(Span(tmp_path / "a.wav", 0.9))[0]) == 1600
    assert len(SPEC.load(Span(tmp_path / "a.wav", None, 0.1))[0]) == 1600
    for start, end in ((1.0, None), (5.0, 6.0)):
        with pytest.raises(InputError, match=r"outside of the sound, which is 1\.00 s long\. To fix"):
            SPEC.load(Span(tmp_path / "a.wav", start, end))


def test_a_span_at_the_end_of_an_ogg_file_is_that_part(tmp_path: Path) -> None:
    """Libsndfile's seek into the last page gives other samples."""
    soundfile.write(tmp_path / "a.ogg", tone(8000, 5.0, 90) * np.linspace(0, 1, 40_000, dtype=np.float32), 8000)
    whole, _ = soundfile.read(tmp_path / "a.ogg", dtype="float32")
    for start in (0.5, 4.5, 4.7):
        with opened(Span(tmp_path / "a.ogg", start, start + 0.2)) as sound:
            (part,) = sound.mono(None)
        np.testing.assert_array_equal(part, whole[round(8000 * start) :][:1600])


def test_an_mp3_that_does_not_say_its_length_is_read_whole_or_refused() -> None:
    noise = np.random.default_rng(0).standard_normal(44_100 * 3).astype(np.float32)
    noise *= 0.3 * (np.arange(len(noise)) < 70_000).astype(np.float32)
    data = hostile.encoded(noise, 44_100, "MP3", None)
    assert len(SPEC.load(data)[0]) == 48_000
    behind = data.index(data[:2], 4)  # of the frame that says the length
    assert samples_of_mp3(data[behind:]) == pytest.approx(len(noise), abs=4000)
    with pytest.raises(InputError, match=r"does not say how long it is, and only \d\.\d\d of its 3\.\d\d seconds"):
        SPEC.load(data[behind:])


def test_silence_is_an_error_unless_it_is_a_sound() -> None:
    with pytest.raises(InputError, match=r"is silent: all samples are 0\. To fix: .*keep_silent=True"):
        SPEC.load((np.zeros(8000, np.float32), 16_000))
    kept = SPEC.model_copy(update={"keep_silent": True}).load((np.zeros(8000, np.float32), 16_000))
    assert np.isfinite(SPEC.view(kept)[0]).all()


@pytest.mark.parametrize("name", hostile.BAD)
def test_bad_sounds_are_refused_in_words(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(hostile.BAD[name])
    for source in (hostile.BAD[name], tmp_path / name):
        with pytest.raises(InputError, match="To fix: ") as caught:
            SPEC.load(source)
        assert "0x" not in str(caught.value)


@pytest.mark.parametrize("name", hostile.TOLD)
def test_damaged_sounds_are_read_or_refused_in_words(name: str) -> None:
    try:
        loaded = SPEC.load(hostile.TOLD[name])
    except InputError as error:
        assert "To fix: " in str(error)
    else:
        assert np.isfinite(SPEC.view(loaded)[0]).all()


@pytest.mark.parametrize("name", hostile.GOOD)
def test_odd_sounds_are_read(name: str) -> None:
    loaded = SPEC.load(hostile.GOOD[name])
    assert np.isfinite(SPEC.view(loaded)[0]).all() and loaded[0].any()
    assert np.isfinite(list(SPEC.statistics(loaded).values())).all()
    again = SPEC.load(SPEC.encode(loaded)[0])
    np.testing.assert_array_equal(SPEC.view(again)[0], SPEC.view(loaded)[0])


@pytest.mark.parametrize(
    "source",
    [
        np.zeros(9),
        [0.1, 0.2],
        (np.zeros(9), 8000, 1),
        (np.zeros((2, 2, 2)), 8000),
        (np.zeros(0), 8000),
        None,
        7,
        object(),
        (["a", "b"], 8000),
        (np.array([1j]), 8000),
        ([[0.1], [0.2, 0.3]], 8000),
        (np.zeros((100, 100)), 8000),
    ],
    ids=[
        "bare",
        "list",
        "three",
        "cube",
        "no samples",
        "none",
        "number",
        "thing",
        "words",
        "complex",
        "ragged",
        "square",
    ],
)
def test_what_is_no_sound_is_refused_in_words(source: object) -> None:
    with pytest.raises(InputError, match=r"To fix: |expected"):
        SPEC.load(source)


def test_many_sounds_are_taken_one_by_one(tmp_path: Path) -> None:
    for name in ("b.wav", "a.flac", "notes.txt", "deep/c.OGG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(hostile.WAV)
    found = [Path(one).relative_to(tmp_path).as_posix() for one in SPEC.sources(tmp_path)]
    assert found == ["a.flac", "b.wav", "deep/c.OGG"]
    pair = (tone(), 16_000)
    assert [*SPEC.sources(pair)] == [pair] and [*SPEC.sources([pair, b"x"])] == [pair, b"x"]
    assert SPEC.is_table([pair]) and not SPEC.is_table(pair)
    with pytest.raises(SettingError, match="To fix: pass one of these"):
        SPEC.sources(7)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingError, match="holds no sounds"):
        SPEC.sources(tmp_path / "empty")


def test_a_description_says_what_does_not_fit_together() -> None:
    said = SPEC.model_dump()
    for change, message in (
        ({"height_px": 64}, "those of the front end"),
        ({"hop_s": 0.3}, "must not be longer than clip_s"),
        ({"channel": -1}, "greater than or equal"),
        ({"dtype": "uint8"}, "float32"),
    ):
        with pytest.raises(ValueError, match=message):
            SoundInput.model_validate(said | change)
    audio = SoundInput.of(efficientat_front(), clip_s=10, channels=1)
    assert audio.signature()[0].shape == (1, 1, 128, 1000) and audio.cache_key() != SPEC.cache_key()


def test_statistics_tell_what_changes_when_microphones_do() -> None:
    told = sound_statistics(tone(), 16_000)
    assert told["level"] == pytest.approx(20 * np.log10(0.4 / np.sqrt(2)), abs=0.01)
    assert told["peak"] == pytest.approx(20 * np.log10(0.4), abs=0.01)
    assert told["crossings"] == pytest.approx(880, abs=4) and told["seconds"] == 0.5 and told["quiet"] == 0
    half_silent = np.concatenate([tone(), 1e-4 * tone()])
    assert sound_statistics(half_silent, 16_000)["quiet"] == 0.5
    loud = np.clip(4 * tone(), -1, 1)
    assert sound_statistics(loud, 16_000)["clipped"] == pytest.approx(0.57, abs=0.03) and clipped_share(tone()) == 0


def test_a_wav_file_of_ours_is_read_by_others() -> None:
    found, rate = soundfile.read(io.BytesIO(wav_of(tone(), 16_000)), dtype="float32")
    assert rate == 16_000
    np.testing.assert_array_equal(found, tone())
