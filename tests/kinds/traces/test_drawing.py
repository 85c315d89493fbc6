"""Windows and their pictures: right values, and nothing that a screen or a pointer's speed decides."""

from __future__ import annotations

import numpy as np
import pytest

from drivetrain.errors import InputError
from drivetrain.kinds.traces.drawing import CHANNELS, draw_points
from drivetrain.kinds.traces.spec import Spec
from drivetrain.kinds.traces.windows import cut, usual_extent
from drivetrain.runtime.spans import Span
from tests.kinds.traces.made import trace, write


def table(rows):
    t, x, y, event = zip(*rows, strict=True)
    return {"t_ms": t, "x": x, "y": y, "event": event}


def line(n=11, *, right=3.0, down=0.0, seconds=0.1):
    return np.array([[seconds * i, right * i, down * i, 1, 0] for i in range(n)])


def drawn(points, channels, side=32, extent=30.0):
    return draw_points(
        points, centre=np.array([15.0, 0.0]), px_per_unit=1.0, extent=extent, side_px=side, channels=channels
    )


def test_a_line_is_drawn_with_its_direction_and_speed():
    path, speed, right, down = drawn(line(), ("path", "speed", "right", "down"))
    assert path.sum() / 255 == pytest.approx(30, abs=0.5)  # as much ink as it is long
    assert set(np.flatnonzero(path.sum(axis=1))) == {15, 16}  # shared between two rows
    middle = path[:, 16] > 0
    assert right[:, 16][middle].min() > 185 and (down[:, 16] == 128).all()  # half ink, all of it to the right
    # 30 units a second over an extent of 30: 1 a second, a fifth of the scale; half a line's ink in each row
    assert speed[15, 16] == pytest.approx(255 * 0.5 * 1 / (1 + 4), abs=1)


def test_ink_does_not_depend_on_how_often_a_device_reports():
    few, many = (
        drawn(line(11), ("path", "speed", "time")),
        drawn(line(61, right=0.5, seconds=1 / 60), ("path", "speed", "time")),
    )
    assert np.abs(few.astype(int) - many).max() <= 10


def test_drawing_is_anti_aliased():
    """A shift of half a pixel moves half of the ink, instead of all or nothing."""
    points = line()
    points[:, 2] += 0.5
    path = drawn(points, ("path",))[0]
    assert path[16, 10:20].mean() == pytest.approx(255, abs=2) and path[15].max() == 0
    points[:, 2] += 0.25
    assert drawn(points, ("path",))[0][16, 16] == pytest.approx(0.75 * 255, abs=2)


def test_pauses_and_clicks_are_spots():
    points = line()
    points[6:, 0] += 2.0
    points[8, 4] = 1
    dwell, click = drawn(points, ("dwell", "click"))
    assert np.unravel_index(dwell.argmax(), dwell.shape) == (16, 16) and dwell.max() == 255
    assert click.max() == 255 and click[:, :20].max() == 0


@pytest.mark.parametrize("factor", [0.5, 2.0, 3.7, 100.0])
def test_screen_and_pointer_speed_change_no_pixel(factor):
    """Coordinates times a factor, as another screen or another setting of the pointer gives them."""
    rows = trace(3)
    spec = Spec(windows=4, shows=CHANNELS)
    more = [[t, x * factor, y * factor, event] for t, x, y, event in rows]
    one, other = (spec.view(spec.load(table(each)))[0].astype(int) for each in (rows, more))
    assert np.abs(one - other).max() <= 1


def test_a_moved_trace_is_the_same():
    rows = trace(3)
    spec = Spec(windows=4)
    moved = [[t + 5000, x + 900, y - 200, event] for t, x, y, event in rows]
    np.testing.assert_array_equal(spec.view(spec.load(table(rows)))[0], spec.view(spec.load(table(moved)))[0])


def test_a_slower_person_is_not():
    rows = trace(3)
    spec = Spec(windows=4)
    slower = [[2 * t, x, y, event] for t, x, y, event in rows]
    one, other = (spec.view(spec.load(table(each)))[0].astype(int) for each in (rows, slower))
    assert np.abs(one[:, 1] - other[:, 1]).max() > 20


def test_whole_pixels_of_half_the_screen_change_little():
    spec = Spec(windows=6)
    one, other = (spec.view(spec.load(table(trace(3, scale=scale))))[0].astype(float) for scale in (1.0, 0.5))
    ink = one[:, 0].sum()
    assert np.abs(one[:, 0] - other[:, 0]).sum() / ink < 0.5 and abs(other[:, 0].sum() / ink - 1) < 0.05


def test_movements_end_at_clicks_and_pauses():
    points = np.concatenate([line(20, seconds=0.02), line(20, seconds=0.02)])
    points[20:, 0] += 1.5
    points[20:, 1] += 60
    assert cut(points, "movements", 0, 0).tolist() == [[0, 20], [20, 40]]
    points[9, 4] = 1
    assert cut(points, "movements", 0, 0).tolist() == [[0, 10], [9, 20], [20, 40]]
    assert usual_extent(points, np.array([[0, 20], [20, 40]])) == 57.0


@pytest.mark.parametrize("by", ["events", "seconds"])
def test_equal_windows_cover_everything(by):
    points = line(103, seconds=0.1)
    windows = cut(points, by, 20 if by == "events" else 2.0, 20 if by == "events" else 2.0)
    seen = np.zeros(103, dtype=int)
    for first, behind in windows.tolist():
        seen[first:behind] += 1
    assert seen.min() >= 1 and windows[-1, 1] == 103
    assert len(cut(points, by, 10**6, 10**6)) == 1


def test_a_row_of_a_few_points_and_a_very_long_one_are_drawn():
    spec = Spec(windows=5)
    assert spec.view(spec.load({"t": range(0, 128, 16), "x": range(8), "y": [0] * 8}))[0].shape == (5, 8, 64, 64)
    rng = np.random.default_rng(0)
    walk = {
        "t_s": np.arange(60_000) / 100,
        "x": rng.normal(0, 5, 60_000).cumsum(),
        "y": rng.normal(0, 5, 60_000).cumsum(),
    }
    assert spec.view(spec.load(walk))[0].any()


def test_a_span_is_cut_out_by_seconds_and_keeps_the_scale_of_the_whole(tmp_path):
    path = write(tmp_path / "a.csv", trace(0))
    spec = Spec(by="seconds", size=9.0, hop=9.0)
    whole, part = Spec().load(path), spec.load(Span(path, 0.5, 1.0))
    assert 0 < part[0][-1, 0] < 0.5 and part[2] == whole[2]
    again = spec.load(spec.encode(part)[0])
    np.testing.assert_array_equal(spec.view(again)[0], spec.view(part)[0])
    with pytest.raises(InputError, match="holds 0 points of the trace, which lasts"):
        spec.load(Span(path, 500.0, 501.0))


def test_only_known_channels_are_drawn():
    with pytest.raises(ValueError, match="shows takes"):
        Spec(shows=("path", "smell"))
