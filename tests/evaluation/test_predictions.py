import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation import Predictions
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget

from . import tables

PEARS = CategoryTarget(name="fruit", vocab=("apple", "pear"))
TAGS = CategoriesTarget(name="tags", vocab=("red", "round"), threshold=0.3)
SIZE = NumberTarget(names=("size_cm",), mean=(1.0,), std=(1.0,))


def pears(**changed):
    given = {"ids": ("a", "b"), "target": PEARS, "truth": [0, 0], "output": [[0.9, 0.1], [0.4, 0.6]], **changed}
    return Predictions(**given)


def test_category_rows_are_read_right():
    said = pears(loss=[0.1, 0.9])
    assert len(said) == 2
    assert said.decoded() == ["apple", "pear"]
    assert said.decoded_truth() == ["apple", "apple"]
    assert said.hits().tolist() == [True, False]
    assert said.confidence().tolist() == [0.9, 0.6]
    assert said.top_losses(1).tolist() == [1]
    assert said.top_losses(9).tolist() == [1, 0]
    assert said.truth.dtype == np.int64


def test_categories_use_the_threshold_of_the_target():
    said = Predictions(ids=("a", "b"), target=TAGS, truth=[[1, 0], [0, 1]], output=[[0.3, 0.2], [0.35, 0.9]])
    assert said.decoded() == [("red",), ("red", "round")]
    assert said.decoded_truth() == [("red",), ("round",)]
    assert said.hits().tolist() == [True, False]
    assert said.confidence().tolist() == [0.3, 0.35]


def test_one_number_per_row_may_be_flat():
    said = Predictions(ids=("a", "b"), target=SIZE, truth=[1.0, 2.0], output=[1.5, 2.0])
    assert said.output.shape == said.truth.shape == (2, 1)
    assert said.decoded() == [(1.5,), (2.0,)]
    for question in (said.hits, said.confidence):
        with pytest.raises(SettingError, match="is a number"):
            question()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"output": [[0.9, 0.1, 0.0], [0.4, 0.6, 0.0]]}, r"shape \(2, 3\), expected \(N, 2\)"),
        ({"output": [0.9, 0.4]}, r"shape \(2,\), expected \(N, 2\)"),
        ({"output": [[0.9, 0.1], [0.4]]}, "different lengths"),
        ({"output": [["a", "b"], ["c", "d"]]}, "numbers are expected"),
        ({"output": [[3.0, -1.0], [0.4, 0.6]]}, r"1 of 2 rows of output are not probabilities.*target\.activate"),
        ({"output": [[0.9, 0.3], [0.4, 0.6]]}, "summing to 1"),
        (
            {"output": [[0.9, 0.1], [np.nan, 0.6]]},
            r"1 of 2 rows of output is NaN or infinite; the first is row 1.*'b'",
        ),
        ({"ids": ("a",)}, "ids: received 1 for 2 rows"),
        ({"ids": "ab"}, "one text"),
        ({"truth": [0, 2]}, r"1 of 2 rows of truth.*0 … 1.*row 1: 2"),
        ({"truth": [0, -1]}, "0 … 1"),
        ({"truth": [0, 0.5]}, "whole number"),
        ({"truth": ["apple", "pear"]}, r"target\.encode"),
        ({"truth": [[0], [1]]}, r"shape \(2, 1\), expected \(2,\)"),
        ({"truth": [0]}, r"shape \(1,\), expected \(2,\)"),
        ({"loss": [0.1]}, r"shape \(1,\), expected \(2,\)"),
        ({"loss": [0.1, np.inf]}, "1 of 2 rows of loss"),
        ({"groups": [1]}, "groups: received 1"),
        ({"groups": [None, "x"]}, "missing"),
        ({"groups": [1.0, np.nan]}, "missing"),
        ({"names": ("a",)}, "names: received 1"),
        ({"target": TAGS, "truth": [[0, 1], [0, 2]]}, "0 or 1"),
        ({"target": TAGS, "truth": [0, 1]}, r"expected \(2, 2\)"),
        ({"target": SIZE, "output": [1.0, 2.0], "truth": [1.0, np.nan]}, "1 of 2 rows of truth is NaN"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changed, message):
    with pytest.raises(DataError, match=message) as caught:
        pears(**changed)
    assert "To fix:" in str(caught.value)


def test_half_precision_probabilities_pass():
    output = tables.category().output.astype(np.float16)
    n = len(output)
    target = tables.category().target
    assert len(Predictions(ids=tables.ids(n), target=target, truth=None, output=output)) == n


def test_arrays_cannot_be_changed_after_the_check():
    mine = np.array([[0.9, 0.1], [0.4, 0.6]])
    said = pears(output=mine)
    with pytest.raises(ValueError, match="read-only"):
        said.output[0, 0] = 7
    mine[0, 0] = 0.9  # the array of the caller stays theirs


def test_unlabelled_rows_say_so_where_the_truth_is_needed():
    said = pears(truth=None)
    assert said.decoded() == ["apple", "pear"]
    assert "truth" not in said.to_frame().columns
    for question in (said.hits, said.known_truth, said.decoded_truth):
        with pytest.raises(DataError, match="unlabelled"):
            question()
    with pytest.raises(DataError, match="carry no losses"):
        said.top_losses()


def test_subset_takes_every_column_along():
    whole = pears(loss=[0.1, 0.9], groups=["x", "y"], names=("A", "B"))
    for rows in ([1], np.array([1]), np.array([False, True])):
        part = whole.subset(rows)
        assert (part.ids, part.names, part.loss.tolist(), part.groups.tolist()) == (("b",), ("B",), [0.9], ["y"])
        assert part.output.tolist() == [[0.4, 0.6]]
    assert len(whole.subset([])) == 0
    assert whole.subset([1, 0, 1]).ids == ("b", "a", "b")
    for rows in ([2], [-1], [True]):
        with pytest.raises(DataError):
            whole.subset(np.array(rows))


def test_frames_are_for_reading():
    frame = pears(loss=[0.1, 0.9], names=("A", "B")).to_frame()
    assert list(frame.columns) == ["id", "name", "truth", "predicted", "probability", "loss"]
    assert frame.iloc[1].tolist() == ["b", "B", "apple", "pear", 0.6, 0.9]
    two = tables.number(3, 2).to_frame()
    assert list(two.columns) == ["id", "truth y0", "predicted y0", "truth y1", "predicted y1", "loss"]
    tags = Predictions(ids=("a",), target=TAGS, truth=[[1, 1]], output=[[0.9, 0.0]]).to_frame()
    assert tags[["truth", "predicted"]].to_numpy().tolist() == [["red, round", "red"]]


def same(one, other):
    for field in ("truth", "output", "loss", "groups"):
        a, b = getattr(one, field), getattr(other, field)
        assert (a is None) == (b is None), field
        assert a is None or (a.dtype == b.dtype and np.array_equal(a, b)), field
    assert (one.ids, one.names, one.target) == (other.ids, other.names, other.target)


texts = st.text(st.characters(), max_size=6)  # also NULs, line breaks and lone surrogates


@settings(max_examples=40)
@given(data=st.data(), n=st.integers(0, 4), dtype=st.sampled_from([np.float32, np.float64]))
def test_saving_and_loading_gives_the_same_bits(tmp_path_factory, data, n, dtype):
    values = hnp.arrays(dtype, (n, 2), elements=st.floats(-1e6, 1e6, width=32))
    target = NumberTarget(names=("a", "b\n"), mean=(0.1, 1 / 3), std=(8.0, 7.0))
    rows = st.lists(texts, min_size=n, max_size=n).map(tuple)
    table = Predictions(
        ids=data.draw(rows),
        target=target,
        truth=data.draw(st.none() | values),
        output=data.draw(values),
        loss=data.draw(st.none() | hnp.arrays(np.float64, n, elements=st.floats(0, 1e300))),
        groups=data.draw(st.none() | hnp.arrays(np.int64, n)),
        names=data.draw(st.none() | rows),
    )
    path = tmp_path_factory.mktemp("saved") / "table.npz"
    same(table, Predictions.load(table.save(path)))


@pytest.mark.parametrize("table", [tables.category(), tables.categories(), tables.number()], ids=repr)
def test_every_kind_of_target_can_be_saved(table, tmp_path):
    path = table.save(tmp_path / "deep" / "table.npz")
    same(table, Predictions.load(path))
    assert [file.name for file in path.parent.iterdir()] == ["table.npz"]
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            np.lib.format.read_array(archive.open(member), allow_pickle=False)


def test_text_groups_are_saved(tmp_path):
    same(table := pears(groups=["x", "long name"]), Predictions.load(table.save(tmp_path / "t.npz")))


def test_files_that_are_no_table_are_refused(tmp_path):
    with pytest.raises(SettingError, match=r"'t\.npz'"):
        pears().save(tmp_path / "t.csv")
    with pytest.raises(DataError, match="no file"):
        Predictions.load(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"not a zip")
    np.savez(tmp_path / "other.npz", output=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", header=np.array([{"a": 1}], dtype=object))
    whole = pears().save(tmp_path / "whole.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    for name in ("bad", "other", "pickled", "half"):
        with pytest.raises(DataError, match="not a table of predictions"):
            Predictions.load(tmp_path / f"{name}.npz")
    header = {"format": "drivetrain predictions", "version": 99, "target": {}, "ids": [], "names": None}
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(tmp_path / "newer.npz", header=text, output=np.zeros((0, 2)))
    with pytest.raises(DataError, match="version 99"):
        Predictions.load(tmp_path / "newer.npz")
