"""Looking inside a model of sounds: pictures are the spectrograms of middle windows, turned over, and can be played."""

import numpy as np
import pytest
import soundfile

import drivetrain as dt
from drivetrain.insight.subject import subject_of


@pytest.fixture(scope="module", params=[1, 3], ids=["one window", "three windows"])
def learn(request, tmp_path_factory):
    """Two seconds, of which the second half is a high tone; windows of half a second."""
    folder, t = tmp_path_factory.mktemp("sounds"), np.arange(16_000) / 8000
    for i in range(24):
        wave = 0.3 * np.sin(2 * np.pi * (300 + 20 * i + 1500 * (t > 0.9)) * t)
        (folder / "ab"[i % 2]).mkdir(exist_ok=True)
        soundfile.write(folder / "ab"[i % 2] / f"{chr(97 + i) * 3}.wav", wave, 8000)
    data = dt.sounds(folder, clip_s=0.5, windows=request.param, project=folder / "project")
    return dt.Learner(data, "test_resnet", pretrained=False, device="cpu", precision="fp32")


def test_the_middle_window_is_looked_at(learn):
    subject, spec = subject_of(learn), learn.kind.spec
    views = subject.batch([0, 1])[0]
    assert views.shape == (2, 1, 3, spec.height_px, spec.width_px) and subject.size == views.shape[-2:]
    loaded = spec.load(subject.rows.inputs[0])
    np.testing.assert_array_equal(views[0, 0].numpy(), spec.draw(loaded, 6000))  # of 16,000 samples, 4,000 long
    assert subject.network.taken(*subject.batch([0, 1]))[0].shape == views[:, 0].shape
    picture = subject.picture(0)
    assert picture.shape == (*subject.size, 3)
    loudest = int(picture.sum(axis=(1, 2)).argmax())
    assert subject.rising and loudest > spec.height_px // 2, "the last line is the highest pitch"
    assert subject.play is not None and subject.play(0).startswith("<audio")
    assert "middle" in subject.notes[0] and "(0.5 s)" in subject.notes[0]


def test_a_page_turns_spectrograms_over_and_plays_them(learn, tmp_path):
    found = learn.look_inside(tmp_path / "inside.html", quick=True, features=2)
    page = (tmp_path / "inside.html").read_text()
    assert '<main id="main" class="rising">' in page or 'class="rising"' in page
    assert page.count("<audio") == page.count('class="sheet"') > 0
    assert any("low pitches at the bottom" in note for note in found.as_json()["notes"])
