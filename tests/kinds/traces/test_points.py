"""Traces in many forms become the same clean points, and what cannot be read is told."""

from __future__ import annotations

import json

import numpy as np
import pytest

from drivetrain.errors import InputError
from drivetrain.kinds.traces.names import roles_of, unit_of_name
from drivetrain.kinds.traces.points import START, clean, guessed_unit
from drivetrain.kinds.traces.reading import Named, read_columns
from drivetrain.kinds.traces.spec import Spec

N = 20
T_MS = [16 * i for i in range(N)]
X = [3.5 * i for i in range(N)]
Y = [float((i % 5) * 7) for i in range(N)]
ROWS = list(zip(T_MS, X, Y, strict=True))


def text(names, sign=",", decimal=".", end="\n", rows=ROWS):
    lines = [sign.join(names), *(sign.join(str(cell).replace(".", decimal) for cell in row) for row in rows)]
    return (end.join(lines) + end).encode()


def strokes():
    half = N // 2
    return [[X[:half], Y[:half], T_MS[:half]], [X[half:], Y[half:], T_MS[half:]]]


FORMS = {
    "csv": text(("t_ms", "x", "y")),
    "other names": text(("Client Timestamp", "mouseX", "mouse_y")),
    "semicolons": text(("time", "pos_x", "pos_y"), ";", ","),
    "tabs": text(("ts", "X", "Y"), "\t"),
    "windows": text(("t", "x", "y"), end="\r\n"),
    "blanks": text(("t", "x", "y"), " "),
    "hash": b"# " + text(("t", "x", "y")),
    "seconds": text(("t_s", "x", "y"), rows=[(t / 1000, x, y) for t, x, y in ROWS]),
    "unnamed seconds": text(("t", "x", "y"), rows=[(t / 1000, x, y) for t, x, y in ROWS]),
    "microseconds": text(("timestamp", "x", "y"), rows=[(1000 * t, x, y) for t, x, y in ROWS]),
    "unix": text(("timestamp", "x", "y"), rows=[(1_700_000_000_000 + t, x, y) for t, x, y in ROWS]),
    "dates": text(("time", "x", "y"), rows=[(f"2026-01-01T10:00:00.{t:03}", x, y) for t, x, y in ROWS]),
    "no header": "\n".join(",".join(map(str, row)) for row in ROWS).encode(),
    "byte order mark": b"\xef\xbb\xbf" + text(("t", "x", "y")),
    "utf-16": text(("t", "x", "y")).decode().encode("utf-16"),
    "json points": json.dumps([{"t": t, "x": x, "y": y} for t, x, y in ROWS]).encode(),
    "json inside": json.dumps({"user": "u1", "events": [{"t": t, "x": x, "y": y} for t, x, y in ROWS]}).encode(),
    "json columns": json.dumps({"t": T_MS, "x": X, "y": Y}).encode(),
    "json rows": json.dumps(ROWS).encode(),
    "json lines": b"\n".join(json.dumps({"t": t, "x": x, "y": y}).encode() for t, x, y in ROWS),
    "quick draw": json.dumps({"word": "cat", "drawing": strokes()}).encode(),
    "inkml": (
        '<ink xmlns="http://www.w3.org/2003/InkML"><traceFormat><channel name="X"/><channel name="Y"/>'
        '<channel name="T"/></traceFormat><trace>' + ", ".join(f"{x} {y} {t}" for t, x, y in ROWS) + "</trace></ink>"
    ).encode(),
    "array": np.array(ROWS),
    "list": [list(row) for row in ROWS],
    "dict": {"t": T_MS, "x": X, "y": Y},
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_same_points(form):
    found = Spec().read(FORMS[form]).array
    np.testing.assert_allclose(found[:, 0], np.array(T_MS) / 1000, atol=2e-6 if form == "dates" else 1e-9)
    np.testing.assert_allclose(found[:, 1:3], np.stack([X, Y], axis=1))


def test_file_bytes_and_array_are_drawn_bit_for_bit_alike(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(FORMS["csv"])
    spec = Spec(windows=2, side_px=32)
    views = [
        spec.view(spec.load(source))[0] for source in (path, str(path), FORMS["csv"], FORMS["dict"], FORMS["array"])
    ]
    for view in views[1:]:
        np.testing.assert_array_equal(view, views[0])


def test_a_golden_example_loads_back_exactly():
    spec = Spec(t="clock", x="left", y="top", unit="ms", windows=3)
    rows = [
        (*row, p, "click" if i % 9 == 0 else "move")
        for i, (row, p) in enumerate(zip(ROWS, np.linspace(0, 3, N), strict=True))
    ]
    loaded = spec.load(text(("clock", "left", "top", "pressure", "event"), rows=rows))
    again = spec.load(spec.encode(loaded)[0])
    for one, other in zip(loaded, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_lost_is_counted_and_the_rest_is_used():
    rows = [*ROWS]
    rows[3] = (rows[3][0], 65535, 65535)
    rows[5] = (rows[5][0], -1, -1)
    rows[7] = ("", rows[7][1], rows[7][2])
    rows[9] = (rows[9][0], "nan", rows[9][2])
    rows.insert(12, rows[11])
    rows[15], rows[16] = rows[16], rows[15]
    found = Spec().read(text(("t_ms", "x", "y"), rows=rows))
    assert dict(found.lost) == {
        "points at a place that stands for none": 2,
        "points without a time": 1,
        "points without a place": 1,
        "repeated points": 1,
        "points out of order": 1,
    }
    assert len(found.array) == N - 4 and (np.diff(found.array[:, 0]) >= 0).all()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "empty"),
        (np.zeros((0, 3)), "no points"),
        (b"<ink><trace/></ink>", "no points"),
        (text(("t_ms", "x", "y"), rows=[(1e300 if t == 32 else t, x, y) for t, x, y in ROWS]), "its times span"),
        (b"\0\1\2" * 99, "NUL"),
        (text(("t", "x", "z")), "no column of y"),
        (text(("t", "x", "y"), rows=ROWS[:5]), "5 usable points of 5"),
        (text(("t", "x", "y"), rows=[(t, 4, 4) for t in T_MS]), "nothing moves"),
        (text(("t", "x", "y"), rows=[(4, x, y) for x, y in zip(X, Y, strict=True)]), "one time"),
        (text(("t", "x", "y"), rows=[("", x, y) for x, y in zip(X, Y, strict=True)]), "0 usable points"),
        (text(("t", "x", "x")), "more than one column"),
        (json.dumps({"t": T_MS, "x": X, "y": Y[:5]}).encode(), "different lengths"),
        (json.dumps({"drawing": [[X, Y[:3]]]}).encode(), "no list of strokes"),
        (b"<!DOCTYPE a><ink/>", "document type"),
        (b"<ink></ink>", "without a <trace>"),
        (b"<ink><trace>1 2, 3 4", "no XML"),
        ("\n".join("1,2,3,4,5,6" for _ in range(9)).encode(), "columns without names"),
        (text(("t", "x", "y"), rows=[(t, x * 1e30, y) for t, x, y in ROWS]), "beyond 1e9"),
    ],
)
def test_what_is_no_trace_is_told_in_three_parts(content, why):
    with pytest.raises(InputError, match=rf"not a trace: .*{why}.*; expected .*To fix: "):
        Spec().load(content)


def test_columns_that_are_named_are_taken_and_no_others():
    spec = Spec(t="clock", x="left", y="top")
    assert spec.read(text(("clock", "left", "top"))).columns == {"t": "clock", "x": "left", "y": "top"}
    with pytest.raises(InputError, match="x is said to be column 'left', which is not there"):
        spec.read(text(("t", "x", "y")))
    assert roles_of(["y", "x", "left"], {"x": "left"}) == {"x": "left", "y": "y"}


@pytest.mark.parametrize(
    ("name", "unit"),
    [("t_ms", "ms"), ("time (s)", "s"), ("time.us", "us"), ("ts", None), ("timestamp_ns", "ns"), ("events", None)],
)
def test_units_in_names(name, unit):
    assert unit_of_name(name) == unit


@pytest.mark.parametrize("hz", [5, 30, 60, 125, 1000])
def test_units_by_the_usual_step(hz):
    assert [guessed_unit(scale / hz) for scale in (1, 1e3, 1e6)] == ["s", "ms", "us"]


def test_strokes_and_states():
    pen = clean(Named({"t": T_MS, "x": X, "y": Y, "pen_down": [1] * 8 + [0] * 4 + [1] * 8}), {}, "ms").array
    assert np.flatnonzero(pen[:, 4] == START).tolist() == [0, 12]
    button = clean(Named({"t": T_MS, "x": X, "y": Y, "state": [0] * 4 + [1] * 4 + [0] * 12}), {}, "ms").array
    assert np.flatnonzero(button[:, 4]).tolist() == [4]
    drawn = Spec().read(FORMS["quick draw"]).array
    assert np.flatnonzero(drawn[:, 4] == START).tolist() == [0, 10]


def test_a_trace_without_times_is_equally_spaced():
    found = Spec().read(json.dumps({"drawing": [[X, Y]]}).encode())
    assert found.unit == "none" and found.array[60 % N, 0] == pytest.approx(60 % N / 60)
    with pytest.raises(InputError, match="no column of times"):
        Spec(timed=True).read(json.dumps({"drawing": [[X, Y]]}).encode())


def test_a_dataframe_is_a_trace():
    import pandas as pd

    found = read_columns(pd.DataFrame({"t": T_MS, "x": X, "y": Y}))
    assert list(found.columns) == ["t", "x", "y"]
