"""At which size pictures are shown where nobody says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.errors import ModelError
from drivetrain.kinds.images import training as kind
from drivetrain.kinds.images.bodies.load import reads_one_size, trained_px
from drivetrain.kinds.images.bodies.size import choose_size


def pictures(folder: Path, *sizes: tuple[int, int]) -> list[Path]:
    """Plain pictures of some widths and heights."""
    paths = [folder / f"{i}.png" for i in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        Image.new("L", size).save(path)
    return paths


@pytest.mark.parametrize(
    ("size", "fit", "trained", "shown"),
    [
        ((28, 28), "crop", 224, 128),
        ((32, 32), "crop", 224, 128),
        ((64, 64), "crop", 224, 128),
        ((65, 90), "crop", 224, 160),
        ((96, 96), "crop", 224, 192),
        ((100, 100), "crop", 224, 224),
        ((4000, 3000), "crop", 224, 224),
        ((70, 300), "crop", 224, 160),  # the centre square is as large as the short side
        ((70, 300), "pad", 224, 224),  # the whole picture as the long one
        ((32, 32), "crop", 96, 96),
        ((500, 500), "crop", 96, 96),
        ((110, 110), "crop", 240, 224),
        ((120, 120), "crop", 240, 240),
        ((32, 32), "crop", 128, 128),
    ],
    ids=str,
)
def test_small_pictures_are_shown_at_twice_their_side(tmp_path: Path, size, fit, trained: int, shown: int) -> None:
    found = choose_size(None, pictures(tmp_path, size), fit, trained_px=trained, fixed=False)
    assert found.value == shown
    assert str(min(size) if fit == "crop" else max(size)) in found.reason
    assert shown == trained or f"size={trained} " in found.reason


def test_the_median_picture_counts(tmp_path: Path) -> None:
    paths = pictures(tmp_path, (40, 40), (70, 70), (3000, 2000))
    assert choose_size(None, paths, "crop", trained_px=224, fixed=False).value == 160


def test_what_was_asked_and_what_cannot_be_otherwise_stays(tmp_path: Path) -> None:
    paths = pictures(tmp_path, (32, 32))
    assert str(choose_size(512, paths, "crop", trained_px=224, fixed=False)) == "512 (as asked)"
    assert choose_size(None, paths, "crop", trained_px=224, fixed=True).value == 224
    (tmp_path / "array.npy").write_bytes(b"no header that is looked at")
    for unknown in ([], [tmp_path / "array.npy"]):
        assert choose_size(None, unknown, "crop", trained_px=224, fixed=False).value == 224


def test_the_size_of_the_weights_is_known_without_loading_them() -> None:
    assert (trained_px("resnet34"), trained_px("tf_efficientnet_lite2"), trained_px("embedded")) == (224, 260, 96)
    assert reads_one_size("vit_tiny_patch16_224") and not reads_one_size("embedded")


def test_a_learner_shows_small_pictures_larger_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "in" / label).mkdir(parents=True)
        for i in range(10):
            noise = rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "in" / label / f"{i}.png")
    data = dt.images(tmp_path / "in", seed=1)

    def made(**options) -> dt.Learner:
        return dt.Learner(data, "test_resnet", pretrained=False, device="cpu", precision="fp32", **options)

    learn = made()  # timm's own reads 160 px
    assert learn.kind.spec.size_px == learn.decisions["size"].value == 128
    assert "20 px" in learn.decisions["size"].reason and "size=160" in learn.decisions["size"].reason
    asked = made(size=64)
    assert asked.kind.spec.size_px == 64 and asked.decisions["size"].reason == "as asked"

    probe = kind.load_body

    def picky(*args, size_px: int, **options):
        if size_px != 160:
            raise kind.UnreadableSizeError(f"cannot read {size_px} px")
        return probe(*args, size_px=size_px, **options)

    monkeypatch.setattr(kind, "load_body", picky)
    fallen_back = made()
    assert fallen_back.kind.spec.size_px == 160 and "cannot read 128 px" in fallen_back.decisions["size"].reason
    with pytest.raises(ModelError, match="cannot read 64 px"):
        made(size=64)
