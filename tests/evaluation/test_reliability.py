import numpy as np
import pytest

from drivetrain.errors import SettingError
from drivetrain.evaluation import figures
from drivetrain.evaluation.calibration import reliability

from . import tables
from .test_figures import check_picture, texts


@pytest.mark.parametrize(
    "table", [tables.category(400, 3), tables.category(25, 2), tables.categories(120, 4)], ids=repr
)
def test_reliability_is_drawn_as_it_was_counted(table):
    figure = figures.reliability_diagram(table)
    check_picture(figure)
    bins = reliability(table)
    drawn = figure.axes[0].containers[0][0].get_xydata()
    assert drawn == pytest.approx(np.array([[b.confidence, b.right] for b in bins]))
    segments = figure.axes[0].containers[0][2][0].get_segments()
    ends = np.array([segment[:, 1] for segment in segments])
    assert ends == pytest.approx(np.array([[b.low, b.high] for b in bins]))
    assert "calibration error" in texts(figure) and "as stated" in texts(figure)
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert sum(heights) == (table.output.size if table.target.kind == "categories" else len(table))


def test_numbers_have_no_reliability():
    with pytest.raises(SettingError, match="without a probability"):
        figures.reliability_diagram(tables.number())
