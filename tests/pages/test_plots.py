"""Charts for notebooks: what is drawn, what they say of it, and what cannot be drawn."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from drivetrain.errors import DataError
from drivetrain.pages import plots

AXES = {"x_name": "a", "y_name": "b"}


def test_points_have_the_colour_of_their_group_and_lines_their_name():
    drawn = plots.points([0, 1, 2], [5, 6, 7], "T", groups=["u", "v", "u"], lines={"rise": ([0, 2], [5, 7])}, **AXES)
    assert len(re.findall('class="accent point"', drawn.svg)) == 2
    assert len(re.findall('class="soft point"', drawn.svg)) == 1
    assert all(f">{name}<" in drawn.svg for name in ("u", "v", "rise", "T", "a", "b"))
    assert str(drawn) == "T: 3 points; a from 0 to 2, b from 5 to 7."


def test_bars_take_numbers_triples_and_scores():
    class Score:
        value, low, high = -0.5, -0.75, -0.25

    drawn = plots.bars({"one": 0.25, "two": (0.5, 0.25, 0.75), "three": Score()}, "T")
    assert str(drawn) == "T: one: 0.25; two: 0.5 [0.25, 0.75]; three: −0.5 [−0.75, −0.25]."
    assert "two: 50 % [25, 75]" in str(plots.bars({"two": (0.5, 0.25, 0.75)}, "T", percent=True))


def shown(chart):
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall('png;base64,([^"]+)', chart.svg)]


def test_pictures_of_bytes_stay_and_others_are_stretched():
    grey = np.array([[7, 8], [9, 10]], np.uint8)
    colour = np.arange(12.0).reshape(2, 2, 3) - 5
    one, two, flat = shown(plots.pictures([grey, colour, np.ones((2, 3))], "T", ["g", "c", "f"]))
    assert np.array_equal(np.asarray(one), grey)
    assert (np.asarray(two).min(), np.asarray(two).max(), two.size) == (0, 255, (2, 2))
    assert np.asarray(flat).tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.points([], [], "T", **AXES),
        lambda: plots.points([1, np.nan], [1, 2], "T", **AXES),
        lambda: plots.points([1], [1, 2], "T", **AXES),
        lambda: plots.points([1, 2], [1, 2], "T", groups=["a"], **AXES),
        lambda: plots.points(range(5), range(5), "T", groups="abcde", **AXES),
        lambda: plots.lines({}, "T", **AXES),
        lambda: plots.lines({"inf": ([1, 2], [1, np.inf])}, "T", **AXES),
        lambda: plots.bars({}, "T"),
        lambda: plots.pictures([], "T"),
        lambda: plots.pictures([np.ones((2, 2))], "T", ["a", "b"]),
        lambda: plots.pictures([np.ones(4)], "T"),
        lambda: plots.pictures([np.ones((2, 2, 4))], "T"),
    ],
)
def test_what_cannot_be_drawn_is_told(draw):
    with pytest.raises(DataError, match=r"expected.*To fix"):
        draw()
