import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from PIL import Image

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation import Predictions, figures
from drivetrain.evaluation.confusions import count_confusions, most_confused
from drivetrain.evaluation.report.showing import shown
from drivetrain.runtime.targets import CategoryTarget

from . import tables


def load_picture(row):
    return np.random.default_rng(row).integers(0, 255, (20 + row % 5, 30, 3), dtype=np.uint8)


def show(row):
    return shown("images", (load_picture(row),))


def elements(figure, name, class_=""):
    """Elements of a chart with a class, in the order they are drawn."""
    found = fromstring(figure.svg).iter(f"{{http://www.w3.org/2000/svg}}{name}")
    return [element for element in found if set(class_.split()) <= set((element.get("class") or "").split())]


def written(figure, class_=""):
    return [element.text or "" for element in elements(figure, "text", class_)]


def texts(figure):
    return "\n".join(written(figure))


def check_picture(figure):
    """A PNG with something on it, as large as the chart at two pixels per px, and its SVG says what it shows."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Image.open(figure.save(Path(folder) / "figure.png"))
        picture.load()
    assert picture.format == "PNG" and np.asarray(picture.convert("L")).std() > 1
    width, height = (float(fromstring(figure.svg).get(side)) for side in ("width", "height"))
    assert abs(picture.width - 2 * width) <= 2 and 2 * height - 2 <= picture.height <= 2 * height + 40
    assert fromstring(figure.svg)[2].tag.endswith("title") and len(str(figure)) > 5
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
    places = [(float(count.get("x")), float(count.get("y"))) for count in elements(figure, "text", "count")]
    assert written(figure, "count") == ["2", "1"]
    (x1, y1), (x2, y2) = places  # across is what was predicted, down is what is true
    assert x1 == x2 and y1 < y2
    assert written(figure, "label end") == ["a", "b"]


def test_many_categories_are_cut_to_the_most_confused_and_rows_stay_complete():
    table = tables.category(500, 30)
    counts = count_confusions(table)
    most = most_confused(counts, 8)
    off = counts + counts.T - 2 * np.diag(np.diag(counts))
    assert len(most) == 8 and set(np.unravel_index(off.argmax(), off.shape)) <= set(most)
    figure = figures.confusion_matrix(table, most=8)
    rows = {label.get("y"): 0 for label in elements(figure, "text", "label end")}
    for count in elements(figure, "text", "count"):
        rows[count.get("y")] += int(count.text)
    assert list(rows.values()) == counts[most].sum(axis=1).tolist()
    assert "8 most confused of 30" in texts(figure) and "all others" in texts(figure)


def test_without_confusions_the_most_frequent_are_shown():
    assert most_confused(np.diag([1, 5, 3, 9]), 2) == [1, 3]


@pytest.mark.parametrize("table", [tables.category(), tables.categories(), tables.number()], ids=repr)
def test_results_work_for_every_kind_of_target(table):
    figure = figures.results(table, show, n=5)
    check_picture(figure)
    assert len(elements(figure, "image")) == 5
    unlabelled = Predictions(ids=table.ids, target=table.target, truth=None, output=table.output)
    assert "actual" not in texts(figures.results(unlabelled, show, n=2))


def test_results_mark_right_and_wrong_by_colour_and_sign():
    table = tables.category(50, 3, strength=0.5)
    figure = figures.results(table, show, n=50, seed=3)
    rows = np.random.default_rng(3).permutation(50).tolist()
    hits, said, true = table.hits(), table.decoded(), table.decoded_truth()
    assert 0 < hits.sum() < 50
    lines = [(f"actual: {true[row]}", f"predicted: {said[row]} {'✓' if hits[row] else '✗'}") for row in rows]
    assert written(figure)[::2] == [line for line, _ in lines] and written(figure)[1::2] == [line for _, line in lines]
    assert (
        len(written(figure, "good-text")) == 2 * hits.sum() and len(written(figure, "wrong-text")) == 2 * (~hits).sum()
    )
    assert [image.get("href") for image in elements(figure, "image")] == [source(row) for row in rows]


def source(row):
    return show(row).split('src="')[1].split('"')[0]


def test_top_losses_are_the_worst_rows_in_order():
    table = tables.category(50, 3)
    table = named(table, ("a", "b", "c"), names=tuple(f"folder/of/many/pictures/number_{i}.jpg" for i in range(50)))
    figure = figures.top_losses(table, show, n=4)
    check_picture(figure)
    rows, lines = np.argsort(-table.loss)[:4].tolist(), []
    for row in rows:
        said, true = table.output[row].max(), table.output[row, table.truth[row]]
        lines += [
            f"predicted: {table.decoded()[row]} ({said:.0%})",
            f"actual: {table.decoded_truth()[row]} ({true:.0%})",
            f"loss {table.loss[row]:.3g}",
        ]
    assert written(figure, "wrong-text") == lines
    assert [name.rpartition("/")[2] for name in written(figure, "small")] == [f"number_{row}.jpg" for row in rows]
    assert [image.get("href") for image in elements(figure, "image")] == [source(row) for row in rows]


def test_top_losses_are_named_from_the_folder_that_holds_them_all(tmp_path):
    table = named(
        tables.category(12, 3),
        ("a", "b", "c"),
        names=tuple(str(tmp_path / f"f{i % 4}" / f"{i}.png") for i in range(12)),
    )
    worst = np.argsort(-table.loss)[:6].tolist()
    assert len({row % 4 for row in worst}) > 1
    figure = figures.top_losses(table, show, n=6)
    assert written(figure, "small") == [f"f{row % 4}/{row}.png" for row in worst]


def test_top_losses_need_losses():
    with pytest.raises(DataError, match="carry no losses"):
        figures.top_losses(tables.categories(), show)


@pytest.mark.parametrize("d", [1, 3, 4])
def test_numbers_are_drawn_around_the_line_of_perfection(d):
    figure = figures.predicted_vs_actual(tables.number(100, d))
    check_picture(figure)
    assert len(elements(figure, "line", "ideal")) == d
    points = np.array([[float(dot.get(c)) for c in ("cx", "cy")] for dot in elements(figure, "circle", "point")[:100]])
    table = tables.number(100, d)
    assert np.corrcoef(points[:, 0], table.truth[:, 0])[0, 1] == pytest.approx(1, abs=1e-5)
    assert np.corrcoef(points[:, 1], table.output[:, 0])[0, 1] == pytest.approx(-1, abs=1e-5)  # y grows downwards


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
    assert "lowest validation loss (ringed): 1.5 in epoch 3" in texts(figure)
    alone = figures.losses([{"epoch": 1, "train_loss": 1.0}])
    check_picture(alone)
    assert "validation" not in texts(alone)
    again = figures.losses([{"epoch": e, "train_loss": 1.0} for e in (1, 1, 2)])
    assert written(again, "tick mid") == ["1", "2", "3"]
    for wrong in ([], [{"epoch": 1}]):
        with pytest.raises(DataError, match="train_loss"):
            figures.losses(wrong)


def test_learning_rates_of_one_and_several_groups():
    check_picture(figures.learning_rates([1e-3, 2e-3, 0.0]))
    check_picture(figures.learning_rates([1e-3]))
    several = figures.learning_rates({"body": [1e-5, 1e-4], "head": [1e-3, 1e-2]})
    check_picture(several)
    ticks = written(several, "tick end")
    assert "0.01" in ticks and "0.001" in ticks and {"head", "body"} <= set(written(several))
    with pytest.raises(DataError, match="no learning rates"):
        figures.learning_rates([])


def test_lr_find_marks_the_suggestion_and_hides_the_explosion():
    lrs = np.geomspace(1e-6, 10, 50)
    losses = np.where(lrs < 0.1, 4 - np.log10(lrs * 1e6) / 3, 1e6 * lrs)
    losses[-1] = np.nan
    figure = figures.lr_find(lrs.tolist(), losses.tolist(), 1e-3)
    check_picture(figure)
    assert "suggested: 0.001" in texts(figure)
    assert max(map(float, written(figure, "tick end"))) < 10
    check_picture(figures.lr_find([1e-3, 1e-2], [1.0, 1.0]))
    with pytest.raises(DataError, match="as many"):
        figures.lr_find([1.0], [1.0, 2.0])
    with pytest.raises(DataError, match="at least two"):
        figures.lr_find([1.0, 2.0], [1.0, np.nan])


def test_batches_of_pictures_and_labels():
    pictures = [load_picture(0), load_picture(1)[:, :, 0], load_picture(2)[:, :, :1]]
    figure = figures.batch(
        [shown("images", (picture,)) for picture in pictures],
        ["a long name for a category of pictures", ("x", "y"), (1.23456, 2.0)],
    )
    check_picture(figure)
    assert "1.235, 2" in texts(figure) and "x, y" in texts(figure)
    with pytest.raises(DataError, match="2 rows and 1 label,"):
        figures.batch([show(0), show(1)], ["a"])
    with pytest.raises(DataError, match="channels last"):
        shown("images", (np.zeros((3, 32, 32), dtype=np.uint8),))


def test_nothing_here_imports_torch_or_matplotlib():
    code = (
        "import sys, drivetrain.evaluation as e\n"
        "heavy = [m for m in ('sklearn', 'pandas', 'matplotlib', 'scipy') if m in sys.modules]\n"
        "assert not heavy, heavy\n"
        "import drivetrain.evaluation.figures\n"
        "from drivetrain.runtime.targets import NumberTarget\n"
        "t = NumberTarget(names=('a',), mean=(0.0,), std=(1.0,))\n"
        "p = e.Predictions(ids=('a', 'b', 'c'), target=t, truth=[1.0, 2.0, 3.0], output=[1.0, 2.5, 3.5])\n"
        "e.score(p); p.to_frame(); drivetrain.evaluation.figures.predicted_vs_actual(p)._repr_html_()\n"
        "bad = [m for m in ('torch', 'matplotlib', 'drivetrain.training', 'drivetrain.kinds.images.bodies',\n"
        "       'drivetrain.data', 'drivetrain.export', 'drivetrain.cli') if m in sys.modules]\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
