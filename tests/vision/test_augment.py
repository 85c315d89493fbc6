"""Random views: what they keep, what they change, and that chance alone decides."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drivetrain.errors import SettingError
from drivetrain.kinds.images.bodies.augment import N_DRAWS, NO_AUGMENTATION, Augmentation, random_views


def draws(count: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((count, N_DRAWS), dtype=np.float32))


def views(pictures: torch.Tensor, augmentation: Augmentation, view_px: int, seed: int = 0) -> torch.Tensor:
    sizes = torch.tensor([pictures.shape[1:3]] * len(pictures))
    return random_views(pictures, sizes, draws(len(pictures), seed), augmentation, view_px)


def gradient(count: int = 4, px: int = 16) -> torch.Tensor:
    """Brightness grows from left to right."""
    line = torch.linspace(0, 255, px).round().to(torch.uint8)
    return line[None, None, :, None].expand(count, px, px, 1).contiguous()


def test_no_augmentation_is_the_picture_itself() -> None:
    pictures = torch.randint(0, 256, (5, 16, 16, 3), dtype=torch.uint8)
    torch.testing.assert_close(
        views(pictures, NO_AUGMENTATION, 16), pictures.permute(0, 3, 1, 2).float(), atol=1e-3, rtol=0
    )


def test_flip_mirrors_about_half() -> None:
    only_flip = NO_AUGMENTATION.model_copy(update={"flip": True})
    pictures = gradient(400)
    flipped = views(pictures, only_flip, 16)[:, 0, 0, 0] > 128
    assert 0.4 < flipped.float().mean() < 0.6
    torch.testing.assert_close(
        views(pictures, only_flip, 16)[flipped][0, 0], pictures[0, :, :, 0].flip(1).float(), atol=1e-3, rtol=0
    )


def test_crop_keeps_at_least_the_share_asked_for() -> None:
    crop = NO_AUGMENTATION.model_copy(update={"crop": 0.25})
    seen = views(gradient(300, 64), crop, 32)[:, 0, 0]
    shown = (seen[:, -1] - seen[:, 0]) / 255
    assert 0.44 < float(shown.min()) < 0.56, "a quarter of the area is half of the width"
    assert float(shown.max()) > 0.9


def test_light_changes_brightness_and_stays_in_range() -> None:
    light = NO_AUGMENTATION.model_copy(update={"light": 0.5})
    grey = torch.full((200, 8, 8, 3), 128, dtype=torch.uint8)
    means = views(grey, light, 8).mean(dim=(1, 2, 3))
    assert float(means.std()) > 20
    extreme = views(torch.full((50, 8, 8, 3), 255, dtype=torch.uint8), light, 8)
    assert float(extreme.max()) <= 255 and float(extreme.min()) >= 0


def test_nothing_is_invented_outside_the_picture() -> None:
    """Mirrored borders: a picture of one colour stays of that colour, however it is turned."""
    wild = Augmentation(rotate_deg=180, shear=1, p_affine=1, light=0)
    pictures = torch.full((50, 20, 12, 3), 200, dtype=torch.uint8)
    torch.testing.assert_close(views(pictures, wild, 16), torch.full((50, 3, 16, 16), 200.0), atol=1e-2, rtol=0)


@settings(max_examples=20)
@given(seed=st.integers(0, 999), pad=st.integers(0, 9))
def test_a_view_does_not_depend_on_its_company(seed: int, pad: int) -> None:
    """Padding to a larger neighbour, or another place in the batch, changes nothing."""
    picture = torch.randint(0, 256, (1, 14, 10, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    alone = random_views(picture, torch.tensor([[14, 10]]), draws(1, seed), Augmentation(), 8)
    padded = torch.full((2, 14 + pad, 10 + pad, 3), 99, dtype=torch.uint8)
    padded[1, :14, :10] = picture[0]
    both = draws(1, seed).repeat(2, 1)
    together = random_views(padded, torch.tensor([[14 + pad, 10 + pad], [14, 10]]), both, Augmentation(), 8)[1:]
    torch.testing.assert_close(together, alone, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    "bad", [{"crop": 0}, {"crop": 1.5}, {"light": 1}, {"rotate_deg": -1}, {"flipp": True}, {"aspect": np.inf}]
)
def test_bad_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=r"expected.*To fix"):
        Augmentation(**bad)
