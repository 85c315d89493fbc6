import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation import Predictions, figures
from drivetrain.evaluation.confusions import count_confusions, most_confused
from drivetrain.runtime.targets import CategoryTarget

from . import tables


def load_picture(row):
    return np.random.default_rng(row).integers(0, 255, (20 + row % 5, 30, 3), dtype=np.uint8)


def texts(figure):
    figure.draw_without_rendering()
    found = [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text") and a.get_visible())]
    return "\n".join(found)


def check_picture(figure):
    """A PNG with something on it, and no text beyond the edge."""
    picture = Image.open(io.BytesIO(figure._repr_png_()))
    assert picture.format == "PNG" and np.asarray(picture.convert("L")).std() > 1
    edge = figure.bbox
    for axes in figure.axes:
        left, right = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticklabels() if left <= tick.get_position()[0] <= right]
        for text in [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *ticks]:
            box = text.get_window_extent()
            if text.get_text() and text.get_visible():
                assert box.x0 >= -1 and box.x1 <= edge.x1 + 1 and box.y0 >= -1 and box.y1 <= edge.y1 + 1, text
    return picture


def named(table, vocab, **changed):
    target = CategoryTarget(name="price $x^ of", vocab=vocab)
    fields = {"ids": table.ids, "truth": table.truth, "output": table.output, "loss": table.loss}
    return Predictions(**{**fields, "target": target, **changed})


@pytest.mark.parametrize("k", [2, 5, 37, 81])
def test_confusion_matrix_fits_on_the_page(k):
    vocab = tuple(f"$ a rather long \\name of a {i} category $_" for i in range(k))
    check_picture(figures.confusion_matrix(named(tables.category(300, k), vocab)))


def test_confusions_are_counted_by_truth_then_prediction():
    target = CategoryTarget(name="c", vocab=("a", "b"))
    table = Predictions(ids=tables.ids(3), target=target, truth=[0, 0, 1], output=[[0, 1], [0, 1], [0, 1]])
    assert count_confusions(table).tolist() == [[0, 2], [0, 1]]
    figure = figures.confusion_matrix(table)
    drawn = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert drawn == {(1, 0): "2", (1, 1): "1"}  # x is what was predicted, y what is true
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]


def test_many_categories_are_cut_to_the_most_confused_and_rows_stay_complete():
    table = tables.category(500, 30)
    counts = count_confusions(table)
    shown = most_confused(counts, 8)
    off = counts + counts.T - 2 * np.diag(np.diag(counts))
    assert len(shown) == 8 and set(np.unravel_index(off.argmax(), off.shape)) <= set(shown)
    figure = figures.confusion_matrix(table, most=8)
    drawn = np.zeros((8, 9), dtype=int)
    for text in figure.axes[0].texts:
        j, i = text.get_position()
        drawn[i, j] = int(text.get_text())
    assert (drawn.sum(axis=1) == counts[shown].sum(axis=1)).all()
    assert "8 most confused of 30" in texts(figure) and "all others" in texts(figure)


def test_without_confusions_the_most_frequent_are_shown():
    assert most_confused(np.diag([1, 5, 3, 9]), 2) == [1, 3]


@pytest.mark.parametrize("table", [tables.category(), tables.categories(), tables.number()], ids=repr)
def test_results_work_for_every_kind_of_target(table):
    figure = figures.results(table, load_picture, n=5)
    check_picture(figure)
    assert len(figure.axes) == 5
    unlabelled = Predictions(ids=table.ids, target=table.target, truth=None, output=table.output)
    assert "actual" not in texts(figures.results(unlabelled, load_picture, n=2))


def test_results_mark_right_and_wrong_by_colour_and_sign():
    table = tables.category(50, 3, strength=0.5)
    figure = figures.results(table, load_picture, n=50, seed=3)
    rows = np.random.default_rng(3).permutation(50)
    hits = table.hits()
    assert 0 < hits.sum() < 50
    for axes, row in zip(figure.axes, rows, strict=True):
        title = axes.get_title(loc="left")
        assert f"actual: {table.decoded_truth()[row]}" in title and f"predicted: {table.decoded()[row]}" in title
        assert ("✓" in title) == hits[row] and ("✗" in title) != hits[row]
        assert axes._left_title.get_color() == ("#00785A" if hits[row] else "#C03A00")
        assert np.array_equal(axes.images[0].get_array(), load_picture(int(row)))


def test_top_losses_are_the_worst_rows_in_order():
    table = tables.category(50, 3)
    table = named(table, ("a", "b", "c"), names=tuple(f"folder/of/many/pictures/number_{i}.jpg" for i in range(50)))
    figure = figures.top_losses(table, load_picture, n=4)
    check_picture(figure)
    for axes, row in zip(figure.axes, np.argsort(-table.loss), strict=False):
        title = axes.get_title(loc="left")
        said, true = table.output[row].max(), table.output[row, table.truth[row]]
        assert title.splitlines() == [
            f"predicted: {table.decoded()[row]} ({said:.0%})",
            f"actual: {table.decoded_truth()[row]} ({true:.0%})",
            f"loss {table.loss[row]:.3g}",
        ]
        assert axes.get_xlabel().endswith(f"number_{row}.jpg")
        assert np.array_equal(axes.images[0].get_array(), load_picture(int(row)))


def test_top_losses_need_losses():
    with pytest.raises(DataError, match="carry no losses"):
        figures.top_losses(tables.categories(), load_picture)


@pytest.mark.parametrize("d", [1, 3, 4])
def test_numbers_are_drawn_around_the_line_of_perfection(d):
    figure = figures.predicted_vs_actual(tables.number(100, d))
    check_picture(figure)
    assert len(figure.axes) == d
    points = figure.axes[0].collections[0].get_offsets()
    assert np.array_equal(
        points, np.column_stack([tables.number(100, d).truth[:, 0], tables.number(100, d).output[:, 0]])
    )


def test_figures_refuse_other_kinds_of_target():
    with pytest.raises(SettingError, match="one category per row"):
        figures.confusion_matrix(tables.categories())
    with pytest.raises(SettingError, match="expected a number"):
        figures.predicted_vs_actual(tables.category())
    with pytest.raises(SettingError, match="at least 2"):
        figures.confusion_matrix(tables.category(), most=1)


def test_losses_mark_the_lowest_and_cope_with_gaps():
    rows = [{"epoch": e, "train_loss": 1 / e, "valid_loss": v} for e, v in [(1, 3.0), (2, None), (3, 1.5), (4, 2.0)]]
    figure = figures.losses(rows)
    check_picture(figure)
    assert "lowest: 1.5, epoch 3" in texts(figure)
    alone = figures.losses([{"epoch": 1, "train_loss": 1.0}])
    check_picture(alone)
    assert "validation" not in texts(alone)
    again = figures.losses([{"epoch": e, "train_loss": 1.0} for e in (1, 1, 2)])
    assert again.axes[0].lines[0].get_xdata().tolist() == [1, 2, 3]
    for wrong in ([], [{"epoch": 1}]):
        with pytest.raises(DataError, match="train_loss"):
            figures.losses(wrong)


def test_learning_rates_of_one_and_several_groups():
    check_picture(figures.learning_rates([1e-3, 2e-3, 0.0]))
    check_picture(figures.learning_rates([1e-3]))
    several = figures.learning_rates({"body": [1e-5, 1e-4], "head": [1e-3, 1e-2]})
    check_picture(several)
    assert several.axes[0].get_yscale() == "log" and "head" in texts(several)
    with pytest.raises(DataError, match="no learning rates"):
        figures.learning_rates([])


def test_lr_find_marks_the_suggestion_and_hides_the_explosion():
    lrs = np.geomspace(1e-6, 10, 50)
    losses = np.where(lrs < 0.1, 4 - np.log10(lrs * 1e6) / 3, 1e6 * lrs)
    losses[-1] = np.nan
    figure = figures.lr_find(lrs.tolist(), losses.tolist(), 1e-3)
    check_picture(figure)
    assert "suggested: 0.001" in texts(figure)
    assert figure.axes[0].get_ylim()[1] < 10
    check_picture(figures.lr_find([1e-3, 1e-2], [1.0, 1.0]))
    with pytest.raises(DataError, match="as many"):
        figures.lr_find([1.0], [1.0, 2.0])
    with pytest.raises(DataError, match="at least two"):
        figures.lr_find([1.0, 2.0], [1.0, np.nan])


def test_batches_of_pictures_and_labels():
    pictures = [load_picture(0), load_picture(1)[:, :, 0], load_picture(2)[:, :, :1]]
    figure = figures.batch(pictures, ["a long name for a category of pictures", ("x", "y"), (1.23456, 2.0)])
    check_picture(figure)
    assert "1.235, 2" in texts(figure) and "x, y" in texts(figure)
    with pytest.raises(DataError, match="2 pictures and 1 labels"):
        figures.batch(pictures[:2], ["a"])
    with pytest.raises(DataError, match="channels last"):
        figures.batch([np.zeros((3, 32, 32), dtype=np.uint8)], ["a"])


def test_nothing_here_imports_torch_or_pyplot():
    code = (
        "import sys, drivetrain.evaluation as e\n"
        "heavy = [m for m in ('sklearn', 'pandas', 'matplotlib', 'scipy') if m in sys.modules]\n"
        "assert not heavy, heavy\n"
        "import drivetrain.evaluation.figures\n"
        "from drivetrain.runtime.targets import NumberTarget\n"
        "t = NumberTarget(names=('a',), mean=(0.0,), std=(1.0,))\n"
        "p = e.Predictions(ids=('a', 'b', 'c'), target=t, truth=[1.0, 2.0, 3.0], output=[1.0, 2.5, 3.5])\n"
        "e.score(p); p.to_frame(); drivetrain.evaluation.figures.predicted_vs_actual(p)._repr_png_()\n"
        "bad = [m for m in ('torch', 'matplotlib.pyplot', 'drivetrain.training', 'drivetrain.vision',\n"
        "       'drivetrain.data', 'drivetrain.export', 'drivetrain.cli') if m in sys.modules]\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
