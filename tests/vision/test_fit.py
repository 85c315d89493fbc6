"""What becomes of pictures that are not square."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.errors import DrivetrainWarning, SettingError
from drivetrain.kinds.images.bodies.fit import choose_fit
from drivetrain.kinds.images.spec import PictureInput


def reader(fit, **changes):
    return PictureInput(**({"channels": 3, "size_px": 8, "mean": (0.5,) * 3, "std": (0.5,) * 3, "fit": fit} | changes))


def read(spec, source):
    return spec.view(spec.load(source))[0]


@pytest.fixture
def files(tmp_path):
    def write(*sizes):
        paths = []
        for i, (width, height) in enumerate(sizes):
            paths.append(tmp_path / f"{len(list(tmp_path.iterdir()))}-{i}.png")
            Image.new("RGB", (width, height)).save(paths[-1])
        return paths

    return write


def strip():
    """A black strip, 48 × 16, with a white square at its right edge."""
    picture = np.zeros((16, 48, 3), np.uint8)
    picture[:, 40:] = 255
    return picture


def test_squeezed_and_padded_pictures_keep_their_edges():
    assert read(reader("crop"), strip()).max() == 0  # the centre square does not reach the edge
    squeezed = read(reader("squeeze", interpolation="nearest"), strip())
    assert squeezed.shape == (8, 8, 3)
    assert (squeezed[:, -1] == 255).all() and (squeezed[:, :-2] == 0).all()
    padded = read(reader("pad", interpolation="nearest"), strip())
    assert padded.shape == (8, 8, 3)
    assert (padded[0] == 128).all() and (padded[-1] == 128).all()  # paper of the colour that normalises to zero
    assert padded[4, -1].tolist() == [255] * 3 and padded[4, 0].tolist() == [0] * 3


@pytest.mark.parametrize("shape", [(1, 400, 3), (400, 1, 3), (8, 8, 3), (5, 7, 3)])
@pytest.mark.parametrize("fit", ["squeeze", "pad"])
def test_any_shape_becomes_a_square(shape, fit):
    assert read(reader(fit), np.full(shape, 7, np.uint8)).shape == (8, 8, 3)
    two = reader(fit, channels=2, mean=(0.5,) * 2, std=(0.5,) * 2)
    assert read(two, np.zeros((*shape[:2], 2), np.uint8)).shape == (8, 8, 2)


def test_what_is_cached_depends_on_the_fit_and_stays_as_it_was_for_crops():
    identities = {reader(fit).cache_key() for fit in ("crop", "squeeze", "pad")}
    assert len(identities) == 3
    assert "fit" not in reader("crop").cache_key()


@pytest.mark.parametrize(
    ("sizes", "chosen", "said"),
    [
        ([(40, 40), (40, 30)], "crop", "keeps 88% of the median picture"),
        ([(192, 64)] * 3, "squeeze", "would lose 67% of the median picture, and all have about one shape"),
        ([(30, 90), (31, 90)], "squeeze", "one shape"),
        ([(192, 64), (64, 192), (300, 40)], "pad", "their shapes differ"),
        ([(40, 40)] * 8 + [(200, 40)] * 2, "crop", "20% of the pictures lose more than half: fit='pad'"),
    ],
)
def test_the_choice_follows_from_what_would_be_lost(files, sizes, chosen, said):
    decision = choose_fit(None, files(*sizes))
    assert decision.value == chosen
    assert said in decision.reason


def test_a_photograph_that_lies_on_its_side_counts_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for i in range(2):
        Image.new("RGB", (90, 30)).save(tmp_path / f"{i}.jpg", exif=exif)
    Image.new("RGB", (30, 90)).save(tmp_path / "2.jpg")
    assert choose_fit(None, sorted(tmp_path.iterdir())).value == "squeeze"  # all are upright, 30 × 90


def test_a_learner_says_what_it_chose_and_saves_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("turn_left", "turn_right"):
        (tmp_path / "signs" / name).mkdir(parents=True)
        for i in range(12):
            Image.fromarray(rng.integers(0, 256, (16, 48, 3), dtype=np.uint8)).save(tmp_path / f"signs/{name}/{i}.png")
    data = dt.images("signs", test_pct=0)
    options = {"arch": "test_resnet", "pretrained": False, "size": 32}
    learn = dt.Learner(data, **options)
    assert learn.decisions["fit"].value == "squeeze"
    said = learn.decisions["augmentation"]
    assert "not mirrored" in said.value
    assert said.reason.startswith("not mirrored: 'turn_left' and 'turn_right' change places in a mirror")
    artefact = learn.save("signs.model", precision=None)
    assert dt.load(artefact).reader.fit == "squeeze"
    again = dt.Learner.load(artefact)
    assert (again.decisions["fit"].value, again.decisions["augmentation"].value) == ("squeeze", said.value)
    with pytest.warns(DrivetrainWarning, match="are mirrored left to right, as asked, but 'turn_left'"):
        dt.Learner(data, **options, augment=dt.Augmentation())
    assert dt.Learner(data, **options, augment=False).decisions["augmentation"].value == "none"
    with pytest.raises(SettingError, match="fit='stretch' cannot be used: expected None, 'crop', 'squeeze' or 'pad'"):
        dt.Learner(data, **options, fit="stretch")
