"""One drawing as a file of any kind; drawings of any kind of input as panels."""

from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from PIL import Image

from drivetrain.errors import DataError, DrivetrainWarning, SettingError
from drivetrain.pages import charts
from drivetrain.pages.chart import Chart, Panel, panels, picture_panel
from drivetrain.pages.html import tag
from drivetrain.pages.svg import dot, drawing, group, line, path, rectangle, text


def square(*marks):
    return Chart(drawing("d", 100, 100, "Title", "What it shows.", *marks))


@pytest.mark.parametrize("ending", ["svg", "html", "png", "jpg", "jpeg", "pdf", "PNG"])
def test_a_chart_is_kept_as_any_of_these(ending, tmp_path):
    file = square(dot(50, 50, 20, "accent")).save(tmp_path / f"chart.{ending}")
    begins = {"svg": b"<svg", "html": b"<!do", "pdf": b"%PDF", "png": b"\x89PNG"}.get(ending.lower(), b"\xff\xd8\xff")
    assert file.read_bytes().startswith(begins)


def test_other_endings_and_folders_that_are_not_there_are_told(tmp_path):
    with pytest.raises(SettingError, match=r"chart.bmp.*\.svg.*To fix"):
        square().save(tmp_path / "chart.bmp")
    with pytest.raises(DataError, match="cannot be written"):
        square().save(tmp_path / "no" / "chart.svg")
    with pytest.raises(SettingError, match="path"):
        square().save(7)


def test_savefig_still_works_and_says_its_new_name(tmp_path):
    with pytest.warns(DrivetrainWarning, match="save now"):
        square().savefig(tmp_path / "chart.svg")
    assert (tmp_path / "chart.svg").exists()


def test_an_svg_file_needs_no_style_of_a_page(tmp_path):
    text = square(dot(50, 50, 20, "accent")).save(tmp_path / "chart.svg").read_text(encoding="utf-8")
    assert "var(" not in text and "svg .accent { fill: #0a5cad" in text
    assert fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_notebook_gets_one_picture_with_words_for_who_cannot_see_it():
    shown = square(text(5, 5, "<&>"))._repr_html_()
    assert shown.startswith('<img src="data:image/svg+xml;base64,') and 'alt="Title: What it shows."' in shown


def pixels(chart, tmp_path):
    return np.asarray(Image.open(chart.save(tmp_path / "chart.png")).convert("RGB")).astype(int)


def test_pixels_lie_where_the_drawing_says(tmp_path):
    marks = [
        rectangle(10, 10, 20, 20, "accent"),
        group(rectangle(0, 0, 10, 10, "accent"), transform="translate(60 10) scale(2)"),
        path([(10, 90), (90, 90)], "accent curve"),
        rectangle(60, 60, 20, 10, "cell h8"),
        line(0, 50, 100, 50, "axis"),
    ]
    found = pixels(square(*marks), tmp_path)
    blue, white = [10, 92, 173], [255, 255, 255]
    assert found.shape == (200, 200, 3)
    for x, y in [(20, 20), (62, 12), (78, 28), (70, 65), (50, 90)]:
        assert np.abs(found[2 * y, 2 * x] - blue).max() < 3, (x, y)
    for x, y in [(5, 20), (35, 20), (57, 12), (82, 28), (70, 75), (50, 84)]:
        assert np.abs(found[2 * y, 2 * x] - white).max() < 3, (x, y)
    assert found[100, 20].max() < 200, "a line"


def test_pictures_stand_upright(tmp_path):
    import base64
    import io

    upright = np.zeros((4, 2, 3), dtype=np.uint8)
    upright[0, 0] = 255
    file = io.BytesIO()
    Image.fromarray(upright).save(file, format="PNG")
    source = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    shown = tag("img", src=source, width=2, height=4, class_="tiny")
    found = pixels(Chart(picture_panel(shown, 100)), tmp_path)
    light = found.mean(axis=2) > 128
    assert light[20, 60] and not light[20, 140] and not light[180, 60]


def test_what_a_kind_shows_of_a_row_fits_a_panel():
    curve = drawing("c", 200, 50, "A curve", "", path([(0, 0), (200, 50)], "accent curve"))
    assert 'transform="translate(0 37.5) scale(0.5)"' in picture_panel(curve, 100)
    words = picture_panel(tag("table", tag("tr", tag("td", "age"), tag("td", "30 & more"))), 100)
    assert " ".join(line.text for line in fromstring(words).iter("text")) == "age 30 & more"


def test_elements_that_pixels_leave_out_are_told(tmp_path):
    curved = square(tag("path", d="M0 0C1 1 2 2 3 3"), tag("ellipse", rx=3))
    with pytest.warns(DrivetrainWarning, match="<ellipse>, a curved <path>"):
        curved.save(tmp_path / "chart.png")
    with pytest.raises(DataError, match="XML"):
        Chart(drawing("d", 9, 9, "t", "d", tag("br"))).save(tmp_path / "chart.png")


def test_lines_leave_out_what_lies_beyond_the_axis():
    x = np.arange(1.0, 6)
    drawn = charts.lines(
        {"": (x, np.array([1.0, 2, 3, 900, 2]))}, name="l", title="t", x_name="x", y_name="y", y=(0, 4)
    )
    assert drawn.split(' class="accent curve"')[0].count("L") == 3


def test_panels_have_room_for_their_lines():
    one = drawing("d", 50, 50, "t", "d")
    made = panels([Panel(one, [("a long line " * 3, "title")])], "t", "d")
    assert "…" not in made and float(fromstring(made).get("width")) > 250
    assert "…" in panels([Panel(one, [("a long line " * 3, "title")])] * 2, "t", "d")
