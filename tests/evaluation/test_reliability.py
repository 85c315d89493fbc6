import numpy as np
import pytest

from drivetrain.errors import SettingError
from drivetrain.evaluation import figures
from drivetrain.evaluation.calibration import reliability

from . import tables
from .test_figures import check_picture, elements, texts


@pytest.mark.parametrize(
    "table", [tables.category(400, 3), tables.category(25, 2), tables.categories(120, 4)], ids=repr
)
def test_reliability_is_drawn_as_it_was_counted(table):
    figure = figures.reliability_diagram(table)
    check_picture(figure)
    bins = reliability(table)
    low = 0.0 if min(min(b.low, b.confidence) for b in bins) < 0.5 else 0.5
    ideal = elements(figure, "line", "ideal")[0]
    (x1, y1), (x2, y2) = ((float(ideal.get(f"x{i}")), float(ideal.get(f"y{i}"))) for i in (1, 2))
    across, up = (lambda x: low + (1 - low) * (x - x1) / (x2 - x1)), (lambda y: low + (1 - low) * (y - y1) / (y2 - y1))
    dots = [(across(float(d.get("cx"))), up(float(d.get("cy")))) for d in elements(figure, "circle", "accent")]
    assert np.array(dots) == pytest.approx(np.array([[b.confidence, b.right] for b in bins]), abs=2e-3)
    ends = [(up(float(w.get("y1"))), up(float(w.get("y2")))) for w in elements(figure, "line", "whisker")]
    assert np.array(ends) == pytest.approx(np.array([[b.low, b.high] for b in bins]), abs=2e-3)
    assert "calibration error" in texts(figure)
    titles = [bar[0].text for bar in elements(figure, "rect", "bar")]
    counted = sum(int(title.rpartition(": ")[2]) for title in titles)
    assert counted == (table.output.size if table.target.kind == "categories" else len(table))


def test_numbers_have_no_reliability():
    with pytest.raises(SettingError, match="without a probability"):
        figures.reliability_diagram(tables.number())
