"""Bytes as a picture: where each byte goes, and what the channels show."""

import numpy as np
import pytest
from scipy.stats import entropy

from drivetrain.kinds.binaries.drawing import (
    channels_of,
    curve,
    entropy_of,
    order_of,
    piece_picture,
    whole_picture,
    width_of,
)


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, n).astype(np.uint8)


@pytest.mark.parametrize(
    ("kilobytes", "width"),
    [(1, 32), (9.99, 32), (10, 64), (29, 64), (30, 128), (60, 256), (100, 384), (200, 512), (500, 768), (1000, 1024)],
)
def test_widths_are_those_of_nataraj(kilobytes, width):
    assert width_of(int(kilobytes * 1024)) == width


@pytest.mark.parametrize("n", [1, 100, 256, 257, 1000, 70_000])
def test_entropy_is_that_of_scipy(n):
    content = np.minimum(noise(n), 200)
    blocks = [content[at : at + 256] for at in range(0, n, 256)]
    known = [entropy(np.bincount(block, minlength=256), base=2) for block in blocks]
    np.testing.assert_allclose(entropy_of(content), known, atol=1e-9)


def test_classes_of_bytes():
    content = np.array([0, 1, 31, 9, 10, 32, 126, 127, 128, 254, 255], np.uint8)
    assert channels_of(content)[2].tolist() == [0, 64, 64, 128, 128, 128, 128, 64, 192, 192, 255]
    assert channels_of(content)[0] is content


def test_rows_are_shrunk_by_the_mean_over_areas():
    content = noise(12 * 1024)  # 64 wide, 192 rows
    found = whole_picture(content, "width", 32, 32)[0]
    known = content.reshape(32, 6, 32, 2).mean(axis=(1, 3))
    assert np.abs(found - known).max() <= 1


def test_a_short_file_is_enlarged_without_smoothing():
    found = whole_picture(np.full(64, 7, np.uint8), "width", 8, 64)
    assert found.shape == (3, 8, 64) and set(found[0].ravel().tolist()) == {7}


@pytest.mark.parametrize("order", range(7))
def test_neighbours_on_the_curve_are_neighbours_in_the_picture(order):
    side = 2**order
    rows, columns = np.divmod(curve(order), side)
    assert sorted(curve(order).tolist()) == list(range(side**2))
    assert (np.abs(np.diff(rows)) + np.abs(np.diff(columns)) == 1).all()


def test_what_is_appended_moves_nothing_on_the_curve():
    content = noise(3000)  # on a curve of 4,096 cells
    side = 2 ** order_of(3000)
    before, after = (
        whole_picture(each, "hilbert", side, side)[0] for each in (content, np.concatenate([content, noise(900, 1)]))
    )
    assert side == 64 and (before.ravel()[curve(6)[:3000]] == content).all()
    assert (before != after).sum() <= 900 and (after.ravel()[curve(6)[:3000]] == content).all()


@pytest.mark.parametrize("layout", ["width", "hilbert"])
@pytest.mark.parametrize("n", [1, 500, 1024])
def test_a_piece_has_a_pixel_for_each_byte(layout, n):
    content = noise(n)
    found = piece_picture(content, layout, 32, 32)[0].ravel()
    order = curve(5) if layout == "hilbert" else np.arange(1024)
    assert (found[order[:n]] == content).all() and not found[order[n:]].any()
